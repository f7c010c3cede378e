"""The bundle as a file: a zip whose bytes follow from its contents alone, with a manifest that hashes each.

It knows names, bytes and hashes, and nothing of what they prove. Files are stored uncompressed, sorted and
dated alike, so that whoever has the same contents has the same bundle, and any changed byte is a refusal.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from backend.errors import Invalid
from iot_bridge.evidence.canonical import canonical, read_json
from iot_bridge.evidence.errors import EvidenceRefused

FORMAT: Final = "tallystick-proof-bundle/1"
MANIFEST: Final = "manifest.json"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*)*")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE: Final = 0o100644 << 16


class NotABundle(Invalid):
    """The file is not a zip of stored, uniquely and plainly named files."""

    code = "audit.not_a_bundle"


class BundleNotCanonical(Invalid):
    """The zip holds bytes that its contents do not call for, or its files in another order or dress."""

    code = "audit.bundle_not_canonical"


class ManifestMalformed(Invalid):
    """The manifest is missing, not canonical JSON, or not of the form that this program reads."""

    code = "audit.manifest_malformed"


class FileMissing(Invalid):
    """A file that the manifest lists, or that another file calls for, is not in the bundle."""

    code = "audit.file_missing"


class FileUnlisted(Invalid):
    """The bundle holds a file that its manifest does not list, or that nothing in it calls for."""

    code = "audit.file_unlisted"


class FileChanged(Invalid):
    """A file is not the one whose size and hash the manifest gives."""

    code = "audit.file_changed"


def pack(files: Mapping[str, bytes]) -> bytes:
    """The bundle with `files` and their manifest.

    Raises:
        NotABundle: a name is not plain (lower case, digits, `.`, `-`, `/`).
    """
    for name in files:
        if not _NAME.fullmatch(name) or name == MANIFEST:
            raise NotABundle(name=name)
    listed = {name: {"sha256": _sha256(data), "bytes": len(data)} for name, data in files.items()}
    return _zip({**files, MANIFEST: canonical({"format": FORMAT, "files": listed})})


def unpack(raw: bytes) -> dict[str, bytes]:
    """All files of a bundle by name, its manifest among them, unchecked against it.

    Raises:
        NotABundle: it is no zip, or holds compressed, repeated or strangely named files.
        BundleNotCanonical: the same files packed by `pack` would give other bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            plain = all(_NAME.fullmatch(name) for name in names) and len(set(names)) == len(names)
            if not plain or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise NotABundle(files=len(names))
            files = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise NotABundle(reason=str(error)) from error
    if _zip(files) != raw:
        raise BundleNotCanonical(bytes=len(raw))
    return files


def require_manifest(files: Mapping[str, bytes]) -> str:
    """The SHA-256 of the manifest, which names the bundle, once its files are exactly those listed.

    Raises:
        ManifestMalformed, FileMissing, FileUnlisted, FileChanged: the first, in order of name.
    """
    listed = _listed(files)
    for name in sorted({*files, *listed} - {MANIFEST}):
        if name not in files:
            raise FileMissing(file=name)
        if name not in listed:
            raise FileUnlisted(file=name)
        found = {"sha256": _sha256(files[name]), "bytes": len(files[name])}
        if found != listed[name]:
            raise FileChanged(file=name, **found)
    return _sha256(files[MANIFEST])


def _listed(files: Mapping[str, bytes]) -> dict[str, Any]:
    if MANIFEST not in files:
        raise ManifestMalformed(reason="missing")
    try:
        manifest = read_json(files[MANIFEST])
        listed = manifest["files"]
        readable = canonical(manifest) == files[MANIFEST] and manifest["format"] == FORMAT
    except (EvidenceRefused, KeyError, TypeError) as error:
        raise ManifestMalformed(reason=str(error)) from error
    if not readable or set(manifest) != {"format", "files"} or not isinstance(listed, dict):
        raise ManifestMalformed(reason="form")
    return listed


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, _PLAIN_FILE
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
