"""A caller of every kind and role, others of other organisations, machines, nobody; and what they show."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlmodel import Session

from backend.app import Bank
from backend.db import carry_out
from backend.identity.actions import admit_person
from backend.identity.credentials import (
    KEY_PREFIX,
    SESSION_PREFIX,
    ApiKeyRow,
    OrganisationRow,
    SignInRow,
    hash_of,
    new_token,
)
from backend.identity.permissions import OF_KIND, OF_ROLE, OrganisationKind, Permission
from backend.identity.rules import Person, Role
from tests.support.ledger_life import DEPOSITOR, INSPECTOR, LENDER, OPERATOR

OWN: Final = {
    OrganisationKind.BANK: LENDER,
    OrganisationKind.WAREHOUSE_OPERATOR: OPERATOR,
    OrganisationKind.BORROWER: DEPOSITOR,
    OrganisationKind.SUPERVISOR: INSPECTOR,
    OrganisationKind.AUDITOR: "auditor.own",
}
"""The organisations that have to do with the goods and the loan."""
OTHER: Final = {
    OrganisationKind.WAREHOUSE_OPERATOR: "operator.other",
    OrganisationKind.BORROWER: "borrower.other",
    OrganisationKind.SUPERVISOR: "supervisor.other",
}
"""Organisations of the same kinds that have nothing to do with either."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, with which credential, and what they may ask for."""

    name: str
    organisation: str | None
    kind: OrganisationKind | None
    permissions: frozenset[Permission]
    token: str | None

    @property
    def is_other(self) -> bool:
        """Whether their organisation has nothing to do with what is there."""
        return self.organisation in OTHER.values()

    @property
    def headers(self) -> dict[str, str]:
        """What they show of themselves."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}


def admit_everybody(bank: Bank) -> list[Asker]:
    """Everybody, admitted and signed in."""
    return carry_out(bank.engine, lambda session: [*_everybody(session, bank)])


def _everybody(session: Session, bank: Bank) -> Iterator[Asker]:
    yield Asker("nobody", None, None, frozenset(), None)
    yield Asker("a stranger", None, None, frozenset(), new_token(SESSION_PREFIX))
    for number, (kind, organisation) in enumerate([*OWN.items(), *OTHER.items()]):
        if session.get(OrganisationRow, organisation) is None:
            session.add(OrganisationRow(id=organisation, kind=kind.value))
        for role in sorted(OF_KIND[kind]):
            yield _person(session, bank, f"p{number}-{role.value}"[:32], organisation, kind, role)
        yield _machine(session, bank, f"m{number}", organisation, kind)


def _person(
    session: Session, bank: Bank, name: str, organisation: str, kind: OrganisationKind, role: Role
) -> Asker:
    now, token = bank.wall.now(), new_token(SESSION_PREFIX)
    admit_person(session, Person(name, organisation, frozenset({role}), f"{name}.k"[:32]))
    session.add(
        SignInRow(token_hash=hash_of(token), person=name, began_at=now, expires_at=now + timedelta(hours=12))
    )
    session.flush()
    return Asker(name, organisation, kind, OF_ROLE[role], token)


def _machine(session: Session, bank: Bank, name: str, organisation: str, kind: OrganisationKind) -> Asker:
    """A key of the organisation that may do nothing at all."""
    now, token = bank.wall.now(), f"{KEY_PREFIX}{name}.{new_token('')}"
    session.add(
        ApiKeyRow(
            id=name,
            token_hash=hash_of(token),
            organisation=organisation,
            permissions=[],
            made_by="nobody",
            made_at=now,
            expires_at=now + timedelta(days=1),
        )
    )
    session.flush()
    return Asker(f"machine of {organisation}", organisation, kind, frozenset(), token)
