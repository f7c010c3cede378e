"""A bank with one of everything that the API can show, and what each parameter of a path is called by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from backend.alerts import actions as alerts
from backend.documents.actions import DocumentStore, keep
from backend.documents.rules import document_of
from backend.loans.actions import applying
from backend.loans.rules.loan import Application, Payee
from backend.loans.rules.product import standard_product
from backend.notices.actions import enrol_endpoint
from backend.notices.rules import NoticeKind
from backend.receipts import actions as receipts
from backend.units import Money
from iot_bridge.evidence.statement import name32
from tests.backend.app.conftest import CAMERA, World
from tests.backend.app.test_a_receipt_lives import COILS, ONE, TWO, issued, ordered, pledged
from tests.backend.edge import crossing, id_of
from tests.support.ledger_life import DEPOSITOR, LENDER, OPERATOR, SITE

LOAN: Final = "L-2026-0001"
PAYEE: Final = Payee("The supplier", "6222-0000-0001", "ICBKCNBJ")
NOT_THERE: Final = frozenset(
    {
        "/v1/loans/{loan_id}/bundle",
        "/v1/loans/{loan_id}/payoff",
        "/v1/media/{sha256}",
        "/v1/payments/{payment}",
        "/v1/prices/{commodity}/{grade}",
        "/v1/release-quotes/{quote}",
    }
)
"""What only a loan that was paid out has, a still, which no statement here rests on, and a signed price."""


@dataclass
class Populated:
    """What is there: by the name of a path's parameter, or by the path and the name."""

    values: Mapping[str, Any]
    words: tuple[str, ...]
    not_there: frozenset[str] = NOT_THERE

    def value_of(self, path: str, parameter: dict[str, Any]) -> Any:
        """What a parameter is to be, so that the path leads to something."""
        name = parameter["name"]
        return self.values.get(f"{path} {name}", self.values.get(name, 1))


def populate(world: World) -> Populated:
    """Goods under a receipt under a pledge, one piece delivered in order and one gone without, and a loan."""
    webhook = world.do(lambda session: _enrolled(session, world))
    receipt = issued(world)
    pledge = pledged(world, receipt)
    order = ordered(world, receipt, COILS[ONE])
    world.witnessed(*world.moves("out", ONE, COILS[ONE]))
    world.do(lambda session: receipts.deliver(session, order, (ONE,), signer=OPERATOR))
    world.settle()
    gone = world.says(CAMERA, "gate.crossing", crossing("out", 8))
    world.hear(gone)
    alert = world.look(alerts.standing_alerts)[0]
    product = standard_product()
    application = Application(
        loan_id=LOAN,
        borrower=name32(DEPOSITOR),
        product=product.name,
        product_version=product.version,
        principal=Money(18_000_000, "CNY"),
        tenor_days=90,
        purpose="Coils",
        payee=PAYEE,
        receipts=(receipt,),
    )
    at = world.bank.moment()
    world.do(lambda session: applying.store_product(session, product, at=at))
    world.do(lambda session: applying.submit(session, application, at=at))
    invoice = b"An invoice for coils"
    DocumentStore(world.bank.settings.documents()).put(invoice)
    document, now = document_of(invoice, "text/plain"), world.bank.wall.now()
    world.do(lambda session: keep(session, document, organisation=DEPOSITOR, by="trader", at=now))
    return Populated(
        {
            "sha256": document.sha256,
            "receipt": receipt,
            "request": world.look(lambda session: receipts.receipt(session, receipt)).request_id,
            "pledge": pledge,
            "order": order,
            "alert": alert.id,
            "loan_id": LOAN,
            "key": f"attorn:{pledge}",
            "name": product.name,
            "version": product.version,
            "site": SITE,
            "party": LENDER,
            "device": CAMERA,
            "statement": "0x" + id_of(gone).hex(),
            "webhook": webhook,
        },
        words=(LOAN, SITE, "0x" + TWO.hex()),
    )


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
