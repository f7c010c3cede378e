"""Events of the four contracts read out of receipts, and which of them a case is about.

Both the writer of a bundle and its verifier ask here, so a bundle holds what its verification looks for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backend.audit.blocks import Log, Receipt
from backend.audit.case import as_json
from backend.errors import Invalid
from contracts.artifacts import load

Subject = tuple[str, bytes]
"""A contract's name and a topic: what an event about the case mentions."""

PARTIES: Final = (
    "pledgor",
    "pledgee",
    "operator",
    "holder",
    "depositor",
    "controller",
    "host",
    "commissioner",
    "by",
    "to",
)
"""Arguments that name a party."""


class EventUnreadable(Invalid):
    """A log of one of the contracts is not an event that its interface knows."""

    code = "audit.event_unreadable"


@dataclass(frozen=True, slots=True)
class Event:
    """One event, and where it stands: block, place of its receipt in the block, place of its log in that.

    Values in `args` are bytes (32), integers, lists of these, and addresses as lower-case hex.
    """

    contract: str
    name: str
    args: Mapping[str, Any]
    topics: tuple[bytes, ...]
    block: int
    place: int
    at: int

    def as_told(self) -> dict[str, Any]:
        """The event in the words of the bundle."""
        return {
            "block": self.block,
            "place": self.place,
            "at": self.at,
            "contract": self.contract,
            "name": self.name,
            "args": as_json(self.args),
        }


@dataclass(frozen=True, slots=True)
class Told:
    """Events read out of receipts: all of the contracts, those about the case, what these were found by."""

    everything: Sequence[Event]
    events: Sequence[Event]
    subjects: frozenset[Subject]


@dataclass(frozen=True, slots=True)
class About:
    """What a case is about, before any event is read.

    `movements` are ids; `heads` are site and size; names are padded to 32 bytes.
    """

    pledge: int
    devices: frozenset[bytes]
    sites: frozenset[bytes]
    movements: frozenset[bytes]
    heads: frozenset[tuple[bytes, int]]


def read_events(receipts: Mapping[int, Mapping[int, Receipt]], contracts: Mapping[str, str]) -> list[Event]:
    """All events of the contracts in these receipts (by block and place), in ledger order.

    Raises:
        EventUnreadable: a log of theirs is none that they can have made.
    """
    names = {address: name for name, address in contracts.items()}
    found = []
    for block, by_place in sorted(receipts.items()):
        for place, receipt in sorted(by_place.items()):
            for at, log in enumerate(receipt.logs):
                if log.address in names:
                    found.append(_event(names[log.address], log, (block, place, at)))
    return found


def concerning(events: Sequence[Event], about: About) -> Told:
    """The events that concern a case, and every subject by which they are found, until no more are found.

    Beside those that name a subject: the heads of the case, and the statements spent by its own acts.
    """
    scope = _Scope(about)
    widened = True
    while widened:
        chosen = [event for event in events if scope.has(event)]
        widened = sum(scope.widen(event) for event in chosen) > 0
    acts = {(event.block, event.place) for event in chosen if event.contract == "ReceiptRegistry"}
    spent = [
        event for event in events if event.name == "StatementSpent" and (event.block, event.place) in acts
    ]
    by_place = {(event.block, event.place, event.at): event for event in (*chosen, *spent)}
    return Told(events, [by_place[where] for where in sorted(by_place)], scope.subjects())


def word(number: int) -> bytes:
    """A number as a topic."""
    return number.to_bytes(32, "big")


def _event(contract: str, log: Log, where: tuple[int, int, int]) -> Event:
    try:
        name, args = load(contract).decode_log(log.topics, log.data)
    except Exception as error:  # the codec's refusals have no common root
        raise EventUnreadable(contract=contract, block=where[0], place=where[1], at=where[2]) from error
    return Event(contract, name, args, log.topics, *where)


def addresses(subjects: Iterable[Subject], contracts: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Subjects as address and topic, sorted."""
    return sorted((bytes.fromhex(contracts[name][2:]), topic) for name, topic in subjects)


class _Scope:
    """What a case is found to be about while its events are read."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._receipts: set[int] = set()
        self._requests: set[int] = set()
        self._parties: set[bytes] = set()
        self._sites = set(about.sites)

    def has(self, event: Event) -> bool:
        """Whether an event concerns the case by what is known so far."""
        args = event.args
        match event.contract:
            case "PledgeRegistry":
                return bool(args["pledgeId"] == self._about.pledge)
            case "ReceiptRegistry":
                return args.get("receiptId") in self._receipts or args.get("requestId") in self._requests
            case "PartyRegistry":
                return self._enrols(args)
        if event.name == "StatementSpent":
            return args["id"] in self._about.movements
        head = (args["site"], args.get("size"))
        return head in self._about.heads or (event.name == "LogOpened" and args["site"] in self._sites)

    def _enrols(self, args: Mapping[str, Any]) -> bool:
        if "device" in args:
            return args["device"] in self._about.devices
        return args["site"] in self._sites if "site" in args else args.get("party") in self._parties

    def widen(self, event: Event) -> bool:
        """Take in what an event that concerns the case is about; whether any of it is new."""
        args, before = event.args, self._size()
        if event.name == "PledgeEndorsed":
            self._receipts.update(args["receipts"])
        elif event.name == "ReceiptIssued":
            self._requests.add(args["requestId"])
            self._sites.add(args["site"])
        self._parties.update(args[name] for name in PARTIES if name in args)
        return self._size() != before

    def _size(self) -> int:
        return len(self._receipts) + len(self._requests) + len(self._parties) + len(self._sites)

    def subjects(self) -> frozenset[Subject]:
        """Everything that an event about the case names, as far as events of its contract index it."""
        return frozenset(
            {
                ("PledgeRegistry", word(self._about.pledge)),
                *(("ReceiptRegistry", word(number)) for number in self._receipts | self._requests),
                *(("PartyRegistry", name) for name in self._about.devices | self._sites | self._parties),
                *(("EvidenceLog", movement) for movement in self._about.movements),
            }
        )
