"""What concerns a caller: sites that their organisation operates, or at which a device of theirs stands."""

from sqlmodel import Session, col, or_, select

from backend.identity.permissions import Caller, OrganisationKind
from backend.parties.tables import DeviceRow, SiteRow
from iot_bridge.evidence.statement import name32


def sees_all(caller: Caller) -> bool:
    """Whether the caller looks at everybody's goods and evidence: the bank and its auditors."""
    return caller.kind in (OrganisationKind.BANK, OrganisationKind.AUDITOR)


def party_of(caller: Caller) -> bytes:
    """The caller's party on the ledger."""
    return name32(caller.organisation)


def sites_of(session: Session, caller: Caller) -> frozenset[bytes]:
    """Sites that the caller's party operates, or where it hosts a device or has commissioned one."""
    party = party_of(caller)
    operated = session.exec(select(SiteRow.site).where(SiteRow.operator == party)).all()
    watched = session.exec(
        select(DeviceRow.site).where(or_(col(DeviceRow.host) == party, col(DeviceRow.commissioner) == party))
    ).all()
    return frozenset((*operated, *watched))


def sees_site(session: Session, caller: Caller, site: bytes) -> bool:
    """Whether what happens at the site concerns the caller."""
    return sees_all(caller) or site in sites_of(session, caller)
