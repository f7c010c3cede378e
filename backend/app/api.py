"""The API put together: every capability's routes, the ports they ask for, what surrounds each request."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from backend.admission import routes as admission
from backend.alerts import routes as alerts
from backend.app import health, metrics, reference
from backend.app.bank import Bank
from backend.app.describing import READING, describe
from backend.audit import routes as audit
from backend.backup.actions import require_reconciled
from backend.console import refusing
from backend.console import routes as console
from backend.console.demonstration import Demonstration
from backend.console.pulse import Pulse
from backend.console.rendering import Renderer
from backend.console.shielding import Shield
from backend.db import reading
from backend.documents import routes as documents
from backend.documents.actions import DocumentStore
from backend.evidence import routes as evidence
from backend.loans import product_routes, reading_routes
from backend.loans import routes as loans
from backend.margin import routes as margin
from backend.notices import routes as notices
from backend.notices.rules import UrlPolicy
from backend.notices.sealing import SecretBox
from backend.notices.streaming import Tide
from backend.parties import routes as parties
from backend.payments import routes as payments
from backend.payments.rules import Rail
from backend.pledges import releasing
from backend.pledges import routes as pledges
from backend.receipts import routes as receipts
from backend.valuation import routes as prices
from backend.web import acts
from backend.web import routes as approvals
from backend.web.ports import Ports, Times
from backend.web.problems import install
from backend.web.surroundings import Surroundings
from contracts.keystore import Keystore
from iot_bridge.evidence.store import EvidenceStore

ROUTERS: Final[Sequence[APIRouter]] = (
    parties.router,
    receipts.router,
    documents.router,
    product_routes.router,
    loans.router,
    reading_routes.router,
    pledges.router,
    releasing.router,
    payments.router,
    margin.router,
    evidence.router,
    prices.router,
    alerts.router,
    audit.router,
    acts.router,
    admission.router,
    approvals.router,
    notices.router,
)
SIGNING_IN: Final = frozenset(("POST", path) for path in ("/v1/sessions", *console.SIGNING_IN))
"""Whoever reads must be able to sign in, and an approver of the reconciliation reads first."""


async def only_read_until_reconciled(request: Request) -> None:
    """Refuse what could change anything while the bank stands as a backup left it.

    Raises:
        NotReconciled: it was restored, and what happened since is not known yet.
    """
    if request.method in READING or (request.method, request.url.path) in SIGNING_IN:
        return
    ports: Ports = request.app.state.ports
    await run_in_threadpool(_require_reconciled, ports.of(Engine))


def _require_reconciled(engine: Engine) -> None:
    with reading(engine) as session:
        require_reconciled(session)


def create_api(bank: Bank) -> FastAPI:
    """The API of one installation; any number of them may run on one database."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        bank.engine.dispose()

    app = FastAPI(
        title="Tallystick",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        dependencies=[Depends(only_read_until_reconciled)],
    )
    app.state.ports = ports_of(bank)
    for router in (*ROUTERS, health.router, metrics.router, reference.router, *console.ROUTERS):
        app.include_router(router)
    install(app)
    refusing.install(app)
    app.add_middleware(Surroundings)
    app.add_middleware(Shield)
    app.openapi_schema = describe(app)
    return app


def ports_of(bank: Bank) -> Ports:
    """What routes may ask for."""
    ports = Ports(bank, bank.settings, bank.desk, bank.signing, bank.sources, Times(bank.wall, bank.moment))
    ports.offer(Keystore, bank.keys)
    ports.offer(Engine, bank.engine)
    ports.offer(EvidenceStore, bank.sources.store)
    ports.offer(Rail, bank.rail)
    ports.offer(DocumentStore, DocumentStore(bank.settings.documents()))
    ports.offer(SecretBox, bank.webhook_secrets)
    ports.offer(UrlPolicy, bank.webhook_policy)
    ports.offer(Tide, Tide(bank.engine))
    ports.offer(Demonstration, Demonstration(bank.settings.demo_folder))
    ports.offer(Renderer, Renderer.at(bank.settings.business_zone))
    ports.offer(Pulse, Pulse(lambda: health.dots_of(bank)))
    return ports
