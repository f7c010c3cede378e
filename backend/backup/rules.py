"""Why a backup is not made, restored or acted on, and what reconciling a restored bank comes to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import rfc8785

from backend.errors import Invalid, NotFound, Unavailable, WrongState


class BackupExists(WrongState):
    """A file of that name is there already; a backup never takes another's place."""

    code = "backup.exists"


class NothingToBackUp(NotFound):
    """The bank's database is not there, so there is nothing to copy."""

    code = "backup.nothing_to_back_up"


class BackupDamaged(Invalid):
    """The file is not a whole backup, or a part of it is not what the manifest says; nothing was restored."""

    code = "backup.damaged"


class FormatUnknown(Invalid):
    """The backup has a format that this version does not know."""

    code = "backup.format_unknown"


class OtherSchema(WrongState):
    """The backup was made by another version of the bank; restore it with that one, then migrate."""

    code = "backup.other_schema"


class OtherDatabaseKind(WrongState):
    """The backup is of the other kind of database; SQLite is restored to SQLite, PostgreSQL to PostgreSQL."""

    code = "backup.other_database_kind"


class OtherBank(WrongState):
    """The backup belongs to another bank, or to another ledger, than the settings name."""

    code = "backup.other_bank"


class TargetNotEmpty(WrongState):
    """There is something where the backup would go; a bank is restored only where there is none."""

    code = "backup.target_not_empty"


class DatabaseOutside(WrongState):
    """The SQLite file is to be outside the data folder, where one rename could not put it in place."""

    code = "backup.database_outside"


class NotReconciled(Unavailable):
    """The bank was restored from a backup and has not been reconciled with the ledger yet; it can be read."""

    code = "backup.not_reconciled"


class AnotherLedger(WrongState):
    """The ledger does not have the block that the backup was made at; this is another ledger."""

    code = "backup.another_ledger"


class NotFinalYet(Unavailable):
    """The ledger has transactions of the bank's accounts that are not final yet; reconcile again later."""

    code = "backup.not_final_yet"


class ReportDiffers(WrongState):
    """What was accepted is not what reconciling finds now; read the present report, then accept that one."""

    code = "backup.report_differs"


class StepKind(StrEnum):
    """What reconciling has changed, or kept so that it can be asked again and say the same."""

    BEGUN = "begun"
    ACT_CONFIRMED = "act_confirmed"
    ACT_FAILED = "act_failed"
    NONCE_ADOPTED = "nonce_adopted"


class FindingKind(StrEnum):
    """What reconciling cannot settle by itself: a decision is lost, or two records differ."""

    TRANSACTION_UNEXPLAINED = "transaction_unexplained"
    """An account of the bank's sent it to one of the contracts, and the book has no act for it."""
    EVENT_WITHOUT_OPENING = "event_without_opening"
    """The ledger holds a commitment to an event of a loan whose opening is lost; it cannot be shown."""
    STATEMENTS_LOST = "statements_lost"
    """The bank witnessed a head whose statements it no longer has; the bridge may still hold them."""
    TRANSACTION_FOREIGN = "transaction_foreign"
    """An account of the bank's sent it elsewhere than to the contracts."""
    TRANSACTION_WAITING = "transaction_waiting"
    """The node has a transaction of the bank's that is in no block, and the book does not know it."""
    PAYMENT_UNKNOWN = "payment_unknown"
    """Money left on the rail for which the book has no instruction."""
    PAYMENT_NOT_BOOKED = "payment_not_booked"
    """The rail has settled an instruction that the loan's book refuses; the code says why."""
    MONEY_UNMATCHED = "money_unmatched"
    """Money came in since the backup that no loan of the book can take."""
    RAIL_BEHIND = "rail_behind"
    """The rail's statement lacks the newest line that the book took from it; it is another, or older."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that reconciling has done, by kind and subject once."""

    kind: StepKind
    subject: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A finding that needs people. `facts` are JSON, and the same as long as nothing has changed."""

    kind: FindingKind
    subject: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenAct:
    """An act that the book does not know to be done, with the hashes under which it was signed, if it was."""

    key: str
    signer: str
    to: str
    calldata: bytes
    hashes: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class SentCall:
    """A confirmed transaction of one of our accounts."""

    hash: bytes
    signer: str
    to: str | None
    calldata: bytes
    failed: bool


@dataclass(frozen=True, slots=True)
class Matched:
    """Which transaction each act was; `failed` by act as well; what no act explains."""

    done: dict[str, SentCall]
    failed: dict[str, SentCall]
    unexplained: tuple[SentCall, ...]


def match(acts: Sequence[OpenAct], sent: Sequence[SentCall]) -> Matched:
    """Find each act among what was sent: by its hash, else by signer, contract and calldata.

    The hash alone would not do: an attempt at a higher fee is younger than the backup. Each transaction is
    at most one act; both are taken in their order, and one that succeeded before one that failed.
    """
    free = dict.fromkeys(range(len(sent)))
    done: dict[str, SentCall] = {}
    failed: dict[str, SentCall] = {}
    for is_same in (_same_hash, _same_call):
        for wants_failed, found in ((False, done), (True, failed)):
            for act in acts:
                if act.key in done or act.key in failed:
                    continue
                for place in free:
                    if sent[place].failed is wants_failed and is_same(act, sent[place]):
                        found[act.key] = sent[place]
                        del free[place]
                        break
    return Matched(done, failed, tuple(sent[place] for place in free))


def _same_hash(act: OpenAct, sent: SentCall) -> bool:
    return sent.hash in act.hashes


def _same_call(act: OpenAct, sent: SentCall) -> bool:
    return (act.signer, act.to, act.calldata) == (sent.signer, sent.to, sent.calldata)


REPORT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """One restoring that nobody has reconciled yet."""

    restored_at: str
    height: int | None
    block: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What reconciling has done, and what is left for people; the same content has the same hash."""

    marks: tuple[Mark, ...]
    steps: tuple[Step, ...]
    payments: Mapping[str, str]
    lines: tuple[Mapping[str, Any], ...]
    findings: tuple[Trouble, ...]

    @property
    def needs_people(self) -> bool:
        """Whether two persons have to accept it."""
        return bool(self.findings)

    def content(self) -> dict[str, Any]:
        """The report as JSON values; lists are in an order that depends on what is in them alone."""
        of = {kind: _listed(self.steps, kind) for kind in StepKind}
        return {
            "v": REPORT_VERSION,
            "marks": [
                {"restored_at": each.restored_at, "height": each.height, "block": each.block}
                for each in self.marks
            ],
            "acts_adopted": of[StepKind.ACT_CONFIRMED],
            "acts_failed": of[StepKind.ACT_FAILED],
            "nonces_adopted": of[StepKind.NONCE_ADOPTED],
            "payments_settled": [
                {"payment": name, "state": state} for name, state in sorted(self.payments.items())
            ],
            "lines_taken": [dict(each) for each in self.lines],
            "findings": _in_order(
                {"kind": each.kind.value, "subject": each.subject, "facts": dict(each.facts)}
                for each in self.findings
            ),
        }

    def canonical(self) -> bytes:
        """The report's one form in bytes (RFC 8785)."""
        return rfc8785.dumps(self.content())

    def hash(self) -> bytes:
        """What people accept: SHA-256 of the canonical form."""
        return sha256(self.canonical()).digest()


def _listed(steps: Iterable[Step], kind: StepKind) -> list[dict[str, Any]]:
    return _in_order({"subject": each.subject, **each.facts} for each in steps if each.kind is kind)


def _in_order(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=rfc8785.dumps)
