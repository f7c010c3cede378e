"""A bank's own terms, versioned.

A stored version has every field: nothing is filled in when a loan is decided.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from backend.errors import Invalid, Unavailable
from backend.loans.rules.allocation import STANDARD_ORDER, Bucket, Order, require_order
from backend.loans.rules.days import DayCount
from backend.units import BPS, LARGEST_MINOR, Money, require_currency, require_integer

MAX_RATE_BPS: Final = 10 * BPS
MAX_MULTIPLE_BPS: Final = 10 * BPS
MAX_DAYS: Final = 3_660
CLAIMS: Final = ("exists", "identity", "quantity", "quality", "place", "title", "exclusivity", "insured")
"""The eight claims that every receipt carries."""
_DURATION: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


class ProductInvalid(Invalid):
    """A product's field is missing, unknown, or outside what it may be."""

    code = "loans.product_invalid"


class HaircutUnknown(Unavailable):
    """The product names no haircut for this commodity and grade, so the lot cannot be lent against."""

    code = "loans.haircut_unknown"


class NoTier(Invalid):
    """The product lets nobody approve an amount of this size."""

    code = "loans.no_tier"


class FeeBase(StrEnum):
    """What the supervision fee is a share of."""

    PRINCIPAL = "principal"
    MARKET_VALUE = "market_value"


@dataclass(frozen=True, slots=True)
class ApprovalTier:
    """Who must approve up to an amount: one role for each approver; no limit where `up_to_minor` is None."""

    up_to_minor: int | None
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The terms a loan is made under. Rates and lines in basis points; `haircut_bps` by `commodity/grade`."""

    name: str
    version: int
    currency: str
    business_calendar: str
    base_rate_bps: int
    supervision_rate_bps: int
    supervision_fee_base: FeeBase
    day_count: DayCount
    penalty_multiple_bps: int
    misuse_multiple_bps: int
    grace_days: int
    allocation: Order
    max_tenor_days: int
    realisation_buffer_days: int
    initial_ltv_bps: int
    warning_ltv_bps: int
    margin_call_ltv_bps: int
    target_ltv_bps: int
    enforcement_ltv_bps: int
    cure_business_days: int
    haircut_bps: Mapping[str, int]
    price_max_age: timedelta
    price_max_move_bps: int
    evidence_max_age: Mapping[str, timedelta]
    approval_tiers: tuple[ApprovalTier, ...]

    def __post_init__(self) -> None:
        require_currency(self.currency)
        require_order(self.allocation)
        for name, (lowest, highest) in _RANGES.items():
            require_integer(name, getattr(self, name), at_least=lowest, at_most=highest)
        lines = (
            self.target_ltv_bps,
            self.warning_ltv_bps,
            self.margin_call_ltv_bps,
            self.enforcement_ltv_bps,
        )
        _require(self.initial_ltv_bps <= self.warning_ltv_bps, "initial_ltv_bps", self.initial_ltv_bps)
        _require(lines == tuple(sorted(set(lines))), "ltv lines must rise", lines)
        _require(set(self.evidence_max_age) <= set(CLAIMS), "evidence_max_age", list(self.evidence_max_age))
        for lot, haircut in self.haircut_bps.items():
            require_integer(f"haircut_bps {lot}", haircut, at_least=0, at_most=BPS)
        _require_tiers(self.approval_tiers)

    def haircut_of(self, commodity: str, grade: str) -> int:
        """The haircut of a grade, or of its whole commodity where the grade has no line of its own.

        Raises:
            HaircutUnknown: neither is in the product.
        """
        for key in (f"{commodity}/{grade}", commodity):
            if key in self.haircut_bps:
                return self.haircut_bps[key]
        raise HaircutUnknown(product=self.name, version=self.version, commodity=commodity, grade=grade)

    def tier_of(self, amount: Money) -> ApprovalTier:
        """The tier that an amount falls into.

        Raises:
            NoTier: it is beyond the highest.
        """
        for tier in self.approval_tiers:
            if tier.up_to_minor is None or amount.amount_minor <= tier.up_to_minor:
                return tier
        raise NoTier(amount_minor=amount.amount_minor, product=self.name)


_BPS_FIELDS: Final = ("initial_ltv_bps", "warning_ltv_bps", "margin_call_ltv_bps", "target_ltv_bps")
_RANGES: Final = {
    "version": (1, LARGEST_MINOR),
    "base_rate_bps": (0, MAX_RATE_BPS),
    "supervision_rate_bps": (0, MAX_RATE_BPS),
    "penalty_multiple_bps": (BPS, MAX_MULTIPLE_BPS),
    "misuse_multiple_bps": (BPS, MAX_MULTIPLE_BPS),
    "grace_days": (0, MAX_DAYS),
    "max_tenor_days": (1, MAX_DAYS),
    "realisation_buffer_days": (0, MAX_DAYS),
    "cure_business_days": (0, MAX_DAYS),
    "price_max_move_bps": (0, BPS),
    "enforcement_ltv_bps": (1, 2 * BPS),
    **dict.fromkeys(_BPS_FIELDS, (1, BPS)),
}


def standard_product() -> Product:
    """What every new product starts as a copy of: 5.60 %, and a supervision fee of 1.50 % shown apart."""
    day = timedelta(days=1)
    return Product(
        name="standard",
        version=1,
        currency="CNY",
        business_calendar="CN",
        base_rate_bps=560,
        supervision_rate_bps=150,
        supervision_fee_base=FeeBase.PRINCIPAL,
        day_count=DayCount.ACT_360,
        penalty_multiple_bps=15_000,
        misuse_multiple_bps=20_000,
        grace_days=0,
        allocation=STANDARD_ORDER,
        max_tenor_days=180,
        realisation_buffer_days=30,
        initial_ltv_bps=7_000,
        warning_ltv_bps=7_500,
        margin_call_ltv_bps=8_000,
        target_ltv_bps=7_000,
        enforcement_ltv_bps=9_000,
        cure_business_days=2,
        haircut_bps=MappingProxyType({"steel.hrc": 1_500}),
        price_max_age=timedelta(hours=36),
        price_max_move_bps=1_000,
        evidence_max_age=MappingProxyType(
            {
                "exists": timedelta(minutes=15),
                "identity": 7 * day,
                "quantity": day,
                "place": timedelta(minutes=15),
            }
        ),
        approval_tiers=(
            ApprovalTier(up_to_minor=5_000_000_000, approvers=("approver", "approver")),
            ApprovalTier(up_to_minor=None, approvers=("approver", "approver", "approver")),
        ),
    )


def product_to_json(product: Product) -> dict[str, Any]:
    """Every field under its own name, in JSON's types; durations in ISO 8601."""
    return {
        **{name: getattr(product, name) for name in _NAMES},
        "supervision_fee_base": product.supervision_fee_base.value,
        "day_count": product.day_count.value,
        "allocation": [_group_to_json(group) for group in product.allocation],
        "haircut_bps": dict(product.haircut_bps),
        "price_max_age": _duration_to_text(product.price_max_age),
        "evidence_max_age": {name: _duration_to_text(age) for name, age in product.evidence_max_age.items()},
        "approval_tiers": [
            {"up_to_minor": tier.up_to_minor, "approvers": list(tier.approvers)}
            for tier in product.approval_tiers
        ],
    }


