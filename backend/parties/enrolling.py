"""Enrolments in the ledger's registry: each is an act of the bank's enroller, a suspension of its guardian.

They are decided here and become true when the ledger confirms them; what the ledger would refuse anyway is
refused at once where confirmed events show it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from backend.chain import actions as chain
from backend.errors import Invalid, Unavailable, WrongState
from backend.parties.rules import Capacity
from backend.parties.tables import (
    DEVICE,
    PARTY,
    SITE,
    DeviceRow,
    PartyRow,
    SiteRow,
    device_facts,
    party_facts,
    party_id_of_account,
    party_id_of_person,
    site_facts,
)
from contracts.keystore import Keystore
from iot_bridge.evidence.signature import checksum_address
from iot_bridge.evidence.statement import name32

CONTRACT: Final = "PartyRegistry"
SUSPENSIONS: Final = {PARTY: "suspendParty", SITE: "suspendSite", DEVICE: "suspendDevice"}


class NoEnroller(Unavailable):
    """This installation was not told which key enrols; set `TALLYSTICK_ENROLLER`."""

    code = "parties.no_enroller"


class NoGuardian(Unavailable):
    """This installation was not told which key suspends; set `TALLYSTICK_GUARDIAN`."""

    code = "parties.no_guardian"


class AlreadyEnrolled(WrongState):
    """Confirmed events enrolled it already, or gave the address a role."""

    code = "parties.already_enrolled"


class AlreadyPast(Invalid):
    """It would have ended before it began."""

    code = "parties.already_past"


class KeyReserved(Invalid):
    """The key of that name enrols, suspends or witnesses for the bank, and can be nobody's account."""

    code = "parties.key_reserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where enrolments are decided.

    Attributes:
        keys: the bank's keystore, which keeps accounts of those who have no wallet of their own.
        enroller: the keystore's name of the key that the ledger lets enrol.
        guardian: the keystore's name of the key that the ledger lets suspend.
        reserved: further names of keys that are nobody's account.
    """

    keys: Keystore
    enroller: str | None
    guardian: str | None
    reserved: frozenset[str] = frozenset()

    def account(self, given: str) -> str:
        """The address given, or that of the keystore's key of this name, made where there is none.

        Raises:
            KeyReserved: the key has another office.
        """
        if given.startswith("0x"):
            return checksum_address(given)
        if given in self.reserved | {self.enroller, self.guardian}:
            raise KeyReserved(name=given)
        return self.keys.ensure([given])[given]

    def require_enroller(self) -> str:
        """The name of the key that enrols.

        Raises:
            NoEnroller: there is none.
        """
        if self.enroller is None:
            raise NoEnroller
        return self.enroller

    def require_guardian(self) -> str:
        """The name of the key that suspends.

        Raises:
            NoGuardian: there is none.
        """
        if self.guardian is None:
            raise NoGuardian
        return self.guardian

    def enrol_party(
        self, session: Session, party: str, *, account: str, capacities: Capacity, identity: bytes
    ) -> str:
        """Enrol a party under that account; the act's key.

        Raises:
            AlreadyEnrolled: the party is, or the account has a role.
        """
        if session.get(PartyRow, name32(party)) is not None:
            raise AlreadyEnrolled(party=party)
        _require_free(session, account)
        args = {
            "party": name32(party),
            "account": account,
            "capacities": int(capacities),
            "identity": identity,
        }
        return self._enrol(session, f"enrol-party:{party}", "enrolParty", args)

    def enrol_person(self, session: Session, party: str, person: str) -> str:
        """Let the person behind an address sign for an enrolled party; the act's key.

        Raises:
            PartyUnknown: the party is not enrolled.
            AlreadyEnrolled: the address has a role.
        """
        party_facts(session, name32(party))
        _require_free(session, person)
        args = {"party": name32(party), "person": person}
        return self._enrol(session, f"enrol-person:{party}:{person}", "enrolPerson", args)

    def enrol_site(
        self,
        session: Session,
        site: str,
        *,
        operator: str,
        bridge: str,
        licence: bytes,
        licensed_until: datetime,
        max_age_blocks: int,
        now: datetime,
    ) -> str:
        """Enrol a site of an enrolled operator; the act's key.

        Raises:
            AlreadyEnrolled: the site is, or the bridge's address has a role.
            PartyUnknown: the operator is not enrolled.
            AlreadyPast: the licence has run out.
        """
        if session.get(SiteRow, name32(site)) is not None:
            raise AlreadyEnrolled(site=site)
        party_facts(session, name32(operator))
        _require_free(session, bridge)
        args = {
            "site": name32(site),
            "operator": name32(operator),
            "bridge": checksum_address(bridge),
            "licence": licence,
            "licensedUntil": _ahead(licensed_until, now),
            "maxAgeBlocks": max_age_blocks,
        }
        return self._enrol(session, f"enrol-site:{site}", "enrolSite", args)

    def enrol_device(
        self,
        session: Session,
        device: str,
        *,
        site: str,
        host: str,
        commissioner: str,
        key: str,
        calibrated_until: datetime,
        now: datetime,
    ) -> str:
        """Enrol a device at an enrolled site with its first key; the act's key.

        Raises:
            AlreadyEnrolled: the device is, or the key's address has a role.
            SiteUnknown: the site is not enrolled.
            PartyUnknown: host or commissioner is not.
            AlreadyPast: the calibration has run out.
        """
        if session.get(DeviceRow, name32(device)) is not None:
            raise AlreadyEnrolled(device=device)
        site_facts(session, name32(site))
        for each in (host, commissioner):
            party_facts(session, name32(each))
        _require_free(session, key)
        args = {
            "device": name32(device),
            "site": name32(site),
            "host": name32(host),
            "commissioner": name32(commissioner),
            "key": checksum_address(key),
            "calibratedUntil": _ahead(calibrated_until, now),
        }
        return self._enrol(session, f"enrol-device:{device}", "enrolDevice", args)

    def renew_licence(
        self, session: Session, site: str, *, licence: bytes, until: datetime, now: datetime
    ) -> str:
        """Record a new licence of an enrolled site; the act's key.

        Raises:
            SiteUnknown: the site is not enrolled.
            AlreadyPast: the licence has run out.
        """
        site_facts(session, name32(site))
        args = {"site": name32(site), "licence": licence, "licensedUntil": _ahead(until, now)}
        return self._enrol(session, _numbered(f"renew-licence:{site}"), "renewLicence", args)

    def calibrate(self, session: Session, device: str, *, until: datetime, now: datetime) -> str:
        """Record a new calibration of an enrolled device; the act's key.

        Raises:
            DeviceUnknown: the device is not enrolled.
            AlreadyPast: the calibration has run out.
        """
        device_facts(session, name32(device))
        args = {"device": name32(device), "calibratedUntil": _ahead(until, now)}
        return self._enrol(session, _numbered(f"calibrate-device:{device}"), "calibrateDevice", args)

    def suspend(self, session: Session, kind: str, name: str, *, suspended: bool) -> str:
        """Take the standing of a party, site or device, or give it back; the act's key.

        Raises:
            NoGuardian: no key suspends here.
        """
        signer = self.require_guardian()
        key = _numbered(f"suspend-{kind}:{name}")
        chain.intend(
            session,
            key=key,
            signer=signer,
            contract=CONTRACT,
            function=SUSPENSIONS[kind],
            args={kind: name32(name), "suspended": suspended},
        )
        return key

    def _enrol(self, session: Session, base: str, function: str, args: dict[str, Any]) -> str:
        key = chain.fresh_key(session, base)
        signer = self.require_enroller()
        chain.intend(session, key=key, signer=signer, contract=CONTRACT, function=function, args=args)
        return key


def _require_free(session: Session, address: str) -> None:
    """Refuse an address that is a party's account or a person's: none has two roles."""
    party = party_id_of_account(session, checksum_address(address))
    party = party or party_id_of_person(session, checksum_address(address))
    if party is not None:
        raise AlreadyEnrolled(address=address)


def _ahead(until: datetime, now: datetime) -> int:
    if until <= now:
        raise AlreadyPast(until=until.isoformat(), now=now.isoformat())
    return int(until.timestamp())


def _numbered(base: str) -> str:
    """A key for an act that may be done again with the same content."""
    return f"{base}:{secrets.token_hex(8)}"
