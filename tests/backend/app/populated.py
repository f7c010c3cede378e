"""A bank with one of everything that the API can show, and what each parameter of a path is called by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from backend.alerts import actions as alerts
from backend.clock import Moment
from backend.documents.actions import DocumentStore, keep
from backend.documents.rules import document_of
from backend.identity.actions import admit_person
from backend.identity.rules import Person, Role
from backend.loans.actions import applying
from backend.loans.actions.desk import Desk
from backend.loans.rules.loan import Application, Collateral, Payee, RegistrySearch
from backend.loans.rules.product import Product, standard_product
from backend.margin.actions import releasing
from backend.notices.actions import enrol_endpoint
from backend.notices.rules import NoticeKind
from backend.payments import actions as payments
from backend.receipts import actions as receipts
from backend.units import Money
from backend.valuation import actions as valuing
from backend.valuation.rules.prices import PriceObservation, price_document
from iot_bridge.evidence.body import Media
from iot_bridge.evidence.statement import name32
from tests.backend.app.conftest import CAMERA, World
from tests.backend.app.test_a_receipt_lives import COILS, LOT_KG, ONE, TWO, issued, ordered, pledged
from tests.backend.edge import crossing, id_of
from tests.support.ledger_life import DEPOSITOR, LENDER, OPERATOR, SITE

LOAN: Final = "L-2026-0001"
PAYEE: Final = Payee("The supplier", "6222-0000-0001", "ICBKCNBJ")
PRICE_KEY: Final = bytes(range(32))
MAKER, CHECKERS, CASHIER = "lin", ("wu", "zhao"), "sun"


@dataclass
class Populated:
    """What is there: by the name of a path's parameter, or by the path and the name."""

    values: Mapping[str, Any]
    words: tuple[str, ...]
    now: datetime

    def value_of(self, path: str, parameter: dict[str, Any]) -> Any:
        """What a parameter is to be, so that the path leads to something."""
        name = parameter["name"]
        return self.values.get(f"{path} {name}", self.values.get(name, 1))


def populate(world: World) -> Populated:
    """A loan paid out on goods under a pledge; one piece delivered in order, and one gone without."""
    webhook = world.do(lambda session: _enrolled(session, world))
    receipt = issued(world)
    desk = replace(world.bank.desk, goods=partial(_goods, receipt))
    _price(world)
    terms = _signed_loan(world, desk, receipt)
    pledge = pledged(world, receipt, terms)
    payment, quote = _paid_out(world, desk, receipt)
    order = ordered(world, receipt, COILS[ONE])
    world.witnessed(*world.moves("out", ONE, COILS[ONE]))
    world.do(lambda session: receipts.deliver(session, order, (ONE,), signer=OPERATOR))
    world.settle()
    still = b"a still of the gate"
    kept = world.bank.sources.store.put(still)
    media = (Media(bytes.fromhex(kept), "image/jpeg", len(still)),)
    gone = world.says(CAMERA, "gate.crossing", crossing("out", 8), media=media)
    world.hear(gone)
    alert = world.look(alerts.standing_alerts)[0]
    invoice = b"An invoice for coils"
    DocumentStore(world.bank.settings.documents()).put(invoice)
    document, now = document_of(invoice, "text/plain"), world.bank.wall.now()
    world.do(lambda session: keep(session, document, organisation=DEPOSITOR, by="trader", at=now))
    product = standard_product()
    return Populated(
        {
            "sha256": document.sha256,
            "/v1/media/{sha256} sha256": kept,
            "receipt": receipt,
            "request": world.look(lambda session: receipts.receipt(session, receipt)).request_id,
            "pledge": pledge,
            "order": order,
            "alert": alert.id,
            "loan_id": LOAN,
            "payment": payment,
            "quote": quote,
            "terms": "0x" + terms.hex(),
            "key": f"attorn:{pledge}",
            "name": product.name,
            "version": product.version,
            "site": SITE,
            "party": LENDER,
            "device": CAMERA,
            "statement": "0x" + id_of(gone).hex(),
            "webhook": webhook,
            "commodity": "steel.hrc",
            "grade": "q235b",
            "currency": "CNY",
        },
        words=(LOAN, SITE, "0x" + TWO.hex()),
        now=now,
    )


