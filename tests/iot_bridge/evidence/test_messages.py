"""What goes over the wire and into the store reads back exactly, or is refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from iot_bridge.evidence.acknowledgement import (
    Acknowledgement,
    SignedAcknowledgement,
    acknowledge,
    recover_acknowledger,
)
from iot_bridge.evidence.body import Media, new_boot, parse_body, require_body, write_body
from iot_bridge.evidence.errors import EvidenceRefused
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.schema import cannot_tell
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import EvidenceDomain, Statement, sign
from iot_bridge.evidence.store import EvidenceStore

DOMAIN = EvidenceDomain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
SECRET = b"\x07" * 32
TICKET = {
    "gross_kg": 39120,
    "tare_kg": 15180,
    "net_kg": 23940,
    "axle_count": cannot_tell("no axle sensor"),
    "zero_drift_g": -20,
    "plate_hash": cannot_tell("no plate was read"),
}


def message() -> StatementMessage:
    body = write_body("weigh.ticket", TICKET, boot=new_boot())
    statement = Statement(
        "yard-1", "scale-1", 1, 1, bytes(32), 1, 1, bytes(32), "weigh.ticket", bytes(32), 23940, body.hash
    )
    return StatementMessage("yard-1", 4, sign(statement, SECRET, DOMAIN).entry(), body.text)


def test_a_message_reads_back_with_its_statement_and_body() -> None:
    sent = message()
    found = StatementMessage.parse(sent.to_bytes())
    assert found == sent
    body = require_body(found.signed().statement, found.body)
    assert body.fields == TICKET


def test_a_message_without_its_place_in_the_log_is_one_from_a_device() -> None:
    sent = StatementMessage("yard-1", None, message().entry, message().body)
    assert b"index" not in sent.to_bytes()
    assert StatementMessage.parse(sent.to_bytes()).index is None


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(message().to_bytes()), **fields}).encode()


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"[]",
        b"\xff",
        changed(v=2),
        changed(index=0),
        changed(index=1.5),
        changed(index=True),
        changed(site="Yard"),
        changed(entry="0x00"),
        changed(hint="trust me"),
        changed(body={}),
        message().to_bytes().replace(b'"v":1', b'"v":1,"v":1'),
    ],
)
def test_a_message_of_another_form_is_refused(wire: bytes) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        StatementMessage.parse(wire)
    assert refused.value.code == "message.malformed"


def test_a_message_that_names_another_site_than_its_statement_is_refused() -> None:
    with pytest.raises(EvidenceRefused) as refused:
        StatementMessage.parse(changed(site="yard-2")).signed()
    assert refused.value.code == "message.site_differs"


def test_an_acknowledgement_reads_back_and_names_its_signer() -> None:
    said = Acknowledgement("yard-1", b"\x01" * 32, 4, 5, b"\x02" * 32)
    signed = acknowledge(said, SECRET, DOMAIN)
    found = SignedAcknowledgement.parse(signed.to_bytes())
    assert found == signed
    assert recover_acknowledger(found, DOMAIN) == LocalKey(SECRET).address


@pytest.mark.parametrize(
    "other",
    [
        Acknowledgement("yard-2", b"\x01" * 32, 4, 5, b"\x02" * 32),
        Acknowledgement("yard-1", b"\x03" * 32, 4, 5, b"\x02" * 32),
        Acknowledgement("yard-1", b"\x01" * 32, 3, 5, b"\x02" * 32),
        Acknowledgement("yard-1", b"\x01" * 32, 4, 6, b"\x02" * 32),
        Acknowledgement("yard-1", b"\x01" * 32, 4, 5, b"\x03" * 32),
    ],
)
def test_an_altered_acknowledgement_is_not_by_its_signer(other: Acknowledgement) -> None:
    signed = acknowledge(Acknowledgement("yard-1", b"\x01" * 32, 4, 5, b"\x02" * 32), SECRET, DOMAIN)
    altered = SignedAcknowledgement(other, signed.signature)
    try:
        signer = recover_acknowledger(altered, DOMAIN)
    except EvidenceRefused:
        return
    assert signer != LocalKey(SECRET).address


@pytest.mark.parametrize("fields", [{"index": -1}, {"size": 1 << 64}, {"root": b""}, {"id": b"\0" * 31}])
def test_an_acknowledgement_that_no_contract_could_read_cannot_be_made(fields: dict[str, Any]) -> None:
    honest: dict[str, Any] = {"site": "yard-1", "id": bytes(32), "index": 4, "size": 5, "root": bytes(32)}
    with pytest.raises(EvidenceRefused) as refused:
        Acknowledgement(**{**honest, **fields})
    assert refused.value.code == "statement.field_out_of_range"


def test_bytes_that_are_no_acknowledgement_are_refused() -> None:
    signed = acknowledge(Acknowledgement("yard-1", bytes(32), 4, 5, bytes(32)), SECRET, DOMAIN)
    for wire in (b"{}", b"no", signed.to_bytes().replace(b'"size":5', b'"size":-5')):
        with pytest.raises(EvidenceRefused) as refused:
            SignedAcknowledgement.parse(wire)
        assert refused.value.code == "message.malformed"


def test_two_bodies_of_the_same_fields_have_different_hashes_because_of_their_salt() -> None:
    boot = new_boot()
    first, second = (write_body("weigh.ticket", TICKET, boot=boot) for _ in range(2))
    assert first.hash != second.hash
    assert parse_body("weigh.ticket", first.text).boot == boot


def test_a_body_names_its_media() -> None:
    media = Media(b"\x01" * 32, "image/jpeg", 3)
    body = write_body("weigh.ticket", TICKET, boot=new_boot(), media=[media])
    assert parse_body("weigh.ticket", body.text).media == (media,)


def test_what_was_put_into_the_store_is_got_back_by_its_hash(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence")
    name = store.put(b"a still")
    assert store.put(b"a still") == name
    assert store.get(name) == store.get("0x" + name) == b"a still"
    assert name in store
    assert [each.name for each in (tmp_path / "evidence").rglob("*") if each.is_file()] == [name]


def test_a_medium_that_changed_on_disk_is_refused(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    name = store.put(b"a still")
    (tmp_path / name[:2] / name).write_bytes(b"another")
    with pytest.raises(EvidenceRefused) as refused:
        store.get(name)
    assert refused.value.code == "store.corrupt"


@pytest.mark.parametrize("name", ["00" * 32, "../../etc/passwd", ""])
def test_a_medium_that_nobody_put_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        EvidenceStore(tmp_path).get(name)
    assert refused.value.code == "store.missing"
