"""Which transaction an act was, and what a report is accepted by."""

from hypothesis import given
from hypothesis import strategies as st

from backend.backup.rules import (
    FindingKind,
    Mark,
    OpenAct,
    Report,
    SentCall,
    Step,
    StepKind,
    Trouble,
    match,
)

NONE: frozenset[bytes] = frozenset()


def act(
    key: str, calldata: bytes = b"call", hashes: frozenset[bytes] = NONE, signer: str = "bank"
) -> OpenAct:
    return OpenAct(key, signer, "0xc0", calldata, hashes)


def sent(
    tx_hash: bytes, calldata: bytes = b"call", *, signer: str = "bank", failed: bool = False
) -> SentCall:
    return SentCall(tx_hash, signer, "0xc0", calldata, failed)


def test_an_act_that_was_sent_at_a_higher_fee_is_known_by_its_call() -> None:
    found = match([act("a", hashes=frozenset({b"old"}))], [sent(b"dearer")])
    assert found.done["a"].hash == b"dearer"
    assert found.unexplained == ()


def test_the_hash_decides_between_two_acts_of_one_call() -> None:
    found = match([act("a"), act("b", hashes=frozenset({b"1"}))], [sent(b"1"), sent(b"2")])
    assert {key: each.hash for key, each in found.done.items()} == {"a": b"2", "b": b"1"}


def test_one_that_succeeded_goes_before_one_that_failed() -> None:
    found = match([act("a")], [sent(b"1", failed=True), sent(b"2")])
    assert found.done["a"].hash == b"2"
    assert found.failed == {}
    assert [each.hash for each in found.unexplained] == [b"1"]


def test_an_act_of_which_only_a_failure_is_there_has_failed() -> None:
    found = match([act("a")], [sent(b"1", failed=True)])
    assert (dict(found.done), found.failed["a"].hash) == ({}, b"1")


def test_another_signer_or_another_call_is_another_act() -> None:
    found = match([act("a")], [sent(b"1", signer="enroller"), sent(b"2", b"other")])
    assert (found.done, len(found.unexplained)) == ({}, 2)


CALLS = st.sampled_from([b"x", b"y"])
ACTS = st.lists(st.tuples(CALLS, st.frozensets(st.sampled_from([b"0", b"1", b"2"]))), max_size=4)
SENT = st.lists(st.tuples(CALLS, st.booleans()), max_size=4)


@given(ACTS, SENT)
def test_every_transaction_is_one_act_or_unexplained(
    acts: list[tuple[bytes, frozenset[bytes]]], transactions: list[tuple[bytes, bool]]
) -> None:
    calls = [
        sent(str(number).encode(), *each[:1], failed=each[1]) for number, each in enumerate(transactions)
    ]
    found = match([act(str(number), *each) for number, each in enumerate(acts)], calls)
    taken = [each.hash for part in (found.done.values(), found.failed.values()) for each in part]
    left = [each.hash for each in found.unexplained]
    assert sorted(taken + left) == sorted(each.hash for each in calls)
    assert not found.done.keys() & found.failed.keys()
    assert not any(each.failed for each in found.done.values())


def report(*findings: Trouble, steps: tuple[Step, ...] = ()) -> Report:
    return Report((Mark("2026-01-01T00:00:00+00:00", 7, "0x01"),), steps, {}, (), findings)


def test_a_report_has_one_hash_in_whatever_order_it_was_found() -> None:
    one = Trouble(FindingKind.PAYMENT_UNKNOWN, "sandbox-1", {"amount_minor": 5})
    two = Trouble(FindingKind.TRANSACTION_FOREIGN, "0x02", {})
    assert report(one, two).hash() == report(two, one).hash()
    assert report(one).hash() != report(one, two).hash() != report().hash()
    assert report(one).needs_people
    assert not report(steps=(Step(StepKind.NONCE_ADOPTED, "bank:3", {}),)).needs_people
