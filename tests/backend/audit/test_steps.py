"""Each step by itself, on events and bodies changed after their proof: what earlier steps would hide."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from backend.audit.blocks import Log
from backend.audit.blocks import Receipt as LedgerReceipt
from backend.audit.case import Case
from backend.audit.checks import enrolment, evidence, life, money
from backend.audit.checks.enrolment import (
    EnrolmentMissing,
    EnrolmentRepeated,
    GenesisDiffers,
    WitnessNotOpposed,
)
from backend.audit.checks.evidence import InclusionDisputed, KeyRevoked, SequenceBroken
from backend.audit.checks.life import (
    MassesDiffer,
    MovementNotSpentOnce,
    NotInControl,
    OutOfOrder,
    PiecesDiffer,
    SupportMissing,
    SupportNotIndependent,
)
from backend.audit.checks.node import EventOmitted, no_event_more
from backend.audit.events import Event, EventUnreadable, Told, read_events
from backend.audit.report import Outcome, Report
from backend.errors import TallystickError
from iot_bridge.evidence.body import Body
from iot_bridge.evidence.errors import EvidenceRefused
from iot_bridge.evidence.statement import name32
from tests.support.audit_case import CAMERA, COILS, FUSION
from tests.support.audit_proven import Proven
from tests.support.ledger import LedgerInTests
from tests.support.ledger_life import DEPOSITOR, LENDER, OPERATOR, hash_of


def with_events(told: Told, events: Sequence[Event]) -> Told:
    return replace(told, events=list(events))


def changed(told: Told, name: str, nth: int = 0, **args: Any) -> Told:
    """The events with arguments of the nth one of that name changed."""
    at = [place for place, event in enumerate(told.events) if event.name == name][nth]
    events = list(told.events)
    events[at] = replace(events[at], args={**events[at].args, **args})
    return with_events(told, events)


def moved(told: Told, name: str, before: str) -> Told:
    """The events with the first of that name put before the first of the other."""
    events = list(told.events)
    event = events.pop(next(at for at, each in enumerate(events) if each.name == name))
    events.insert(next(at for at, each in enumerate(events) if each.name == before), event)
    return with_events(told, events)


def everything(proven: Proven, told: Told) -> None:
    """Every step that reads events, on these."""
    registry = enrolment.enrolled(told).value
    enrolment.devices_as_told(proven.case, proven.said, registry)
    evidence.signed_by_devices(proven.case, proven.said, registry)
    enrolment.anchored(proven.case, told)
    enrolment.witnessed(proven.case, told, registry)
    lived = life.lived(proven.case, told).value
    life.spent_once(proven.said, told, lived)
    money.documents(proven.case, lived)
    terms = money.terms_opened(proven.case, lived).value
    happened = money.chained(proven.case, lived).value
    money.adds_up(lived, terms, happened)


def refused(proven: Proven, told: Told) -> bool:
    """Whether some step refuses these events."""
    try:
        everything(proven, told)
    except (TallystickError, EvidenceRefused):
        return True
    return False


def test_an_event_left_out_is_missed_by_the_steps_themselves(proven: Proven) -> None:
    assert not refused(proven, proven.told)
    events = proven.told.events
    rests = [with_events(proven.told, [*events[:at], *events[at + 1 :]]) for at in range(len(events))]
    unmissed = {event.name for event, rest in zip(events, rests, strict=True) if not refused(proven, rest)}
    # Without its last event the case is what it was before it; only headers or a node can show that one.
    assert unmissed == {"LoanClosed"}


def test_no_act_may_come_twice(proven: Proven) -> None:
    events = proven.told.events
    for at, event in enumerate(events):
        if event.contract != "EvidenceLog" or event.name == "StatementSpent":
            twice = with_events(proven.told, [*events[: at + 1], *events[at:]])
            assert refused(proven, twice), event.name


ORDERS = [
    ("ReceiptIssued", "IssueRequested"),
    ("PledgeAttorned", "PledgeEndorsed"),
    ("PledgeRegistered", "PledgeAttorned"),
    ("PledgeEffective", "PledgeRegistered"),
    ("LoanEventRecorded", "PledgeEffective"),
    ("ReleaseOrdered", "ReceiptIssued"),
    ("GoodsDelivered", "ReleaseOrdered"),
    ("PledgeReleased", "PledgeEffective"),
    ("LoanClosed", "PledgeReleased"),
]


@pytest.mark.parametrize(("name", "before"), ORDERS)
def test_no_act_may_come_before_what_it_needs(proven: Proven, name: str, before: str) -> None:
    with pytest.raises(OutOfOrder) as refusal:
        life.lived(proven.case, moved(proven.told, name, before))
    assert refusal.value.facts["event"] in {name, "ReceiptEncumbered", "ReceiptDisencumbered"}


STRANGER = name32("stranger")
WRONG: list[tuple[type[TallystickError], str, dict[str, Any]]] = [
    (OutOfOrder, "ReceiptIssued", {"massKg": 1}),
    (OutOfOrder, "ReceiptIssued", {"document": bytes(32)}),
    (OutOfOrder, "ReceiptIssued", {"holder": STRANGER}),
    (OutOfOrder, "PledgeEndorsed", {"pledgor": STRANGER}),
    (OutOfOrder, "PledgeReleased", {"receiptId": 99}),
    (OutOfOrder, "GoodsDelivered", {"orderId": 99}),
    (NotInControl, "ReleaseOrdered", {"by": name32(DEPOSITOR)}),
    (NotInControl, "ReleaseOrdered", {"to": name32(LENDER)}),
    (MassesDiffer, "ReleaseOrdered", {"massKg": 99_000}),
    (MassesDiffer, "ReleaseOrdered", {"massKg": 9_000}),
    (MassesDiffer, "GoodsDelivered", {"remainingKg": 0}),
    (MassesDiffer, "GoodsDelivered", {"massKg": COILS["coil-1"] - 1}),
    (PiecesDiffer, "GoodsDelivered", {"fingerprints": []}),
    (PiecesDiffer, "GoodsDelivered", {"fingerprints": [hash_of("coil-9")]}),
    (PiecesDiffer, "GoodsDelivered", {"fingerprints": [hash_of("coil-1")] * 2}),
]


@pytest.mark.parametrize(("error", "name", "args"), WRONG)
def test_an_act_that_the_case_does_not_bear_is_refused(
    proven: Proven, error: type[TallystickError], name: str, args: dict[str, Any]
) -> None:
    with pytest.raises(error):
        life.lived(proven.case, changed(proven.told, name, **args))


def test_an_issue_or_delivery_must_be_what_its_movements_show(proven: Proven) -> None:
    lived = life.lived(proven.case, proven.told).value
    lived.moved[1] = replace(lived.moved[1], args={**lived.moved[1].args, "massKg": 20_000})
    with pytest.raises(MassesDiffer):
        life.spent_once(proven.said, proven.told, lived)
    lived.moved[1] = replace(
        lived.moved[1], args={**lived.moved[1].args, "fingerprints": [hash_of("coil-2")]}
    )
    with pytest.raises(PiecesDiffer):
        life.spent_once(proven.said, proven.told, lived)


def test_a_movement_is_spent_exactly_once(proven: Proven) -> None:
    lived = life.lived(proven.case, proven.told).value
    del lived.moved[1]
    with pytest.raises(MovementNotSpentOnce):
        life.spent_once(proven.said, proven.told, lived)


def test_two_devices_beside_its_own_must_support_a_movement(proven: Proven) -> None:
    movement = next(each for each in proven.said if each.statement.device == FUSION)
    body = proven.bodies[movement.id]

    def resting_on(*ids: bytes) -> dict[bytes, Body]:
        fields = {**body.fields, "rests_on": ["0x" + each.hex() for each in ids]}
        return {**proven.bodies, movement.id: replace(body, fields=fields)}

    crossings = [each for each in proven.said if each.statement.device == CAMERA]
    with pytest.raises(SupportNotIndependent):
        life.supported(proven.said, resting_on(crossings[0].id))
    with pytest.raises(SupportNotIndependent):
        life.supported(proven.said, resting_on(crossings[0].id, crossings[0].id))
    with pytest.raises(SupportMissing):
        life.supported(proven.said, resting_on(crossings[-1].id))


def test_a_key_does_not_count_from_the_block_that_revoked_it(proven: Proven) -> None:
    camera = proven.registry.devices[CAMERA]
    beacon = next(each for each in proven.said if each.statement.device == CAMERA).statement.beacon_block
    for revoked_at, stands in ((beacon, False), (10_000, True)):
        devices = {**proven.registry.devices, CAMERA: replace(camera, revoked={1: revoked_at})}
        registry = replace(proven.registry, devices=devices)
        if stands:
            evidence.signed_by_devices(proven.case, proven.said, registry)
        else:
            with pytest.raises(KeyRevoked):
                evidence.signed_by_devices(proven.case, proven.said, registry)


def test_an_earlier_key_does_not_return(proven: Proven) -> None:
    said = list(proven.said)
    first = min(
        (each for each in said if each.statement.device == CAMERA), key=lambda each: each.statement.seq
    )
    later = replace(first.signed.statement, key_epoch=2)
    said[said.index(first)] = replace(first, signed=replace(first.signed, statement=later))
    with pytest.raises(SequenceBroken):
        evidence.in_sequence(said)


def test_a_proof_that_two_programs_read_differently_is_disputed(
    proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "root_by_inclusion", lambda *_: bytes(32))
    with pytest.raises(InclusionDisputed):
        evidence.included(proven.case, proven.said)


def test_a_key_or_a_name_is_enrolled_once(proven: Proven) -> None:
    key = proven.registry.devices[CAMERA].keys[1]
    with pytest.raises(EnrolmentRepeated):
        enrolment.enrolled(changed(proven.told, "DeviceEnrolled", 2, key=key))
    with pytest.raises(EnrolmentRepeated):
        enrolment.enrolled(changed(proven.told, "DeviceEnrolled", 2, device=name32(CAMERA)))
    with pytest.raises(EnrolmentMissing):
        enrolment.enrolled(changed(proven.told, "DeviceEnrolled", host=STRANGER))
    with pytest.raises(EnrolmentMissing):
        enrolment.enrolled(changed(proven.told, "PledgeEndorsed", pledgee=STRANGER))
    with pytest.raises(EnrolmentMissing):
        enrolment.enrolled(changed(proven.told, "PersonEnrolled", party=name32(OPERATOR)))


def test_rotation_revocation_and_calibration_are_followed(proven: Proven) -> None:
    enrolled = next(event for event in proven.told.events if event.name == "DeviceEnrolled")
    device = {"device": enrolled.args["device"]}
    name = enrolled.args["device"].rstrip(b"\0").decode()
    more = [
        replace(enrolled, name="DeviceKeyRotated", args={**device, "epoch": 2, "key": "0x" + "99" * 20}),
        replace(enrolled, name="DeviceKeyRevoked", args={**device, "epoch": 1}),
        replace(enrolled, name="DeviceCalibrated", args={**device, "calibratedUntil": 7}),
    ]
    registry = enrolment.enrolled(with_events(proven.told, [*proven.told.events, *more])).value
    found = registry.devices[name]
    assert found.keys == {1: enrolled.args["key"], 2: "0x" + "99" * 20}
    assert found.revoked == {1: enrolled.block}
    assert found.calibrated_until == 7


def test_a_log_opened_elsewhere_is_another_log(proven: Proven) -> None:
    with pytest.raises(GenesisDiffers):
        enrolment.anchored(proven.case, changed(proven.told, "LogOpened", root=bytes(32)))


@pytest.mark.parametrize("capacities", [1, 2, 4 | 2, 8 | 1, 16])
def test_only_an_opposed_party_is_a_witness(proven: Proven, capacities: int) -> None:
    lender = proven.registry.parties[name32(LENDER)]
    parties = {**proven.registry.parties, name32(LENDER): replace(lender, capacities=capacities)}
    with pytest.raises(WitnessNotOpposed):
        enrolment.witnessed(proven.case, proven.told, replace(proven.registry, parties=parties))


def test_a_log_that_is_no_event_of_its_contract_is_refused(proven: Proven, case: Case) -> None:
    strange = LedgerReceipt(
        succeeded=True, cumulative_gas=1, logs=(Log(case.contracts["EvidenceLog"], (bytes(32),), b""),)
    )
    with pytest.raises(EventUnreadable):
        read_events({1: {0: strange}}, case.contracts)


def test_a_node_shows_the_event_that_is_not_in_the_bundle(proven: Proven, case_ledger: LedgerInTests) -> None:
    fewer = replace(proven.told, everything=proven.told.everything[:-1])
    with pytest.raises(EventOmitted):
        no_event_more(case_ledger.rpc, proven.case, fewer)
    assert no_event_more(case_ledger.rpc, proven.case, proven.told).trusting == ""


def test_a_step_that_cannot_read_what_it_is_given_fails_and_goes_on() -> None:
    report = Report()
    assert report.run("one", "One.", lambda value: value["missing"], {}) is None
    assert report.run("two", "Two.", lambda value: value, None) is None
    assert [each.outcome for each in report.findings] == [Outcome.FAILS, Outcome.UNREACHED]
    assert report.findings[0].error == "audit.step_unreadable"
    assert not report.verified
    assert report.verdict() == "Not verified: 1 of 2 steps fail: 1 one (audit.step_unreadable)."
