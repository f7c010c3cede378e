"""From the registry's confirmed events to rows; nothing else writes those rows, so a replay rebuilds them."""

from collections.abc import Callable
from typing import Final

from sqlmodel import Session

from backend.chain.projecting import Projection, events_of
from backend.chain.rules import LedgerEvent
from backend.parties.tables import (
    DEVICE,
    PARTY,
    SITE,
    DeviceKeyRow,
    DeviceRow,
    PartyRow,
    RegistryPersonRow,
    SiteRow,
    SuspensionRow,
)
from backend.parties.words import bounded, instant
from iot_bridge.evidence.signature import checksum_address

CONTRACT: Final = "PartyRegistry"


def _party_enrolled(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    row = PartyRow(
        party=facts["party"],
        account=checksum_address(facts["account"]),
        capacities=facts["capacities"],
        identity=facts["identity"],
        enrolled_at_block=event.block_number,
    )
    session.add(row)


def _person_enrolled(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    row = RegistryPersonRow(
        address=checksum_address(facts["person"]), party=facts["party"], enrolled_at_block=event.block_number
    )
    session.add(row)


def _site_enrolled(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    row = SiteRow(
        site=facts["site"],
        operator=facts["operator"],
        bridge=checksum_address(facts["bridge"]),
        licence=facts["licence"],
        licensed_until=instant(facts["licensedUntil"]),
        max_age_blocks=bounded(facts["maxAgeBlocks"]),
        enrolled_at_block=event.block_number,
    )
    session.add(row)


def _device_enrolled(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    session.add(
        DeviceRow(
            device=facts["device"],
            site=facts["site"],
            host=facts["host"],
            commissioner=facts["commissioner"],
            calibrated_until=instant(facts["calibratedUntil"]),
            enrolled_at_block=event.block_number,
        )
    )
    _key(session, event)


def _key(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    row = DeviceKeyRow(
        device=facts["device"],
        epoch=facts["epoch"],
        address=checksum_address(facts["key"]),
        enrolled_at_block=event.block_number,
    )
    session.add(row)


def _key_rotated(session: Session, event: LedgerEvent) -> None:
    old = session.get_one(DeviceKeyRow, (event.args["device"], event.args["epoch"] - 1))
    old.retired_at_block = event.block_number
    _key(session, event)


def _person_dismissed(session: Session, event: LedgerEvent) -> None:
    session.delete(session.get_one(RegistryPersonRow, checksum_address(event.args["person"])))


def _licence_renewed(session: Session, event: LedgerEvent) -> None:
    row = session.get_one(SiteRow, event.args["site"])
    row.licence, row.licensed_until = event.args["licence"], instant(event.args["licensedUntil"])


def _calibrated(session: Session, event: LedgerEvent) -> None:
    row = session.get_one(DeviceRow, event.args["device"])
    row.calibrated_until = instant(event.args["calibratedUntil"])


def _key_revoked(session: Session, event: LedgerEvent) -> None:
    row = session.get_one(DeviceKeyRow, (event.args["device"], event.args["epoch"]))
    row.revoked_at_block = event.block_number


def _suspension(kind: str) -> Callable[[Session, LedgerEvent], None]:
    def projector(session: Session, event: LedgerEvent) -> None:
        row = SuspensionRow(
            subject_kind=kind,
            subject=event.args[kind],
            block_number=event.block_number,
            log_index=event.log_index,
            suspended=event.args["suspended"],
        )
        session.add(row)

    return projector


project: Final = Projection(
    events_of(
        CONTRACT,
        {
            "PartyEnrolled": _party_enrolled,
            "PersonEnrolled": _person_enrolled,
            "PersonDismissed": _person_dismissed,
            "SiteEnrolled": _site_enrolled,
            "LicenceRenewed": _licence_renewed,
            "DeviceEnrolled": _device_enrolled,
            "DeviceCalibrated": _calibrated,
            "DeviceKeyRotated": _key_rotated,
            "DeviceKeyRevoked": _key_revoked,
            "PartySuspended": _suspension(PARTY),
            "SiteSuspended": _suspension(SITE),
            "DeviceSuspended": _suspension(DEVICE),
        },
    )
)
"""Brings parties, persons, sites and devices up to an event."""
