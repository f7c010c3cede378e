"""What other capabilities may ask about parties, sites and devices, and how the bank names a party."""

from collections.abc import Collection

from sqlmodel import Session

from backend.parties.rules import (
    DeviceFacts,
    DeviceKey,
    IdentityNotCommitted,
    NameTaken,
    Particulars,
    PartyFacts,
    PartyUnknown,
    SiteFacts,
    identity_commitment,
)
from backend.parties.tables import (
    PartyNameRow,
    device_facts,
    device_ids_at,
    device_key,
    legal_names,
    party_facts,
    party_id_of_account,
    party_id_of_name,
    party_id_of_person,
    site_facts,
)
from iot_bridge.evidence.signature import checksum_address


def name_party(session: Session, party: bytes, name: str, particulars: Particulars) -> None:
    """Enter a party in the bank's register, under particulars that open its commitment on the ledger.

    Raises:
        PartyUnknown: no confirmed event enrolled the party.
        IdentityNotCommitted: the particulars are not what was committed to.
        NameTaken: the name is another party's.
    """
    facts = party_facts(session, party)
    if identity_commitment(particulars) != facts.identity:
        raise IdentityNotCommitted(party="0x" + party.hex(), legal_name=particulars.legal_name)
    holder = party_id_of_name(session, name)
    if holder not in (None, party):
        raise NameTaken(name=name, party="0x" + (holder or b"").hex())
    session.merge(
        PartyNameRow(
            party=party,
            name=name,
            legal_name=particulars.legal_name,
            address=particulars.address,
            registration=particulars.registration,
            salt=particulars.salt,
        )
    )
    session.flush()


def party(session: Session, party_id: bytes) -> PartyFacts:
    """The party as confirmed events have it.

    Raises:
        PartyUnknown: none enrolled it.
    """
    return party_facts(session, party_id)


def party_named(session: Session, name: str) -> PartyFacts:
    """The party that the bank calls so.

    Raises:
        PartyUnknown: the register has no such name.
    """
    party_id = party_id_of_name(session, name)
    if party_id is None:
        raise PartyUnknown(name=name)
    return party_facts(session, party_id)


def party_of_account(session: Session, account: str) -> PartyFacts:
    """The party whose account this address is.

    Raises:
        PartyUnknown: it is nobody's.
    """
    party_id = party_id_of_account(session, checksum_address(account))
    if party_id is None:
        raise PartyUnknown(account=account)
    return party_facts(session, party_id)


def party_of_person(session: Session, address: str) -> PartyFacts:
    """The party for which the person behind this address may sign.

    Raises:
        PartyUnknown: no such person is enrolled.
    """
    party_id = party_id_of_person(session, checksum_address(address))
    if party_id is None:
        raise PartyUnknown(person=address)
    return party_facts(session, party_id)


def site(session: Session, site_id: bytes) -> SiteFacts:
    """The site as confirmed events have it.

    Raises:
        SiteUnknown: none enrolled it.
    """
    return site_facts(session, site_id)


def device(session: Session, device_id: bytes) -> DeviceFacts:
    """The device as confirmed events have it.

    Raises:
        DeviceUnknown: none enrolled it.
    """
    return device_facts(session, device_id)


def devices_at(session: Session, site_id: bytes) -> list[DeviceFacts]:
    """Every device enrolled at this site."""
    return [device_facts(session, each) for each in device_ids_at(session, site_id)]


def key_of(session: Session, device_id: bytes, epoch: int) -> DeviceKey:
    """The device's key of that epoch, revoked or not.

    Raises:
        KeyEpochUnknown: no confirmed event gave it one.
    """
    return device_key(session, device_id, epoch)


def names_of(session: Session, parties: Collection[bytes]) -> dict[bytes, str]:
    """The legal names of these parties as the bank's register has them; a party without one is left out."""
    return legal_names(session, parties)
