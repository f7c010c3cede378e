"""The interfaces are the test plan: every error stands in a requirement. Every act has its gas budget."""

import re
from pathlib import Path

import pytest

from iot_bridge.evidence.statement import name32
from tests.contracts.conftest import COILS
from tests.support.ledger_life import DEPOSITOR, LENDER, OPERATOR, SITE, LedgerLife, hash_of

INTERFACES = Path(__file__).parents[2] / "contracts" / "interfaces"
GAS = {
    "request": 340_000,
    "issue": 370_000,
    "endorse": 340_000,
    "attorn": 55_000,
    "register": 105_000,
    "accept": 160_000,
    "record": 85_000,
    "order": 200_000,
    "deliver": 165_000,
    "release": 120_000,
    "close": 60_000,
    "anchor": 80_000,
    "witness": 120_000,
}
"""Whole transaction, two pieces or one receipt, first writes included."""


@pytest.mark.parametrize("interface", sorted(INTERFACES.glob("I*.sol")), ids=lambda path: path.stem)
def test_every_error_of_an_interface_is_named_in_a_requirement(interface: Path) -> None:
    text = interface.read_text("utf-8")
    declared = set(re.findall(r"^ +error (\w+)\(", text, re.MULTILINE))
    promised = set(re.findall(r"\{(?:I\w+-)?(\w+)\}", "".join(path.read_text("utf-8") for path in all_sol())))
    assert declared - promised == set()


def all_sol() -> list[Path]:
    return sorted(INTERFACES.parent.rglob("*.sol"))


def test_every_error_that_a_requirement_names_exists() -> None:
    text = "".join(path.read_text("utf-8") for path in all_sol())
    named = set(re.findall(r"else \{(?:I\w+-)?(\w+)\}", text))
    assert named - set(re.findall(r"\berror (\w+)\(", text)) == set()


def test_no_act_on_the_ledger_costs_more_gas_than_its_budget(life: LedgerLife) -> None:
    for _ in range(66):
        life.site.see("gate.crossing", bytes(32), 0)
        life.site.anchor()
    spent: dict[str, int] = {}
    for name, kg in COILS.items():
        life.site.see("movement.in", hash_of(name), kg)
    spent["anchor"] = life.site.anchor().gas
    spent["witness"] = life.site.witness().gas
    size = life.site.log.size
    movements = [life.site.evidence(index) for index in (size - 2, size - 1)]
    spent["request"] = request_gas(life)
    document = hash_of("document")
    spent["issue"] = life.ledger.act(OPERATOR, "ReceiptRegistry", "issue", 1, document, movements).gas
    spent |= pledge_gas(life)
    spent |= exit_gas(life)
    assert {act: gas for act, gas in spent.items() if gas > GAS[act]} == {}
    assert spent.keys() == GAS.keys()


def request_gas(life: LedgerLife) -> int:
    terms = {
        "site": name32(SITE),
        "bay": hash_of("bay"),
        "commodity": hash_of("commodity"),
        "grade": hash_of("grade"),
        "massKg": sum(COILS.values()),
        "fingerprints": [hash_of(name) for name in COILS],
        "document": hash_of("document"),
        "representations": hash_of("representations"),
    }
    return life.ledger.act(DEPOSITOR, "ReceiptRegistry", "requestIssue", terms).gas


def pledge_gas(life: LedgerLife) -> dict[str, int]:
    expires_at = life.ledger.chain.now + 3_600
    endorsed = life.ledger.act(
        DEPOSITOR, "PledgeRegistry", "endorse", [1], name32(LENDER), hash_of("terms"), expires_at
    )
    return {
        "endorse": endorsed.gas,
        "attorn": life.attorn(1).gas,
        "register": life.register(1).gas,
        "accept": life.accept(1).gas,
        "record": life.record(1, "disbursed").gas,
    }


def exit_gas(life: LedgerLife) -> dict[str, int]:
    terms = life.release_terms(1, 9_800)
    signed = life.signed("ReceiptRegistry", "ReleaseOrder", terms)
    ordered = life.ledger.act(LENDER, "ReceiptRegistry", "orderRelease", terms, signed)
    delivered = life.deliver(1, {"coil-1": 9_800})
    return {
        "order": ordered.gas,
        "deliver": delivered.gas,
        "release": life.release(1, 1).gas,
        "close": life.close(1).gas,
    }
