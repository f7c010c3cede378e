"""The trace from evidence to loan: the line, its gaps, the three flows, the journal's chain, the bundle."""

import io
import re
import zipfile

import pytest

from backend.audit.actions import NothingToProve
from backend.audit.tracing import Gap, Trace, TransactionUnknown, trace
from backend.identity.permissions import PermissionMissing
from tests.backend.app.populated import LOAN
from tests.backend.console.conftest import Client
from tests.backend.console.house import CALLED, SUBMITTED, House


def traced(house: House, loan_id: str) -> Trace:
    at = house.world.bank.moment()
    return house.world.look(lambda session: trace(session, loan_id, at))


def test_every_statement_that_was_spent_leads_to_the_loan(house: House) -> None:
    found = traced(house, LOAN)
    assert found.is_whole
    acts = [line.act.name for line in found.lines if line.act is not None]
    assert acts == ["ReceiptIssued"] * 3 + ["GoodsDelivered"]
    for line in found.lines:
        assert line.anchored is not None
        assert line.witnessed is not None
        assert len(line.rests_on) == 2
    steps = ["PledgeEndorsed", "PledgeAttorned", "PledgeRegistered", "PledgeEffective"]
    assert [event.name for event in found.acts] == steps


def test_goods_money_and_information_agree(house: House) -> None:
    found = {(tie.flow, tie.what): tie for tie in traced(house, LOAN).ties}
    assert {key for key, tie in found.items() if not tie.agrees} == set()
    assert {flow for flow, _ in found} == {"goods", "money", "information"}
    assert found["goods", "delivered"].one == 9_800
    assert found["information", "statements"].one == 4


def test_each_node_of_the_line_leads_somewhere(browse: Client) -> None:
    client = browse("auditor")
    page = client.get(f"/audit/loans/{LOAN}").text
    line = page[page.index('<ol class="trace">') : page.index("</ol>", page.index('<ol class="trace">'))]
    nodes = re.findall(r'<a class="node" href="([^"]+)"', line)
    assert len(nodes) == 5
    for path in nodes[:3]:
        assert client.get(path).status_code == 200
    spent = client.get(nodes[2]).text
    assert "Receipt issued" in spent
    assert f'<a href="{nodes[0]}">' in spent  # and back to the evidence


def test_what_the_ledger_does_not_show_is_a_gap_and_no_figure(house: House, browse: Client) -> None:
    found = traced(house, CALLED)
    assert not found.is_whole
    assert {gap for line in found.lines for gap in line.gaps} == {Gap.NO_TRANSACTION}
    taken_in = next(tie for tie in found.ties if tie.what == "taken_in")
    assert (taken_in.other, taken_in.agrees) == (None, False)
    page = browse("auditor").get(f"/audit/loans/{CALLED}").text
    assert "No gap" not in page
    assert 'class="node gap"' in page
    assert traced(house, SUBMITTED).gaps == (Gap.NO_PLEDGE,)


def test_the_bundle_is_one_click_away(browse: Client) -> None:
    client = browse("auditor")
    path = f"/audit/loans/{LOAN}/bundle"
    assert f'href="{path}"' in client.get(f"/audit/loans/{LOAN}").text
    answer = client.get(path)
    assert answer.status_code == 200
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    refused = client.get(f"/audit/loans/{SUBMITTED}/bundle")
    assert (refused.status_code, NothingToProve.code in refused.text) == (NothingToProve.status, True)


@pytest.mark.parametrize("part", ["", "/bundle", "/acts", "/journal"])
@pytest.mark.parametrize("reader", ["operator", "borrower", "administrator"])
def test_the_audit_is_for_the_bank_and_its_auditors(browse: Client, reader: str, part: str) -> None:
    answer = browse(reader).get(f"/audit/loans/{LOAN}{part}")
    assert (answer.status_code, PermissionMissing.code in answer.text) == (PermissionMissing.status, True)


def test_an_unknown_transaction_is_refused(browse: Client) -> None:
    answer = browse("auditor").get(f"/audit/transactions/0x{'cd' * 32}")
    assert (answer.status_code, TransactionUnknown.code in answer.text) == (TransactionUnknown.status, True)
