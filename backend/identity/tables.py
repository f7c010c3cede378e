"""Persons as rows, and the queries on them."""

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel

from backend.identity.rules import Person, PersonUnknown, Role


class PersonRow(SQLModel, table=True):
    """One person; the key is only named here and lies in the keystore."""

    __tablename__ = "person"

    id: str = Field(primary_key=True, max_length=32)
    organisation: str = Field(max_length=32)
    roles: list[str] = Field(sa_type=JSON)
    signer: str = Field(max_length=32, unique=True)
    active: bool = True


def person_of(session: Session, person_id: str) -> Person:
    """The person of that name.

    Raises:
        PersonUnknown: there is none.
    """
    row = session.get(PersonRow, person_id)
    if row is None:
        raise PersonUnknown(person=person_id)
    return person_in_words(row)


def person_in_words(row: PersonRow) -> Person:
    """The row as others see it."""
    return Person(
        id=row.id,
        organisation=row.organisation,
        roles=frozenset(Role(role) for role in row.roles),
        signer=row.signer,
        active=row.active,
    )
