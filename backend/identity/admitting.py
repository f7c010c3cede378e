"""Who admits whom: set-up the bank, its registrar other organisations, administrators their own people.

A new person gets a signing key of their own in the keystore, under a name that no other key can have.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from backend.errors import Forbidden, NotFound, WrongState
from backend.identity.accounts import end_sessions, open_account
from backend.identity.actions import admit_person, dismiss_person
from backend.identity.credentials import OrganisationRow
from backend.identity.passwords import new_password
from backend.identity.permissions import OF_KIND, Caller, OrganisationKind, Permission, require_permission
from backend.identity.rules import Person, PersonUnknown, Role
from backend.identity.tables import PersonRow, person_in_words, person_of

NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{2,24}")
SIGNER_PREFIX: Final = "person."
FIRST_ROLES: Final = frozenset({Role.ADMINISTRATOR, Role.REGISTRAR})
TWO_ADMIT: Final = frozenset(
    {
        Role.APPROVER,
        Role.COLLATERAL_OFFICER,
        Role.PAYMENT_OFFICER,
        Role.ADMINISTRATOR,
        Role.REGISTRAR,
    }
)
"""Roles at the bank that move money, sign or admit; two administrators give them, once there are two."""


class AlreadySetUp(WrongState):
    """This installation has its bank and its first administrator already."""

    code = "identity.already_set_up"


class OrganisationKnown(WrongState):
    """An organisation of that id is known already, or it would be a second bank."""

    code = "identity.organisation_known"


class OrganisationUnknown(NotFound):
    """No organisation of that id acts here."""

    code = "identity.organisation_unknown"


class RoleNotOfKind(Forbidden):
    """An organisation of this kind cannot give this role."""

    code = "identity.role_not_of_kind"


class NotYourOrganisation(Forbidden):
    """Each organisation admits its own people; the registrar admits only another's first administrator."""

    code = "identity.not_your_organisation"


