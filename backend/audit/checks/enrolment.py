"""Who may speak: parties, sites and devices as the registry enrolled them, and who witnessed heads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from backend.audit.case import Case, Device
from backend.audit.events import PARTIES, Event, Told
from backend.audit.report import Found, counted
from backend.audit.statements import Said
from backend.errors import Invalid
from iot_bridge.evidence.log import genesis_entry, leaf_hash
from iot_bridge.evidence.statement import name_of

DEPOSITOR: Final = 1
OPERATOR: Final = 2
LENDER: Final = 4
INSPECTOR: Final = 8
PERSONS_AT_LEAST: Final = 2


class EnrolmentMissing(Invalid):
    """An event speaks of a party or a site that no earlier proven event enrolled."""

    code = "audit.enrolment_missing"


class EnrolmentRepeated(Invalid):
    """Two proven events enrol the same thing, or one address for two, which the registry refuses."""

    code = "audit.enrolment_repeated"


class DevicesDiffer(Invalid):
    """The bundle's list of devices is not what the registry's events say of the devices that spoke."""

    code = "audit.devices_differ"


class HeadNotAnchored(Invalid):
    """No proven event of the evidence log anchored this head."""

    code = "audit.head_not_anchored"


class HeadNotWitnessed(Invalid):
    """No proven event shows that a party opposed to the operator witnessed this head."""

    code = "audit.head_not_witnessed"


class WitnessNotOpposed(Invalid):
    """The head was witnessed by a party that is not opposed to whoever keeps the log."""

    code = "audit.witness_not_opposed"


class GenesisDiffers(Invalid):
    """The log was opened on another first leaf than chain, contract, site and epoch give."""

    code = "audit.genesis_differs"


@dataclass(frozen=True, slots=True)
class Party:
    """A party as enrolled: its account and the flags of its capacities."""

    account: str
    capacities: int


@dataclass(frozen=True, slots=True)
class Site:
    """A site as enrolled: whose it is, and the account of its bridge."""

    operator: bytes
    bridge: str


@dataclass(slots=True)
class Registry:
    """What the registry's events add up to."""

    parties: dict[bytes, Party] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    persons: dict[str, bytes] = field(default_factory=dict)


def enrolled(told: Told) -> Found[Registry]:
    """Parties, sites and devices as they stand after these events, in ledger order.

    Raises:
        EnrolmentMissing: an event names a party or site that none before it enrolled, or a pledge became
            effective and its pledgee had not two persons to sign for it.
        EnrolmentRepeated: something is enrolled twice, or an address for two.
    """
    found = Registry()
    keys: set[str] = set()
    for event in told.events:
        if event.contract == "PartyRegistry":
            _take(found, keys, event)
        for name in PARTIES:
            party = event.args.get(name)
            _require(party is None or party in found.parties, event, **{name: (party or b"").hex()})
        if event.name == "PledgeEffective":
            persons = list(found.persons.values()).count(event.args["pledgee"])
            _require(persons >= PERSONS_AT_LEAST, event, persons=str(persons))
    counts = (
        counted(len(found.parties), "party", "parties"),
        counted(len(found.sites), "site"),
        counted(len(found.devices), "device"),
    )
    return Found(found, ", ".join(counts) + ".")


def devices_as_told(case: Case, said: Iterable[Said], registry: Registry) -> Found[int]:
    """How many devices spoke, each of which the bundle describes as the registry's events do.

    Raises:
        DevicesDiffer: one is described otherwise, or one is described that did not speak, or the reverse.
    """
    told, wanted = case.devices, sorted({each.statement.device for each in said})
    if [device.device for device in told] != wanted:
        raise DevicesDiffer(told=[device.device for device in told], spoke=wanted)
    for device in told:
        if registry.devices.get(device.device) != device:
            raise DevicesDiffer(told=device, ledger=registry.devices.get(device.device))
    hosts = {device.host for device in told}
    commissioners = {device.commissioner for device in told}
    by = counted(len(commissioners), "party", "parties")
    saw = f"{counted(len(told), 'device')}, hosted by {len(hosts)} and commissioned by {by}."
    return Found(len(told), saw)


