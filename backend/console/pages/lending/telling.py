"""A loan's life as sentences: what comes next and by whom, and what the ledger says was done."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from backend.chain.rules import LedgerEvent
from backend.console.pages.lending.reading import Seen
from backend.console.words import Words
from backend.loans.rules.life import LoanState
from backend.margin.rules.call import MarginState
from backend.parties.words import name


@dataclass(frozen=True, slots=True)
class TellsOf:
    """What a sentence needs beside an event: how parties are called, and what commitments open to."""

    words: Words
    parties: Mapping[bytes, str]
    openings: Mapping[bytes, bytes]

    def party(self, word: bytes) -> str:
        """The party's legal name, or what the ledger calls it."""
        return self.parties.get(word) or name(word)


def next_act(words: Words, seen: Seen) -> str:
    """What comes next for the loan, and whose turn it is."""
    state = seen.full.state
    if state is LoanState.VALUED:
        left = seen.wanted - len(seen.approvers)
        return words.plural("One more person approves.", "%(number)s more people approve.", left)
    if state is LoanState.PLEDGED and seen.freezes:
        return words("Two collateral officers look at what freezes the loan; then it can be paid out.")
    if state in (LoanState.DISBURSED, LoanState.OVERDUE):
        return _of_a_live_loan(words, seen)
    return {
        LoanState.DRAFT: lambda: words("The borrower submits the application."),
        LoanState.SUBMITTED: lambda: words(
            "A credit officer values the goods and searches the public registry."
        ),
        LoanState.APPROVED: lambda: words("The borrower signs the terms."),
        LoanState.SIGNED: lambda: words(
            "The borrower endorses the receipts, the operator attorns, and the bank registers the pledge "
            "and accepts it."
        ),
        LoanState.PLEDGED: lambda: words("A payment officer pays the loan out."),
        LoanState.ENFORCING: lambda: words("The bank sells the goods, or the borrower pays everything."),
        LoanState.REPAID: lambda: words("Two collateral officers release the receipts."),
        LoanState.RELEASED: lambda: words("The bank closes the loan."),
        LoanState.CLOSED: lambda: words("Nothing: the loan has ended."),
        LoanState.DECLINED: lambda: words("Nothing: the bank has declined the application."),
        LoanState.WITHDRAWN: lambda: words("Nothing: the borrower has withdrawn the application."),
        LoanState.WRITTEN_OFF: lambda: words("Nothing: what was left is written off."),
    }[state]()


def _of_a_live_loan(words: Words, seen: Seen) -> str:
    call = seen.call
    if seen.full.state is LoanState.OVERDUE:
        days = seen.full.days_past_due
        return words.plural(
            "The borrower pays: the loan is one day past due.",
            "The borrower pays: the loan is %(number)s days past due.",
            days,
        )
    if call is not None:
        cash = words.money(call.cash.amount_minor, call.cash.currency)
        return words(
            "The borrower pays %(cash)s or adds goods by %(day)s; then the margin call ends.",
            cash=cash,
            day=words.day(call.cure_by),
        )
    if seen.stated.unvalued is not None:
        return words("Somebody brings the fact that is missing; until then no cover can be stated.")
    if seen.margin is MarginState.WARNED:
        return words("Watch: effective LTV has passed the warning line, and a margin call is near.")
    due = seen.loan.due_on
    return words("The borrower repays by %(day)s.", day="" if due is None else words.day(due))


def event_sentence(tells: TellsOf, event: LedgerEvent) -> str:
    """Who did what, as the ledger says; an event that nobody has put into words by its name."""
    tell = SENTENCES.get((event.contract, event.name))
    return tells.words.code("ledger event", event.name) if tell is None else tell(tells, event.args)


