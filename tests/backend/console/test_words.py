"""Both languages: chosen as readers expect, complete, and exact about money, mass, ratios and time."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.console.words import Language, language_of, words_for

ROOT = Path(__file__).resolve().parents[3]
ENGLISH, CHINESE = (words_for("Asia/Shanghai")[each] for each in (Language.ENGLISH, Language.CHINESE))
NBSP = "\N{NO-BREAK SPACE}"


def test_every_text_and_code_is_translated_and_compiled() -> None:
    command = [sys.executable, "scripts/build_locale.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "found"),
    [
        ("en", "zh-CN", "zh-CN", Language.ENGLISH),
        (None, "en", "zh-CN", Language.ENGLISH),
        ("fr", None, "en-GB,en;q=0.9", Language.ENGLISH),
        (None, None, "zh-TW, en;q=0.5", Language.CHINESE),
        (None, None, "fr, en;q=0.5", Language.ENGLISH),
        (None, None, "", Language.CHINESE),
        (None, "<script>", "*;q=0.1,,;;=", Language.CHINESE),
    ],
)
def test_a_reader_gets_the_language_they_ask_for(
    asked: str | None, kept: str | None, accepted: str, found: Language
) -> None:
    assert language_of(asked=asked, kept=kept, accepted=accepted) is found


@given(st.text(max_size=200))
def test_no_header_of_a_browser_stops_a_page(accepted: str) -> None:
    assert language_of(asked=None, kept=None, accepted=accepted) in Language


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_amount_is_written_to_the_minor_unit(amount_minor: int) -> None:
    said = ENGLISH.amount(amount_minor, "CNY").replace(",", "")
    assert Decimal(said) * 100 == amount_minor


def test_figures_are_written_out_with_their_units() -> None:
    assert ENGLISH.money(18_000_000, "CNY") == f"180,000.00{NBSP}CNY"
    assert ENGLISH.money(18_000, "JPY") == f"18,000{NBSP}JPY"
    assert [ENGLISH.mass(kg) for kg in (999, 9_800, 2_500_000)] == [
        f"999{NBSP}kg",
        f"9.8{NBSP}t",
        f"2,500{NBSP}t",
    ]
    assert ENGLISH.ratio(6_543) == "65.43%"


def test_an_instant_is_told_in_the_banks_zone_by_its_offset() -> None:
    at = datetime(2026, 11, 24, 22, 5, 7, tzinfo=UTC)
    assert ENGLISH.instant(at) == f"2026-11-25 06:05:07{NBSP}UTC+08:00"
    assert CHINESE.instant(at) == ENGLISH.instant(at)
    assert CHINESE.day(date(2026, 2, 3)) == "2026-02-03"
    assert CHINESE.duration(timedelta(hours=5)) == "5小时"


def test_a_code_that_nobody_named_is_shown_as_itself() -> None:
    assert ENGLISH.code("loan state", "written_off") == "Written off"
    assert CHINESE.code("loan state", "written_off") == "已核销"
    assert CHINESE.code("loan state", "new_thing") == "New thing"
    assert CHINESE.named("loan state", "new_thing") is None
