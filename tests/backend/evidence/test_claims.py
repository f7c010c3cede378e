"""Claims hold as far as independent, disinterested and fresh sources carry them, and no further."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.evidence.claims import (
    FULL_BPS,
    STANDARD,
    Against,
    Case,
    Claim,
    Source,
    Support,
    freshness_bps,
    independent_sources,
    weigh,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BANK, INSPECTOR, OPERATOR = (bytes([n]) * 32 for n in (1, 2, 3))
CAMERA = Source(b"\x11" * 32, "0xA1", host=OPERATOR, commissioner=BANK)
SCALE = Source(b"\x12" * 32, "0xA2", host=INSPECTOR, commissioner=INSPECTOR)
OWN_CAMERA = Source(b"\x13" * 32, "0xA3", host=OPERATOR, commissioner=OPERATOR)
COIL, OTHER_COIL = b"\x21" * 32, b"\x22" * 32


def supports(*sources: Source, piece: bytes = COIL, at: datetime = NOW) -> tuple[Support, ...]:
    return tuple(Support(claim, piece, s.device, s, at) for claim in Claim for s in sources)


WELL_FOUNDED = Case(
    pieces=(COIL,),
    supports=supports(CAMERA, SCALE),
    against=(),
    interested=frozenset({OPERATOR}),
    watched_at=NOW,
)


def score(case: Case, claim: Claim, now: datetime = NOW) -> int:
    return next(f.score_bps for f in weigh(case, STANDARD, now).claims if f.claim is claim)


def test_goods_seen_by_two_independent_devices_and_watched_count_in_full() -> None:
    found = weigh(WELL_FOUNDED, STANDARD, NOW)
    assert found.bps == FULL_BPS
    assert {f.sources for f in found.claims} == {2}
    assert not found.in_conflict


def test_one_source_does_not_prove_that_goods_exist() -> None:
    alone = replace(WELL_FOUNDED, supports=supports(SCALE))
    assert score(alone, Claim.EXISTS) == 0
    assert score(alone, Claim.QUANTITY) == FULL_BPS
    assert weigh(alone, STANDARD, NOW).bps == 0


def test_what_only_the_operator_ordered_never_suffices() -> None:
    own = replace(WELL_FOUNDED, supports=supports(OWN_CAMERA))
    assert score(own, Claim.QUANTITY) == 0


def test_each_piece_needs_its_own_support() -> None:
    two = replace(WELL_FOUNDED, pieces=(COIL, OTHER_COIL))
    assert weigh(two, STANDARD, NOW).bps == 0


def test_a_receipt_without_pieces_claims_nothing() -> None:
    assert weigh(replace(WELL_FOUNDED, pieces=()), STANDARD, NOW).bps == 0


def test_goods_that_nobody_watches_for_the_creditor_do_not_count() -> None:
    assert score(replace(WELL_FOUNDED, watched_at=None), Claim.EXISTS) == 0


def test_a_contradiction_zeroes_its_claim_and_says_so() -> None:
    left = replace(WELL_FOUNDED, against=(Against(Claim.EXISTS, "the piece was seen leaving"),))
    found = weigh(left, STANDARD, NOW)
    assert found.bps == 0
    assert found.in_conflict
    assert found.claims[0].reason == "the piece was seen leaving"


def test_a_watch_that_falls_silent_lets_existence_decay_to_nothing() -> None:
    ages = [timedelta(minutes=m) for m in (15, 18, 30, 31)]
    assert [score(WELL_FOUNDED, Claim.EXISTS, NOW + age) for age in ages] == [10_000, 8_000, 0, 0]


def test_quantity_ages_with_the_weighing_and_not_with_the_watch() -> None:
    later = NOW + timedelta(hours=30)
    watched = replace(WELL_FOUNDED, watched_at=later)
    assert score(watched, Claim.QUANTITY, later) == 7_500
    assert score(watched, Claim.EXISTS, later) == FULL_BPS


@pytest.mark.parametrize(
    "twin",
    [
        replace(SCALE, key=CAMERA.key),
        replace(SCALE, host=CAMERA.host),
        replace(SCALE, commissioner=CAMERA.commissioner),
    ],
)
def test_two_devices_that_share_a_key_a_body_or_a_commissioner_are_one_source(twin: Source) -> None:
    assert independent_sources([CAMERA, twin]) == 1


sources = st.builds(
    Source,
    device=st.sampled_from([b"\x31" * 32, b"\x32" * 32]),
    key=st.sampled_from(["0xA", "0xB", "0xC"]),
    host=st.sampled_from([BANK, INSPECTOR, OPERATOR]),
    commissioner=st.sampled_from([BANK, INSPECTOR, OPERATOR]),
)


@given(st.lists(sources, max_size=7), sources)
def test_another_source_adds_at_most_one_and_never_takes_away(found: list[Source], more: Source) -> None:
    before, after = independent_sources(found), independent_sources([*found, more])
    assert before <= after <= before + 1
    assert after <= len({s.key for s in [*found, more]})


@given(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(1, 90_000))
def test_freshness_only_ever_falls_with_age(one: int, two: int, limit: int) -> None:
    younger, older = sorted((one, two))
    max_age = timedelta(seconds=limit)
    fresh, stale = (freshness_bps(timedelta(seconds=age), max_age) for age in (younger, older))
    assert 0 <= stale <= fresh <= FULL_BPS
    assert (older >= 2 * limit) <= (stale == 0)
