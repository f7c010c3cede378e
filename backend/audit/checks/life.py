"""What was done with the goods: pledge, receipts, orders and deliveries in the one order that is allowed.

A small machine of its own, fed with proven events; it shares with the contracts only their events' names.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from backend.audit.case import Case
from backend.audit.events import Event, Told
from backend.audit.report import Found, counted
from backend.audit.statements import Said
from backend.errors import Invalid
from iot_bridge.evidence.body import Body

TOLERANCE_BPS: Final = 30
BPS: Final = 10_000
SOURCES_AT_LEAST: Final = 2

STEPS: Final = {
    ("", "PledgeEndorsed"): "endorsed",
    ("endorsed", "PledgeAttorned"): "attorned",
    ("attorned", "PledgeRegistered"): "registered",
    ("registered", "PledgeEffective"): "effective",
    ("effective", "LoanEventRecorded"): "effective",
    ("effective", "PledgeReleased"): "effective",
    ("effective", "LoanClosed"): "closed",
    ("effective", "PledgeLapsed"): "lapsed",
    ("endorsed", "PledgeWithdrawn"): "withdrawn",
    ("attorned", "PledgeWithdrawn"): "withdrawn",
    ("registered", "PledgeWithdrawn"): "withdrawn",
}
"""What a pledge becomes by which event; any other pair is out of order."""


class OutOfOrder(Invalid):
    """An event stands where the life of pledge and receipt does not allow it, or one before it is missing."""

    code = "audit.out_of_order"


class NotInControl(Invalid):
    """A release was ordered by another than the one in control, or for another than the pledgor."""

    code = "audit.not_in_control"


class MassesDiffer(Invalid):
    """Masses do not add up: ordered, delivered and left, or a receipt and its movements."""

    code = "audit.masses_differ"


class PiecesDiffer(Invalid):
    """The pieces of an issue or a delivery are not those that its movements are about."""

    code = "audit.pieces_differ"


class MovementMissing(Invalid):
    """An issue or a delivery spent a movement that the bundle does not hold."""

    code = "audit.movement_missing"


class MovementNotSpentOnce(Invalid):
    """A movement of the bundle was not spent exactly once, by an act of this case."""

    code = "audit.movement_not_spent_once"


class SupportMissing(Invalid):
    """A movement rests on a statement that the bundle does not hold, or on none before it."""

    code = "audit.support_missing"


class SupportNotIndependent(Invalid):
    """A movement rests on fewer than two devices other than the one that says it."""

    code = "audit.support_not_independent"


@dataclass(slots=True)
class Pledge:
    """A pledge as its events leave it; `under` are the receipts that it is effective on."""

    state: str = ""
    pledgor: bytes = b""
    pledgee: bytes = b""
    terms: bytes = b""
    receipts: tuple[int, ...] = ()
    under: set[int] = field(default_factory=set)
    loan_events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Order:
    """A release order and what is left of it."""

    receipt: int
    left_kg: int


@dataclass(slots=True)
class Receipt:
    """A receipt as its events leave it; `pledgee` controls it while a pledge is effective on it."""

    holder: bytes
    document: bytes
    mass_kg: int
    remaining_kg: int
    pieces: set[bytes]
    issued: Event
    pledgee: bytes | None = None


@dataclass(slots=True)
class Life:
    """A case as its events leave it; `moved` are the issues and deliveries.

    `encumbered` is what the receipts' own events say is under the pledge; the pledge's must say the same.
    """

    pledge: Pledge = field(default_factory=Pledge)
    requested: dict[int, Event] = field(default_factory=dict)
    receipts: dict[int, Receipt] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    encumbered: set[int] = field(default_factory=set)
    moved: list[Event] = field(default_factory=list)


def lived(case: Case, told: Told) -> Found[Life]:
    """The pledge and its receipts after these events, in ledger order, each of which must be allowed there.

    Raises:
        OutOfOrder, NotInControl, MassesDiffer, PiecesDiffer: at the first event that does not fit.
    """
    life = Life()
    ours = _receipts_of(told.events, case.pledge)
    for _, act in groupby(told.events, key=lambda event: (event.block, event.place)):
        for event in act:
            if event.contract == "PledgeRegistry":
                _take_pledge(life, event)
            elif event.name == "IssueRequested":
                _request(life, event)
            elif event.contract == "ReceiptRegistry" and event.args.get("receiptId") in ours:
                _take_receipt(life, event, case.pledge)
        if life.encumbered != life.pledge.under:
            raise _out_of_order(event, "the receipts say otherwise what is under the pledge")
    if not life.pledge.receipts or life.receipts.keys() != ours:
        raise OutOfOrder(state=life.pledge.state or "none", receipts=sorted(life.receipts))
    left = sum(receipt.remaining_kg for receipt in life.receipts.values())
    saw = (
        f"The pledge is {life.pledge.state}; {counted(len(ours), 'receipt')}, "
        f"{counted(len(life.orders), 'order')}, {left} kg left."
    )
    return Found(life, saw)


def spent_once(statements: Sequence[Said], told: Told, life: Life) -> Found[int]:
    """How many movements were spent, each once, by the issues and deliveries whose pieces and mass they show.

    Raises:
        MovementMissing, PiecesDiffer, MassesDiffer, MovementNotSpentOnce: the first that applies.
    """
    spent = [event for event in told.events if event.name == "StatementSpent"]
    by_id = {said.id: said for said in statements}
    used: Counter[bytes] = Counter()
    for act in life.moved:
        movements = []
        for event in spent:
            if (event.block, event.place) == (act.block, act.place):
                identifier = event.args["id"]
                if identifier not in by_id:
                    raise MovementMissing(block=act.block, act=act.name, id=identifier.hex())
                movements.append(by_id[identifier])
                used[identifier] += 1
        _require_moved(act, movements)
    all_spent = Counter(event.args["id"] for event in spent)
    for said in statements:
        if said.statement.kind.startswith("movement.") and (used[said.id], all_spent[said.id]) != (1, 1):
            raise MovementNotSpentOnce(statement=said.name, spent=all_spent[said.id])
    return Found(len(used), f"{len(used)} movements spent by {len(life.moved)} issues and deliveries.")


def supported(statements: Sequence[Said], bodies: Mapping[bytes, Body]) -> Found[int]:
    """How many movements rest on earlier statements of at least two other devices of their site.

    Raises:
        SupportMissing, SupportNotIndependent: the first that applies.
    """
    by_id = {said.id: said for said in statements}
    count = 0
    for said in statements:
        if not said.statement.kind.startswith("movement."):
            continue
        devices = set()
        for text in bodies[said.id].fields["rests_on"]:
            support = by_id.get(bytes.fromhex(text[2:]))
            if support is None or support.statement.site != said.statement.site:
                raise SupportMissing(statement=said.name, rests_on=text)
            if (support.file.epoch, support.file.index) >= (said.file.epoch, said.file.index):
                raise SupportMissing(statement=said.name, later=support.name)
            devices.add(support.statement.device)
        if len(devices - {said.statement.device}) < SOURCES_AT_LEAST:
            raise SupportNotIndependent(statement=said.name, devices=sorted(devices))
        count += 1
    return Found(count, f"{count} movements.")


def _receipts_of(events: Iterable[Event], pledge: int) -> set[int]:
    endorsed = (event for event in events if event.name == "PledgeEndorsed")
    return {r for event in endorsed if event.args["pledgeId"] == pledge for r in event.args["receipts"]}


def _take_pledge(life: Life, event: Event) -> None:
    pledge = life.pledge
    state = STEPS.get((pledge.state, event.name))
    if state is None:
        raise _out_of_order(event, pledge.state)
    match event.name:
        case "PledgeEndorsed":
            _endorse(life, event)
        case "PledgeEffective":
            pledge.under = set(pledge.receipts)
        case "PledgeReleased":
            _release(pledge, event)
        case "LoanEventRecorded":
            pledge.loan_events.append(event)
        case "LoanClosed" if pledge.under:
            raise _out_of_order(event, "a receipt is still under the pledge")
        case "PledgeLapsed" if pledge.loan_events:
            raise _out_of_order(event, "loan events were recorded")
        case "PledgeLapsed":
            pledge.under.clear()
    pledge.state = state


def _endorse(life: Life, event: Event) -> None:
    pledge, args = life.pledge, event.args
    pledge.pledgor, pledge.pledgee, pledge.terms = args["pledgor"], args["pledgee"], args["terms"]
    pledge.receipts = tuple(args["receipts"])
    if any(_held_by(life, receipt) != pledge.pledgor for receipt in pledge.receipts):
        raise _out_of_order(event, "a receipt is not the pledgor's")


def _release(pledge: Pledge, event: Event) -> None:
    if event.args["receiptId"] not in pledge.under:
        raise _out_of_order(event, "the receipt is not under the pledge")
    pledge.under.remove(event.args["receiptId"])


def _request(life: Life, event: Event) -> None:
    if event.args["requestId"] in life.requested:
        raise _out_of_order(event, "requested before")
    life.requested[event.args["requestId"]] = event


def _encumber(life: Life, receipt: Receipt, event: Event, pledge: int) -> None:
    taken = event.name == "ReceiptEncumbered"
    if taken == (receipt.pledgee is not None):
        raise _out_of_order(event, "under a pledge" if taken else "under no pledge")
    receipt.pledgee = event.args["controller"] if taken else None
    if event.args["pledgeId"] == pledge:
        life.encumbered ^= {event.args["receiptId"]}


def _take_receipt(life: Life, event: Event, pledge: int) -> None:
    receipt = life.receipts.get(event.args["receiptId"])
    if event.name == "ReceiptIssued":
        _issue(life, event)
    elif receipt is None:
        raise _out_of_order(event, "the receipt is not issued")
    elif event.name in {"ReceiptEncumbered", "ReceiptDisencumbered"}:
        _encumber(life, receipt, event, pledge)
    elif event.name == "ReleaseOrdered":
        _order(life, receipt, event)
    elif event.name == "GoodsDelivered":
        _deliver(life, receipt, event)


def _issue(life: Life, event: Event) -> None:
    args = event.args
    request = life.requested.get(args["requestId"])
    if request is None or args["receiptId"] in life.receipts:
        raise _out_of_order(event, "not requested" if request is None else "issued before")
    same = ("site", "bay", "commodity", "grade", "massKg", "fingerprints", "document")
    if any(args[name] != request.args[name] for name in same) or args["holder"] != request.args["depositor"]:
        raise _out_of_order(event, "another lot than requested")
    pieces = set(args["fingerprints"])
    life.receipts[args["receiptId"]] = Receipt(
        args["holder"], args["document"], args["massKg"], args["massKg"], pieces, event
    )
    life.moved.append(event)


def _order(life: Life, receipt: Receipt, event: Event) -> None:
    args = event.args
    if args["orderId"] in life.orders:
        raise _out_of_order(event, "ordered before")
    if args["massKg"] > receipt.remaining_kg:
        raise MassesDiffer(order=args["orderId"], ordered=args["massKg"], there=receipt.remaining_kg)
    _require_control(receipt, event)
    life.orders[args["orderId"]] = Order(args["receiptId"], args["massKg"])


def _deliver(life: Life, receipt: Receipt, event: Event) -> None:
    args, order = event.args, life.orders.get(event.args["orderId"])
    if order is None or order.receipt != args["receiptId"]:
        raise _out_of_order(event, "not ordered")
    gone, mass = set(args["fingerprints"]), args["massKg"]
    if not gone or not gone <= receipt.pieces or len(gone) != len(args["fingerprints"]):
        raise PiecesDiffer(order=args["orderId"], pieces=[piece.hex() for piece in args["fingerprints"]])
    receipt.pieces -= gone
    left = receipt.remaining_kg - mass
    ended = not receipt.pieces
    if ended and _within(left, receipt.mass_kg):
        left = 0
        life.pledge.under.discard(args["receiptId"])
    if mass > order.left_kg or left != args["remainingKg"] or ended != (left == 0):
        raise MassesDiffer(
            order=args["orderId"], delivered=mass, ordered=order.left_kg, left=left, told=args["remainingKg"]
        )
    order.left_kg -= mass
    receipt.remaining_kg = left
    life.moved.append(event)


def _require_control(receipt: Receipt, event: Event) -> None:
    args, pledged = event.args, receipt.pledgee is not None
    by = receipt.pledgee if pledged else receipt.holder
    if args["by"] != by or (pledged and args["to"] != receipt.holder):
        raise NotInControl(order=args["orderId"], by=args["by"].hex(), to=args["to"].hex())


def _require_moved(act: Event, movements: Sequence[Said]) -> None:
    kind = "movement.in" if act.name == "ReceiptIssued" else "movement.out"
    pieces = sorted(said.statement.subject for said in movements)
    fits = all(said.statement.kind == kind for said in movements)
    if not fits or pieces != sorted(act.args["fingerprints"]):
        raise PiecesDiffer(block=act.block, act=act.name, pieces=[piece.hex() for piece in pieces])
    measured, stated = sum(said.statement.quantity for said in movements), act.args["massKg"]
    if not _within(abs(measured - stated), stated):
        raise MassesDiffer(block=act.block, act=act.name, stated=stated, measured=measured)


def _within(difference: int, stated: int) -> bool:
    return difference * BPS <= stated * TOLERANCE_BPS


def _held_by(life: Life, receipt: int) -> bytes | None:
    return life.receipts[receipt].holder if receipt in life.receipts else None


def _out_of_order(event: Event, state: str) -> OutOfOrder:
    return OutOfOrder(event=event.name, block=event.block, state=state or "none")