def anchored(case: Case, told: Told) -> Found[int]:
    """How many heads were anchored, each in a log opened on the first leaf that its place and epoch give.

    Raises:
        HeadNotAnchored, GenesisDiffers: the first that applies.
    """
    by_place = {
        (name_of(event.args["site"]), event.args["epoch"], event.args["size"]): event.args["root"]
        for event in told.events
        if event.name == "HeadAnchored"
    }
    opened = {
        (name_of(event.args["site"]), event.args["epoch"]): event.args["root"]
        for event in told.events
        if event.name == "LogOpened"
    }
    chain_id, log = case.chain_id, case.contracts["EvidenceLog"]
    for head in case.heads:
        if by_place.get((head.site, head.epoch, head.size)) != head.root:
            raise HeadNotAnchored(site=head.site, epoch=head.epoch, size=head.size)
        entry = genesis_entry(chain_id=chain_id, evidence_log=log, site=head.site, epoch=head.epoch)
        if opened.get((head.site, head.epoch)) != leaf_hash(entry):
            raise GenesisDiffers(site=head.site, epoch=head.epoch)
    return Found(len(case.heads), f"{counted(len(case.heads), 'head')}, of {counted(len(opened), 'log')}.")


def witnessed(case: Case, told: Told, registry: Registry) -> Found[int]:
    """How many heads were witnessed by a lender or inspector that is neither operator nor depositor.

    Raises:
        HeadNotWitnessed, EnrolmentMissing, WitnessNotOpposed: the first that applies.
    """
    by_place = {
        (name_of(event.args["site"]), event.args["size"], event.args["root"]): event.args["by"]
        for event in told.events
        if event.name == "HeadWitnessed"
    }
    witnesses = set()
    for head in case.heads:
        by = by_place.get((head.site, head.size, head.root))
        if by is None:
            raise HeadNotWitnessed(site=head.site, size=head.size)
        if by not in registry.parties:
            raise EnrolmentMissing(party=by.hex())
        capacities = registry.parties[by].capacities
        if not capacities & (LENDER | INSPECTOR) or capacities & (OPERATOR | DEPOSITOR):
            raise WitnessNotOpposed(site=head.site, size=head.size, by=by.hex(), capacities=capacities)
        witnesses.add(by)
    by_whom = counted(len(witnesses), "opposed party", "opposed parties")
    return Found(len(case.heads), f"{counted(len(case.heads), 'head')}, by {by_whom}.")


def _take(found: Registry, keys: set[str], event: Event) -> None:
    args = event.args
    match event.name:
        case "PartyEnrolled":
            _once(args["party"] not in found.parties, event)
            found.parties[args["party"]] = Party(_new(keys, args["account"], event), args["capacities"])
        case "SiteEnrolled":
            site = name_of(args["site"])
            _once(site not in found.sites, event)
            found.sites[site] = Site(args["operator"], _new(keys, args["bridge"], event))
        case "DeviceEnrolled":
            _enrol_device(found, keys, event)
        case "DeviceKeyRotated" | "DeviceKeyRevoked" | "DeviceCalibrated":
            name = name_of(args["device"])
            _require(name in found.devices, event, device=name)
            found.devices[name] = _changed(found.devices[name], event, keys)
        case "PersonEnrolled":
            found.persons[_new(keys, args["person"], event)] = args["party"]
        case "PersonDismissed":
            found.persons.pop(args["person"], None)
        case _:
            pass


def _enrol_device(found: Registry, keys: set[str], event: Event) -> None:
    args = event.args
    name, site = name_of(args["device"]), name_of(args["site"])
    _once(name not in found.devices, event)
    _require(site in found.sites, event, site=site)
    found.devices[name] = Device(
        device=name,
        site=site,
        host=args["host"],
        commissioner=args["commissioner"],
        calibrated_until=args["calibratedUntil"],
        keys={args["epoch"]: _new(keys, args["key"], event)},
        revoked={},
    )


def _changed(device: Device, event: Event, keys: set[str]) -> Device:
    args = event.args
    epochs, revoked, calibrated = dict(device.keys), dict(device.revoked), device.calibrated_until
    if event.name == "DeviceKeyRotated":
        _once(args["epoch"] not in epochs, event)
        epochs[args["epoch"]] = _new(keys, args["key"], event)
    elif event.name == "DeviceKeyRevoked":
        revoked[args["epoch"]] = event.block
    else:
        calibrated = args["calibratedUntil"]
    return Device(device.device, device.site, device.host, device.commissioner, calibrated, epochs, revoked)


def _new(keys: set[str], address: str, event: Event) -> str:
    _once(address not in keys, event)
    keys.add(address)
    return address


def _once(first: bool, event: Event) -> None:
    if not first:
        raise EnrolmentRepeated(event=event.name, block=event.block)


def _require(holds: bool, event: Event, **missing: str) -> None:
    if not holds:
        raise EnrolmentMissing(event=event.name, block=event.block, **missing)
