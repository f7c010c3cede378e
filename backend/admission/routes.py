"""Sessions, people, organisations and API keys over HTTP."""

from datetime import UTC
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy import Engine
from sqlmodel import Session

from backend.admission.forms import (
    Asked,
    KeyMade,
    KeyShown,
    Me,
    NewKey,
    NewOrganisation,
    NewPassword,
    NewPerson,
    OrganisationShown,
    PersonAdmitted,
    PersonShown,
    SessionShown,
    SignIn,
)
from backend.db import carry_out
from backend.identity import accounts, admitting, keys
from backend.identity.credentials import CredentialRefused
from backend.identity.passwords import PasswordTooWeak
from backend.identity.permissions import Caller, Permission, PermissionMissing, PersonNeeded, require_person
from backend.identity.rules import PersonAlreadyKnown, PersonUnknown, Role, SamePerson
from backend.web.caller import bearer, current_caller, may
from backend.web.pages import AfterName, Limit, Page, page
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.two import OtherContentWaits, TwoDep
from backend.web.work import Awaiting, LookDep, OnceDep, TimesDep
from contracts.keystore import Keystore

router = APIRouter(prefix="/v1", tags=["identity"])
EngineDep = Annotated[Engine, Depends(port(Engine))]
CallerDep = Annotated[Caller, Depends(current_caller)]
KeystoreDep = Annotated[Keystore, Depends(port(Keystore))]
WAITS: Final[dict[int | str, dict[str, Any]]] = {202: {"model": Awaiting}}


@router.post("/sessions", status_code=201, responses=refusals(accounts.SignInRefused, accounts.TooManyTries))
def sign_in(body: SignIn, engine: EngineDep, times: TimesDep) -> SessionShown:
    """Begin a session of 12 hours, which also ends after 30 minutes without use.

    With a first password it permits only to change it. Wrong passwords make the name wait, ever longer.
    """
    password = body.password.get_secret_value()
    return SessionShown.of(accounts.sign_in(engine, body.person, password, times.wall.now()))


@router.delete("/sessions/current", status_code=204, responses=refusals(CredentialRefused))
def sign_out(
    _caller: CallerDep,
    credential: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    engine: EngineDep,
    times: TimesDep,
) -> None:
    """End the session that the request's token stands for."""
    now = times.wall.now()
    carry_out(engine, lambda session: accounts.sign_out(session, credential.credentials, now))


@router.get("/me")
def who_am_i(caller: CallerDep) -> Me:
    """Whom the credential stands for, and what it may ask for."""
    return Me.of(caller)


@router.put(
    "/me/password",
    status_code=204,
    responses=refusals(accounts.SignInRefused, accounts.TooManyTries, PasswordTooWeak, PersonNeeded),
)
def change_password(body: NewPassword, caller: CallerDep, engine: EngineDep, times: TimesDep) -> None:
    """Take a new password; every session of the person ends, this one too."""
    person = require_person(caller)
    old, new = body.old.get_secret_value(), body.new.get_secret_value()
    accounts.change_password(engine, person, old, new, times.wall.now())


@router.post(
    "/organisations",
    status_code=201,
    response_model=OrganisationShown,
    responses=refusals(admitting.OrganisationKnown),
)
def admit_organisation(
    body: NewOrganisation,
    once: OnceDep,
    _caller: Annotated[Caller, Depends(may(Permission.ORGANISATIONS_ADMINISTER))],
) -> Response:
    """Let an organisation be known; its first administrator is admitted next."""

    def effect(session: Session) -> OrganisationShown:
        return OrganisationShown.of(admitting.admit_organisation(session, body.kind, body.id))

    return once(effect, status=201)


@router.get("/organisations")
def list_organisations(
    look: LookDep,
    _caller: Annotated[Caller, Depends(may(Permission.ORGANISATIONS_ADMINISTER))],
    after: AfterName = "",
    limit: Limit = 50,
) -> Page[OrganisationShown]:
    """Every organisation, in the order of their ids."""
    found = look(lambda session: admitting.organisations(session, after, limit + 1))
    return page(found, limit, shown=OrganisationShown.of, key=lambda row: row.id)


