"""What the devices said: signed, in sequence, with their bodies and media, in a log whose head was witnessed.

Keys and heads come from proven events (`enrolment.py`, `ledger.py`); this module reads no event itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from backend.audit.case import Case
from backend.audit.checks.enrolment import Registry
from backend.audit.checks.ledger import Headers
from backend.audit.report import Found, counted
from backend.audit.statements import Said, StatementsRepeated, read_statements
from backend.errors import Invalid
from iot_bridge.evidence.body import Body, require_body
from iot_bridge.evidence.log import leaf_hash, verify_inclusion
from iot_bridge.evidence.rederive import root_by_inclusion
from iot_bridge.evidence.statement import EvidenceDomain, recover


class DeviceNotEnrolled(Invalid):
    """No proven event enrolled the device, at that site, with a key of that epoch."""

    code = "audit.device_not_enrolled"


class SignedByAnother(Invalid):
    """The signature is not by the key that the ledger enrolled for the device at that epoch."""

    code = "audit.signed_by_another"


class KeyRevoked(Invalid):
    """The key was revoked before the newest block that the statement knew of."""

    code = "audit.key_revoked"


class BeaconUnknown(Invalid):
    """A statement knew of a block by a hash that is not that block's."""

    code = "audit.beacon_unknown"


class SequenceBroken(Invalid):
    """A device's statements do not follow each other: a number returns, or one names another before it."""

    code = "audit.sequence_broken"


class MediaMissing(Invalid):
    """A body names a still or clip that the bundle does not hold."""

    code = "audit.media_missing"


class MediaChanged(Invalid):
    """A still or clip is not what its SHA-256 and length in the body say."""

    code = "audit.media_changed"


class MediaUncalled(Invalid):
    """The bundle holds media that no statement in it names."""

    code = "audit.media_uncalled"


class HeadMissing(Invalid):
    """An inclusion proof leads to a head that the bundle does not speak of."""

    code = "audit.head_missing"


class InclusionDisputed(Invalid):
    """Two programs disagree about where an inclusion proof leads."""

    code = "audit.inclusion_disputed"


def read(case: Case) -> Found[tuple[Said, ...]]:
    """Every statement, its entry of 449 bytes being of its one form.

    Raises:
        StatementRefused: an entry is not.
        StatementsRepeated: one stands in the bundle twice.
    """
    found = read_statements(case.statements)
    kinds = sorted({said.statement.kind for said in found})
    return Found(found, f"{len(found)} statements: {', '.join(kinds)}.")


def signed_by_devices(case: Case, statements: Iterable[Said], registry: Registry) -> Found[int]:
    """How many statements were found to be signed by the key enrolled for their device and epoch.

    Raises:
        DeviceNotEnrolled, SignedByAnother, KeyRevoked: the first that applies.
    """
    domain = EvidenceDomain(case.chain_id, case.contracts["PartyRegistry"])
    devices, count = registry.devices, 0
    for said in statements:
        statement = said.statement
        device = devices.get(statement.device)
        if device is None or device.site != statement.site or statement.key_epoch not in device.keys:
            raise DeviceNotEnrolled(statement=said.name, site=statement.site, epoch=statement.key_epoch)
        signer = recover(said.signed, domain).lower()
        if signer != device.keys[statement.key_epoch]:
            raise SignedByAnother(
                statement=said.name, signer=signer, enrolled=device.keys[statement.key_epoch]
            )
        revoked_at = device.revoked.get(statement.key_epoch)
        if revoked_at is not None and statement.beacon_block >= revoked_at:
            raise KeyRevoked(statement=said.name, revoked_at=revoked_at, beacon=statement.beacon_block)
        count += 1
    return Found(count, f"{count} signatures of {len(devices)} devices.")


