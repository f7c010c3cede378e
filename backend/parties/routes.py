"""The registry over the API: registrars of the bank enrol, two of them suspend, everybody reads their own."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlmodel import Session

from backend.identity.permissions import Caller, Permission, PersonNeeded, require_person
from backend.identity.rules import OrganisationDiffers, Role, RoleMissing, SamePerson
from backend.parties import actions as parties
from backend.parties.enrolling import (
    AlreadyEnrolled,
    AlreadyPast,
    KeyReserved,
    NoEnroller,
    NoGuardian,
    Registry,
)
from backend.parties.listing import devices_after, parties_after, parties_seen, sites_after
from backend.parties.rules import (
    DeviceUnknown,
    IdentityNotCommitted,
    NameTaken,
    PartyUnknown,
    SiteUnknown,
    identity_commitment,
)
from backend.parties.scope import sees_all, sees_site, sites_of
from backend.parties.shapes import (
    CalibrationForm,
    DeviceForm,
    DeviceShown,
    LicenceForm,
    NamingForm,
    PartyForm,
    PartyShown,
    PersonForm,
    SiteForm,
    SiteShown,
    SuspensionForm,
    device_shown,
    party_shown,
    site_shown,
)
from backend.parties.tables import DEVICE, PARTY, SITE
from backend.settings import Settings
from backend.web.acts import Intended, intended
from backend.web.amounts import WAITS
from backend.web.caller import may
from backend.web.forms import NAME, NameInPath, word
from backend.web.pages import Limit, Page, page
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.two import OtherContentWaits, TwoDep, TwoPeople
from backend.web.work import Awaiting, LookDep, Once, OnceDep, TimesDep
from contracts.keystore import Keystore
from iot_bridge.evidence.statement import name32

router = APIRouter(prefix="/v1", tags=["registry"])
START = "0x" + "00" * 32
AfterWord = Annotated[
    str, Query(pattern=r"^0x[0-9a-f]{64}$", description="`next` of the page before.", examples=[START])
]
SiteAsked = Annotated[str, Query(pattern=NAME, examples=["yard-1"])]
Reader = Annotated[Caller, Depends(may(Permission.REGISTRY_READ))]
Registrar = Annotated[Caller, Depends(may(Permission.REGISTRY_ENROL))]
ENROLS = (NoEnroller, PersonNeeded, AlreadyEnrolled)
SUSPENDS = (NoGuardian, PersonNeeded, RoleMissing, SamePerson, OrganisationDiffers, OtherContentWaits)


def registry(
    settings: Annotated[Settings, Depends(port(Settings))], keys: Annotated[Keystore, Depends(port(Keystore))]
) -> Registry:
    """Where enrolments are decided."""
    return Registry(
        keys=keys,
        enroller=settings.enroller,
        guardian=settings.guardian,
        reserved=frozenset({settings.witness_signer}),
    )


RegistryDep = Annotated[Registry, Depends(registry)]


@router.get("/parties")
def list_parties(
    look: LookDep, caller: Reader, after: AfterWord = START, limit: Limit = 50
) -> Page[PartyShown]:
    """Enrolled parties: the bank and auditors see all, others themselves and those of their sites."""

    def question(session: Session) -> Page[PartyShown]:
        found = parties_after(session, parties_seen(session, caller), word(after), limit + 1)
        return page(
            found,
            limit,
            shown=lambda row: party_shown(session, row.party),
            key=lambda row: "0x" + row.party.hex(),
        )

    return look(question)


@router.get("/parties/{party}", responses=refusals(PartyUnknown))
def get_party(look: LookDep, caller: Reader, party: NameInPath) -> PartyShown:
    """One party that the caller may see."""

    def question(session: Session) -> PartyShown:
        seen = parties_seen(session, caller)
        if seen is not None and name32(party) not in seen:
            raise PartyUnknown(party="0x" + name32(party).hex())
        return party_shown(session, name32(party))

    return look(question)


@router.post(
    "/parties",
    status_code=202,
    response_model=Intended,
    responses=refusals(*ENROLS, KeyReserved, IdentityNotCommitted),
)
def enrol_party(body: PartyForm, once: OnceDep, desk: RegistryDep, caller: Registrar) -> Response:
    """Enrol a party; the ledger keeps a salted commitment to its particulars, and no name."""
    require_person(caller)
    desk.require_enroller()
    account = desk.account(body.account or body.party)
    identity = identity_commitment(body.particulars.particulars())
    return _intend(
        once,
        caller,
        lambda session: desk.enrol_party(
            session, body.party, account=account, capacities=body.flags(), identity=identity
        ),
    )


@router.post(
    "/parties/{party}/name",
    response_model=PartyShown,
    responses=refusals(PartyUnknown, PersonNeeded, IdentityNotCommitted, NameTaken),
)
def name_party(party: NameInPath, body: NamingForm, once: OnceDep, caller: Registrar) -> Response:
    """Enter an enrolled party in the bank's own register, under the particulars that it was enrolled with."""

    def effect(session: Session) -> PartyShown:
        require_person(caller)
        parties.name_party(session, name32(party), body.name, body.particulars())
        return party_shown(session, name32(party))

    return once(effect)


