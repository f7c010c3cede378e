"""Pages of the registry as confirmed events have it, and whom each caller may see in it."""

from sqlmodel import Session, col, select

from backend.identity.permissions import Caller
from backend.parties.scope import party_of, sees_all, sites_of
from backend.parties.tables import DeviceKeyRow, DeviceRow, PartyRow, SiteRow

MOST_KEYS = 100


def parties_seen(session: Session, caller: Caller) -> frozenset[bytes] | None:
    """The caller's own party and those who have to do with their sites; None stands for everybody."""
    if sees_all(caller):
        return None
    sites = sites_of(session, caller)
    operators = session.exec(select(SiteRow.operator).where(col(SiteRow.site).in_(sites))).all()
    watching = session.exec(
        select(DeviceRow.host, DeviceRow.commissioner).where(col(DeviceRow.site).in_(sites))
    ).all()
    return frozenset((party_of(caller), *operators, *(each for pair in watching for each in pair)))


def parties_after(
    session: Session, seen: frozenset[bytes] | None, after: bytes, limit: int
) -> list[PartyRow]:
    """Parties in the order of their ids, from behind `after`."""
    wanted = select(PartyRow).where(col(PartyRow.party) > after)
    if seen is not None:
        wanted = wanted.where(col(PartyRow.party).in_(seen))
    return list(session.exec(wanted.order_by(col(PartyRow.party)).limit(limit)).all())


def sites_after(session: Session, seen: frozenset[bytes] | None, after: bytes, limit: int) -> list[SiteRow]:
    """Sites in the order of their ids, from behind `after`."""
    wanted = select(SiteRow).where(col(SiteRow.site) > after)
    if seen is not None:
        wanted = wanted.where(col(SiteRow.site).in_(seen))
    return list(session.exec(wanted.order_by(col(SiteRow.site)).limit(limit)).all())


def devices_after(session: Session, site: bytes, after: bytes, limit: int) -> list[DeviceRow]:
    """Devices of a site in the order of their ids, from behind `after`."""
    wanted = select(DeviceRow).where(DeviceRow.site == site, col(DeviceRow.device) > after)
    return list(session.exec(wanted.order_by(col(DeviceRow.device)).limit(limit)).all())


def keys_of(session: Session, device: bytes) -> list[DeviceKeyRow]:
    """The device's keys, newest first."""
    wanted = select(DeviceKeyRow).where(DeviceKeyRow.device == device)
    return list(session.exec(wanted.order_by(col(DeviceKeyRow.epoch).desc()).limit(MOST_KEYS)).all())
