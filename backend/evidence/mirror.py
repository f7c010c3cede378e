"""The bank's copy of a site's tree: the log of the evidence format, its nodes kept in the database.

Roots and proofs at any size cost a handful of rows; growing by a leaf writes at most a few.
"""

from collections.abc import Iterator, MutableMapping

from sqlmodel import Session, func, select

from backend.evidence.tables import LogNodeRow, SiteLogRow, row_at_index
from iot_bridge.evidence.log import Log, Node


class StoredNodes(MutableMapping[Node, bytes]):
    """The nodes of one site log as rows; a node never changes once its subtree is full."""

    def __init__(self, session: Session, site: bytes, epoch: int) -> None:
        self._session = session
        self._site = site
        self._epoch = epoch

    def __getitem__(self, node: Node) -> bytes:
        row = self._session.get(LogNodeRow, (self._site, self._epoch, *node))
        if row is None:
            raise KeyError(node)
        return row.hash

    def __setitem__(self, node: Node, value: bytes) -> None:
        height, position = node
        self._session.add(
            LogNodeRow(site=self._site, epoch=self._epoch, height=height, position=position, hash=value)
        )

    def __delitem__(self, node: Node) -> None:
        raise KeyError(node)

    def __iter__(self) -> Iterator[Node]:
        rows = select(LogNodeRow.height, LogNodeRow.position)
        own = rows.where(LogNodeRow.site == self._site, LogNodeRow.epoch == self._epoch)
        return iter(self._session.exec(own).all())

    def __len__(self) -> int:
        rows = select(func.count()).select_from(LogNodeRow)
        own = rows.where(LogNodeRow.site == self._site, LogNodeRow.epoch == self._epoch)
        return self._session.exec(own).one()


def tree_of(session: Session, log: SiteLogRow) -> Log:
    """The mirrored tree, as far as its statements are here without a hole."""
    return Log(StoredNodes(session, log.site, log.epoch), size=log.size)


def open_log(session: Session, site: bytes, epoch: int, genesis: bytes) -> None:
    """Start the mirror of a log at its genesis leaf, and take in what came before the ledger said so."""
    log = SiteLogRow(site=site, epoch=epoch, genesis=genesis, size=1)
    session.add(log)
    Log(StoredNodes(session, site, epoch)).append_leaf(genesis)
    session.flush()
    grow(session, log)


def grow(session: Session, log: SiteLogRow) -> None:
    """Bring the mirror of a log to the end of what is here without a hole."""
    tree = tree_of(session, log)
    while (following := row_at_index(session, log.site, log.epoch, tree.size)) is not None:
        tree.append_leaf(following.leaf)
        session.flush()
    log.size = tree.size
    session.flush()