@router.post(
    "/parties/{party}/people",
    status_code=202,
    response_model=Intended,
    responses=refusals(*ENROLS, KeyReserved, PartyUnknown),
)
def enrol_person(
    party: NameInPath, body: PersonForm, once: OnceDep, desk: RegistryDep, caller: Registrar
) -> Response:
    """Let a person sign for a party what takes two people on the ledger."""
    require_person(caller)
    desk.require_enroller()
    person = desk.account(body.person)
    return _intend(once, caller, lambda session: desk.enrol_person(session, party, person))


@router.get("/sites")
def list_sites(look: LookDep, caller: Reader, after: AfterWord = START, limit: Limit = 50) -> Page[SiteShown]:
    """Enrolled sites: the bank and auditors see all, others those that concern them."""

    def question(session: Session) -> Page[SiteShown]:
        seen = None if sees_all(caller) else sites_of(session, caller)
        found = sites_after(session, seen, word(after), limit + 1)
        return page(
            found,
            limit,
            shown=lambda row: site_shown(session, row.site),
            key=lambda row: "0x" + row.site.hex(),
        )

    return look(question)


@router.get("/sites/{site}", responses=refusals(SiteUnknown))
def get_site(look: LookDep, caller: Reader, site: NameInPath) -> SiteShown:
    """One site that concerns the caller."""

    def question(session: Session) -> SiteShown:
        _require_seen(session, caller, name32(site))
        return site_shown(session, name32(site))

    return look(question)


@router.post(
    "/sites",
    status_code=202,
    response_model=Intended,
    responses=refusals(*ENROLS, PartyUnknown, AlreadyPast),
)
def enrol_site(
    body: SiteForm, once: OnceDep, times: TimesDep, desk: RegistryDep, caller: Registrar
) -> Response:
    """Enrol a site of an enrolled operator."""
    return _intend(
        once,
        caller,
        lambda session: desk.enrol_site(
            session,
            body.site,
            operator=body.operator,
            bridge=body.bridge,
            licence=word(body.licence),
            licensed_until=body.licensed_until,
            max_age_blocks=body.max_age_blocks,
            now=times.wall.now(),
        ),
    )


@router.post(
    "/sites/{site}/licence",
    status_code=202,
    response_model=Intended,
    responses=refusals(NoEnroller, PersonNeeded, SiteUnknown, AlreadyPast),
)
def renew_licence(
    site: NameInPath,
    body: LicenceForm,
    once: OnceDep,
    times: TimesDep,
    desk: RegistryDep,
    caller: Registrar,
) -> Response:
    """Record a new licence of a site."""
    return _intend(
        once,
        caller,
        lambda session: desk.renew_licence(
            session, site, licence=word(body.licence), until=body.licensed_until, now=times.wall.now()
        ),
    )


@router.get("/devices", responses=refusals(SiteUnknown))
def list_devices(
    look: LookDep, caller: Reader, site: SiteAsked, after: AfterWord = START, limit: Limit = 50
) -> Page[DeviceShown]:
    """Devices of a site that concerns the caller."""

    def question(session: Session) -> Page[DeviceShown]:
        _require_seen(session, caller, name32(site))
        found = devices_after(session, name32(site), word(after), limit + 1)
        return page(
            found,
            limit,
            shown=lambda row: device_shown(session, row.device),
            key=lambda row: "0x" + row.device.hex(),
        )

    return look(question)


