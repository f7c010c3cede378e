"""Four eyes are two people: not two names, not two keys of one hand, not two organisations."""

import pytest
from sqlalchemy import Engine

from backend.db import reading, transaction
from backend.identity.actions import admit_person, dismiss_person, person_in_role, two_people_in_role
from backend.identity.rules import (
    OrganisationDiffers,
    Person,
    PersonAlreadyKnown,
    PersonLeft,
    PersonUnknown,
    Role,
    RoleMissing,
    SamePerson,
)

OFFICER = frozenset({Role.COLLATERAL_OFFICER})
BANK = "bank.first"


@pytest.fixture
def engine(database: Engine) -> Engine:
    with transaction(database) as session:
        admit_person(session, Person("officer.one", BANK, OFFICER, "bank.officer.one"))
        admit_person(session, Person("officer.two", BANK, OFFICER, "bank.officer.two"))
        admit_person(session, Person("keeper.one", "operator.first", OFFICER, "operator.keeper"))
    return database


def test_two_officers_of_one_bank_are_two_people(engine: Engine) -> None:
    with reading(engine) as session:
        first, second = two_people_in_role(session, "officer.one", "officer.two", Role.COLLATERAL_OFFICER)
    assert (first.signer, second.signer) == ("bank.officer.one", "bank.officer.two")


def test_one_name_twice_is_one_person(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(SamePerson):
        two_people_in_role(session, "officer.one", "officer.one", Role.COLLATERAL_OFFICER)


def test_people_of_two_organisations_do_not_make_one_act(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(OrganisationDiffers):
        two_people_in_role(session, "officer.one", "keeper.one", Role.COLLATERAL_OFFICER)


def test_a_role_that_was_not_given_is_refused(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(RoleMissing) as refusal:
        person_in_role(session, "officer.one", Role.APPROVER)
    assert refusal.value.facts == {"person": "officer.one", "role": "approver"}


def test_who_has_left_acts_no_more(engine: Engine) -> None:
    with transaction(engine) as session:
        dismiss_person(session, "officer.two")
    with reading(engine) as session, pytest.raises(PersonLeft):
        two_people_in_role(session, "officer.one", "officer.two", Role.COLLATERAL_OFFICER)


def test_nobody_is_nobody(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(PersonUnknown):
        person_in_role(session, "officer.nine", Role.APPROVER)


@pytest.mark.parametrize(
    ("name", "signer"), [("officer.one", "bank.officer.new"), ("officer.new", "bank.officer.one")]
)
def test_a_name_or_key_that_is_taken_is_refused_and_changes_nothing(
    engine: Engine, name: str, signer: str
) -> None:
    with pytest.raises(PersonAlreadyKnown), transaction(engine) as session:
        admit_person(session, Person(name, BANK, frozenset({Role.APPROVER}), signer))
    with reading(engine) as session:
        assert person_in_role(session, "officer.one", Role.COLLATERAL_OFFICER).signer == "bank.officer.one"
