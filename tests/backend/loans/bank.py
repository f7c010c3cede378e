"""A bank at work for the tests: real database and sandbox rail; ledger and goods are given as facts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from backend.chain.tables import ActRow
from backend.clock import FixedClock, Moment
from backend.db import reading, transaction
from backend.identity.actions import admit_person
from backend.identity.rules import Person, Role
from backend.loans.actions import applying, pledging
from backend.loans.actions import reading as loans
from backend.loans.actions.desk import Desk
from backend.loans.rules.life import LoanState
from backend.loans.rules.loan import (
    Application,
    Collateral,
    CollateralUnknown,
    Loan,
    Payee,
    RegistrySearch,
)
from backend.loans.rules.product import Product, standard_product
from backend.margin.actions import calling  # noqa: F401 - its tables belong to the schema
from backend.parties.two_persons import SigningDesk
from backend.payments import actions as payments
from backend.payments.sandbox import SandboxRail
from backend.payments.worker import PaymentWorker, Round
from backend.pledges import projection as pledges
from backend.receipts import projection as receipts
from backend.units import Money
from backend.valuation import actions as valuing
from backend.valuation.rules import prices
from contracts.artifacts import load
from iot_bridge.evidence.statement import name32
from tests.backend.edge import CHAIN_ID, NOON, OPERATOR, event

BORROWER: Final = name32("wuxi-trading")
PAYEE: Final = Payee("Jiangnan Steel", "6222-0001", "ICBKCNBJ")
LOAN: Final = "L-2026-0001"
START: Final = date(2026, 3, 2)
PRICE_KEY: Final = bytes(range(32))
SEARCH: Final = RegistrySearch("ZDW-2026-77", clean=True)
FIVE_MILLION: Final = Money(500_000_000, "CNY")


@dataclass
class Bank:
    """The bank, its database, its rail, and the facts about goods that a test may change."""

    engine: Engine
    rail: SandboxRail
    goods: dict[int, Collateral]
    today: list[date]
    desk: Desk
    blocks: list[int] = field(default_factory=lambda: [100])

    @property
    def at(self) -> Moment:
        day = self.today[0]
        return Moment(datetime(day.year, day.month, day.day, 2, tzinfo=UTC), day)

    def move_to(self, day: date) -> None:
        self.today[0] = day

    def wait(self, days: int) -> None:
        self.today[0] += timedelta(days=days)

    def price(self, yuan: int, *, source: str = "mysteel") -> None:
        """A signed price per tonne of this moment, valid for a day."""
        observation = prices.PriceObservation(
            source=source,
            commodity="steel.hrc",
            grade="q235b",
            amount=Money(yuan * 100, "CNY"),
            per_kg=1_000,
            priced_at=self.at.now - timedelta(minutes=len(source)),
            valid_until=self.at.now + timedelta(days=1),
        )
        with transaction(self.engine) as session:
            valuing.take_prices(session, price_file(observation), now=self.at.now)

    def worker(self) -> PaymentWorker:
        return PaymentWorker(self.engine, self.rail, self.desk)

    def step(self) -> Round:
        return self.worker().step(self.at)

    def apply(
        self, *, amount: Money = FIVE_MILLION, loan_id: str = LOAN, receipts: tuple[int, ...] = (1,)
    ) -> Loan:
        with transaction(self.engine) as session:
            return applying.submit(session, application(amount, loan_id, receipts), at=self.at)

    def approve(self, loan_id: str = LOAN) -> Loan:
        """From submitted to signed, by three people and the borrower."""
        with transaction(self.engine) as session:
            applying.value(session, self.desk, loan_id, by="lin", search=SEARCH, at=self.at)
            applying.approve(session, self.desk, loan_id, by="wu", at=self.at)
            loan = applying.approve(session, self.desk, loan_id, by="zhao", at=self.at)
            assert loan.terms is not None
            return applying.sign(session, loan_id, terms=loan.terms, at=self.at)

    def confirm(self, contract: str, name: str, **args: Any) -> None:
        """The ledger confirms an event; receipts and pledges are projected from it."""
        self.blocks[0] += 1
        with transaction(self.engine) as session:
            confirmed = event(contract, name, block=self.blocks[0], **args)
            receipts.project(session, confirmed)
            pledges.project(session, confirmed)

    def issue(self, receipt: int) -> None:
        """A receipt over the goods of that number is confirmed."""
        goods = self.goods[receipt]
        shared = {
            "site": name32("yard.one"),
            "bay": name32("bay.a"),
            "commodity": name32(goods.commodity),
            "grade": name32(goods.grade),
            "massKg": goods.mass_kg,
            "fingerprints": [bytes([receipt]) * 32],
            "document": bytes([receipt]) * 32,
        }
        asked = {"requestId": receipt, "depositor": BORROWER, "representations": bytes(32)}
        issued = {"receiptId": receipt, "requestId": receipt, "holder": BORROWER, "operator": OPERATOR}
        self.confirm("ReceiptRegistry", "IssueRequested", **asked, **shared)
        self.confirm("ReceiptRegistry", "ReceiptIssued", **issued, **shared)

    def endorse(self, pledge_id: int, pledgor: bytes, terms: bytes, over: tuple[int, ...]) -> None:
        """A pledge is confirmed step by step until it is effective."""
        endorsed = {"pledgor": pledgor, "pledgee": name32("bank"), "receipts": list(over), "terms": terms}
        filed = {"filing": bytes(32), "filedAt": 0, "search": bytes(32)}
        far = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())
        steps: dict[str, dict[str, Any]] = {
            "PledgeEndorsed": {**endorsed, "expiresAt": far},
            "PledgeAttorned": {"operator": OPERATOR},
            "PledgeRegistered": filed,
            "PledgeEffective": {"pledgee": name32("bank")},
        }
        for name, args in steps.items():
            self.confirm("PledgeRegistry", name, pledgeId=pledge_id, **args)

    def pledge(self, loan: Loan, pledge_id: int = 7) -> Loan | None:
        """The ledger confirms a pledge as this loan asks for it; the loan that it was found to be for."""
        assert loan.terms is not None
        self.endorse(pledge_id, loan.borrower, loan.terms, loan.receipts)
        with transaction(self.engine) as session:
            return pledging.record_pledge(session, pledge_id=pledge_id, at=self.at)

    def asked(self, function: str) -> list[dict[str, Any]]:
        """The arguments of every call of a function that the ledger is to take, oldest first."""
        with reading(self.engine) as session:
            rows = session.exec(
                select(ActRow).where(ActRow.function == function).order_by(col(ActRow.id))
            ).all()
        assert {row.signer for row in rows} <= {self.desk.bank}
        return [load(row.contract).functions[function].decode(row.calldata[4:]) for row in rows]

    def pay_in(self, amount_minor: int, reference: str = LOAN) -> Round:
        self.rail.receive(payer="Wuxi Trading", amount=Money(amount_minor, "CNY"), reference=reference)
        return self.step()


def application(amount: Money, loan_id: str = LOAN, receipts: tuple[int, ...] = (1,)) -> Application:
    return Application(
        loan_id=loan_id,
        borrower=BORROWER,
        product="standard",
        product_version=1,
        principal=amount,
        tenor_days=90,
        purpose="hot rolled coil for the second quarter",
        payee=PAYEE,
        receipts=receipts,
    )


def price_file(observation: prices.PriceObservation, key: bytes = PRICE_KEY) -> bytes:
    signature = "0x" + prices.sign_price(observation, key).hex()
    return prices.rfc8785.dumps(
        {"v": 1, "observations": [{**prices.to_fields(observation), "signature": signature}]}
    )


def collateral(receipt: int, mass_kg: int = 2_500_000) -> Collateral:
    return Collateral(
        receipt=receipt,
        commodity="steel.hrc",
        grade="q235b",
        mass_kg=mass_kg,
        claims=dict.fromkeys(("exists", "identity", "quantity", "place"), 10_000),
        in_conflict=False,
        goods_valid_until=START + timedelta(days=360),
        stored_until=START + timedelta(days=360),
        lien_minor=0,
        storage_minor_per_tonne_day=0,
    )


PEOPLE: Final = (
    Person("lin", "wuxi-bank", frozenset({Role.CREDIT_OFFICER}), "key-lin"),
    Person("he", "wuxi-bank", frozenset({Role.CREDIT_OFFICER}), "key-he"),
    Person("wu", "wuxi-bank", frozenset({Role.APPROVER}), "key-wu"),
    Person("zhao", "wuxi-bank", frozenset({Role.APPROVER, Role.CREDIT_OFFICER}), "key-zhao"),
    Person("sun", "wuxi-bank", frozenset({Role.PAYMENT_OFFICER}), "key-sun"),
    Person("qian", "wuxi-bank", frozenset({Role.PAYMENT_OFFICER}), "key-qian"),
    Person("zhou", "wuxi-bank", frozenset({Role.COLLATERAL_OFFICER}), "key-zhou"),
    Person("feng", "wuxi-bank", frozenset({Role.COLLATERAL_OFFICER}), "key-feng"),
)


def open_bank(engine: Engine, folder: Path, product: Product | None = None) -> Bank:
    today = [START]
    goods = {1: collateral(1)}

    def known(
        _session: Session, _product: Product, wanted: Sequence[int], _at: Moment
    ) -> tuple[Collateral, ...]:
        for receipt in wanted:
            if receipt not in goods:
                raise CollateralUnknown(receipt=receipt)
        return tuple(goods[receipt] for receipt in wanted)

    addresses = {"PledgeRegistry": "0x" + "33" * 20, "ReceiptRegistry": "0x" + "44" * 20}
    signing = SigningDesk(CHAIN_ID, addresses, lambda name: sha256(name.encode()).digest())
    desk = Desk(bank="wuxi-bank", signing=signing, wall=FixedClock(NOON), goods=known)
    rail = SandboxRail(folder / "rail.sqlite", lambda: today[0])
    bank = Bank(engine, rail, goods, today, desk)
    bank.issue(1)
    key = prices.Ed25519PrivateKey.from_private_bytes(PRICE_KEY).public_key().public_bytes_raw()
    with transaction(engine) as session:
        for person in PEOPLE:
            admit_person(session, person)
        applying.store_product(session, product or replace(standard_product()), at=bank.at)
        valuing.enrol_source(session, source="mysteel", public_key=key, now=bank.at.now)
    bank.price(3_400)
    return bank


def disburse(bank: Bank) -> None:
    """The payment officer pays the loan out and the rail settles it."""
    with transaction(bank.engine) as session:
        payments.disburse(session, bank.desk, LOAN, by="sun", at=bank.at)
    assert [each.state.value for each in bank.step().finished] == ["settled"]


def state(bank: Bank) -> LoanState:
    """The loan's state today, overdue seen."""
    with reading(bank.engine) as session:
        return loans.standing(session, LOAN, at=bank.at).state
