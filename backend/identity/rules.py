"""What a person may do, and when two acts were done by two people. Knows keys by their names only."""

from dataclasses import dataclass
from enum import StrEnum

from backend.errors import Forbidden, NotFound, WrongState


class Role(StrEnum):
    """What somebody is employed to do; one person may have several, never both sides of one act."""

    RELATIONSHIP_MANAGER = "relationship_manager"
    CREDIT_OFFICER = "credit_officer"
    APPROVER = "approver"
    COLLATERAL_OFFICER = "collateral_officer"
    PAYMENT_OFFICER = "payment_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    REGISTRAR = "registrar"
    WAREHOUSE_KEEPER = "warehouse_keeper"
    BORROWER = "borrower"
    INSPECTOR = "inspector"


class PersonUnknown(NotFound):
    """Nobody of that name is known here."""

    code = "identity.person_unknown"


class PersonLeft(Forbidden):
    """This person no longer acts for the organisation."""

    code = "identity.person_left"


class RoleMissing(Forbidden):
    """This act belongs to a role that the person does not have."""

    code = "identity.role_missing"


class SamePerson(Forbidden):
    """The act needs two different people, and both names lead to one."""

    code = "identity.same_person"


class OrganisationDiffers(Forbidden):
    """The two people act for two organisations, and the act is one organisation's."""

    code = "identity.organisation_differs"


class PersonAlreadyKnown(WrongState):
    """The name, or the signing key, already belongs to somebody."""

    code = "identity.person_already_known"


@dataclass(frozen=True, slots=True)
class Person:
    """A natural person: a short name for logs and books, and the keystore's name of their signing key."""

    id: str
    organisation: str
    roles: frozenset[Role]
    signer: str
    active: bool = True


def require_role(person: Person, role: Role) -> None:
    """Refuse somebody who is not employed to do this.

    Raises:
        PersonLeft: the person no longer acts at all.
        RoleMissing: the person acts, in other roles.
    """
    if not person.active:
        raise PersonLeft(person=person.id)
    if role not in person.roles:
        raise RoleMissing(person=person.id, role=role.value)


def require_two_people(first: Person, second: Person) -> None:
    """Refuse one person under two names, and two people of two organisations.

    Raises:
        SamePerson: the names, or the keys behind them, are one.
        OrganisationDiffers: they act for different organisations.
    """
    if first.id == second.id or first.signer == second.signer:
        raise SamePerson(first=first.id, second=second.id)
    if first.organisation != second.organisation:
        raise OrganisationDiffers(first=first.organisation, second=second.organisation)
