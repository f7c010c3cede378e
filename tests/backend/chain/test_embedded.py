"""The embedded ledger, over its real JSON-RPC."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from backend.chain.embedded.engine import ChainInUse, Engine, Genesis
from backend.chain.embedded.methods import Methods
from backend.chain.embedded.server import Sealer
from contracts.rpc import NodeRefused, Reverted, Rpc
from tests.support.hostile import DEEP, no_bound_on_recursion
from tests.support.ledger import LedgerInTests

# Emits two empty logs, then stops: PUSH1 0 PUSH1 0 LOG0, twice.
TWO_LOGS = "60006000a060006000a000"
# Reverts with the 32-byte word 0xaa.
TAGS = ("latest", "safe", "finalized")
REVERTS = "60aa60005260206000fd"


def signed(
    chain: LedgerInTests, nonce: int, *, to: str | None, data: str, fee: int = 3 * 10**9, **others: Any
) -> bytes:
    fields = {
        "type": 2,
        "chainId": chain.engine.chain_id,
        "nonce": nonce,
        "gas": 200_000,
        "maxFeePerGas": fee,
        "maxPriorityFeePerGas": 0,
        "value": 0,
        "data": data,
    }
    fields |= others | ({"to": to} if to else {})
    return bytes(chain.accounts[0].sign_transaction(fields).raw_transaction)


def deployed(chain: LedgerInTests, nonce: int, code: str) -> str:
    size = len(code) // 2
    init = f"60{size:02x}600c60003960{size:02x}6000f3{code}"
    tx_hash = chain.rpc.call("eth_sendRawTransaction", "0x" + signed(chain, nonce, to=None, data=init).hex())
    return str(chain.rpc.call("eth_getTransactionReceipt", tx_hash)["contractAddress"])


def test_logs_are_numbered_through_the_block_and_found_by_range_hash_and_address(
    chain: LedgerInTests,
) -> None:
    address = deployed(chain, 0, TWO_LOGS)
    for nonce in (1, 2):
        chain.engine.submit(signed(chain, nonce, to=address, data="0x"))
    chain.seal()
    block = chain.rpc.block("latest")
    by_hash = chain.rpc.call("eth_getLogs", {"blockHash": block["hash"]})
    assert [int(log["logIndex"], 16) for log in by_hash] == [0, 1, 2, 3]
    assert by_hash == chain.rpc.call("eth_getLogs", {"fromBlock": "0x0", "address": address})
    assert chain.rpc.call("eth_getLogs", {"fromBlock": "0x0", "topics": [["0x" + "11" * 32]]}) == []
    receipts = chain.rpc.call("eth_getBlockReceipts", block["number"])
    assert [log for receipt in receipts for log in receipt["logs"]] == by_hash


def test_a_revert_carries_its_data_in_calls_and_estimates(chain: LedgerInTests) -> None:
    address = deployed(chain, 0, REVERTS)
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(Reverted) as caught:
            chain.rpc.call(method, {"to": address})
        assert caught.value.facts["data"] == "0x" + "00" * 31 + "aa"


@pytest.mark.parametrize(
    ("nonce", "fee", "why"),
    [(0, 3 * 10**9, "nonce too low"), (1, 10**27, "insufficient funds")],
)
def test_a_transaction_that_no_block_could_take_is_refused_by_name(
    chain: LedgerInTests, nonce: int, fee: int, why: str
) -> None:
    deployed(chain, 0, TWO_LOGS)
    raw = signed(chain, nonce, to=chain.accounts[1].address, data="0x", fee=fee)
    with pytest.raises(NodeRefused) as caught:
        chain.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
    assert why in caught.value.facts["said"]


def test_a_nonce_that_came_early_waits_for_the_one_before(chain: LedgerInTests) -> None:
    early = signed(chain, 1, to=chain.accounts[1].address, data="0x")
    tx_hash = chain.rpc.call("eth_sendRawTransaction", "0x" + early.hex())
    assert chain.rpc.call("eth_getTransactionReceipt", tx_hash) is None
    first = signed(chain, 0, to=chain.accounts[1].address, data="0x")
    chain.rpc.call("eth_sendRawTransaction", "0x" + first.hex())
    assert chain.rpc.call("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"


def test_a_waiting_transaction_is_replaced_only_at_a_tenth_more(chain: LedgerInTests) -> None:
    to = chain.accounts[1].address
    chain.engine.submit(signed(chain, 0, to=to, data="0x", fee=3_000_000_000))
    raw = signed(chain, 0, to=to, data="0x", fee=3_100_000_000)
    with pytest.raises(NodeRefused, match="underpriced"):
        chain.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
    dearer = chain.engine.submit(signed(chain, 0, to=to, data="0x", fee=3_300_000_000))
    chain.seal()
    assert chain.engine.index.place_of(dearer) is not None


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"maxPriorityFeePerGas": 4 * 10**9}, "tip above the whole fee"),
        ({"gas": 61_000_000}, "gas out of range"),
        ({"gas": 20_999}, "gas out of range"),
        ({"chainId": 1}, "another chain"),
        ({"nonce": 10_001}, "nonce too high"),
        ({"to": None, "data": "0x" + "00" * 49_153, "gas": 9_000_000}, "creation code too large"),
        (
            {"type": 3, "maxFeePerBlobGas": 10**9, "blobVersionedHashes": ["0x01" + "00" * 31]},
            "kind of transaction not taken",
        ),
    ],
)
def test_a_transaction_of_an_impossible_form_is_refused_by_name(
    chain: LedgerInTests, others: dict[str, Any], why: str
) -> None:
    fields = {"to": chain.accounts[1].address, "data": "0x"} | others
    raw = signed(chain, **({"nonce": 0} | fields))
    with pytest.raises(NodeRefused, match=why):
        chain.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
    assert chain.engine.index.pool() == []


def test_an_acknowledged_transaction_below_the_base_fee_waits_until_the_fee_has_fallen(
    chain: LedgerInTests,
) -> None:
    fee = chain.engine.base_fee() * 7 // 10
    raw = signed(chain, 0, to=chain.accounts[1].address, data="0x", fee=fee)
    tx_hash = chain.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
    assert chain.rpc.call("eth_getTransactionReceipt", tx_hash) is None
    chain.seal(3)
    assert chain.rpc.call("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"


def test_what_does_not_fit_in_a_block_is_in_the_next_without_waiting_for_the_heartbeat(
    chain: LedgerInTests,
) -> None:
    for nonce in range(2):
        chain.engine.submit(signed(chain, nonce, to=chain.accounts[1].address, data="0x", gas=60_000_000))
    sealer = Sealer(chain.engine, heartbeat_s=600)
    sealer.start()
    until = time.monotonic() + 10
    while chain.engine.index.count_waiting() and time.monotonic() < until:
        time.sleep(0.01)
    sealer.end()
    assert [len(chain.rpc.block(number)["transactions"]) for number in (1, 2)] == [1, 1]


def test_a_folder_belongs_to_one_process(chain: LedgerInTests, tmp_path: Path) -> None:
    genesis = Genesis(chain.engine.chain_id, {})
    with pytest.raises(ChainInUse):
        Engine(tmp_path / "chain" / "ledger.sqlite", genesis)


def test_the_final_block_lies_as_far_behind_as_was_set(chain: LedgerInTests) -> None:
    chain.seal(5)
    behind = Methods(chain.engine, finality_depth=2)
    assert [int(behind.answer("eth_getBlockByNumber", [tag, False])["number"], 16) for tag in TAGS] == [
        5,
        3,
        3,
    ]


def test_requests_that_are_none_are_answered_with_the_reason(chain: LedgerInTests) -> None:
    for method, params, said in (
        ("eth_getBlockByNumber", ["newest", False], "block number or tag"),
        ("eth_getBalance", ["0x12"], "20 bytes"),
        ("eth_getBlockByNumber", [["latest"], False], "block number or tag"),
        ("eth_getLogs", [{"address": 5}], "an address or a list"),
        ("eth_getLogs", [{"topics": ["0x12"]}], "32 bytes"),
        ("eth_getLogs", ["latest"], "filter object"),
        ("eth_call", ["0x"], "call object"),
        ("eth_mine", [], "does not exist"),
    ):
        with pytest.raises(NodeRefused, match=said):
            chain.rpc.call(method, *params)
    assert chain.server.reply(b"{")["error"]["code"] == -32700
    with no_bound_on_recursion():
        assert chain.server.reply(b"[" * DEEP)["error"]["code"] == -32600
    assert chain.server.reply(b"[]")["error"]["code"] == -32600


def started(data: Path, funded: str) -> tuple["subprocess.Popen[str]", str]:
    command = [sys.executable, "-m", "backend.cli", "chain", "--data", str(data), "--port", "0"]
    process = subprocess.Popen([*command, "--fund", funded], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


@pytest.mark.parametrize("seed", range(3))
def test_after_kill_9_every_acknowledged_transaction_is_there_and_the_chain_goes_on(
    tmp_path: Path, seed: int
) -> None:
    account = Account.create()
    process, url = started(tmp_path, account.address)
    rpc = Rpc(url)
    chain_id = rpc.chain_id()
    acknowledged = []
    deadline = time.monotonic() + 1.2 + seed * 0.37
    for nonce in range(2_000):
        raw = account.sign_transaction(
            {
                "type": 2,
                "chainId": chain_id,
                "nonce": nonce,
                "gas": 21_000,
                "to": "0x" + "11" * 20,
                "value": 1,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 0,
            }
        ).raw_transaction
        acknowledged.append(rpc.call("eth_sendRawTransaction", "0x" + raw.hex()))
        if time.monotonic() > deadline:
            break
    with process:
        os.kill(process.pid, signal.SIGKILL)
    again, url = started(tmp_path, account.address)
    with again:
        rpc = Rpc(url)
        assert rpc.chain_id() == chain_id
        end = time.monotonic() + 60
        while time.monotonic() < end:
            receipts = rpc.batch([("eth_getTransactionReceipt", [each]) for each in acknowledged[-500:]])
            if all(receipt is not None for receipt in receipts):
                break
            time.sleep(0.2)
        assert all(receipt is not None and receipt["status"] == "0x1" for receipt in receipts)
        assert int(rpc.call("eth_getTransactionCount", account.address, "latest"), 16) == len(acknowledged)
        blocks = [rpc.block(number) for number in range(rpc.block_number() + 1)]
        times = [int(block["timestamp"], 16) for block in blocks]
        assert all(earlier < later for earlier, later in pairwise(times))
        assert times[-1] <= time.time()
        again.terminate()
