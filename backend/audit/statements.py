"""Statements of a case read out of their files, for whoever builds a bundle and whoever checks one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.audit.case import Head, StatementFile
from backend.audit.events import About
from backend.errors import Invalid
from iot_bridge.evidence.statement import SignedStatement, Statement, name32, parse_entry, statement_id


class StatementsRepeated(Invalid):
    """The bundle holds one statement twice, or two at one place of a log."""

    code = "audit.statements_repeated"


@dataclass(frozen=True, slots=True)
class Said:
    """A statement read out of its file."""

    file: StatementFile
    signed: SignedStatement
    id: bytes

    @property
    def statement(self) -> Statement:
        """The header."""
        return self.signed.statement

    @property
    def name(self) -> str:
        """How a refusal names it: device and sequence number."""
        return f"{self.statement.device}#{self.statement.seq}"


def read_statements(files: Sequence[StatementFile]) -> tuple[Said, ...]:
    """Every statement, its entry of 449 bytes being of its one form.

    Raises:
        StatementRefused: an entry is not.
        StatementsRepeated: one stands in the bundle twice.
    """
    found = []
    for file in files:
        signed = parse_entry(file.entry)
        found.append(Said(file, signed, statement_id(signed.statement)))
    if len({said.id for said in found}) != len(found):
        raise StatementsRepeated(statements=len(found))
    return tuple(found)


def about_case(pledge: int, said: Iterable[Said], heads: Iterable[Head]) -> About:
    """What a case is about, by its statements and heads."""
    statements = list(said)
    return About(
        pledge=pledge,
        devices=frozenset(name32(each.statement.device) for each in statements),
        sites=frozenset(name32(each.statement.site) for each in statements),
        movements=frozenset(each.id for each in statements if each.statement.kind.startswith("movement.")),
        heads=frozenset((name32(head.site), head.size) for head in heads),
    )
