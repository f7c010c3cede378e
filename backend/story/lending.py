"""The loan's part of the story: application, pledge, payment, margin, release, repayment, close."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.loans.rules.life import LoanState
from backend.loans.rules.product import Product, product_to_json, standard_product
from backend.margin.rules.call import MarginState
from backend.payments.rules import IntentState
from backend.story.office import Office
from backend.story.world import (
    BORROWER,
    CAMERA,
    COLLATERAL,
    COMMODITY,
    GRADE,
    KEEPER,
    World,
)
from backend.units import Money
from backend.valuation.rules.prices import PriceObservation, price_document

LOAN: Final = "L-0001"
CURRENCY: Final = "CNY"
PRINCIPAL: Final = Money(18_000_000, CURRENCY)
TENOR_DAYS: Final = 90
SOURCE: Final = "sandbox-exchange"
PAYEE: Final = {"name": "The supplier of the story", "account": "6222-0000-0001", "bank": "SANDBOX-BANK"}
MAKER: Final = "credit-officer-1"
OFFICERS: Final = (MAKER, "credit-officer-2")
APPROVERS: Final = ("approver-1", "approver-2")
CASHIER: Final = "payment-officer-1"
GATE_OPEN_FOR: Final = timedelta(minutes=15)
CONTRACT_OF_SALE: Final = b"%PDF-1.7\n% The contract of sale that the loan pays for.\n"


def product_for(*, tagged: bool) -> Product:
    """The standard product; where no tag can be read at the gate, one that asks devices for no identity.

    Which piece it was then follows from its weighing and the advice alone, and the bank lends knowing that.
    """
    standard = standard_product()
    if tagged:
        return standard
    asked = {claim: age for claim, age in standard.evidence_max_age.items() if claim != "identity"}
    return replace(standard, name="untagged", evidence_max_age=MappingProxyType(asked))


@dataclass(frozen=True, slots=True)
class Lending:
    """What the bank's people and the borrower do about the loan, each through the bank's API."""

    office: Office
    world: World
    price_key: Ed25519PrivateKey
    product: Product

    def open_for_business(self) -> None:
        """Two officers store the product and enrol the source of prices."""
        self.office.both(OFFICERS, "/v1/products", product_to_json(self.product))
        public = self.price_key.public_key().public_bytes_raw()
        self.office.both(OFFICERS, "/v1/price-sources", {"source": SOURCE, "public_key": "0x" + public.hex()})

    def quote_price(self, yuan_per_tonne: int) -> None:
        """The source signs a price of today, and the bank takes the file."""
        now = self.office.moment().now
        observation = PriceObservation(
            source=SOURCE,
            commodity=COMMODITY,
            grade=GRADE,
            amount=Money(yuan_per_tonne * 100, CURRENCY),
            per_kg=1_000,
            priced_at=now,
            valid_until=now + timedelta(days=2),
        )
        document = price_document([observation], self.price_key.private_bytes_raw())
        self.office.at(MAKER).send("/v1/prices", document, "application/json")

    def apply(self, receipt: int) -> None:
        """The borrower applies, offering the receipt, with its contract of sale."""
        borrower = self.office.at(BORROWER)
        kept = borrower.send("/v1/documents", CONTRACT_OF_SALE, "application/pdf")
        asked = {
            "loan_id": LOAN,
            "product": self.product.name,
            "product_version": self.product.version,
            "principal": _json(PRINCIPAL),
            "tenor_days": TENOR_DAYS,
            "purpose": "Coils for the autumn orders",
            "payee": PAYEE,
            "receipts": [receipt],
            "documents": [kept["sha256"]],
        }
        borrower.post("/v1/loans", asked)

    def value(self) -> None:
        """The credit officer searches the registry, values the goods and proposes the loan."""
        search = {"search_reference": f"SEARCH-{secrets.token_hex(4)}", "search_clean": True}
        self.office.at(MAKER).post(f"/v1/loans/{LOAN}/value", search)

    def approve(self, by: str) -> None:
        """One person approves."""
        self.office.at(by).post(f"/v1/loans/{LOAN}/approve")

    def sign(self) -> None:
        """The borrower signs exactly the approved terms."""
        self.office.at(BORROWER).post(f"/v1/loans/{LOAN}/sign", {"terms": self._terms()})

    def endorse(self, receipt: int) -> int:
        """The borrower pledges the receipt; the pledge's number once the ledger has confirmed it."""
        asked = {
            "receipts": [receipt],
            "pledgee": self.world.parties["bank"],
            "terms": self._terms(),
            "expires_at": (datetime.now(UTC) + timedelta(hours=12)).isoformat(),
        }
        intended = self.office.at(BORROWER).post("/v1/pledges", asked)
        said = self.office.confirmed(BORROWER, intended["act"])
        return int(said["PledgeEndorsed"]["pledgeId"])

    def attorn(self, pledge: int) -> None:
        """The operator acknowledges that it holds for the bank from now on."""
        intended = self.office.at(KEEPER).post(f"/v1/pledges/{pledge}/attorn", {"terms": self._terms()})
        self.office.confirmed(KEEPER, intended["act"])

    def register(self, pledge: int) -> None:
        """The bank files the pledge and commits to filing and search on the ledger."""
        filing = {
            "terms": self._terms(),
            "filing": "0x" + secrets.token_hex(32),
            "filed_at": datetime.now(UTC).isoformat(),
            "search": "0x" + secrets.token_hex(32),
        }
        intended = self.office.at(COLLATERAL[0]).post(f"/v1/pledges/{pledge}/register", filing)
        self.office.confirmed(COLLATERAL[0], intended["act"])

    def accept(self, pledge: int) -> None:
        """Two of the bank's people accept: control moves, and the loan knows its pledge."""
        intended = self.office.both(COLLATERAL, f"/v1/pledges/{pledge}/accept", {"terms": self._terms()})
        self.office.confirmed(COLLATERAL[0], intended["act"])
        self.wait_for_state(LoanState.PLEDGED)

    def disburse(self) -> dict[str, Any]:
        """The cashier has the principal paid to the supplier; the loan once the rail has settled it."""
        self.office.at(CASHIER).post(f"/v1/loans/{LOAN}/disburse")
        self.office.wait_for("the payment", self._is_paid_out)
        return self.wait_for_state(LoanState.DISBURSED)

    def pay(self, amount: Money) -> None:
        """The borrower pays; back when the bank has booked the line of its statement."""
        before = len(self.facts())
        self.office.at(BORROWER).post(f"/v1/loans/{LOAN}/repayments", {"amount": _json(amount)})
        self.office.wait_for("the payment's booking", lambda: len(self.facts()) > before)

    def facts(self) -> list[dict[str, Any]]:
        """The facts about the loan's money."""
        found: list[dict[str, Any]] = self.office.at(MAKER).get(f"/v1/loans/{LOAN}/facts")["items"]
        return found

    def loan(self) -> dict[str, Any]:
        """The loan as its borrower sees it."""
        found: dict[str, Any] = self.office.at(BORROWER).get(f"/v1/loans/{LOAN}")
        return found

    def review(self) -> None:
        """Test the cover with the facts of this moment."""
        self.office.at(MAKER).post(f"/v1/loans/{LOAN}/review")

    def margin(self) -> dict[str, Any]:
        """The loan's margin state and its call."""
        found: dict[str, Any] = self.office.at(MAKER).get(f"/v1/loans/{LOAN}/margin")
        return found

    def wait_for_margin(self, state: MarginState) -> None:
        """Until the bank has found the cover so by itself."""
        self.office.wait_for(f"margin {state.value}", lambda: self.margin()["state"] == state)

    def quote_release(self, receipt: int, mass_kg: int) -> dict[str, Any]:
        """What must be paid for so much of the receipt to leave."""
        asked = {"leaving": [{"receipt": receipt, "mass_kg": mass_kg}]}
        found: dict[str, Any] = self.office.at(BORROWER).post(f"/v1/loans/{LOAN}/release-quotes", asked)
        return found

    def pay_operator(self, quote: str) -> None:
        """The operator is paid its lien on what leaves, and the cashier has seen its receipt for it."""
        reference = {"reference": f"OPERATOR-{secrets.token_hex(4)}"}
        self.office.at(CASHIER).post(f"/v1/release-quotes/{quote}/operator-paid", reference)

    def order_release(self, quote: str, receipt: int) -> int:
        """Two of the bank's people order the goods out of the gate; the order's number once confirmed."""
        now = datetime.now(UTC)
        leave = {
            "receipt": receipt,
            "gate": CAMERA,
            "opens_at": now.isoformat(),
            "closes_at": (now + GATE_OPEN_FOR).isoformat(),
        }
        self.office.both(COLLATERAL, f"/v1/release-quotes/{quote}/order", leave)

        def standing() -> int | None:
            orders = self.office.at(COLLATERAL[0]).get(f"/v1/receipts/{receipt}")["orders"]
            return int(orders[0]["id"]) if orders else None

        return self.office.wait_for("the release order", standing)

    def payoff(self) -> Money:
        """To the fen what ends the loan today."""
        today = self.office.moment().today
        owed = self.office.at(BORROWER).get(f"/v1/loans/{LOAN}/payoff", on=today.isoformat())
        return Money(owed["outstanding"], CURRENCY)

    def release(self, receipt: int) -> None:
        """Two of the bank's people give the receipt back; the loan is released when the ledger says so."""
        self.office.both(COLLATERAL, f"/v1/loans/{LOAN}/release-receipt", {"receipt": receipt})
        self.wait_for_state(LoanState.RELEASED)

    def close(self) -> dict[str, Any]:
        """The loan is closed when the ledger says so."""
        self.office.at(COLLATERAL[0]).post(f"/v1/loans/{LOAN}/close")
        return self.wait_for_state(LoanState.CLOSED)

    def wait_for_state(self, state: LoanState) -> dict[str, Any]:
        """The loan once it is in this state."""

        def reached() -> dict[str, Any] | None:
            loan = self.loan()
            return loan if loan["state"] == state else None

        return self.office.wait_for(f"the loan to be {state.value}", reached)

    def _is_paid_out(self) -> bool:
        payments = self.office.at(CASHIER).get("/v1/payments")["items"]
        return any(each["loan_id"] == LOAN and each["state"] == IntentState.SETTLED for each in payments)

    def _terms(self) -> str:
        return str(self.loan()["terms"]["commitment"])


def _json(amount: Money) -> dict[str, Any]:
    return {"amount_minor": amount.amount_minor, "currency": amount.currency}
