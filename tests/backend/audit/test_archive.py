"""A bundle's bytes follow from its contents, and every change of a byte is a refusal."""

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.audit.archive import (
    MANIFEST,
    BundleNotCanonical,
    FileChanged,
    FileMissing,
    FileUnlisted,
    ManifestMalformed,
    NotABundle,
    pack,
    require_manifest,
    unpack,
)
from backend.errors import TallystickError
from iot_bridge.evidence.canonical import canonical

FILES = {"case.json": b'{"loan":1}', "media/0a": bytes(range(256)), "site/a/1.entry": b"e" * 449}


def test_the_same_contents_give_the_same_bytes_whatever_their_order() -> None:
    assert pack(FILES) == pack(dict(reversed(FILES.items())))
    files = unpack(pack(FILES))
    assert {name: data for name, data in files.items() if name != MANIFEST} == FILES
    assert len(require_manifest(files)) == 64


@given(st.data())
def test_every_flipped_bit_of_the_zip_is_found(data: st.DataObject) -> None:
    raw = bytearray(pack(FILES))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(TallystickError):
        require_manifest(unpack(bytes(raw)))


@pytest.mark.parametrize("extra", [b"x", b"PK\x03\x04"])
def test_bytes_before_or_after_the_zip_are_found(extra: bytes) -> None:
    for raw in (pack(FILES) + extra, extra + pack(FILES)):
        with pytest.raises((NotABundle, BundleNotCanonical)):
            unpack(raw)


def test_a_compressed_or_repeated_file_is_no_bundle() -> None:
    for names, method in ((["a", "b"], zipfile.ZIP_DEFLATED), (["A"], zipfile.ZIP_STORED), (["../a"], 0)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name in names:
                archive.writestr(name, b"x")
        with pytest.raises(NotABundle):
            unpack(buffer.getvalue())


@pytest.mark.parametrize("name", ["../up", "/root", "a//b", "", "Upper", MANIFEST])
def test_a_name_that_is_not_plain_is_never_packed(name: str) -> None:
    with pytest.raises(NotABundle):
        pack({name: b""})


def test_a_removed_added_or_changed_file_is_named() -> None:
    files = unpack(pack(FILES))
    for name in FILES:
        with pytest.raises(FileMissing, match=name):
            require_manifest({key: data for key, data in files.items() if key != name})
        with pytest.raises(FileChanged, match=name):
            require_manifest({**files, name: files[name] + b" "})
    with pytest.raises(FileUnlisted, match="more"):
        require_manifest({**files, "more": b""})
    with pytest.raises(FileChanged):
        require_manifest({**files, "case.json": files["media/0a"], "media/0a": files["case.json"]})


@pytest.mark.parametrize("change", [{"format": "other"}, {"files": []}, {"more": 1}, {"files": 7}])
def test_a_manifest_of_another_form_is_not_read(change: dict[str, object]) -> None:
    files = unpack(pack(FILES))
    manifest = {**json.loads(files[MANIFEST]), **change}
    with pytest.raises(ManifestMalformed):
        require_manifest({**files, MANIFEST: canonical(manifest)})
    with pytest.raises(ManifestMalformed):
        require_manifest({**files, MANIFEST: files[MANIFEST] + b"\n"})
    with pytest.raises(ManifestMalformed):
        require_manifest(FILES)