def _endorsed(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words(
        "%(pledgor)s endorsed receipts %(receipts)s to %(pledgee)s.",
        pledgor=t.party(args["pledgor"]),
        receipts=", ".join(map(str, args["receipts"])),
        pledgee=t.party(args["pledgee"]),
    )


def _attorned(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words("%(who)s attorned: it holds the goods for the pledgee.", who=t.party(args["operator"]))


def _registered(t: TellsOf, _args: Mapping[str, Any]) -> str:
    return t.words("The pledge was filed with the public registry, which was searched.")


def _effective(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words(
        "The pledge took effect: control of the receipts went to %(who)s.", who=t.party(args["pledgee"])
    )


def _released(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words("The pledge on receipt %(receipt)s was released.", receipt=args["receiptId"])


def _withdrawn(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words("%(who)s withdrew the pledge.", who=t.party(args["by"]))


def _lapsed(t: TellsOf, _args: Mapping[str, Any]) -> str:
    return t.words("The pledge lapsed before it was accepted.")


def _recorded(t: TellsOf, args: Mapping[str, Any]) -> str:
    happened = _happened(t.openings.get(args["commitment"]))
    if happened is None:
        return t.words("Event %(number)s of the loan was recorded; what it opens to is not known here.",
                       number=args["index"])  # fmt: skip
    return t.words(
        "Event %(number)s of the loan was recorded: %(happened)s.",
        number=args["index"],
        happened=t.words.code("happened", happened),
    )


def _closed(t: TellsOf, _args: Mapping[str, Any]) -> str:
    return t.words("The loan was closed on the ledger.")


def _requested(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words(
        "%(who)s asked for a receipt over %(mass)s.",
        who=t.party(args["depositor"]),
        mass=t.words.mass(args["massKg"]),
    )


def _issued(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words(
        "%(operator)s issued receipt %(receipt)s over %(mass)s to %(holder)s.",
        operator=t.party(args["operator"]),
        receipt=args["receiptId"],
        mass=t.words.mass(args["massKg"]),
        holder=t.party(args["holder"]),
    )


def _encumbered(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words(
        "Receipt %(receipt)s came under the pledge and is controlled by %(who)s.",
        receipt=args["receiptId"],
        who=t.party(args["controller"]),
    )


def _disencumbered(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words("Receipt %(receipt)s is free of the pledge again.", receipt=args["receiptId"])


def _ordered(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words(
        "%(who)s ordered %(mass)s of receipt %(receipt)s to leave by gate %(gate)s.",
        who=t.party(args["by"]),
        mass=t.words.mass(args["massKg"]),
        receipt=args["receiptId"],
        gate=name(args["gate"]),
    )


def _delivered(t: TellsOf, args: Mapping[str, Any]) -> str:
    return t.words(
        "%(mass)s of receipt %(receipt)s left under order %(order)s; %(left)s remain.",
        mass=t.words.mass(args["massKg"]),
        receipt=args["receiptId"],
        order=args["orderId"],
        left=t.words.mass(args["remainingKg"]),
    )


def _happened(opening: bytes | None) -> str | None:
    """What an opening says that happened; None where there is none or it says nothing of the kind."""
    try:
        told = json.loads((opening or b"").decode())
    except ValueError:
        return None
    content = told.get("content", told) if isinstance(told, dict) else {}
    happened = content.get("happened") if isinstance(content, dict) else None
    return happened if isinstance(happened, str) else None


SENTENCES: Final[Mapping[tuple[str, str], Callable[[TellsOf, Mapping[str, Any]], str]]] = {
    ("PledgeRegistry", "PledgeEndorsed"): _endorsed,
    ("PledgeRegistry", "PledgeAttorned"): _attorned,
    ("PledgeRegistry", "PledgeRegistered"): _registered,
    ("PledgeRegistry", "PledgeEffective"): _effective,
    ("PledgeRegistry", "PledgeReleased"): _released,
    ("PledgeRegistry", "PledgeWithdrawn"): _withdrawn,
    ("PledgeRegistry", "PledgeLapsed"): _lapsed,
    ("PledgeRegistry", "LoanEventRecorded"): _recorded,
    ("PledgeRegistry", "LoanClosed"): _closed,
    ("ReceiptRegistry", "IssueRequested"): _requested,
    ("ReceiptRegistry", "ReceiptIssued"): _issued,
    ("ReceiptRegistry", "ReceiptEncumbered"): _encumbered,
    ("ReceiptRegistry", "ReceiptDisencumbered"): _disencumbered,
    ("ReceiptRegistry", "ReleaseOrdered"): _ordered,
    ("ReceiptRegistry", "GoodsDelivered"): _delivered,
}