class LastAdministrator(WrongState):
    """This is the organisation's last administrator; admit another one first."""

    code = "identity.last_administrator"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A person who has just been admitted; the password is told once and must be changed."""

    person: Person
    password: str


def set_up(session: Session, bank: str, person: str, password: str, *, now: datetime) -> Person:
    """The bank and its first administrator, who is its registrar as well; once in an installation's life.

    Raises:
        AlreadySetUp: there is a bank.
        PasswordTooWeak: the password is easily guessed.
    """
    if _bank(session) is not None:
        raise AlreadySetUp(bank=bank)
    session.add(OrganisationRow(id=bank, kind=OrganisationKind.BANK.value))
    first = Person(person, bank, FIRST_ROLES, SIGNER_PREFIX + person)
    admit_person(session, first)
    open_account(session, person, password, now=now, must_change=False)
    return first


def admit_organisation(session: Session, kind: OrganisationKind, organisation: str | None) -> OrganisationRow:
    """A new organisation, under its party's id or a fresh one.

    Raises:
        OrganisationKnown: the id is taken, or it would be a second bank.
    """
    chosen = organisation or f"org-{secrets.token_hex(8)}"
    if kind is OrganisationKind.BANK or session.get(OrganisationRow, chosen) is not None:
        raise OrganisationKnown(organisation=chosen, kind=kind.value)
    row = OrganisationRow(id=chosen, kind=kind.value)
    session.add(row)
    session.flush()
    return row


def require_may_admit(session: Session, caller: Caller, organisation: str, roles: frozenset[Role]) -> None:
    """Refuse who may not admit somebody there in these roles.

    Raises:
        OrganisationUnknown: there is no such organisation.
        RoleNotOfKind: it cannot give one of the roles.
        PermissionMissing: the caller administers nobody, or no other organisation.
        NotYourOrganisation: that organisation has an administrator, or more than one is to be made.
    """
    if organisation == caller.organisation:
        require_permission(caller, Permission.PEOPLE_ADMINISTER)
    else:
        require_permission(caller, Permission.ORGANISATIONS_ADMINISTER)
    row = session.get(OrganisationRow, organisation)
    if row is None or not row.active:
        raise OrganisationUnknown(organisation=organisation)
    kind = OrganisationKind(row.kind)
    if not roles <= OF_KIND[kind]:
        raise RoleNotOfKind(kind=kind.value, roles=sorted(roles - OF_KIND[kind]))
    is_first = roles == {Role.ADMINISTRATOR} and not administrators(session, organisation)
    if organisation != caller.organisation and not is_first:
        raise NotYourOrganisation(organisation=organisation)


def needs_two(session: Session, caller: Caller, roles: frozenset[Role]) -> bool:
    """Whether two administrators must give these roles: at the bank, once it has two."""
    return bool(
        caller.is_bank and roles & TWO_ADMIT and len(administrators(session, caller.organisation)) > 1
    )


def admit(
    session: Session,
    person: str,
    organisation: str,
    roles: frozenset[Role],
    *,
    make_key: Callable[[str], object],
    now: datetime,
) -> Admitted:
    """A person with an account, a first password and a signing key.

    Raises:
        PersonAlreadyKnown: the name is somebody's.
    """
    admitted = Admitted(Person(person, organisation, roles, SIGNER_PREFIX + person), new_password())
    admit_person(session, admitted.person)
    open_account(session, person, admitted.password, now=now, must_change=True)
    make_key(admitted.person.signer)
    return admitted


def own_person(session: Session, caller: Caller, person: str) -> Person:
    """A person of the caller's organisation.

    Raises:
        PersonUnknown: nobody has that name there, whatever other organisations have.
    """
    found = person_of(session, person)
    if found.organisation != caller.organisation:
        raise PersonUnknown(person=person)
    return found


def dismiss(session: Session, caller: Caller, person: str, now: datetime) -> Person:
    """The person, who acts no more and whose sessions have ended.

    Raises:
        PersonUnknown: nobody of the caller's organisation has that name.
        LastAdministrator: nobody would be left who can admit people.
    """
    found = own_person(session, caller, person)
    if administrators(session, caller.organisation) == [person]:
        raise LastAdministrator(person=person)
    dismiss_person(session, person)
    end_sessions(session, person, now)
    return person_of(session, found.id)


def renew_password(session: Session, person: Person, now: datetime) -> Admitted:
    """A first password once more, for somebody who has forgotten theirs."""
    renewed = Admitted(person, new_password())
    open_account(session, person.id, renewed.password, now=now, must_change=True)
    return renewed


def administrators(session: Session, organisation: str) -> list[str]:
    """Who administers an organisation now."""
    rows = session.exec(
        select(PersonRow).where(col(PersonRow.organisation) == organisation, col(PersonRow.active))
    )
    return [row.id for row in rows if Role.ADMINISTRATOR.value in row.roles]


def people_of(session: Session, organisation: str, after: str, limit: int) -> list[Person]:
    """People of an organisation in the order of their names, from behind `after`; dismissed ones too."""
    found = session.exec(
        select(PersonRow)
        .where(col(PersonRow.organisation) == organisation, col(PersonRow.id) > after)
        .order_by(col(PersonRow.id))
        .limit(limit)
    )
    return [person_in_words(row) for row in found]


def acting_people(session: Session, limit: int) -> list[tuple[OrganisationKind, Person]]:
    """Everybody who acts, with what their organisation is, by organisation and name."""
    found = session.exec(
        select(PersonRow, OrganisationRow.kind)
        .where(col(PersonRow.organisation) == col(OrganisationRow.id), col(PersonRow.active))
        .order_by(col(OrganisationRow.kind), col(PersonRow.organisation), col(PersonRow.id))
        .limit(limit)
    )
    return [(OrganisationKind(kind), person_in_words(row)) for row, kind in found]


def organisations(session: Session, after: str, limit: int) -> list[OrganisationRow]:
    """Organisations in the order of their ids, from behind `after`."""
    found = session.exec(
        select(OrganisationRow)
        .where(col(OrganisationRow.id) > after)
        .order_by(col(OrganisationRow.id))
        .limit(limit)
    )
    return list(found)


def _bank(session: Session) -> OrganisationRow | None:
    return session.exec(
        select(OrganisationRow).where(col(OrganisationRow.kind) == OrganisationKind.BANK.value)
    ).first()
