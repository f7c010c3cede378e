"""A whole bank for the console's tests: goods, evidence, alerts on a real ledger, and loans in every stage.

`house_in(folder)` takes some seconds, so a test session makes one and only reads in it; a test that changes
something makes its own, or changes what no other looks at.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from sqlalchemy import Engine
from sqlmodel import Session

from backend.app.api import create_api
from backend.clock import FixedClock, Moment
from backend.console.session import SESSION
from backend.db import transaction
from backend.identity.actions import admit_person
from backend.identity.credentials import SESSION_PREFIX, OrganisationRow, SignInRow, hash_of, new_token
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Person, Role
from backend.loans.actions import applying
from backend.loans.actions.desk import Desk, Goods
from backend.loans.rules.loan import Collateral, CollateralUnknown
from backend.loans.rules.product import Product
from backend.margin.actions import calling
from backend.parties.two_persons import SigningDesk
from backend.payments import actions as payments
from backend.payments.sandbox import SandboxRail
from backend.units import Money
from backend.valuation import actions as valuing
from backend.valuation.rules import prices
from backend.web.tables import WaitingActRow
from iot_bridge.broker import embedded_broker
from tests.backend.app.callers import Asker, admit_everybody
from tests.backend.app.conftest import World, settings_in, world_on
from tests.backend.app.populated import CASHIER, CHECKERS, MAKER, Populated, populate
from tests.backend.console.yard import HOSTILE, alerts_of_the_yard, seen_at_the_yard
from tests.backend.edge import CHAIN_ID
from tests.backend.loans.bank import PEOPLE, Bank, application, collateral, price_file
from tests.support.ledger import ledger_in_tests
from tests.support.ledger_life import LENDER, LedgerLife
from tests.support.ledger_node import Node

CALLED, HEALTHY, UNVALUED, SUBMITTED, SIGNED = (
    f"L-2026-{number}" for number in (1001, 1002, 1003, 1004, 1005)
)
"""Loans in the house: with a margin call, healthy, without a value, applied for, signed."""
READERS: Final = {
    "officer": ("lin", LENDER, Role.CREDIT_OFFICER, Role.APPROVER),
    "second_officer": ("he", LENDER, Role.CREDIT_OFFICER),
    "collateral_officer": ("zhou", LENDER, Role.COLLATERAL_OFFICER),
    "operator": ("keeper", "taihu-storage", Role.WAREHOUSE_KEEPER),
    "borrower": ("chen", "wuxi-trading", Role.BORROWER),
    "auditor": ("auditor", "auditor.own", Role.AUDITOR),
    "administrator": ("first-admin", LENDER, Role.ADMINISTRATOR),
}
"""Who reads in the console's tests: their name, organisation and roles."""
FALLEN: Final = 2_300
GRADE: Final = "q355b"


@dataclass
class House:
    """The bank, what is in it, and the sessions of who reads its pages."""

    world: World
    there: Populated
    lending: Bank
    askers: list[Asker]
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)
    passed: str = ""
    """A crossing at the yard with two stills."""
    gap: int = 0
    """An alert that something is missing, which somebody has escalated."""

    @property
    def engine(self) -> Engine:
        return self.world.bank.engine

    def cookies(self, reader: str) -> dict[str, str]:
        """What the browser of a reader holds on loopback."""
        return {SESSION: self.tokens[reader]}


@contextmanager
def house_in(folder: Path) -> Iterator[House]:
    """A house in a folder of its own, which is empty."""
    with bare_world(folder) as world:
        there = populate(world)
        lending = _lend(world, folder)
        house = House(world, there, lending, admit_everybody(world.bank), create_api(world.bank))
        house.app.state.ports.offer(Desk, replace(world.bank.desk, goods=_goods_of(world, lending)))
        _admit_readers(house)
        _ask_for_two(house)
        house.passed = seen_at_the_yard(world)
        house.gap = alerts_of_the_yard(world, "lin")
        yield house


@contextmanager
def bare_world(folder: Path) -> Iterator[World]:
    """A bank in which nothing has happened yet."""
    (folder / "chain").mkdir(parents=True)
    with ledger_in_tests(folder / "chain") as chain, embedded_broker(0) as port:
        life = LedgerLife.begin(Node(chain))
        settings = settings_in(folder, chain, life, port=port).model_copy(update={"demo_sign_in": True})
        with world_on(settings, life) as world:
            yield world


def _admit_readers(house: House) -> None:
    now = house.world.bank.wall.now()
    kinds = {"wuxi-trading": OrganisationKind.BORROWER}
    with transaction(house.engine) as session:
        for organisation, kind in kinds.items():
            session.add(OrganisationRow(id=organisation, kind=kind.value))
        known = {each.id for each in PEOPLE}
        for reader, (name, organisation, *roles) in READERS.items():
            if name not in known:
                admit_person(session, Person(name, organisation, frozenset(roles), f"{name}-key"))
            token = house.tokens[reader] = new_token(SESSION_PREFIX)
            until = now + timedelta(hours=12)
            session.add(SignInRow(token_hash=hash_of(token), person=name, began_at=now, expires_at=until))