def product_from_json(data: Mapping[str, Any]) -> Product:
    """The product behind its JSON form.

    Raises:
        ProductInvalid: a field is missing, unknown, or of the wrong form.
    """
    if set(data) != set(_NAMES):
        raise ProductInvalid(missing=sorted(set(_NAMES) - set(data)), unknown=sorted(set(data) - set(_NAMES)))
    given = dict(data)
    try:
        given["supervision_fee_base"] = FeeBase(data["supervision_fee_base"])
        given["day_count"] = DayCount(data["day_count"])
        given["allocation"] = tuple(_group_from_json(group) for group in data["allocation"])
        given["haircut_bps"] = MappingProxyType(dict(data["haircut_bps"]))
        given["price_max_age"] = _duration_from_text(data["price_max_age"])
        given["evidence_max_age"] = MappingProxyType(
            {name: _duration_from_text(age) for name, age in data["evidence_max_age"].items()}
        )
        given["approval_tiers"] = tuple(
            ApprovalTier(up_to_minor=tier["up_to_minor"], approvers=tuple(tier["approvers"]))
            for tier in data["approval_tiers"]
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProductInvalid(reason=str(error)) from error
    return Product(**given)


_NAMES: Final = tuple(each.name for each in fields(Product))


def _require(holds: bool, name: str, value: object) -> None:
    if not holds:
        raise ProductInvalid(field=name, value=value)


def _require_tiers(tiers: tuple[ApprovalTier, ...]) -> None:
    limits = [LARGEST_MINOR if tier.up_to_minor is None else tier.up_to_minor for tier in tiers]
    _require(bool(tiers) and limits == sorted(set(limits)), "approval_tiers", limits)
    for tier in tiers:
        # One person never makes and checks: whoever proposed is not among these.
        _require(len(tier.approvers) >= 1, "approval_tiers", tier.approvers)


def _group_to_json(group: tuple[Bucket, ...]) -> str | list[str]:
    return group[0].value if len(group) == 1 else [bucket.value for bucket in group]


def _group_from_json(group: str | list[str]) -> tuple[Bucket, ...]:
    return tuple(Bucket(name) for name in ([group] if isinstance(group, str) else group))


def _duration_to_text(duration: timedelta) -> str:
    return f"PT{int(duration.total_seconds())}S"


def _duration_from_text(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ProductInvalid(duration=text)
    days, hours, minutes, seconds = (int(part) for part in found.groups("0"))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
