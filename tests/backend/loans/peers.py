"""Other lending systems' cases in our words: their terms as a product of ours, their events as our facts."""

import json
import os
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from backend.loans.rules.accrual import Segment, annual_rate, interest_minor
from backend.loans.rules.book import balances_on
from backend.loans.rules.days import DayCount
from backend.loans.rules.facts import Fact, FactKind, Terms
from backend.loans.rules.product import Product, standard_product
from backend.units import Money

Case = dict[str, Any]
DAY: Final = timedelta(days=1)
FAR: Final = date(2035, 1, 1)


def minor(amount: object) -> int:
    return int(Decimal(str(amount)) * 100)


def bps(percent: object) -> int:
    return int(Decimal(str(percent)) * 100)


def on(text: str) -> date:
    return date.fromisoformat(text)


def peer_product(given: Case) -> Product:
    """The peer's terms: its rate, no supervision fee, ACT/365F."""
    rate = bps(given["annual_rate_pct"])
    plain = replace(
        standard_product(), base_rate_bps=rate, supervision_rate_bps=0, day_count=DayCount.ACT_365F
    )
    return replace(plain, max_tenor_days=3_660, grace_days=given.get("grace_days", 0))


def drawn(*draws: tuple[str, object]) -> list[Fact]:
    return [
        Fact(id=f"d{n}", on=on(day), kind=FactKind.DRAW, amount_minor=minor(amount))
        for n, (day, amount) in enumerate(draws)
    ]


def paid(*payments: tuple[date, object]) -> list[Fact]:
    return [
        Fact(id=f"p{n}", on=day, kind=FactKind.PAYMENT, amount_minor=minor(amount))
        for n, (day, amount) in enumerate(payments)
    ]


def text(amount_minor: int) -> str:
    return str(Money(amount_minor, "CNY")).removesuffix(" CNY")


def terms(given: Case, due_on: date = FAR) -> Terms:
    return Terms(peer_product(given), due_on)


def interest(given: Case, days: int, *, principal: object | None = None, rate_bps: int | None = None) -> int:
    rate = annual_rate(bps(given["annual_rate_pct"]) if rate_bps is None else rate_bps)
    amount = minor(given["principal"] if principal is None else principal)
    return interest_minor([Segment(FAR, FAR + days * DAY, amount, rate)], DayCount.ACT_365F)


def accrued_on(given: Case, day: date) -> int:
    draws = given.get("draws") or [{"date": given["disbursed"], "amount": given["principal"]}]
    facts = drawn(*((draw["date"], draw["amount"]) for draw in draws))
    return balances_on(terms(given), facts, day).interest


def reference() -> Path | None:
    folder = os.environ.get("TALLYSTICK_REFERENCE")
    return Path(folder) / "loans" if folder else None


def cases() -> dict[str, Case]:
    folder = reference()
    if folder is None:
        return {}
    return {
        case["id"]: case for file in sorted(folder.glob("*.json")) for case in json.loads(file.read_text())
    }
