"""Parties, sites and devices as requests carry them and answers show them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints
from sqlmodel import Session

from backend.parties import actions as parties
from backend.parties.listing import keys_of
from backend.parties.rules import Capacity, Particulars
from backend.parties.words import name as name_in
from backend.web.amounts import Form, Reference, Text
from backend.web.forms import Instant, Name, Word

SOME_ADDRESS = "0x52908400098527886e0f7030069857d2e4169ee7"
SOME_WORD = "0x" + "5a" * 32
NEXT_YEAR = "2027-11-24T00:00:00Z"
Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
CapacityName = Literal["depositor", "operator", "lender", "inspector", "insurer", "oracle", "arbiter"]
Salt = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32,128}$")]
LONGEST_AGE = 10_000_000


class ParticularsForm(Form):
    """Who a party is in law; the bank alone keeps it, the ledger a commitment to it."""

    legal_name: Text = Field(examples=["Wuxi Steel Trading Co., Ltd"])
    address: Text = Field(examples=["1 Taihu Road, Wuxi"])
    registration: Reference = Field(examples=["91320200MA1XXXXX0X"])
    salt: Salt = Field(
        description="16 random bytes or more in hex; keep it, naming the party needs it again.",
        examples=["00112233445566778899aabbccddeeff"],
    )

    def particulars(self) -> Particulars:
        """The same in our words."""
        return Particulars(
            legal_name=self.legal_name,
            address=self.address,
            registration=self.registration,
            salt=self.salt,
        )


class PartyForm(Form):
    """A party to be enrolled."""

    party: Name = Field(examples=["org-0a1b2c3d4e5f6071"])
    account: Address | None = Field(
        description="Null for the keystore's key of the party's name; made if missing.",
        examples=[SOME_ADDRESS],
    )
    capacities: list[CapacityName] = Field(min_length=1, max_length=7, examples=[["depositor"]])
    particulars: ParticularsForm

    def flags(self) -> Capacity:
        """The capacities as the registry's bit flags."""
        flags = Capacity(0)
        for each in self.capacities:
            flags |= Capacity[each.upper()]
        return flags


class NamingForm(ParticularsForm):
    """The bank's own name for an enrolled party, and the particulars that it was enrolled with."""

    name: Name = Field(examples=["wuxi.steel"])


class PersonForm(Form):
    """Somebody who may sign for a party."""

    person: Address | Name = Field(
        description="An address, or the keystore's name of a key; made if missing.", examples=[SOME_ADDRESS]
    )


class SiteForm(Form):
    """A site to be enrolled."""

    site: Name = Field(examples=["yard-1"])
    operator: Name = Field(examples=["org-0a1b2c3d4e5f6071"])
    bridge: Address = Field(description="Of the key that keeps the site's log.", examples=[SOME_ADDRESS])
    licence: Word = Field(description="SHA-256 of the licence document.", examples=[SOME_WORD])
    licensed_until: Instant = Field(examples=[NEXT_YEAR])
    max_age_blocks: int = Field(
        strict=True,
        ge=1,
        le=LONGEST_AGE,
        description="How many blocks after its beacon a statement can still create a right.",
        examples=[3600],
    )


class DeviceForm(Form):
    """A device to be enrolled with its first key."""

    device: Name = Field(examples=["gate-cam-1"])
    site: Name = Field(examples=["yard-1"])
    host: Name = Field(description="Who holds the device.", examples=["org-0a1b2c3d4e5f6071"])
    commissioner: Name = Field(description="Who ordered it put there.", examples=["org-0a1b2c3d4e5f6071"])
    key: Address = Field(examples=[SOME_ADDRESS])
    calibrated_until: Instant = Field(examples=[NEXT_YEAR])


class LicenceForm(Form):
    """A new licence of a site."""

    licence: Word = Field(description="SHA-256 of the licence document.", examples=[SOME_WORD])
    licensed_until: Instant = Field(examples=[NEXT_YEAR])


class CalibrationForm(Form):
    """A new calibration of a device."""

    calibrated_until: Instant = Field(examples=[NEXT_YEAR])


class SuspensionForm(Form):
    """Whether the party, site or device is to stand suspended."""

    suspended: bool = Field(strict=True, examples=[True])


class PartyShown(BaseModel):
    """A party as confirmed events have it; `name` is the bank's own, empty where it has given none."""

    party: str
    name: str
    account: str
    capacities: list[str]
    identity: str
    suspended: bool


class SiteShown(BaseModel):
    """A site as confirmed events have it."""

    site: str
    operator: str
    bridge: str
    licence: str
    licensed_until: datetime
    max_age_blocks: int
    suspended: bool


class DeviceKeyShown(BaseModel):
    """A key of a device: in force from its block until the one that retires or revokes it."""

    epoch: int
    address: str
    enrolled_at_block: int
    retired_at_block: int | None
    revoked_at_block: int | None


class DeviceShown(BaseModel):
    """A device as confirmed events have it, its keys newest first."""

    device: str
    site: str
    host: str
    commissioner: str
    calibrated_until: datetime
    suspended: bool
    keys: list[DeviceKeyShown]


def party_shown(session: Session, party: bytes) -> PartyShown:
    """The party as answers show it."""
    found = parties.party(session, party)
    return PartyShown(
        party=name_in(party),
        name=found.name,
        account=found.account,
        capacities=[each.name.lower() for each in found.capacities if each.name],
        identity="0x" + found.identity.hex(),
        suspended=found.suspended,
    )


def site_shown(session: Session, site: bytes) -> SiteShown:
    """The site as answers show it."""
    found = parties.site(session, site)
    return SiteShown(
        site=name_in(site),
        operator=name_in(found.operator),
        bridge=found.bridge,
        licence="0x" + found.licence.hex(),
        licensed_until=found.licensed_until,
        max_age_blocks=found.max_age_blocks,
        suspended=found.suspended,
    )


def device_shown(session: Session, device: bytes) -> DeviceShown:
    """The device as answers show it."""
    found = parties.device(session, device)
    return DeviceShown(
        device=name_in(device),
        site=name_in(found.site),
        host=name_in(found.host),
        commissioner=name_in(found.commissioner),
        calibrated_until=found.calibrated_until,
        suspended=found.suspended,
        keys=[
            DeviceKeyShown(
                epoch=row.epoch,
                address=row.address,
                enrolled_at_block=row.enrolled_at_block,
                retired_at_block=row.retired_at_block,
                revoked_at_block=row.revoked_at_block,
            )
            for row in keys_of(session, device)
        ],
    )
