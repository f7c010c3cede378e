"""Projections of the registry's confirmed events, and the bank's private register of names."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlmodel import Field, Session, SQLModel, col, select

from backend.db import BigInt, HexId, UtcDateTime
from backend.parties.rules import (
    Capacity,
    DeviceFacts,
    DeviceKey,
    DeviceUnknown,
    KeyEpochUnknown,
    PartyFacts,
    PartyUnknown,
    SiteFacts,
    SiteUnknown,
    was_suspended,
)

PARTY: Final = "party"
SITE: Final = "site"
DEVICE: Final = "device"


class PartyRow(SQLModel, table=True):
    """A party as enrolled."""

    __tablename__ = "party"

    party: bytes = Field(primary_key=True, sa_type=HexId)
    account: str = Field(max_length=42, unique=True)
    capacities: int
    identity: bytes = Field(sa_type=HexId)
    enrolled_at_block: int = Field(sa_type=BigInt)


class RegistryPersonRow(SQLModel, table=True):
    """A person enrolled to sign for a party, by address."""

    __tablename__ = "registry_person"

    address: str = Field(primary_key=True, max_length=42)
    party: bytes = Field(sa_type=HexId, index=True)
    enrolled_at_block: int = Field(sa_type=BigInt)


class SiteRow(SQLModel, table=True):
    """A site as enrolled."""

    __tablename__ = "site"

    site: bytes = Field(primary_key=True, sa_type=HexId)
    operator: bytes = Field(sa_type=HexId)
    bridge: str = Field(max_length=42)
    licence: bytes = Field(sa_type=HexId)
    licensed_until: datetime = Field(sa_type=UtcDateTime)
    max_age_blocks: int = Field(sa_type=BigInt)
    enrolled_at_block: int = Field(sa_type=BigInt)


class DeviceRow(SQLModel, table=True):
    """A device as enrolled; its keys are rows of their own."""

    __tablename__ = "device"

    device: bytes = Field(primary_key=True, sa_type=HexId)
    site: bytes = Field(sa_type=HexId, index=True)
    host: bytes = Field(sa_type=HexId)
    commissioner: bytes = Field(sa_type=HexId)
    calibrated_until: datetime = Field(sa_type=UtcDateTime)
    enrolled_at_block: int = Field(sa_type=BigInt)


class DeviceKeyRow(SQLModel, table=True):
    """The key of one epoch of a device."""

    __tablename__ = "device_key"

    device: bytes = Field(primary_key=True, sa_type=HexId)
    epoch: int = Field(primary_key=True)
    address: str = Field(max_length=42, unique=True)
    enrolled_at_block: int = Field(sa_type=BigInt)
    retired_at_block: int | None = Field(default=None, sa_type=BigInt)
    revoked_at_block: int | None = Field(default=None, sa_type=BigInt)


class SuspensionRow(SQLModel, table=True):
    """One change of standing, so that standing at any confirmed block can be told."""

    __tablename__ = "suspension"

    subject_kind: str = Field(primary_key=True, max_length=8)
    subject: bytes = Field(primary_key=True, sa_type=HexId)
    block_number: int = Field(primary_key=True, sa_type=BigInt)
    log_index: int = Field(primary_key=True)
    suspended: bool


class PartyNameRow(SQLModel, table=True):
    """The bank's own name and particulars for a party; never on the ledger."""

    __tablename__ = "party_name"

    party: bytes = Field(primary_key=True, sa_type=HexId)
    name: str = Field(max_length=32, unique=True)
    legal_name: str
    address: str
    registration: str
    salt: str


def suspended_at(session: Session, kind: str, subject: bytes, block: int | None = None) -> bool:
    """Whether the subject stood suspended at the end of that block; at the newest confirmed one for None."""
    rows = session.exec(
        select(SuspensionRow)
        .where(SuspensionRow.subject_kind == kind, SuspensionRow.subject == subject)
        .order_by(col(SuspensionRow.block_number), col(SuspensionRow.log_index))
    ).all()
    changes = [(row.block_number, row.suspended) for row in rows]
    return was_suspended(changes, block if block is not None else 2**63)


def legal_names(session: Session, parties: Collection[bytes]) -> dict[bytes, str]:
    """What the bank's register calls these parties; those it has not named are left out."""
    named = session.exec(select(PartyNameRow).where(col(PartyNameRow.party).in_(parties))).all()
    return {row.party: row.legal_name for row in named}


def party_facts(session: Session, party: bytes) -> PartyFacts:
    """The party as confirmed.

    Raises:
        PartyUnknown: no confirmed event enrolled it.
    """
    row = session.get(PartyRow, party)
    if row is None:
        raise PartyUnknown(party="0x" + party.hex())
    named = session.get(PartyNameRow, party)
    return PartyFacts(
        party=party,
        account=row.account,
        capacities=Capacity(row.capacities),
        identity=row.identity,
        suspended=suspended_at(session, PARTY, party),
        name=named.name if named else "",
    )


def party_id_of_account(session: Session, account: str) -> bytes | None:
    """The party whose account this address is."""
    return session.exec(select(PartyRow.party).where(PartyRow.account == account)).first()


def party_id_of_name(session: Session, name: str) -> bytes | None:
    """The party that the bank calls so."""
    return session.exec(select(PartyNameRow.party).where(PartyNameRow.name == name)).first()


def party_id_of_person(session: Session, address: str) -> bytes | None:
    """The party for which the person behind this address may sign."""
    return session.exec(select(RegistryPersonRow.party).where(RegistryPersonRow.address == address)).first()


def site_facts(session: Session, site: bytes) -> SiteFacts:
    """The site as confirmed.

    Raises:
        SiteUnknown: no confirmed event enrolled it.
    """
    row = session.get(SiteRow, site)
    if row is None:
        raise SiteUnknown(site="0x" + site.hex())
    return SiteFacts(
        site=site,
        operator=row.operator,
        bridge=row.bridge,
        licence=row.licence,
        licensed_until=row.licensed_until,
        max_age_blocks=row.max_age_blocks,
        suspended=suspended_at(session, SITE, site),
    )


def device_facts(session: Session, device: bytes) -> DeviceFacts:
    """The device as confirmed.

    Raises:
        DeviceUnknown: no confirmed event enrolled it.
    """
    row = session.get(DeviceRow, device)
    if row is None:
        raise DeviceUnknown(device="0x" + device.hex())
    return DeviceFacts(
        device=device,
        site=row.site,
        host=row.host,
        commissioner=row.commissioner,
        calibrated_until=row.calibrated_until,
        suspended=suspended_at(session, DEVICE, device),
    )


def device_ids_at(session: Session, site: bytes) -> list[bytes]:
    """The devices enrolled at this site."""
    return list(session.exec(select(DeviceRow.device).where(DeviceRow.site == site)).all())


def device_key(session: Session, device: bytes, epoch: int) -> DeviceKey:
    """The device's key of that epoch, revoked or not.

    Raises:
        KeyEpochUnknown: no confirmed event gave the device a key of that epoch.
    """
    row = session.get(DeviceKeyRow, (device, epoch))
    if row is None:
        raise KeyEpochUnknown(device="0x" + device.hex(), epoch=epoch)
    return DeviceKey(
        device=device,
        epoch=epoch,
        address=row.address,
        enrolled_at_block=row.enrolled_at_block,
        retired_at_block=row.retired_at_block,
        revoked_at_block=row.revoked_at_block,
    )
