"""What must hold before an act on a receipt is even intended, each refused by its own name."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from backend.db import reading, transaction
from backend.receipts import actions
from backend.receipts.rules import (
    DocumentUnknown,
    HoursInvalid,
    MassDiffers,
    MassOutOfRange,
    Order,
    OrderExceeded,
    OrderUnknown,
    PiecesRepeated,
    ReceiptDelivered,
    ReceiptState,
    ReceiptUnknown,
    RequestUnknown,
    require_hours,
    require_mass,
    require_mass_agrees,
    require_pieces,
    require_within_order,
)
from backend.receipts.tables import ReceiptRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORDER = Order(1, 1, 20_000, 5_000, "gate", NOON, NOON + HOUR, bytes(32), bytes(32))


@pytest.mark.parametrize("pieces", [(), (b"\x01" * 32, b"\x01" * 32)])
def test_no_piece_and_one_piece_twice_are_refused(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(PiecesRepeated):
        require_pieces(pieces)


@pytest.mark.parametrize(("mass_kg", "limit_kg"), [(0, None), (-1, None), (101, 100)])
def test_no_mass_and_more_than_there_is_are_refused(mass_kg: int, limit_kg: int | None) -> None:
    with pytest.raises(MassOutOfRange):
        require_mass(mass_kg, limit_kg)


@pytest.mark.parametrize(("opens", "closes"), [(HOUR, HOUR), (2 * HOUR, HOUR), (-2 * HOUR, -HOUR)])
def test_hours_that_are_none_or_over_are_refused(opens: timedelta, closes: timedelta) -> None:
    with pytest.raises(HoursInvalid):
        require_hours(NOON + opens, NOON + closes, NOON)


@pytest.mark.parametrize(
    ("after", "is_open"),
    [
        (timedelta(seconds=-1), False),
        (timedelta(0), True),
        (HOUR, True),
        (HOUR + timedelta(seconds=1), False),
    ],
)
def test_both_ends_of_an_orders_hours_count(after: timedelta, *, is_open: bool) -> None:
    assert ORDER.is_open(NOON + after) is is_open


@given(stated=st.integers(1, 10**9), off=st.integers(-(10**7), 10**7))
def test_weighings_agree_exactly_up_to_thirty_basis_points(stated: int, off: int) -> None:
    weighed = max(0, stated + off)
    agrees = abs(weighed - stated) * 10_000 <= stated * 30
    if agrees:
        require_mass_agrees(stated, weighed)
    else:
        with pytest.raises(MassDiffers):
            require_mass_agrees(stated, weighed)


@given(left=st.integers(0, 10**9), weighed=st.integers(0, 2 * 10**9))
def test_lighter_than_left_always_may_leave_and_heavier_only_by_what_scales_differ(
    left: int, weighed: int
) -> None:
    if weighed <= left or (weighed - left) * 10_000 <= left * 30:
        require_within_order(ORDER, left, weighed)
    else:
        with pytest.raises(OrderExceeded):
            require_within_order(ORDER, left, weighed)


def test_what_no_confirmed_event_shows_is_unknown(database: Engine) -> None:
    with reading(database) as session:
        for refusal, ask in (
            (RequestUnknown, actions.request),
            (ReceiptUnknown, actions.receipt),
            (OrderUnknown, actions.order),
        ):
            with pytest.raises(refusal):
                ask(session, 7)
        with pytest.raises(DocumentUnknown):
            actions.document(session, bytes(32))
        assert actions.request_of_document(session, bytes(32)) is None
        assert actions.receipt_covering(session, bytes(32)) is None


def test_of_a_receipt_that_was_delivered_whole_nothing_can_be_ordered(database: Engine) -> None:
    with transaction(database) as session:
        session.add(
            ReceiptRow(
                id=1,
                request_id=1,
                holder=bytes(32),
                operator=bytes(32),
                site=bytes(32),
                bay="bay-1",
                commodity="steel.hrc",
                grade="q235b",
                mass_kg=20_000,
                remaining_kg=0,
                document=bytes(32),
                state=ReceiptState.DELIVERED.value,
                issued_at=NOON,
            )
        )
    wish = actions.ReleaseWish(
        receipt_id=1, mass_kg=1, gate="gate-cam-1", opens_at=NOON, closes_at=NOON + HOUR, to=bytes(32)
    )
    with pytest.raises(ReceiptDelivered), transaction(database) as session:
        actions.order_release_by_holder(session, wish, signer="depositor", now=NOON)