@router.post(
    "/people",
    status_code=201,
    response_model=PersonAdmitted,
    responses=WAITS
    | refusals(
        PersonAlreadyKnown,
        PermissionMissing,
        PersonNeeded,
        SamePerson,
        OtherContentWaits,
        admitting.OrganisationUnknown,
        admitting.RoleNotOfKind,
        admitting.NotYourOrganisation,
    ),
)
def admit_person(
    body: NewPerson, caller: CallerDep, once: OnceDep, two: TwoDep, keystore: KeystoreDep, times: TimesDep
) -> Response:
    """Admit a person to one's own organisation, or as registrar the first administrator of another.

    At the bank the roles that move money, sign or admit take two administrators, once it has two: the second
    asks for the very same and is told the first password.
    """
    organisation = body.organisation or caller.organisation

    def effect(session: Session) -> PersonAdmitted | Awaiting:
        require_person(caller)
        admitting.require_may_admit(session, caller, organisation, body.roles)
        own = organisation == caller.organisation
        if own and admitting.needs_two(session, caller, body.roles):
            both = two.both(
                session,
                act="people.admit",
                subject=f"person:{body.id}",
                role=Role.ADMINISTRATOR,
                content=Asked(id=body.id, roles=sorted(body.roles)),
            )
            if isinstance(both, Awaiting):
                return both
        return PersonAdmitted.told(
            admitting.admit(
                session,
                body.id,
                organisation,
                body.roles,
                make_key=lambda name: keystore.ensure([name]),
                now=times.wall.now(),
            )
        )

    return once(effect, status=201)


@router.get("/people")
def list_people(
    look: LookDep,
    caller: Annotated[Caller, Depends(may(Permission.PEOPLE_ADMINISTER))],
    after: AfterName = "",
    limit: Limit = 50,
) -> Page[PersonShown]:
    """People of one's own organisation, dismissed ones too, in the order of their names."""
    found = look(lambda session: admitting.people_of(session, caller.organisation, after, limit + 1))
    return page(found, limit, shown=PersonShown.of, key=lambda row: row.id)


@router.post(
    "/people/{person}/dismiss",
    response_model=PersonShown,
    responses=refusals(PersonUnknown, PersonNeeded, admitting.LastAdministrator),
)
def dismiss_person(
    person: str,
    once: OnceDep,
    caller: Annotated[Caller, Depends(may(Permission.PEOPLE_ADMINISTER))],
    times: TimesDep,
) -> Response:
    """End a person's acting for one's own organisation, and their sessions with it."""

    def effect(session: Session) -> PersonShown:
        require_person(caller)
        return PersonShown.of(admitting.dismiss(session, caller, person, times.wall.now()))

    return once(effect)


@router.post(
    "/people/{person}/password",
    response_model=PersonAdmitted,
    responses=WAITS | refusals(PersonUnknown, PersonNeeded, SamePerson),
)
def renew_password(
    person: str,
    caller: Annotated[Caller, Depends(may(Permission.PEOPLE_ADMINISTER))],
    two: TwoDep,
    once: OnceDep,
    times: TimesDep,
) -> Response:
    """Give somebody of one's own organisation who forgot their password a first one again.

    It takes two administrators where admitting the person would.
    """

    def effect(session: Session) -> PersonAdmitted | Awaiting:
        require_person(caller)
        found = admitting.own_person(session, caller, person)
        if admitting.needs_two(session, caller, found.roles):
            both = two.both(
                session, act="people.password", subject=f"person:{person}", role=Role.ADMINISTRATOR
            )
            if isinstance(both, Awaiting):
                return both
        return PersonAdmitted.told(admitting.renew_password(session, found, times.wall.now()))

    return once(effect)


@router.post(
    "/keys",
    status_code=201,
    response_model=KeyMade,
    responses=refusals(PersonNeeded, keys.PermissionNotForKeys, keys.KeyLastsTooLong),
)
def make_key(
    body: NewKey,
    once: OnceDep,
    caller: Annotated[Caller, Depends(may(Permission.KEYS_ADMINISTER))],
    times: TimesDep,
) -> Response:
    """Make a key for a machine of one's own organisation; its secret is told in this answer only."""

    def effect(session: Session) -> KeyMade:
        ends = body.expires_at.astimezone(UTC)
        row, secret = keys.make_key(session, caller, body.permissions, expires_at=ends, now=times.wall.now())
        return KeyMade.told(row, secret)

    return once(effect, status=201)


@router.get("/keys")
def list_keys(
    look: LookDep,
    caller: Annotated[Caller, Depends(may(Permission.KEYS_ADMINISTER))],
    after: AfterName = "",
    limit: Limit = 50,
) -> Page[KeyShown]:
    """Keys of one's own organisation, without their secrets."""
    found = look(lambda session: keys.keys_of(session, caller.organisation, after, limit + 1))
    return page(found, limit, shown=KeyShown.of, key=lambda row: row.id)


@router.delete("/keys/{key}", response_model=KeyShown, responses=refusals(keys.ApiKeyUnknown))
def revoke_key(
    key: str,
    once: OnceDep,
    caller: Annotated[Caller, Depends(may(Permission.KEYS_ADMINISTER))],
    times: TimesDep,
) -> Response:
    """Let a key open nothing from now on; it stays in the list."""
    now = times.wall.now()
    return once(lambda session: KeyShown.of(keys.revoke_key(session, caller, key, now)))
