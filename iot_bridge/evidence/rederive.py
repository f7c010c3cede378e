"""The second verifier: derives roots and checks proofs by another way than `log.py`, from the bytes alone.

It shares no code with the log, so that one mistake cannot make both agree on a wrong head.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from iot_bridge.evidence.errors import RootsDiffer


class Rederivation:
    """Roots over entries read in order: one hash per full subtree, joined as a binary counter carries."""

    __slots__ = ("_carries", "size")

    def __init__(self) -> None:
        self._carries: list[bytes | None] = []
        self.size = 0

    def read(self, entry: bytes) -> None:
        """Take the next entry."""
        carried = sha256(b"".join((b"\x00", entry))).digest()
        for height, kept in enumerate(self._carries):
            if kept is None:
                self._carries[height] = carried
                break
            carried = sha256(b"".join((b"\x01", kept, carried))).digest()
            self._carries[height] = None
        else:
            self._carries.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """The root over everything read; the hash of nothing where nothing was."""
        joined: bytes | None = None
        for kept in self._carries:
            if kept is not None:
                joined = kept if joined is None else sha256(b"".join((b"\x01", kept, joined))).digest()
        return sha256(b"").digest() if joined is None else joined

    def require_root(self, root: bytes, *, size: int) -> None:
        """Refuse a head that this way of deriving it does not give.

        Raises:
            RootsDiffer: it gives another root, or has read another number of entries.
        """
        if self.size != size or self.root() != root:
            raise RootsDiffer(
                size=size, read=self.size, root="0x" + root.hex(), derived="0x" + self.root().hex()
            )


def root_over(entries: Iterable[bytes]) -> bytes:
    """The root of the tree of these entries."""
    found = Rederivation()
    for entry in entries:
        found.read(entry)
    return found.root()


def root_by_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root a proof leads to from the leaf hash at `index`, None where its length fits no such tree."""
    if not 0 <= index < size:
        return None
    if size == 1:
        return None if proof else leaf
    if not proof:
        return None
    half = _half(size)
    if index < half:
        left = root_by_inclusion(leaf, index, half, proof[:-1])
        return None if left is None else sha256(b"".join((b"\x01", left, proof[-1]))).digest()
    right = root_by_inclusion(leaf, index - half, size - half, proof[:-1])
    return None if right is None else sha256(b"".join((b"\x01", proof[-1], right))).digest()


def roots_by_consistency(
    old_root: bytes, old: int, new: int, proof: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """The old and new roots that a consistency proof leads to, None where its length fits no such trees."""
    return _subproof(old_root, (old, new), proof, known=True) if 1 <= old <= new else None


def _subproof(
    old_root: bytes, sizes: tuple[int, int], proof: Sequence[bytes], *, known: bool
) -> tuple[bytes, bytes] | None:
    old, new = sizes
    if old == new:
        if known:
            return None if proof else (old_root, old_root)
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    half = _half(new)
    if old <= half:
        below = _subproof(old_root, (old, half), proof[:-1], known=known)
        return (
            None if below is None else (below[0], sha256(b"".join((b"\x01", below[1], proof[-1]))).digest())
        )
    below = _subproof(old_root, (old - half, new - half), proof[:-1], known=False)
    if below is None:
        return None
    first, second = (sha256(b"".join((b"\x01", proof[-1], each))).digest() for each in below)
    return first, second


def _half(size: int) -> int:
    half = 1
    while half * 2 < size:
        half *= 2
    return half
