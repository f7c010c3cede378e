"""The loan's part of the story: application, pledge, payment, margin, release, repayment, close."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from backend.identity.actions import admit_person
from backend.identity.rules import Person, Role
from backend.loans.actions import applying, booking, ending
from backend.loans.actions import reading as loans
from backend.loans.rules.life import LoanState
from backend.loans.rules.loan import Application, Loan, Payee, RegistrySearch
from backend.loans.rules.product import Product, standard_product
from backend.margin.actions import calling, releasing
from backend.margin.rules.call import MarginState
from backend.payments import actions as payments
from backend.payments.rules import IntentState
from backend.payments.sandbox import SandboxRail
from backend.pledges import actions as pledges
from backend.receipts import actions as receipts
from backend.story.office import Office
from backend.story.world import CAMERA, COLLATERAL, COMMODITY, GRADE, PEOPLE, SITE, World
from backend.units import Money
from backend.valuation.actions import enrol_source, price_of, take_prices
from backend.valuation.rules.prices import (
    MarketPrice,
    PriceObservation,
    PricePolicy,
    price_document,
)
from iot_bridge.evidence.statement import name32

LOAN: Final = "L-0001"
CURRENCY: Final = "CNY"
PRINCIPAL: Final = Money(18_000_000, CURRENCY)
TENOR_DAYS: Final = 90
SOURCE: Final = "sandbox-exchange"
PAYEE: Final = Payee(name="The supplier of the story", account="6222-0000-0001", bank="SANDBOX-BANK")
PAYER: Final = "The depositor of the story"
MAKER: Final = "credit-officer"
APPROVERS: Final = ("approver-1", "approver-2")
CASHIER: Final = "payment-officer"
GATE_OPEN_FOR: Final = timedelta(minutes=15)


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
    """What the bank's people and the borrower do about the loan, through the bank's own actions."""

    office: Office
    world: World
    rail: SandboxRail
    price_key: Ed25519PrivateKey
    product: Product

    def open_for_business(self) -> None:
        """Admit the bank's people, store the product, and enrol the source of prices."""
        at = self.office.moment()

        def open_(session: Session) -> None:
            for name, roles in PEOPLE.items():
                held = frozenset(Role(role) for role in roles)
                admit_person(session, Person(name, self.world.parties["bank"], held, name))
            applying.store_product(session, self.product, at=at)
            public = self.price_key.public_key().public_bytes_raw()
            enrol_source(session, source=SOURCE, public_key=public, now=at.now)

        self.office.do(open_)

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
        self.office.do(lambda session: take_prices(session, document, now=now))

    def price(self) -> MarketPrice:
        """What fresh observations agree on at this moment."""
        now = self.office.moment().now
        policy = PricePolicy(self.product.price_max_age, self.product.price_max_move_bps)
        return self.office.look(
            lambda session: price_of(session, (COMMODITY, GRADE), currency=CURRENCY, policy=policy, now=now)
        )

    def apply(self, receipt: int) -> Loan:
        """The borrower applies, offering the receipt."""
        application = Application(
            loan_id=LOAN,
            borrower=self.world.party_id("depositor"),
            product=self.product.name,
            product_version=self.product.version,
            principal=PRINCIPAL,
            tenor_days=TENOR_DAYS,
            purpose="Coils for the autumn orders",
            payee=PAYEE,
            receipts=(receipt,),
        )
        at = self.office.moment()
        return self.office.do(lambda session: applying.submit(session, application, at=at))

    def value(self) -> Loan:
        """The credit officer searches the registry, values the goods and proposes the loan."""
        search = RegistrySearch(reference=f"SEARCH-{secrets.token_hex(4)}", clean=True)
        at = self.office.moment()
        return self.office.do(
            lambda session: applying.value(
                session, self.office.bank.desk, LOAN, by=MAKER, search=search, at=at
            )
        )

    def approve(self, by: str) -> Loan:
        """One person approves."""
        at = self.office.moment()
        return self.office.do(
            lambda session: applying.approve(session, self.office.bank.desk, LOAN, by=by, at=at)
        )

    def sign(self) -> Loan:
        """The borrower signs exactly the approved terms."""
        terms = self._terms()
        at = self.office.moment()
        return self.office.do(lambda session: applying.sign(session, LOAN, terms=terms, at=at))

    def endorse(self, receipt: int) -> int:
        """The borrower pledges the receipt; the pledge's number once the ledger has confirmed it."""
        terms, pledgor = self._terms(), self.world.party_id("depositor")
        self.office.do(
            lambda session: pledges.endorse(
                session,
                (receipt,),
                pledgee=self.world.party_id("bank"),
                terms=terms,
                expires_at=datetime.now(UTC) + timedelta(hours=12),
                signer=self.world.parties["depositor"],
            )
        )
        return self.office.wait_for(
            "the endorsement", lambda session: pledges.pledge_with_terms(session, pledgor, terms)
        )

    def attorn(self, pledge: int) -> None:
        """The operator acknowledges that it holds for the bank from now on."""
        terms = self._terms()
        signer = self.world.parties["operator"]
        self.office.do(
            lambda session: pledges.attorn(session, pledge, terms=terms, signer=signer, now=datetime.now(UTC))
        )
        self.office.confirmed(f"attorn:{pledge}")

    def register(self, pledge: int) -> None:
        """The bank files the pledge and commits to filing and search on the ledger."""
        terms, now = self._terms(), datetime.now(UTC)
        filing = pledges.Filing(
            reference=sha256(secrets.token_bytes(32)).digest(),
            filed_at=now,
            search=sha256(secrets.token_bytes(32)).digest(),
        )
        signer = self.world.parties["bank"]
        self.office.do(
            lambda session: pledges.register(session, pledge, filing, terms=terms, signer=signer, now=now)
        )
        self.office.confirmed(f"register:{pledge}")

    def accept(self, pledge: int) -> None:
        """Two of the bank's people accept: control moves, and the loan knows its pledge."""
        terms, bank = self._terms(), self.office.bank
        self.office.do(
            lambda session: pledges.accept(
                session,
                pledge,
                terms=terms,
                officers=COLLATERAL,
                desk=bank.signing,
                signer=self.world.parties["bank"],
                now=datetime.now(UTC),
            )
        )
        self.office.confirmed(f"accept:{pledge}")
        self.wait_for_state(LoanState.PLEDGED)

    def disburse(self) -> Loan:
        """The cashier has the principal paid to the supplier; the loan once the rail has settled it."""
        at = self.office.moment()
        intent = self.office.do(
            lambda session: payments.disburse(session, self.office.bank.desk, LOAN, by=CASHIER, at=at)
        )
        name = intent.instruction.end_to_end_id
        self.office.wait_for(
            "the payment", lambda session: payments.payment(session, name).state is IntentState.SETTLED
        )
        return self.wait_for_state(LoanState.DISBURSED)

    def pay(self, amount: Money) -> None:
        """The borrower pays; back when the bank has booked the line of its statement."""
        before = self.office.look(lambda session: len(loans.facts(session, LOAN)))
        self.rail.receive(payer=PAYER, amount=amount, reference=LOAN)
        self.office.wait_for(
            "the payment's booking", lambda session: len(loans.facts(session, LOAN)) > before
        )

    def margin(self) -> calling.Review:
        """Test the cover with the facts of this moment."""
        at = self.office.moment()
        return self.office.do(lambda session: calling.review(session, self.office.bank.desk, LOAN, at=at))

    def wait_for_margin(self, state: MarginState) -> None:
        """Until the bank has found the cover so by itself."""
        self.office.wait_for(
            f"margin {state.value}", lambda session: calling.margin_state(session, LOAN) is state
        )

    def quote_release(self, receipt: int, mass_kg: int) -> releasing.Quote:
        """What must be paid for so much of the receipt to leave."""
        at = self.office.moment()
        return self.office.do(
            lambda session: releasing.quote_release(
                session,
                self.office.bank.desk,
                LOAN,
                leaving={receipt: mass_kg},
                valid_for=timedelta(hours=4),
                at=at,
            )
        )

    def pay_operator(self, quote: releasing.Quote) -> None:
        """The operator is paid its lien on what leaves, and the cashier has seen its receipt for it."""
        reference = f"OPERATOR-{secrets.token_hex(4)}"
        self.office.do(
            lambda session: releasing.record_operator_paid(session, quote.id, reference=reference, by=CASHIER)
        )

    def order_release(self, quote: releasing.Quote, receipt: int) -> int:
        """Two of the bank's people order the goods out of the gate; the order's number once confirmed."""
        now, at = datetime.now(UTC), self.office.moment()
        leave = releasing.Leave(
            receipt=receipt, gate=CAMERA, opens_at=now, closes_at=now + GATE_OPEN_FOR, people=COLLATERAL
        )
        self.office.do(
            lambda session: releasing.order_release(
                session, self.office.bank.desk, quote.id, leave=leave, at=at
            )
        )

        def standing(session: Session) -> int | None:
            orders = receipts.orders_open_at(session, name32(SITE), CAMERA, datetime.now(UTC))
            return orders[0].id if orders else None

        return self.office.wait_for("the release order", standing)

    def payoff(self) -> Money:
        """To the fen what ends the loan today."""
        today = self.office.moment().today
        owed = self.office.look(lambda session: booking.payoff_on(session, LOAN, today))
        return Money(owed.outstanding, CURRENCY)

    def release(self, receipt: int) -> None:
        """Two of the bank's people give the receipt back; the loan is released when the ledger says so."""
        at = self.office.moment()
        self.office.do(
            lambda session: ending.release(
                session, self.office.bank.desk, LOAN, receipt=receipt, people=COLLATERAL, at=at
            )
        )
        self.wait_for_state(LoanState.RELEASED)

    def close(self) -> Loan:
        """The loan is closed when the ledger says so."""
        at = self.office.moment()
        self.office.do(
            lambda session: ending.close(session, self.office.bank.desk, LOAN, by=COLLATERAL[0], at=at)
        )
        return self.wait_for_state(LoanState.CLOSED)

    def wait_for_state(self, state: LoanState) -> Loan:
        """The loan once it is in this state."""

        def reached(session: Session) -> Loan | None:
            loan = loans.loan(session, LOAN)
            return loan if loan.state is state else None

        return self.office.wait_for(f"the loan to be {state.value}", reached)

    def _terms(self) -> bytes:
        terms = self.office.look(lambda session: loans.loan(session, LOAN).terms)
        if terms is None:
            raise ValueError(LOAN)
        return terms
