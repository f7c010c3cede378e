"""The documents name only what exists, and say what they must."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, own

PAGES = [*own("*.md", "docs"), Path("README.md"), Path("CONTRIBUTING.md")]
FOLDERS = ("backend", "contracts", "iot_bridge", "tests", "scripts", "docs", "requirements")
QUOTED = re.compile(r"`([^`\s]+)`")
FILE = re.compile(rf"^(?:{'|'.join(FOLDERS)})/[\w./-]+$")
MEMBER = re.compile(rf"^((?:{'|'.join(FOLDERS)})/[\w./-]+\.(?:py|sol))::([A-Za-z_][\w.]*)$")
IN_CODE = re.compile(r"\bdocs/[\w/-]+\.md\b")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
TEST_NAME = re.compile(r"(?<!/)\btest_[a-z0-9_]{10,}\b(?!\.py)")
DECISION_LINES = 60


def text(page: Path) -> str:
    """What a page says, without its indented examples."""
    return "\n".join(
        line for line in (ROOT / page).read_text("utf-8").splitlines() if not line.startswith("    ")
    )


def members(path: Path) -> set[str]:
    """What a source file defines: functions, classes, their methods; in Solidity, whatever it declares."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".sol":
        return set(
            re.findall(r"\b(?:function|event|error|struct|contract|interface|modifier)\s+(\w+)", source)
        )
    tree = ast.parse(source)
    top = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    inner = {
        f"{node.name}.{part.name}"
        for node in top
        if isinstance(node, ast.ClassDef)
        for part in node.body
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    named = {
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return {node.name for node in top} | inner | named


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = {name for name in QUOTED.findall(text(page)) if FILE.match(name)}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_page_that_the_code_names_exists() -> None:
    sources = [*own("*.py", "backend", "contracts", "iot_bridge", "scripts"), *own("*.sol", "contracts")]
    named = {page for path in sources for page in IN_CODE.findall((ROOT / path).read_text("utf-8"))}
    assert sorted(page for page in named if not (ROOT / page).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_function_that_a_page_names_is_in_its_file(page: Path) -> None:
    named = [match.groups() for name in QUOTED.findall(text(page)) if (match := MEMBER.match(name))]
    missing = [
        f"{file}::{member}"
        for file, member in named
        if not (ROOT / file).exists() or member not in members(ROOT / file)
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    links = {link for link in LINK.findall(text(page)) if "://" not in link}
    assert sorted(link for link in links if not (ROOT / page.parent / link).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    here = "\n".join(
        (ROOT / path).read_text("utf-8")
        for path in [*own("*.py", "tests"), *own("*.sol", "tests", "contracts")]
    )
    assert sorted(name for name in set(TEST_NAME.findall(text(page))) if name not in here) == []


@pytest.mark.parametrize("record", own("0*.md", "docs/decisions"), ids=str)
def test_a_decision_is_short_quotable_and_says_what_holds_it(record: Path) -> None:
    lines = (ROOT / record).read_text("utf-8").splitlines()
    assert len(lines) <= DECISION_LINES
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert headings == ["Context", "Decision", "Consequences", "Alternatives", "Held by"]
    assert any(line.startswith("> ") for line in lines)
    assert f"({record.name})" in (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8")


def test_one_opencv_is_required_and_it_is_the_headless_one() -> None:
    lines = (ROOT / "requirements" / "all.txt").read_text("utf-8").splitlines()
    names = {line.split("==")[0] for line in lines if line.startswith("opencv")}
    assert names == {"opencv-python-headless"}
