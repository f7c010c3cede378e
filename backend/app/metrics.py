"""Figures for a monitoring system, as Prometheus reads them; counts and ages only, no names, no money."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from prometheus_client import Gauge, generate_latest
from sqlmodel import Session

from backend.alerts import actions as alerts
from backend.app.bank import Bank
from backend.app.tables import beat_of
from backend.chain import actions as chain
from backend.chain.rules import ActState
from backend.errors import TallystickError
from backend.identity.permissions import Caller, Permission
from backend.loans.actions import reading as loans
from backend.payments import actions as payments
from backend.web.caller import may
from backend.web.ports import port
from backend.web.work import LookDep

router = APIRouter(tags=["health"])
OPEN_ALERTS: Final = Gauge("tallystick_open_alerts", "Alerts that nobody has closed.", ["kind"])
ACTS: Final = Gauge("tallystick_ledger_acts", "Acts decided and not true yet.", ["state"])
PAYMENTS: Final = Gauge("tallystick_unfinished_payments", "Payments whose outcome is not known.")
LIVE_LOANS: Final = Gauge("tallystick_live_loans", "Loans that owe.")
CONFIRMED: Final = Gauge("tallystick_confirmed_block", "The newest block whose events are projected.")
WORKER_AGE: Final = Gauge("tallystick_worker_age_seconds", "Since the worker last went round.")


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(
    bank: Annotated[Bank, Depends(port(Bank))],
    look: LookDep,
    _caller: Annotated[Caller, Depends(may(Permission.METRICS_READ))],
) -> PlainTextResponse:
    """This process's requests, and the installation's open work, as of now."""
    look(lambda session: _measure(session, bank))
    return PlainTextResponse(generate_latest(), media_type="text/plain; version=0.0.4")


def _measure(session: Session, bank: Bank) -> None:
    OPEN_ALERTS.clear()
    for alert in alerts.standing_alerts(session):
        OPEN_ALERTS.labels(alert.kind.value).inc()
    for state in (ActState.INTENDED, ActState.SENT, ActState.REFUSED):
        ACTS.labels(state.value).set(sum(act.state is state for act in chain.unconfirmed(session)))
    PAYMENTS.set(len(payments.unfinished(session)))
    LIVE_LOANS.set(len(loans.live_loans(session)))
    try:
        CONFIRMED.set(chain.confirmed_height(session))
    except TallystickError:
        CONFIRMED.set(float("nan"))
    seen = beat_of(session)
    WORKER_AGE.set(float("inf") if seen is None else (bank.wall.now() - seen.at).total_seconds())
