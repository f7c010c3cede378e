"""A pledge is what its steps have made it; money may rest only on one with every step taken."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from backend.db import reading
from backend.pledges import actions
from backend.pledges.rules import (
    NothingPledged,
    Pledge,
    PledgeIncomplete,
    PledgeState,
    PledgeStateIs,
    PledgeUnknown,
    TermsDiffer,
    require_effective,
    require_receipts,
    require_same_terms,
    require_state,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EFFECTIVE = Pledge(
    id=1,
    pledgor=b"\x01" * 32,
    pledgee=b"\x02" * 32,
    terms=b"\x03" * 32,
    receipts=(5,),
    released=(),
    expires_at=NOON + timedelta(hours=1),
    endorsed_at=NOON,
    attorned_at=NOON,
    registered_at=NOON,
    effective_at=NOON,
    withdrawn_at=None,
    lapsed_at=None,
    closed_at=None,
)
REGISTERED = replace(EFFECTIVE, effective_at=None)
ATTORNED = replace(REGISTERED, registered_at=None)
ENDORSED = replace(ATTORNED, attorned_at=None)
RELEASED = replace(EFFECTIVE, receipts=(), released=(5,))


@pytest.mark.parametrize(
    ("pledge", "state"),
    [
        (ENDORSED, PledgeState.ENDORSED),
        (ATTORNED, PledgeState.ATTORNED),
        (REGISTERED, PledgeState.REGISTERED),
        (EFFECTIVE, PledgeState.EFFECTIVE),
        (RELEASED, PledgeState.RELEASED),
        (replace(RELEASED, closed_at=NOON), PledgeState.CLOSED),
        (replace(ATTORNED, withdrawn_at=NOON), PledgeState.WITHDRAWN),
        (replace(RELEASED, lapsed_at=NOON), PledgeState.EXPIRED),
    ],
)
def test_the_state_follows_from_the_steps(pledge: Pledge, state: PledgeState) -> None:
    assert pledge.state(NOON) is state


@pytest.mark.parametrize(
    ("pledge", "state"),
    [
        (REGISTERED, PledgeState.EXPIRED),
        (ENDORSED, PledgeState.EXPIRED),
        (EFFECTIVE, PledgeState.EFFECTIVE),
    ],
)
def test_only_what_is_not_effective_expires(pledge: Pledge, state: PledgeState) -> None:
    assert pledge.state(NOON + timedelta(hours=1)) is state


@pytest.mark.parametrize(
    ("pledge", "missing"),
    [
        (ENDORSED, "attorned, registered, effective"),
        (ATTORNED, "registered, effective"),
        (REGISTERED, "effective"),
        (replace(EFFECTIVE, registered_at=None), "registered"),
    ],
)
def test_money_rests_on_no_pledge_with_a_step_missing(pledge: Pledge, missing: str) -> None:
    with pytest.raises(PledgeIncomplete) as refusal:
        require_effective(pledge)
    assert refusal.value.facts["missing"] == missing


@pytest.mark.parametrize(
    "pledge",
    [
        RELEASED,
        replace(RELEASED, closed_at=NOON),
        replace(EFFECTIVE, withdrawn_at=NOON),
        replace(EFFECTIVE, lapsed_at=NOON),
    ],
)
def test_money_rests_on_no_pledge_that_has_ended(pledge: Pledge) -> None:
    with pytest.raises(PledgeStateIs):
        require_effective(pledge)


def test_every_step_taken_and_receipts_held_is_effective() -> None:
    require_effective(EFFECTIVE)


def test_an_act_in_another_state_names_both() -> None:
    with pytest.raises(PledgeStateIs) as refusal:
        require_state(ATTORNED, PledgeState.REGISTERED, NOON)
    assert refusal.value.facts == {"pledge": 1, "state": "attorned", "wanted": "registered"}


def test_other_terms_than_the_pledgors_are_refused() -> None:
    with pytest.raises(TermsDiffer):
        require_same_terms(EFFECTIVE, b"\x04" * 32)


@pytest.mark.parametrize("receipts", [(), (1, 1)])
def test_a_pledge_of_nothing_or_of_one_thing_twice_is_refused(receipts: tuple[int, ...]) -> None:
    with pytest.raises(NothingPledged):
        require_receipts(receipts)


def test_a_pledge_that_no_confirmed_event_shows_is_unknown(database: Engine) -> None:
    with reading(database) as session, pytest.raises(PledgeUnknown):
        actions.require_effective(session, 9)
