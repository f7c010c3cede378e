"""The whole chain in one command: from frames before a lens to a closed loan and a bundle that verifies."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import Engine
from sqlmodel import select

from backend.alerts.tables import AlertRow
from backend.chain.rules import ActState
from backend.chain.tables import ActRow
from backend.db import open_database, reading
from backend.loans.actions import reading as loans
from backend.loans.rules.facts import FactKind
from backend.loans.rules.life import LoanState
from backend.story.lending import LOAN, PRINCIPAL
from backend.story.narrator import Narrator
from backend.story.stage import GateView, stage
from tests.support.outside import outside_parts
from tests.support.postgres import Postgres

TOLD_WITHIN_S = 280
REFERENCE = os.environ.get("TALLYSTICK_REFERENCE")
CLIPS = [] if REFERENCE is None else [Path(REFERENCE) / "video" / "intel_car-detection.mp4"]
"""Clips that are not part of the project; without them the story is told on the rendered yard alone."""


@dataclass(frozen=True, slots=True)
class Told:
    """A story that was played to its end: its folder, and where its bank's database is."""

    folder: Path
    database: str


def play(folder: Path, *gate: str) -> Path:
    """Play the story in a folder as the command does; the folder."""
    command = [sys.executable, "-m", "backend.cli", "demo", "--play-once", "--folder", str(folder), *gate]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=TOLD_WITHIN_S, env=dict(os.environ), check=False
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]
    return folder


def play_outside(folder: Path, postgres: Postgres) -> str:
    """Play the story on a node, a database and a broker that are not ours; the database's URL."""
    with (
        outside_parts(postgres) as outside,
        (folder.parent / "told.txt").open("w", encoding="utf-8") as said,
        stage(folder, GateView(), Narrator(console=Console(file=said)), outside) as story,
    ):
        story.play()
        story.prove(folder / "bundle.zip")
        return story.office.bank.settings.database()


@pytest.fixture(scope="module", params=["embedded", "outside"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The story, played once on each column."""
    folder = tmp_path_factory.mktemp("story") / "demo"
    if request.param == "outside":
        return Told(folder, play_outside(folder, request.getfixturevalue("postgres")))
    return Told(play(folder), f"sqlite:///{folder / 'bank' / 'bank.sqlite'}")


@pytest.fixture
def book(told: Told) -> Iterator[Engine]:
    engine = open_database(told.database)
    yield engine
    engine.dispose()


@pytest.mark.timeout(TOLD_WITHIN_S + 20)
def test_the_story_closes_its_loan_and_its_bundle_verifies(told: Told, book: Engine) -> None:
    with reading(book) as session:
        assert loans.loan(session, LOAN).state is LoanState.CLOSED
    assert (told.folder / "bundle.zip").stat().st_size > 0


def test_every_act_of_the_story_is_confirmed_on_the_ledger(book: Engine) -> None:
    with reading(book) as session:
        acts = session.exec(select(ActRow)).all()
    assert len(acts) >= 15
    assert {act.state for act in acts} == {ActState.CONFIRMED.value}


def test_interest_and_fee_are_exact_to_the_fen(book: Engine) -> None:
    """Re-computed here from the dates and sums alone: simple interest, ACT/360, rounded half up once."""
    with reading(book) as session:
        loan = loans.loan(session, LOAN)
        payments = [fact for fact in loans.facts(session, LOAN) if fact.kind is FactKind.PAYMENT]
        balance = loans.trial_balance(session, LOAN)
    assert loan.drawn_on is not None
    principal = PRINCIPAL.amount_minor
    interest, fee = Fraction(0), Fraction(0)
    since, paid_interest, paid_fee = loan.drawn_on, 0, 0
    for payment in payments:
        days = (payment.on - since) / timedelta(days=1)
        interest += Fraction(principal * 560 * int(days), 360 * 10_000)
        fee += Fraction(principal * 150 * int(days), 360 * 10_000)
        since = payment.on
        due_interest, due_fee = half_up(interest) - paid_interest, half_up(fee) - paid_fee
        assert payment.amount_minor > due_interest + due_fee
        paid_interest, paid_fee = half_up(interest), half_up(fee)
        principal -= payment.amount_minor - due_interest - due_fee
    assert principal == 0
    income = {account.value: amount for (account, _), amount in balance.items()}
    assert -income["interest_income"] == paid_interest
    assert -income["supervision_fee_payable"] == paid_fee
    assert sum(balance.values()) == 0


def test_the_night_exit_and_nothing_else_raised_an_alert(book: Engine) -> None:
    with reading(book) as session:
        raised = session.exec(select(AlertRow)).all()
    assert [alert.kind for alert in raised] == ["unauthorised_exit"]


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.timeout(TOLD_WITHIN_S + 20)
def test_the_story_is_told_with_a_real_clip_at_the_gate(tmp_path: Path, clip: Path) -> None:
    gate = ("--video", str(clip), "--line", "0,216,768,216", "--inward", "up")
    assert (play(tmp_path / "demo", *gate) / "bundle.zip").exists()


def half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))
