"""Money, mass and ratios stay whole numbers in every file of the lending capabilities."""

import ast
from collections.abc import Iterator
from pathlib import Path

LENDING = {"valuation", "loans", "payments", "margin"}


def nodes(product: dict[Path, ast.Module]) -> Iterator[tuple[str, ast.AST]]:
    for path, tree in product.items():
        if path.parts[0] == "backend" and path.parts[1] in LENDING:
            for node in ast.walk(tree):
                yield f"{path}:{getattr(node, 'lineno', 0)}", node


def test_lending_knows_no_float_and_no_decimal(product: dict[Path, ast.Module]) -> None:
    found = [
        place
        for place, node in nodes(product)
        if (isinstance(node, ast.Constant) and type(node.value) is float)
        or (isinstance(node, ast.Name) and node.id in {"float", "Decimal", "round"})
    ]
    assert found == []


def test_lending_divides_only_through_units_or_exact_fractions(product: dict[Path, ast.Module]) -> None:
    found = [
        place
        for place, node in nodes(product)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv)
    ]
    assert found == []
