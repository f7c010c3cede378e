"""What the ledger must not know, whatever its contracts are asked."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.architecture.tree import ROOT, own

OURS = ("PartyRegistry", "EvidenceLog", "ReceiptRegistry", "PledgeRegistry")
MONEY = re.compile(r"price|amount|currency|rate(?!d)|interest|principal|value", re.IGNORECASE)

FOREIGN = {"value"}
"""Parameters of OpenZeppelin's own errors, which carry no money."""


def names(entries: list[dict[str, Any]]) -> Iterator[str]:
    """Every name of a function, event, error or parameter, structs included."""
    for entry in entries:
        yield entry.get("name", "")
        for side in ("inputs", "outputs", "components"):
            yield from names(entry.get(side, []))


def test_no_act_on_the_ledger_needs_a_price_or_tells_an_amount_of_money() -> None:
    told = {
        f"{path.stem}: {name}"
        for path in own("*.json", "contracts/artifacts")
        if path.stem in OURS
        for name in names(json.loads((ROOT / path).read_text("utf-8"))["abi"])
        if MONEY.search(name) and name not in FOREIGN
    }
    assert told == set()