def _lend(world: World, folder: Path) -> Bank:
    """Loans in every stage, on goods that the ledger's projections hold beside the real ones."""
    today, engine = [world.bank.moment().today - timedelta(days=3)], world.bank.engine
    goods = {receipt: _goods(receipt, today[0]) for receipt in range(201, 206)}

    def known(
        _session: object, _product: object, wanted: Sequence[int], _at: object
    ) -> tuple[Collateral, ...]:
        for receipt in wanted:
            if receipt not in goods:
                raise CollateralUnknown(receipt=receipt)
        return tuple(goods[receipt] for receipt in wanted)

    signing = SigningDesk(CHAIN_ID, {}, lambda name: name.encode().ljust(32))
    desk = Desk(bank=LENDER, signing=signing, wall=FixedClock(world.bank.wall.now()), goods=known)
    lending = Bank(
        engine, SandboxRail(folder / "lent.sqlite", lambda: today[0]), goods, today, desk, [10_000]
    )
    with transaction(engine) as session:
        for person in PEOPLE:
            if person.id not in (MAKER, *CHECKERS, CASHIER):
                admit_person(session, replace(person, organisation=LENDER))
    _price(lending, 3_400)
    _draw(lending, CALLED, 201, 500_000_000, pledge=2001)
    _draw(lending, HEALTHY, 202, 300_000_000, pledge=2002)
    _draw(lending, UNVALUED, 203, 200_000_000, pledge=2003)
    _review(lending, CALLED, HEALTHY)
    for loan, receipt in ((SUBMITTED, 204), (SIGNED, 205)):
        lending.issue(receipt)
        _apply(lending, loan, receipt)
    lending.approve(SIGNED)
    _review(lending, UNVALUED)
    lending.wait(1)
    _price(lending, FALLEN)
    _review(lending, CALLED, HEALTHY)
    lending.wait(1)
    _review(lending, UNVALUED)  # a day and more after the newest price
    _price(lending, FALLEN, now=world.bank.moment().now)
    return lending


def _goods_of(world: World, lending: Bank) -> Goods:
    """Goods of the loans by the facts given for them, and all others as the bank knows them."""

    def known(
        session: Session, product: Product, wanted: Sequence[int], at: Moment
    ) -> tuple[Collateral, ...]:
        if set(wanted) <= lending.goods.keys():
            return tuple(lending.goods[receipt] for receipt in wanted)
        return world.bank.desk.goods(session, product, wanted, at)

    return known


def _goods(receipt: int, today: date) -> Collateral:
    far = today + timedelta(days=360)
    return replace(collateral(receipt), grade=GRADE, goods_valid_until=far, stored_until=far)


def _price(lending: Bank, yuan: int, *, now: datetime | None = None) -> None:
    """A signed price of that day, or of now, for goods of another grade than those that are really there."""
    at = lending.at.now if now is None else now
    observation = prices.PriceObservation(
        source="mysteel",
        commodity="steel.hrc",
        grade=GRADE,
        amount=Money(yuan * 100, "CNY"),
        per_kg=1_000,
        priced_at=at - timedelta(minutes=5),
        valid_until=at + timedelta(hours=20),
    )
    with transaction(lending.engine) as session:
        valuing.take_prices(session, price_file(observation), now=at)


def _draw(lending: Bank, loan_id: str, receipt: int, minor: int, *, pledge: int) -> None:
    lending.issue(receipt)
    lending.apply(amount=Money(minor, "CNY"), loan_id=loan_id, receipts=(receipt,))
    lending.pledge(lending.approve(loan_id), pledge)
    with transaction(lending.engine) as session:
        payments.disburse(session, lending.desk, loan_id, by="sun", at=lending.at)
    lending.step()


def _apply(lending: Bank, loan_id: str, receipt: int) -> None:
    """An application whose texts are hostile."""
    asked = application(Money(100_000_000, "CNY"), loan_id, (receipt,))
    payee = replace(asked.payee, name=HOSTILE)
    with transaction(lending.engine) as session:
        applying.submit(session, replace(asked, purpose=HOSTILE, payee=payee), at=lending.at)


def _review(lending: Bank, *loans: str) -> None:
    for loan_id in loans:
        with transaction(lending.engine) as session:
            calling.review(session, lending.desk, loan_id, at=lending.at)


def _ask_for_two(house: House) -> None:
    """Two acts wait for a second person; one of them says something hostile."""
    now = house.world.bank.wall.now()
    waits = {"organisation": LENDER, "asked_at": now, "expires_at": now + timedelta(hours=24)}
    with transaction(house.engine) as session:
        session.add(
            WaitingActRow(act="loans.unfreeze", subject=f"loan:{CALLED}", content={}, first="he", **waits)
        )
        content = {"reason": HOSTILE}
        session.add(
            WaitingActRow(act="pledges.accept", subject="pledge:2001", content=content, first="lin", **waits)
        )
