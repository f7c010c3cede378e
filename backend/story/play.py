"""Plays the story in the yard, at the operator's and at the bank; each step says what was proved.

coils enter → receipt → pledge → loan → payment → the price falls → margin call → part repayment → release
order → a matched exit → at night an exit without an order → alert → repayment → release → close
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from backend.alerts.rules import AlertKind
from backend.audit.verify import verify
from backend.clock import OffsetFileClock
from backend.errors import WrongState
from backend.evidence.support import MOVEMENT_IN, MOVEMENT_OUT
from backend.loans.rules.life import LoanState
from backend.margin.rules.call import MarginState
from backend.story.client import ApiRefused
from backend.story.gate import COILS, Coil, Gate
from backend.story.lending import APPROVERS, LOAN, MAKER, PRINCIPAL, Lending
from backend.story.narrator import Narrator
from backend.story.office import Office
from backend.story.paper import issue_terms, receipt_document, receipt_wanted
from backend.story.world import AUDITOR, BORROWER, KEEPER, SITE, World
from backend.units import Money
from contracts.rpc import Rpc

T = TypeVar("T")
PROFILE: Final = "CN-909"
PRICE_AT_FIRST: Final = 3_900
PRICE_FALLEN: Final = 3_100
DAY_OF_THE_FALL: Final = 30


class BundleNotVerified(WrongState):
    """The proof bundle of the story does not verify."""

    code = "story.bundle_not_verified"


class NotRefused(WrongState):
    """Something that must be refused was done."""

    code = "story.not_refused"


@dataclass(slots=True)
class Story:
    """Everything the steps need, and what they have learned so far."""

    narrator: Narrator
    world: World
    office: Office
    gate: Gate
    lending: Lending
    business: OffsetFileClock
    network_key: bytes
    coils: tuple[Coil, ...] = COILS
    receipt: int = 0
    pledge: int = 0
    order: int = 0

    def play(self) -> None:
        """Every step in order; whatever does not come true stops the story by name."""
        for step in self.steps():
            step()

    def steps(self) -> tuple[Callable[[], None], ...]:
        """What happens, in order."""
        return (
            self.coils_enter,
            self.a_receipt_is_issued,
            self.a_loan_is_agreed,
            self.the_receipt_is_pledged,
            self.the_loan_is_paid_out,
            self.the_price_falls,
            self.a_part_is_repaid,
            self.a_release_is_ordered,
            self.a_coil_leaves_in_order,
            self.a_coil_leaves_at_night,
            self.the_loan_is_repaid,
            self.the_loan_is_closed,
        )

    def coils_enter(self) -> None:
        """Each coil passes the camera and the scale; the two together make a movement."""
        self.narrator.step("Coils enter past the gate camera and over the scale")
        self.gate.advise(self.coils)
        for coil in self.coils:
            with self.narrator.waiting(f"coil {coil.number} comes in"):
                self.gate.enter(coil)
                seen = self._movement(MOVEMENT_IN, coil)
            self.narrator.proved(
                f"coil {coil.number}, {coil.mass_kg:,} kg: camera and scale agree"
                f" ({len(seen['fields']['rests_on'])} statements); fingerprint {seen['subject'][:14]}…"
            )

    def a_receipt_is_issued(self) -> None:
        """The depositor asks, the operator issues on witnessed arrivals; no coil can be covered twice."""
        self.narrator.step("The operator issues a receipt over the coils")
        terms = issue_terms(self.coils, self.network_key, self.world.particulars["depositor"])
        document = receipt_document(self.coils, self.world.particulars, self.office.moment().today)
        wanted = receipt_wanted(terms, document, profile=PROFILE)
        borrower, keeper = self.office.at(BORROWER), self.office.at(KEEPER)
        asked = borrower.post("/v1/receipt-requests", wanted)
        said = self.office.confirmed(BORROWER, asked["act"])
        request = said["IssueRequested"]["requestId"]
        self.narrator.proved(
            f"request {request} is on the ledger; it holds the document's hash, no name and no price"
        )
        issued = self._when_witnessed(lambda: keeper.post(f"/v1/receipt-requests/{request}/issue"))
        self.receipt = int(self.office.confirmed(KEEPER, issued["act"])["ReceiptIssued"]["receiptId"])
        self.narrator.proved(
            f"receipt {self.receipt}: {terms.mass_kg:,} kg in {len(self.coils)} coils, each covered by a"
            " movement on a head that the bank has re-derived and witnessed"
        )
        self._refused(
            "a second receipt over the same coil", lambda: borrower.post("/v1/receipt-requests", wanted)
        )

    def a_loan_is_agreed(self) -> None:
        """Application, value at a signed price, two approvals by two people, signature."""
        self.narrator.step("The borrower applies; two people at the bank approve")
        self.lending.quote_price(PRICE_AT_FIRST)
        self.lending.apply(self.receipt)
        self._as_soon_as("supported claims", self.lending.value, refusal="loans.claims_below_bar")
        self.narrator.proved(
            f"valued at {PRICE_AT_FIRST:,}.00 CNY/t from a signed file; every claim holds in full"
        )
        self._refused("the maker as checker", lambda: self.lending.approve(MAKER))
        for approver in APPROVERS:
            self.lending.approve(approver)
        self.lending.sign()
        self.narrator.proved(
            f"{_shown(PRINCIPAL)} for 90 days at 5.60 % + 1.50 % supervision, ACT/360; terms are committed to"
        )

    def the_receipt_is_pledged(self) -> None:
        """Endorse, attorn, register, accept: control moves to the bank, title stays."""
        self.narrator.step("The receipt is pledged, step by step on the ledger")
        self.pledge = self.lending.endorse(self.receipt)
        self.narrator.proved(f"pledge {self.pledge}: endorsed 质押 by the borrower's own key")
        self.lending.attorn(self.pledge)
        self.narrator.proved("attorned: the operator holds for the bank from now on")
        self.lending.register(self.pledge)
        self.narrator.proved("registered: filing and search are committed to")
        self.lending.accept(self.pledge)
        self.narrator.proved("accepted by two people: control is the bank's, title stays the borrower's")
        self._refused("a second pledge of the receipt", lambda: self.lending.endorse(self.receipt))

    def the_loan_is_paid_out(self) -> None:
        """Money moves only on the confirmed pledge, once, to the supplier."""
        self.narrator.step("The loan is paid out to the supplier")
        loan = self.lending.disburse()
        self.narrator.proved(f"{_shown(PRINCIPAL)} settled on the rail in full; due on {loan['due_on']}")

    def the_price_falls(self) -> None:
        """A month on, a signed lower price opens a margin call."""
        self.narrator.step(f"{DAY_OF_THE_FALL} days on, the price falls")
        self.business.advance(timedelta(days=DAY_OF_THE_FALL))
        self._refused("a release quoted at the month-old price", self._quote_release)
        self.lending.quote_price(PRICE_FALLEN)
        self.lending.review()
        self.lending.wait_for_margin(MarginState.CALLED)
        call = self.lending.margin()["call"]
        self.narrator.alarm(
            f"margin call: {_shown(_money(call['cash']))} short at {PRICE_FALLEN:,}.00 CNY/t;"
            f" to be cured by {call['cure_by']}"
        )

    def a_part_is_repaid(self) -> None:
        """Paying exactly the shortfall cures the call."""
        self.narrator.step("The borrower repays a part")
        amount = _money(self.lending.margin()["call"]["cash"])
        self.lending.pay(amount)
        self.lending.review()
        self.lending.wait_for_margin(MarginState.HEALTHY)
        self.narrator.proved(
            f"{_shown(amount)} paid: interest and fee first, the rest on principal"
            f" ({_yuan(self.lending.loan()['owed']['principal'])} left); the call is cured"
        )

    def a_release_is_ordered(self) -> None:
        """Pay X, release Y: the bank receives what the rest cannot carry; two people open the gate."""
        self.narrator.step("One coil is paid free, and two people order its release")
        quote = self._quote_release()
        bank, operator = _money(quote["bank"]), _money(quote["operator"])
        mass_kg = self.coils[0].mass_kg
        self.narrator.note(
            f"pay {_shown(bank)} to the bank and {_shown(operator)} to the operator, release {mass_kg:,} kg"
        )
        self.lending.pay(bank)
        self.lending.pay_operator(quote["id"])
        self.order = self.lending.order_release(quote["id"], self.receipt)
        self.narrator.proved(f"release order {self.order} is confirmed; the gate may open for {mass_kg:,} kg")

    def a_coil_leaves_in_order(self) -> None:
        """The ordered coil leaves: camera, scale and order agree, and the receipt shrinks."""
        self.narrator.step("The ordered coil leaves")
        coil, keeper = self.coils[0], self.office.at(KEEPER)
        with self.narrator.waiting(f"coil {coil.number} goes out"):
            self.gate.leave(coil)
            self._movement(MOVEMENT_OUT, coil)
        gone = {"fingerprints": [_hexed(coil.fingerprint(self.network_key))]}
        delivered = self._when_witnessed(
            lambda: keeper.post(f"/v1/release-orders/{self.order}/deliver", gone)
        )
        self.office.confirmed(KEEPER, delivered["act"])
        left = keeper.get(f"/v1/receipts/{self.receipt}")["remaining_kg"]
        self.narrator.proved(
            f"delivered: {left:,} kg stay under the receipt; the exit matched order, coil and weight"
        )
        if self._alerts():
            raise WrongState(alerts=[each["id"] for each in self._alerts()])

    def a_coil_leaves_at_night(self) -> None:
        """A coil goes out past the camera with no order: the bank knows before any block confirms it."""
        self.narrator.step("At night a coil leaves without an order")
        self.gate.fall_dark()
        self.gate.slip_out(self.coils[1])
        alert = self.office.wait_for("the alert", lambda: next(iter(self._alerts()), None))
        crossing = self.office.at(MAKER).get(f"/v1/statements/{alert['statement']}")
        opened = datetime.fromisoformat(alert["opened_at"])
        late_ms = int(opened.timestamp() * 1000) - crossing["seen_at_ms"]
        self.narrator.alarm(f"unauthorised exit, {late_ms} ms after the picture: {_facts(alert['facts'])}")
        freezes = self.lending.loan()["freezes"]
        if not freezes:
            raise WrongState(loan_id=LOAN)
        self.narrator.proved(f"the loan is frozen for {', '.join(freezes)}")

    def the_loan_is_repaid(self) -> None:
        """On the due day the borrower pays to the fen; no price and no answering chain is needed."""
        self.narrator.step("On the due day the borrower repays everything")
        due_on = date.fromisoformat(self.lending.loan()["due_on"])
        self.business.advance(timedelta(days=(due_on - self.office.moment().today).days))
        owed, payoff = self.lending.loan()["owed"], self.lending.payoff()
        self.narrator.note(
            f"principal {_yuan(owed['principal'])}, interest {_yuan(owed['interest'])},"
            f" supervision fee {_yuan(owed['fee'])}"
        )
        self.lending.pay(payoff)
        self.lending.wait_for_state(LoanState.REPAID)
        self.narrator.proved(f"{_shown(payoff)} booked; nothing is owed, to the fen")

    def the_loan_is_closed(self) -> None:
        """The pledge ends, and the loan with it, when the ledger says so."""
        self.narrator.step("The receipt is released and the loan closed")
        self.lending.release(self.receipt)
        self.narrator.proved("released by two people: control of the receipt is the borrower's again")
        self.lending.close()
        self.narrator.proved("closed: the chain of the loan's events on the ledger is complete")

    def prove(self, bundle: Path) -> None:
        """Have an auditor fetch the proof bundle and verify it: by the file and a node."""
        self.narrator.step("An auditor verifies the proof bundle")
        auditor, node = self.office.at(AUDITOR), self.office.bank.rpc.url
        self.office.wait_for("every act on the ledger", lambda: not auditor.get("/v1/acts")["items"])
        self.narrator.proved("every act of the story is confirmed on the ledger")
        with self.narrator.waiting("the bundle is written"):
            bundle.write_bytes(auditor.fetch(f"/v1/loans/{LOAN}/bundle"))
        size = bundle.stat().st_size
        self.narrator.note(f"{bundle.name}: {size:,} bytes; tallystick verify {bundle} --rpc {node}")
        report = verify(bundle.read_bytes(), Rpc(node))
        for finding in report.findings:
            self.narrator.console.print(f"    [dim]{finding.line()}[/dim]")
        if not report.verified:
            raise BundleNotVerified(verdict=report.verdict())
        self.narrator.proved(report.verdict())

    def _movement(self, kind: str, coil: Coil) -> Any:
        asked = {"kind": kind, "piece": _hexed(coil.fingerprint(self.network_key))}

        def seen() -> Any:
            return next(
                iter(self.office.at(KEEPER).get(f"/v1/sites/{SITE}/movements", **asked)["items"]), None
            )

        return self.office.wait_for(f"{kind} of coil {coil.number}", seen)

    def _quote_release(self) -> dict[str, Any]:
        return self.lending.quote_release(self.receipt, self.coils[0].mass_kg)

    def _when_witnessed(self, act: Callable[[], T]) -> T:
        """Take an act as soon as the evidence that it needs lies under a witnessed head."""
        return self._as_soon_as("a witnessed head", act, refusal="evidence.not_yet_witnessed")

    def _as_soon_as(self, what: str, act: Callable[[], T], *, refusal: str) -> T:
        def tried() -> tuple[T] | None:
            try:
                return (act(),)
            except ApiRefused as refused:
                if refused.refusal != refusal:
                    raise
                return None

        return self.office.wait_for(what, tried)[0]

    def _refused(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except ApiRefused as refused:
            self.narrator.refused(f"{what} is refused: {refused.refusal}")
            return
        raise NotRefused(what=what)

    def _alerts(self) -> list[dict[str, Any]]:
        found = self.office.at(MAKER).get("/v1/alerts", state="open")["items"]
        return [each for each in found if each["kind"] == AlertKind.UNAUTHORISED_EXIT]


def _hexed(value: bytes) -> str:
    return "0x" + value.hex()


def _money(amount: dict[str, Any]) -> Money:
    return Money(amount["amount_minor"], amount["currency"])


def _shown(amount: Money) -> str:
    return f"{amount.amount_minor // 100:,}.{amount.amount_minor % 100:02d} {amount.currency}"


def _yuan(amount_minor: int) -> str:
    return _shown(Money(amount_minor, "CNY"))


def _facts(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