@router.get("/devices/{device}", responses=refusals(DeviceUnknown))
def get_device(look: LookDep, caller: Reader, device: NameInPath) -> DeviceShown:
    """One device at a site that concerns the caller, with its keys."""

    def question(session: Session) -> DeviceShown:
        if not sees_site(session, caller, parties.device(session, name32(device)).site):
            raise DeviceUnknown(device="0x" + name32(device).hex())
        return device_shown(session, name32(device))

    return look(question)


@router.post(
    "/devices",
    status_code=202,
    response_model=Intended,
    responses=refusals(*ENROLS, SiteUnknown, PartyUnknown, AlreadyPast),
)
def enrol_device(
    body: DeviceForm, once: OnceDep, times: TimesDep, desk: RegistryDep, caller: Registrar
) -> Response:
    """Enrol a device with its first key at an enrolled site."""
    return _intend(
        once,
        caller,
        lambda session: desk.enrol_device(
            session,
            body.device,
            site=body.site,
            host=body.host,
            commissioner=body.commissioner,
            key=body.key,
            calibrated_until=body.calibrated_until,
            now=times.wall.now(),
        ),
    )


@router.post(
    "/devices/{device}/calibration",
    status_code=202,
    response_model=Intended,
    responses=refusals(NoEnroller, PersonNeeded, DeviceUnknown, AlreadyPast),
)
def calibrate_device(
    device: NameInPath,
    body: CalibrationForm,
    once: OnceDep,
    times: TimesDep,
    desk: RegistryDep,
    caller: Registrar,
) -> Response:
    """Record a new calibration of a device."""
    return _intend(
        once,
        caller,
        lambda session: desk.calibrate(session, device, until=body.calibrated_until, now=times.wall.now()),
    )


@router.post(
    "/parties/{party}/suspension",
    response_model=Intended,
    responses=WAITS | refusals(*SUSPENDS, PartyUnknown),
)
def suspend_party(
    party: NameInPath, body: SuspensionForm, once: OnceDep, two: TwoDep, desk: RegistryDep, _: Registrar
) -> Response:
    """Take a party's standing, or give it back; two registrars do."""
    return _suspend(PARTY, party, body, once, two, desk)


@router.post(
    "/sites/{site}/suspension", response_model=Intended, responses=WAITS | refusals(*SUSPENDS, SiteUnknown)
)
def suspend_site(
    site: NameInPath, body: SuspensionForm, once: OnceDep, two: TwoDep, desk: RegistryDep, _: Registrar
) -> Response:
    """Take a site's standing, or give it back; two registrars do."""
    return _suspend(SITE, site, body, once, two, desk)


@router.post(
    "/devices/{device}/suspension",
    response_model=Intended,
    responses=WAITS | refusals(*SUSPENDS, DeviceUnknown),
)
def suspend_device(
    device: NameInPath, body: SuspensionForm, once: OnceDep, two: TwoDep, desk: RegistryDep, _: Registrar
) -> Response:
    """Take a device's standing, or give it back; two registrars do."""
    return _suspend(DEVICE, device, body, once, two, desk)


def _intend(once: Once, caller: Caller, decide: Callable[[Session], str]) -> Response:
    """The act of the ledger that a person at the registry decides, by its key."""

    def effect(session: Session) -> Intended:
        require_person(caller)
        return intended(session, decide(session))

    return once(effect, status=202)


def _suspend(
    kind: str, name: str, body: SuspensionForm, once: Once, two: TwoPeople, desk: Registry
) -> Response:
    act = {PARTY: "parties.suspend", SITE: "sites.suspend", DEVICE: "devices.suspend"}[kind]
    exists = {PARTY: parties.party, SITE: parties.site, DEVICE: parties.device}[kind]

    def effect(session: Session) -> Intended | Awaiting:
        desk.require_guardian()
        exists(session, name32(name))
        both = two.both(session, act=act, subject=f"{kind}:{name}", role=Role.REGISTRAR, content=body)
        if isinstance(both, Awaiting):
            return both
        return intended(session, desk.suspend(session, kind, name, suspended=body.suspended))

    return once(effect)


def _require_seen(session: Session, caller: Caller, site: bytes) -> None:
    if not sees_site(session, caller, site):
        raise SiteUnknown(site="0x" + site.hex())
