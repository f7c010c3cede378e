"""Admit persons, and name those who act: alone in a role, or two together."""

from sqlmodel import Session, col, or_, select

from backend.identity.rules import Person, PersonAlreadyKnown, Role, require_role, require_two_people
from backend.identity.tables import PersonRow, person_of


def admit_person(session: Session, person: Person) -> None:
    """Remember a person with their organisation, roles and key.

    Raises:
        PersonAlreadyKnown: the name or the key is somebody's already.
    """
    taken = session.exec(
        select(PersonRow).where(or_(col(PersonRow.id) == person.id, col(PersonRow.signer) == person.signer))
    ).first()
    if taken is not None:
        raise PersonAlreadyKnown(person=taken.id, signer=taken.signer)
    session.add(
        PersonRow(
            id=person.id,
            organisation=person.organisation,
            roles=sorted(role.value for role in person.roles),
            signer=person.signer,
            active=person.active,
        )
    )
    session.flush()


def dismiss_person(session: Session, person_id: str) -> None:
    """From now on this person acts for nobody; what they did stays theirs.

    Raises:
        PersonUnknown: there is nobody of that name.
    """
    person_of(session, person_id)
    row = session.get_one(PersonRow, person_id)
    row.active = False
    session.flush()


def person_in_role(session: Session, person_id: str, role: Role) -> Person:
    """The person, proven to act in that role.

    Raises:
        PersonUnknown: there is nobody of that name.
        PersonLeft: they no longer act.
        RoleMissing: they act in other roles.
    """
    person = person_of(session, person_id)
    require_role(person, role)
    return person


def two_people_in_role(session: Session, first_id: str, second_id: str, role: Role) -> tuple[Person, Person]:
    """Two different people of one organisation who both act in that role.

    Raises:
        PersonUnknown: one of the names is nobody's.
        PersonLeft: one of them no longer acts.
        RoleMissing: one of them acts in other roles.
        SamePerson: both names lead to one person or one key.
        OrganisationDiffers: they act for different organisations.
    """
    first, second = (person_in_role(session, each, role) for each in (first_id, second_id))
    require_two_people(first, second)
    return first, second