def beacons(statements: Iterable[Said], headers: Headers) -> Found[int]:
    """How many statements know of a block whose hash is that of a header in the bundle.

    Raises:
        BeaconUnknown: one names a block of the bundle by another hash.
    """
    known = outside = 0
    for said in statements:
        header = headers.by_number.get(said.statement.beacon_block)
        if header is None:
            outside += 1
        elif header.hash != said.statement.beacon_hash:
            raise BeaconUnknown(
                statement=said.name,
                block=header.number,
                hash=header.hash.hex(),
                beacon=said.statement.beacon_hash.hex(),
            )
        else:
            known += 1
    trust = f"{outside} beacons name blocks whose headers are not here." if outside else ""
    return Found(known, f"{known} beacons found among the headers.", trust)


def in_sequence(statements: Iterable[Said]) -> Found[int]:
    """How many statements name the one before them in the bundle, which is the next lower of their device.

    The statements of a device between two of this case belong to other cases; the bundle says how many.

    Raises:
        SequenceBroken: two of a device have one number; or one follows another and does not name it; or a
            first one names any.
    """
    last: dict[str, Said] = {}
    linked = elsewhere = 0
    for said in sorted(statements, key=lambda each: (each.statement.device, each.statement.seq)):
        statement, before = said.statement, last.get(said.statement.device)
        seq_before, expected = (before.statement.seq, before.id) if before else (0, bytes(32))
        if statement.seq <= seq_before:
            raise SequenceBroken(statement=said.name, why="the number returns")
        if statement.seq == seq_before + 1:
            if statement.prev != expected:
                raise SequenceBroken(statement=said.name, prev=statement.prev.hex(), before=expected.hex())
            linked += 1
        else:
            elsewhere += statement.seq - seq_before - 1
        if before is not None and statement.key_epoch < before.statement.key_epoch:
            raise SequenceBroken(statement=said.name, why="an earlier key epoch returns")
        last[statement.device] = said
    saw = f"{linked} links in the chains of {len(last)} devices, {elsewhere} statements between left out."
    return Found(linked, saw)


def bodies(statements: Iterable[Said]) -> Found[dict[bytes, Body]]:
    """The body of every statement by its id: what its header commits to and counts.

    Raises:
        BodyRefused: a body is another one, or contradicts its header, or is not of its kind's form.
    """
    found = {said.id: require_body(said.statement, said.file.body) for said in statements}
    return Found(found, f"{len(found)} bodies.")


def media(case: Case, found: Mapping[bytes, Body]) -> Found[int]:
    """How many media the bodies name, each being there with its hash and length, and no others.

    Raises:
        MediaMissing, MediaChanged, MediaUncalled: the first that applies.
    """
    held = case.media
    called = {each.sha256.hex(): each for body in found.values() for each in body.media}
    for name, each in sorted(called.items()):
        if name not in held:
            raise MediaMissing(sha256=name, type=each.type)
        if sha256(held[name]).hexdigest() != name or len(held[name]) != each.bytes:
            raise MediaChanged(sha256=name, bytes=len(held[name]))
    if held.keys() - called.keys():
        raise MediaUncalled(sha256=min(held.keys() - called.keys()))
    return Found(len(called), f"{len(called)} media, {sum(map(len, held.values()))} bytes.")


def included(case: Case, statements: Sequence[Said]) -> Found[int]:
    """How many statements were shown, by two programs, to stand under a head of their site.

    Raises:
        HeadMissing: a proof is for a head that the case does not name.
        InclusionNotProven: a proof does not lead to that head.
        InclusionDisputed: the second program finds otherwise.
    """
    roots = {(head.site, head.epoch, head.size): head.root for head in case.heads}
    places: set[tuple[str, int, int]] = set()
    for said in statements:
        file, site = said.file, said.statement.site
        root = roots.get((site, file.epoch, file.size))
        if root is None:
            raise HeadMissing(statement=said.name, site=site, epoch=file.epoch, size=file.size)
        leaf = leaf_hash(file.entry)
        verify_inclusion(leaf, index=file.index, size=file.size, proof=file.path, root=root)
        if root_by_inclusion(leaf, file.index, file.size, file.path) != root:
            raise InclusionDisputed(statement=said.name, index=file.index, size=file.size)
        places.add((site, file.epoch, file.index))
    if len(places) != len(statements):
        raise StatementsRepeated(statements=len(places))
    return Found(len(places), f"{len(places)} inclusion proofs to {counted(len(roots), 'head')}.")
