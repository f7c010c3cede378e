"""What the registry says about a party, a site or a device at a block, and what follows from it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import IntFlag
from hashlib import sha256
from typing import Final

from backend.errors import Invalid, NotFound, WrongState


class Capacity(IntFlag):
    """What a party is admitted to do, as the registry's bit flags."""

    DEPOSITOR = 1
    OPERATOR = 2
    LENDER = 4
    INSPECTOR = 8
    INSURER = 16
    ORACLE = 32
    ARBITER = 64


class PartyUnknown(NotFound):
    """No confirmed event of the registry enrolled this party."""

    code = "parties.party_unknown"


class SiteUnknown(NotFound):
    """No confirmed event of the registry enrolled this site."""

    code = "parties.site_unknown"


class DeviceUnknown(NotFound):
    """No confirmed event of the registry enrolled this device."""

    code = "parties.device_unknown"


class KeyEpochUnknown(NotFound):
    """The device is enrolled, but not with a key of this epoch."""

    code = "parties.key_epoch_unknown"


class NameTaken(WrongState):
    """Another party goes by this name in the bank's register."""

    code = "parties.name_taken"


class IdentityNotCommitted(Invalid):
    """These particulars do not open the identity commitment that the ledger holds for the party."""

    code = "parties.identity_not_committed"


@dataclass(frozen=True, slots=True)
class Particulars:
    """Who a party is in law; kept by the bank alone, committed to on the ledger.

    `salt` is 16 or more random bytes in hex: without it public registers would give the commitment away.
    """

    legal_name: str
    address: str
    registration: str
    salt: str


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """A party as confirmed events have it; `name` is the bank's own, empty where it has given none."""

    party: bytes
    account: str
    capacities: Capacity
    identity: bytes
    suspended: bool
    name: str


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """A site as confirmed events have it; ages are in blocks of the ledger."""

    site: bytes
    operator: bytes
    bridge: str
    licence: bytes
    licensed_until: datetime
    max_age_blocks: int
    suspended: bool


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """The key of one epoch of one device.

    It is retired from the block that gave the device its next key, and revoked from the block that says so;
    both are None before.
    """

    device: bytes
    epoch: int
    address: str
    enrolled_at_block: int
    retired_at_block: int | None
    revoked_at_block: int | None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device as confirmed events have it: whose body holds it, and who commissioned it to watch."""

    device: bytes
    site: bytes
    host: bytes
    commissioner: bytes
    calibrated_until: datetime
    suspended: bool


LEAST_SALT: Final = 32
"""Hex digits of the shortest salt."""


def identity_commitment(particulars: Particulars) -> bytes:
    """The 32 bytes that stand on the ledger for these particulars: SHA-256 of their canonical JSON.

    Raises:
        IdentityNotCommitted: the salt is too short to hide anything.
    """
    if len(particulars.salt) < LEAST_SALT:
        raise IdentityNotCommitted(salt_digits=len(particulars.salt), least=LEAST_SALT)
    text = json.dumps(asdict(particulars), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).digest()


def was_suspended(changes: list[tuple[int, bool]], at_block: int) -> bool:
    """Whether suspension stood at the end of a block, given `(block, suspended)` changes in ledger order."""
    state = False
    for block, suspended in changes:
        if block > at_block:
            break
        state = suspended
    return state
