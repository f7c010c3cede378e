"""Who may know whom, where import-linter cannot say it in one line (its own rules are in pyproject.toml)."""

import ast
from collections.abc import Iterator
from pathlib import Path

FOREIGN_TIME = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "sleep"}
MONEY = {"rules.py", "tables.py", "actions.py", "units.py", "journal.py"}


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module that a file names in an import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_capability_reads_the_tables_of_another(product: dict[Path, ast.Module]) -> None:
    trespass = [
        (str(path), name)
        for path, tree in product.items()
        if path.parts[0] == "backend" and len(path.parts) > 2 and path.parts[1] != "migrations"
        for name in imported(tree)
        if name.startswith("backend.")
        and name.split(".")[2:3] == ["tables"]
        and name.split(".")[1] != path.parts[1]
    ]
    assert trespass == []


def test_the_bank_takes_nothing_from_the_edge_but_the_evidence_format(
    product: dict[Path, ast.Module],
) -> None:
    trespass = [
        (str(path), name)
        for path, tree in product.items()
        if path.parts[0] == "backend"
        for name in imported(tree)
        if name.startswith("iot_bridge") and name not in {"iot_bridge", "iot_bridge.evidence"}
        if not name.startswith("iot_bridge.evidence.")
    ]
    assert trespass == []


def test_no_action_commits_since_a_unit_of_work_ends_at_the_edge(product: dict[Path, ast.Module]) -> None:
    commits = [
        f"{path}:{node.lineno}"
        for path, tree in product.items()
        if path.parts[0] == "backend"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "commit"
    ]
    assert commits == []


def test_no_rule_asks_what_time_it_is(product: dict[Path, ast.Module]) -> None:
    asks = [
        f"{path}:{node.lineno}"
        for path, tree in product.items()
        if path.name in {"rules.py", "units.py"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in FOREIGN_TIME
    ]
    assert asks == []


def test_no_float_touches_money_mass_or_a_ratio(product: dict[Path, ast.Module]) -> None:
    floats = [
        f"{path}:{node.lineno}"
        for path, tree in product.items()
        if (path.parts[0] == "backend" and path.name in MONEY) or path.parts[:2] == ("iot_bridge", "evidence")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and type(node.value) is float)
        or (isinstance(node, ast.Name) and node.id in {"float", "Decimal"})
    ]
    assert floats == []


def test_money_is_divided_in_one_file_only(product: dict[Path, ast.Module]) -> None:
    divides = [
        f"{path}:{node.lineno}"
        for path, tree in product.items()
        if path.parts[0] == "backend" and path.name in MONEY - {"units.py"}
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div | ast.FloorDiv)
        and not (isinstance(node.left, ast.Name) and node.left.id in {"folder", "path", "data"})
    ]
    assert divides == []


def test_every_capability_is_in_the_glossary(product: dict[Path, ast.Module], root: Path) -> None:
    glossary = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    folders = {path.parts[1] for path in product if path.parts[0] == "backend" and len(path.parts) > 2}
    assert [name for name in sorted(folders - {"migrations"}) if f"`{name}`" not in glossary] == []