def _goods(
    receipt: int, _session: Session, _product: Product, wanted: Sequence[int], at: Moment
) -> tuple[Collateral, ...]:
    """The goods as evidence of a full day would show them: given here as facts."""
    assert list(wanted) == [receipt]
    long = at.today + timedelta(days=360)
    found = Collateral(
        receipt=receipt,
        commodity="steel.hrc",
        grade="q235b",
        mass_kg=LOT_KG,
        claims=dict.fromkeys(("exists", "identity", "quantity", "place"), 10_000),
        in_conflict=False,
        goods_valid_until=long,
        stored_until=long,
        lien_minor=0,
        storage_minor_per_tonne_day=0,
    )
    return (found,)


def _price(world: World) -> None:
    """A signed price of this hour."""
    now = world.bank.moment().now
    said = PriceObservation(
        source="mysteel",
        commodity="steel.hrc",
        grade="q235b",
        amount=Money(340_000, "CNY"),
        per_kg=1_000,
        priced_at=now - timedelta(minutes=5),
        valid_until=now + timedelta(days=1),
    )
    public = Ed25519PrivateKey.from_private_bytes(PRICE_KEY).public_key().public_bytes_raw()
    world.do(lambda session: valuing.enrol_source(session, source="mysteel", public_key=public, now=now))
    world.do(lambda session: valuing.take_prices(session, price_document([said], PRICE_KEY), now=now))


def _signed_loan(world: World, desk: Desk, receipt: int) -> bytes:
    """A loan that is valued by one person, approved by two and signed by the borrower; its terms."""
    product, at = standard_product(), world.bank.moment()
    application = Application(
        loan_id=LOAN,
        borrower=name32(DEPOSITOR),
        product=product.name,
        product_version=product.version,
        principal=Money(5_000_000, "CNY"),
        tenor_days=90,
        purpose="Coils",
        payee=PAYEE,
        receipts=(receipt,),
    )
    roles = {MAKER: Role.CREDIT_OFFICER, CASHIER: Role.PAYMENT_OFFICER} | dict.fromkeys(
        CHECKERS, Role.APPROVER
    )

    def signed(session: Session) -> bytes:
        for name, role in roles.items():
            admit_person(session, Person(name, LENDER, frozenset({role}), f"key-{name}"))
        applying.store_product(session, product, at=at)
        applying.submit(session, application, at=at)
        applying.value(session, desk, LOAN, by=MAKER, search=RegistrySearch("ZDW-77", clean=True), at=at)
        for checker in CHECKERS:
            loan = applying.approve(session, desk, LOAN, by=checker, at=at)
        assert loan.terms is not None
        applying.sign(session, LOAN, terms=loan.terms, at=at)
        return loan.terms

    terms: bytes = world.do(signed)
    return terms


def _paid_out(world: World, desk: Desk, receipt: int) -> tuple[str, str]:
    """The loan is paid out and the rail settles it; the payment's name, and a quote's for one piece."""
    at = world.bank.moment()
    payment = world.do(lambda session: payments.disburse(session, desk, LOAN, by=CASHIER, at=at))
    world.settle()

    def quoted(session: Session) -> str:
        leaving, hour = {receipt: COILS[ONE]}, timedelta(hours=1)
        return releasing.quote_release(session, desk, LOAN, leaving=leaving, valid_for=hour, at=at).id

    return payment.instruction.end_to_end_id, world.do(quoted)


def _enrolled(session: Session, world: World) -> str:
    """A webhook of the bank whose name leads nowhere, so that its deliveries wait."""
    row = enrol_endpoint(
        session,
        LENDER,
        "https://erp.invalid/tallystick",
        [NoticeKind.ALERT_OPENED],
        sees_all=True,
        seal=world.bank.webhook_secrets.seal,
        policy=world.bank.webhook_policy,
        now=world.bank.wall.now(),
    )
    return row.id
