"""What others depend on of the contracts, in words; `python -m tests.support.abi_snapshot` writes it anew.

A changed snapshot is a line in the changelog, since whoever speaks to a deployed ledger has to change too.
"""

import json
from pathlib import Path
from typing import Final

from contracts.artifacts import CONTRACTS, Entry, load

SNAPSHOT: Final = Path(__file__).parents[1] / "contracts" / "abi.json"


def abi_of(contract: str) -> dict[str, list[str]]:
    """Every function with its selector and answer, every event and error of a contract."""
    artifact = load(contract)

    def named(entry: Entry) -> str:
        inputs = ",".join(f"{each.type}{' indexed' * each.is_indexed} {each.name}" for each in entry.inputs)
        return f"{entry.name}({inputs})"

    def answered(entry: Entry) -> str:
        outputs = ",".join(each.type for each in entry.outputs)
        return f"{entry.selector.hex()} {named(entry)} → ({outputs})"

    return {
        "functions": sorted(map(answered, artifact.functions.values())),
        "events": sorted(map(named, artifact.events.values())),
        "errors": sorted(map(named, artifact.errors.values())),
    }


def snapshot() -> dict[str, dict[str, list[str]]]:
    """The ABI of the four contracts as it is compiled now."""
    return {name: abi_of(name) for name in CONTRACTS}


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(snapshot(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
