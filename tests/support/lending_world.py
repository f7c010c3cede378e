"""A whole bank on a ledger of its own that lends on a receipt: what it knows of goods and prices is given."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sqlmodel import Session
from typing_extensions import override

from backend.app import Bank
from backend.identity.actions import admit_person
from backend.loans.actions import applying
from backend.loans.actions.desk import Desk
from backend.loans.rules.loan import Application
from backend.loans.rules.product import standard_product
from backend.payments import actions as payments
from backend.units import Money
from backend.valuation import actions as valuing
from backend.valuation.rules import prices
from iot_bridge.evidence.statement import name32
from tests.backend.app.conftest import World
from tests.backend.app.test_a_receipt_lives import issued, pledged
from tests.backend.loans.bank import PAYEE, PEOPLE, PRICE_KEY, SEARCH, collateral, price_file
from tests.support.ledger_life import DEPOSITOR, LENDER

LOAN: Final = "L-2026-0001"
PRINCIPAL: Final = Money(5_000_000, "CNY")


class LendingBank(Bank):
    """The bank as it is, but for what it knows of goods: they are there, for a year."""

    __slots__ = ()

    @property
    @override
    def desk(self) -> Desk:
        desk = super().desk
        far = self.today() + timedelta(days=360)
        return replace(
            desk,
            goods=lambda _session, _product, wanted, _at: tuple(
                replace(collateral(each, 29_900), goods_valid_until=far, stored_until=far) for each in wanted
            ),
        )


@dataclass(frozen=True, slots=True)
class Lent:
    """A loan whose pledge is effective, and whose payout is intended."""

    receipt: int
    pledge: int
    payment: str


def lend(world: World) -> Lent:
    """From people and a price to a loan that is pledged for, and is to be paid out."""
    receipt = issued(world)
    at = world.bank.moment()
    world.do(lambda session: _admit(session, world))
    application = Application(
        loan_id=LOAN,
        borrower=name32(DEPOSITOR),
        product="standard",
        product_version=1,
        principal=PRINCIPAL,
        tenor_days=90,
        purpose="coils",
        payee=PAYEE,
        receipts=(receipt,),
    )
    desk = world.bank.desk
    world.do(lambda s: applying.submit(s, application, at=at))
    world.do(lambda s: applying.value(s, desk, LOAN, by="lin", search=SEARCH, at=at))
    world.do(lambda s: applying.approve(s, desk, LOAN, by="wu", at=at))
    terms = world.do(lambda s: applying.approve(s, desk, LOAN, by="zhao", at=at)).terms
    world.do(lambda s: applying.sign(s, LOAN, terms=terms, at=at))
    pledge = pledged(world, receipt, terms)
    paid = world.do(lambda s: payments.disburse(s, desk, LOAN, by="sun", at=world.bank.moment()))
    return Lent(receipt, pledge, paid.instruction.end_to_end_id)


def _admit(session: Session, world: World) -> None:
    """Everybody who lends, the product, and a signed price of this moment."""
    at = world.bank.moment()
    for person in PEOPLE:
        admit_person(session, replace(person, organisation=LENDER))
    applying.store_product(session, standard_product(), at=at)
    key = prices.Ed25519PrivateKey.from_private_bytes(PRICE_KEY).public_key().public_bytes_raw()
    valuing.enrol_source(session, source="mysteel", public_key=key, now=at.now)
    observed = prices.PriceObservation(
        source="mysteel",
        commodity="steel.hrc",
        grade="q235b",
        amount=Money(340_000, "CNY"),
        per_kg=1_000,
        priced_at=at.now - timedelta(minutes=7),
        valid_until=at.now + timedelta(days=1),
    )
    valuing.take_prices(session, price_file(observed), now=at.now)
