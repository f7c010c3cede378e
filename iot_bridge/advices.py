"""What the warehouse expects: pieces named in CSV files that its own system drops in a folder."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iot_bridge.evidence.errors import EdgeError, FingerprintPartEmpty
from iot_bridge.evidence.fingerprint import fingerprint

COLUMNS: Final = ("tag", "mill", "heat", "coil", "mass_kg")
LONGEST: Final = 1 << 20


class AdviceMalformed(EdgeError):
    """An advice file is not CSV of the columns tag, mill, heat, coil and mass_kg; none of it is taken."""

    code = "advice.malformed"


@dataclass(frozen=True, slots=True)
class Advice:
    """A piece that is expected; `tag` is None where it carries none."""

    fingerprint: bytes
    tag: int | None
    mill: str
    heat: str
    coil: str
    mass_kg: int


def read_advices(path: Path, key: bytes) -> list[Advice]:
    """Every piece of an advice file, fingerprinted with the network's key; all of the file or nothing.

    Raises:
        AdviceMalformed: a column or a value is not as it must be, or a piece or tag stands twice.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig") if len(raw) <= LONGEST else ""
    except UnicodeDecodeError as error:
        raise AdviceMalformed(file=path.name, why="not UTF-8") from error
    rows = list(csv.reader(io.StringIO(text), strict=False))
    if not rows or tuple(each.strip() for each in rows[0]) != COLUMNS:
        raise AdviceMalformed(file=path.name, why="first line", wanted=",".join(COLUMNS))
    advices = [_advice(path, line, row, key) for line, row in enumerate(rows[1:], start=2) if any(row)]
    pieces, tags = (
        {each.fingerprint for each in advices},
        [each.tag for each in advices if each.tag is not None],
    )
    if len(pieces) != len(advices) or len(set(tags)) != len(tags):
        raise AdviceMalformed(file=path.name, why="a piece or a tag stands twice")
    return advices


def _advice(path: Path, line: int, row: list[str], key: bytes) -> Advice:
    values = [each.strip() for each in row]
    if len(values) != len(COLUMNS):
        raise AdviceMalformed(file=path.name, line=line, why="columns", found=len(values))
    tag, mill, heat, coil, mass = values
    if not (mass.isascii() and mass.isdigit() and 0 < int(mass) < 1 << 24):
        raise AdviceMalformed(file=path.name, line=line, why="mass_kg", found=mass[:32])
    if tag and not (tag.isascii() and tag.isdigit() and int(tag) < 1 << 31):
        raise AdviceMalformed(file=path.name, line=line, why="tag", found=tag[:32])
    try:
        name = fingerprint(mill=mill, heat=heat, coil=coil, key=key)
    except FingerprintPartEmpty as error:
        raise AdviceMalformed(file=path.name, line=line, why="name of the piece", **error.facts) from error
    return Advice(name, int(tag) if tag else None, mill, heat, coil, int(mass))
