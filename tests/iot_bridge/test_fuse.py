"""Which crossings and weighings make a movement, and which look-alikes do not; each rule with its twin."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iot_bridge.evidence.body import new_boot, write_body
from iot_bridge.fuse import (
    CrossingSeen,
    Movement,
    Piece,
    Rules,
    TicketSeen,
    Unclear,
    fits,
    fuse,
    milli_nats_of,
)
from iot_bridge.observe import movement_observation

RULES = Rules()
NUMBERS = count(1)
COIL_7 = Piece(b"\x07" * 32, 7, 23_940, "expected")
COIL_8 = Piece(b"\x08" * 32, 8, 18_200, "expected")
TWIN_OF_7 = Piece(b"\x09" * 32, 9, 23_950, "expected")
LATE = RULES.window_ms * 3


def crossed(at_s: int, *tags: int, direction: str = "in", **changed: object) -> CrossingSeen:
    seen = CrossingSeen(
        next(NUMBERS).to_bytes(32),
        "gate-cam-1",
        at_s * 1000,
        direction,
        tags,
        9900,
        count_certain=True,  # type: ignore[arg-type]
    )
    return replace(seen, **changed)  # type: ignore[arg-type]


def weighed(at_s: int, net_kg: int) -> TicketSeen:
    return TicketSeen(next(NUMBERS).to_bytes(32), "weighbridge-1", at_s * 1000, net_kg)


def on_site(piece: Piece) -> Piece:
    return replace(piece, state="on_site")


def only_movement(results: list[Movement | Unclear]) -> Movement:
    assert len(results) == 1
    assert isinstance(results[0], Movement)
    return results[0]


def only_finding(results: list[Movement | Unclear]) -> Unclear:
    assert len(results) == 1
    assert isinstance(results[0], Unclear)
    return results[0]


def test_a_crossing_with_its_tag_and_a_fitting_weight_is_a_movement_at_once() -> None:
    crossing, ticket = crossed(0, 7), weighed(10, 23_960)
    found = only_movement(fuse([crossing], [ticket], [COIL_7, COIL_8], RULES, 10_000))
    assert (found.piece, found.identified_by, found.direction) == (COIL_7, "tag", "in")
    assert found.closes == (crossing.statement, ticket.statement)
    assert {each.statement for each in found.contributions} == set(found.closes)


def test_the_body_of_a_movement_lists_what_it_rests_on_and_adds_up() -> None:
    movement = only_movement(fuse([crossed(0, 7)], [weighed(10, 23_960)], [COIL_7], RULES, 10_000))
    seen = movement_observation(movement, 11_000)
    fields = write_body(seen.kind, seen.fields, boot=new_boot()).fields
    assert (seen.kind, seen.subject) == ("movement.in", COIL_7.fingerprint)
    assert fields["mass_kg"] == 23_960
    assert fields["rests_on"] == ["0x" + each.hex() for each in movement.closes]
    assert sum(each["milli_nats"] for each in fields["contributions"]) == fields["sum_milli_nats"]
    assert fields["sum_milli_nats"] >= fields["accept_milli_nats"]


def test_a_piece_that_leaves_is_looked_for_among_those_on_site() -> None:
    leaving, ticket = crossed(0, 7, direction="out"), weighed(5, 23_940)
    assert only_movement(fuse([leaving], [ticket], [on_site(COIL_7)], RULES, 5000)).direction == "out"
    assert fuse([leaving], [ticket], [COIL_7], RULES, 5000) == []
    finding = only_finding(fuse([leaving], [ticket], [COIL_7], RULES, LATE)[:1])
    assert "tag 7 belongs to no pieces that could go out" in finding.reason


def test_without_a_tag_the_only_piece_of_that_mass_is_the_one() -> None:
    found = only_movement(fuse([crossed(0)], [weighed(10, 23_940)], [COIL_7, COIL_8], RULES, 10_000))
    assert (found.piece, found.identified_by) == (COIL_7, "mass")
    assert any(each.milli_nats < 0 and "not read" in each.said for each in found.contributions)


def test_without_a_tag_two_pieces_of_like_mass_are_for_people() -> None:
    crossing, ticket = crossed(0), weighed(10, 23_945)
    pieces = [COIL_7, TWIN_OF_7]
    assert fuse([crossing], [ticket], pieces, RULES, 10_000) == []
    findings = fuse([crossing], [ticket], pieces, RULES, LATE)
    assert {type(each) for each in findings} == {Unclear}
    assert all("2 pieces of about 23945 kg" in each.reason for each in findings if isinstance(each, Unclear))


def test_with_its_tag_read_a_piece_of_like_mass_is_told_apart() -> None:
    found = only_movement(fuse([crossed(0, 9)], [weighed(10, 23_945)], [COIL_7, TWIN_OF_7], RULES, 10_000))
    assert found.piece == TWIN_OF_7


def test_a_tag_that_the_scale_contradicts_is_no_movement() -> None:
    crossing, ticket = crossed(0, 7), weighed(10, 18_200)
    assert fuse([crossing], [ticket], [COIL_7, COIL_8], RULES, 10_000) == []
    findings = fuse([crossing], [ticket], [COIL_7, COIL_8], RULES, LATE)
    assert [each.reason for each in findings if isinstance(each, Unclear)] == [
        "tag 7 is of a piece of 23940 kg, the scale read 18200 kg"
    ] * 2


def test_two_tags_at_one_crossing_are_for_people() -> None:
    findings = fuse([crossed(0, 7, 8)], [weighed(10, 23_940)], [COIL_7, COIL_8], RULES, LATE)
    assert {type(each) for each in findings} == {Unclear}
    assert "2 tags" in findings[0].reason if isinstance(findings[0], Unclear) else False


def test_a_tag_that_nobody_advised_is_for_people() -> None:
    finding = fuse([crossed(0, 55)], [weighed(10, 23_940)], [COIL_7], RULES, LATE)[0]
    assert isinstance(finding, Unclear)
    assert "tag 55 belongs to no pieces" in finding.reason


def test_goods_that_touch_are_for_people_even_with_tag_and_weight() -> None:
    touching = crossed(0, 7, count_certain=False)
    finding = only_finding(fuse([touching], [weighed(10, 23_940)], [COIL_7], RULES, 10_000))
    assert "touch" in finding.reason
    assert sum(each.milli_nats for each in finding.contributions) > RULES.accept


def test_a_faint_crossing_without_a_tag_is_for_people_and_with_one_is_not() -> None:
    faint = {"confidence_bps": 6500}
    finding = only_finding(fuse([crossed(0, **faint)], [weighed(10, 23_940)], [COIL_7], RULES, 10_000))
    assert f"below {RULES.accept}" in finding.reason
    assert not finding.is_noise
    only_movement(fuse([crossed(0, 7, **faint)], [weighed(10, 23_940)], [COIL_7], RULES, 10_000))


def test_what_is_below_the_reject_line_is_noise() -> None:
    deaf = replace(RULES, ticket=1000)
    finding = only_finding(
        fuse([crossed(0, confidence_bps=0)], [weighed(10, 23_940)], [COIL_7], deaf, 10_000)
    )
    assert finding.is_noise


def test_two_crossings_for_one_weighing_are_for_people() -> None:
    crossings, ticket = [crossed(0), crossed(3)], weighed(10, 23_940)
    assert fuse(crossings, [ticket], [COIL_7], RULES, 10_000) == []
    finding = only_finding(fuse(crossings, [ticket], [COIL_7], RULES, RULES.window_ms + 1))
    assert "2 crossings, 1 tickets and 1 pieces fit each other in 2 ways" in finding.reason
    assert set(finding.closes) == {each.statement for each in (*crossings, ticket)}


def test_two_weighings_for_one_crossing_are_for_people() -> None:
    crossing, tickets = crossed(0), [weighed(5, 23_940), weighed(10, 23_945)]
    finding = only_finding(fuse([crossing], tickets, [COIL_7], RULES, RULES.window_ms + 1))
    assert "1 crossings, 2 tickets" in finding.reason


def test_somebody_who_walks_by_does_not_keep_a_tagged_coil_from_its_weighing() -> None:
    walker, coil, ticket = crossed(0), crossed(3, 7), weighed(10, 23_940)
    found = only_movement(fuse([walker, coil], [ticket], [COIL_7], RULES, 10_000))
    assert found.crossing == coil


def test_two_tagged_coils_in_a_row_each_find_their_own_weighing() -> None:
    crossings = [crossed(0, 7), crossed(5, 8)]
    tickets = [weighed(8, 18_200), weighed(12, 23_940)]
    found = fuse(crossings, tickets, [COIL_7, COIL_8], RULES, 12_000)
    assert {(each.piece.tag, each.ticket.net_kg) for each in found if isinstance(each, Movement)} == {
        (7, 23_940),
        (8, 18_200),
    }


def test_one_piece_is_not_moved_twice_by_two_crossings_and_two_weighings() -> None:
    crossings, tickets = [crossed(0), crossed(500)], [weighed(10, 23_940), weighed(510, 23_940)]
    assert fuse(crossings, tickets, [COIL_7], RULES, 520_000)[0:] != []
    assert all(isinstance(each, Unclear) for each in fuse(crossings, tickets, [COIL_7], RULES, 520_000))


@pytest.mark.parametrize("apart_s", [RULES.window_ms // 1000, RULES.window_ms // 1000 + 1])
def test_a_weighing_outside_the_window_belongs_to_something_else(apart_s: int) -> None:
    found = fuse([crossed(0, 7)], [weighed(apart_s, 23_940)], [COIL_7], RULES, apart_s * 1000)
    assert [type(each) for each in found] == ([Movement] if apart_s * 1000 <= RULES.window_ms else [Unclear])


@pytest.mark.parametrize(
    ("net_kg", "fit"), [(23_940, True), (24_011, True), (24_012, False), (23_868, False)]
)
def test_a_weighing_fits_within_thirty_basis_points_of_the_advised_mass(net_kg: int, *, fit: bool) -> None:
    assert fits(23_940, net_kg, 30) is fit


def test_confidence_becomes_log_odds_rounded_down() -> None:
    assert [milli_nats_of(bps) for bps in (0, 5999, 6000, 8999, 9000, 9900, 10_000)] == [
        0,
        0,
        405,
        1386,
        2197,
        4595,
        4595,
    ]


CROSSINGS = st.builds(
    crossed,
    st.integers(0, 300),
    st.sampled_from([7, 8, 9, 55]),
    direction=st.sampled_from(["in", "out"]),
    confidence_bps=st.integers(0, 10_000),
    count_certain=st.booleans(),
)
TICKETS = st.builds(weighed, st.integers(0, 300), st.sampled_from([23_940, 23_950, 18_200, 1]))
PIECES = [COIL_7, on_site(COIL_8), TWIN_OF_7]


@given(st.lists(CROSSINGS, max_size=6), st.integers(0, 2_000_000))
@settings(deadline=None)
def test_a_camera_alone_never_proves_a_movement(crossings: list[CrossingSeen], now_ms: int) -> None:
    assert all(isinstance(each, Unclear) for each in fuse(crossings, [], PIECES, RULES, now_ms))


@given(st.lists(TICKETS, max_size=6), st.integers(0, 2_000_000))
@settings(deadline=None)
def test_a_scale_alone_never_proves_a_movement(tickets: list[TicketSeen], now_ms: int) -> None:
    assert all(isinstance(each, Unclear) for each in fuse([], tickets, PIECES, RULES, now_ms))


def test_no_single_sensor_reaches_the_accept_line() -> None:
    assert RULES.crossing_most + RULES.tag_read < RULES.accept
    assert RULES.ticket + RULES.mass_fits < RULES.accept


@given(st.lists(CROSSINGS, max_size=5), st.lists(TICKETS, max_size=5), st.integers(0, 2_000_000))
@settings(deadline=None, max_examples=200)
def test_no_statement_and_no_piece_is_used_twice_and_nothing_stays_open_for_ever(
    crossings: list[CrossingSeen], tickets: list[TicketSeen], now_ms: int
) -> None:
    found = fuse(crossings, tickets, PIECES, RULES, now_ms)
    closed = [statement for each in found for statement in each.closes]
    assert len(set(closed)) == len(closed)
    moved = [each.piece.fingerprint for each in found if isinstance(each, Movement)]
    assert len(set(moved)) == len(moved)
    over = {each.statement for each in (*crossings, *tickets) if now_ms - each.at_ms > RULES.window_ms}
    assert over <= set(closed)
    for each in found:
        if isinstance(each, Movement):
            assert each.crossing.count_certain
            assert fits(each.piece.mass_kg, each.ticket.net_kg, RULES.mass_tolerance_bps)
            assert sum(part.milli_nats for part in each.contributions) >= RULES.accept
