"""Who may know whom, where import-linter cannot say it in one line (its own rules are in pyproject.toml)."""

import ast
from collections.abc import Iterator
from pathlib import Path

FOREIGN_TIME = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "sleep"}
DECIDING = {"rules", "tables", "actions", "units", "claims"}


def decides(path: Path) -> bool:
    """Whether a file computes with money, mass or ratios: it, or its folder, is a capability's part."""
    return path.parts[0] == "backend" and bool(DECIDING & {*path.parts, path.stem})


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
        if decides(path) and "actions" not in {*path.parts, path.stem}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in FOREIGN_TIME
    ]
    assert asks == []


def float_uses(tree: ast.Module) -> Iterator[int]:
    """Lines where a float is written, made or declared; asking `kind is float` to refuse one is none."""
    asked = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is float:
            yield node.lineno
        if isinstance(node, ast.Name) and node.id in {"float", "Decimal"} and id(node) not in asked:
            yield node.lineno


def test_no_float_touches_money_mass_or_a_ratio(product: dict[Path, ast.Module]) -> None:
    floats = [
        f"{path}:{line}"
        for path, tree in product.items()
        if decides(path) or path.parts[:2] == ("iot_bridge", "evidence")
        for line in float_uses(tree)
    ]
    assert floats == []


def test_money_is_divided_in_one_file_only(product: dict[Path, ast.Module]) -> None:
    divides = [
        f"{path}:{node.lineno}"
        for path, tree in product.items()
        if decides(path) and path.stem not in {"units", "claims"}  # claims divide durations, not money
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div | ast.FloorDiv)
        and not (isinstance(node.left, ast.Name) and node.left.id in {"folder", "path", "data"})
    ]
    assert divides == []


def test_every_capability_is_in_the_glossary(product: dict[Path, ast.Module], root: Path) -> None:
    glossary = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    folders = {path.parts[1] for path in product if path.parts[0] == "backend" and len(path.parts) > 2}
    assert [name for name in sorted(folders - {"app", "migrations"}) if f"`{name}`" not in glossary] == []
