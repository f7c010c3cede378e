"""The log of a site: an append-only RFC 9162 tree of entries that only grows, and the proofs that it did.

The nodes of full subtrees are kept where the caller says (memory, a database); appending n leaves writes
fewer than 2n of them, and every root and proof is read from O(log n) of them.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Protocol

from iot_bridge.evidence.errors import ConsistencyNotProven, HeadUnknown, InclusionNotProven
from iot_bridge.evidence.signature import address_bytes, keccak
from iot_bridge.evidence.statement import name32

GENESIS_TAG: Final = keccak(b"Tallystick EvidenceLog genesis")
FIRST_EPOCH: Final = 1

Node = tuple[int, int]
"""A full subtree: its height above the leaves, and which of that height from the left."""


class Nodes(Protocol):
    """Where the hashes of full subtrees are kept; each is written once."""

    def __getitem__(self, node: Node, /) -> bytes:
        """The hash of a node that was written."""
        ...

    def __setitem__(self, node: Node, found: bytes, /) -> None:
        """Keep the hash of a node."""
        ...


def leaf_hash(entry: bytes) -> bytes:
    """The RFC 9162 hash of a leaf that holds `entry`."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The RFC 9162 hash of a node over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def genesis_entry(*, chain_id: int, evidence_log: str, site: str, epoch: int = FIRST_EPOCH) -> bytes:
    """The 160 bytes that the contract itself put at index 0 when the site's log of this epoch was opened."""
    return b"".join(
        (
            GENESIS_TAG,
            chain_id.to_bytes(32),
            address_bytes(evidence_log).rjust(32, b"\0"),
            name32(site),
            epoch.to_bytes(32),
        )
    )


class Log:
    """A tree of `size` leaves over a store of nodes; a store that holds nodes is taken up where it stands."""

    __slots__ = ("_nodes", "size")

    def __init__(self, nodes: Nodes | None = None, *, size: int = 0) -> None:
        self._nodes: Nodes = {} if nodes is None else nodes
        self.size = size

    def append(self, entry: bytes) -> int:
        """Put `entry` at the end; its index."""
        return self.append_leaf(leaf_hash(entry))

    def append_leaf(self, leaf: bytes) -> int:
        """Put an entry, given by its leaf hash, at the end; its index."""
        index = at = self.size
        self._nodes[0, at] = found = leaf
        height = 0
        while at & 1:
            found = node_hash(self._nodes[height, at - 1], found)
            height, at = height + 1, at >> 1
            self._nodes[height, at] = found
        self.size = index + 1
        return index

    def root(self, size: int | None = None) -> bytes:
        """The root of the tree as it was at `size` leaves, at least 1.

        Raises:
            HeadUnknown: the log is or was never that large.
        """
        return self._range(0, self._known(size))

    def leaf(self, index: int) -> bytes:
        """The leaf hash at `index`.

        Raises:
            HeadUnknown: the log does not reach that far.
        """
        if not 0 <= index < self.size:
            raise HeadUnknown(index=index, size=self.size)
        return self._nodes[0, index]

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """The hashes that lead from the leaf at `index` to the root at `size`, lowest first.

        Raises:
            HeadUnknown: the log was never that large, or the index lies outside it.
        """
        end = self._known(size)
        if not 0 <= index < end:
            raise HeadUnknown(index=index, size=end)
        proof, start = [], 0
        while end - start > 1:
            split = start + _split(end - start)
            if index < split:
                proof.append(self._range(split, end))
                end = split
            else:
                proof.append(self._range(start, split))
                start = split
        return proof[::-1]

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """The hashes that show the root at `new` to extend the one at `old`, ordered as in RFC 9162 2.1.4.1.

        Raises:
            HeadUnknown: not 1 ≤ old ≤ new ≤ size.
        """
        end = self._known(new)
        if not 1 <= old <= end:
            raise HeadUnknown(old=old, new=end)
        proof, start, whole = [], 0, True
        while old != end:
            split = start + _split(end - start)
            if old <= split:
                proof.append(self._range(split, end))
                end = split
            else:
                proof.append(self._range(start, split))
                start, whole = split, False
        if not whole:
            proof.append(self._range(start, end))
        return proof[::-1]

    def _known(self, size: int | None) -> int:
        known = self.size if size is None else size
        if not 1 <= known <= self.size:
            raise HeadUnknown(size=known, known=self.size)
        return known

    def _range(self, start: int, end: int) -> bytes:
        """The root over leaves `start` to `end`, where `start` is a multiple of the full subtrees within."""
        parts, at = [], start
        while at < end:
            height = (end - at).bit_length() - 1
            parts.append(self._nodes[height, at >> height])
            at += 1 << height
        found = parts.pop()
        while parts:
            found = node_hash(parts.pop(), found)
        return found


def verify_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Refuse unless `proof` leads from the leaf hash at `index` to the head (size, root); RFC 9162 2.1.3.2.

    Raises:
        InclusionNotProven: it does not.
    """
    if not 0 <= index < size:
        raise InclusionNotProven(index=index, size=size, why="index outside the tree")
    at, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            raise InclusionNotProven(index=index, size=size, why="proof too long")
        if at & 1 or at == last:
            found = node_hash(each, found)
            at, last = _up_to_right_child(at, last)
        else:
            found = node_hash(found, each)
        at, last = at >> 1, last >> 1
    if last:
        raise InclusionNotProven(index=index, size=size, why="proof too short")
    if found != root:
        raise InclusionNotProven(index=index, size=size, why="another root")


def verify_consistency(
    *, old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Refuse unless `proof` shows head (new, new_root) to extend head (old, old_root); RFC 9162 2.1.4.2.

    It does not bind the sizes themselves: who needs that must derive the root from the entries.

    Raises:
        ConsistencyNotProven: it does not.
    """
    if not 1 <= old <= new:
        raise ConsistencyNotProven(old=old, new=new, why="sizes")
    if old == new:
        if proof or old_root != new_root:
            raise ConsistencyNotProven(old=old, new=new, why="proof too long" if proof else "another root")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise ConsistencyNotProven(old=old, new=new, why="proof too short")
    if _ends_of(path, old=old, new=new) != (old_root, new_root):
        raise ConsistencyNotProven(old=old, new=new, why="another root")


def _ends_of(path: Sequence[bytes], *, old: int, new: int) -> tuple[bytes, bytes]:
    """The roots at `old` and `new` that a consistency path, its first node put in front, leads to."""
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    earlier = later = path[0]
    for each in path[1:]:
        if last == 0:
            raise ConsistencyNotProven(old=old, new=new, why="proof too long")
        if at & 1 or at == last:
            earlier, later = node_hash(each, earlier), node_hash(each, later)
            at, last = _up_to_right_child(at, last)
        else:
            later = node_hash(later, each)
        at, last = at >> 1, last >> 1
    if last:
        raise ConsistencyNotProven(old=old, new=new, why="proof too short")
    return earlier, later


def _up_to_right_child(at: int, last: int) -> tuple[int, int]:
    """Climb past the levels at which the last node of the tree has no sibling."""
    while not at & 1 and at:
        at, last = at >> 1, last >> 1
    return at, last


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)
