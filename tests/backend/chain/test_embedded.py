"""The embedded ledger, over its real JSON-RPC."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from eth_account import Account

from contracts.rpc import NodeRefused, Reverted, Rpc
from tests.support.ledger import LedgerInTests

# Emits two empty logs, then stops: PUSH1 0 PUSH1 0 LOG0, twice.
TWO_LOGS = "60006000a060006000a000"
# Reverts with the 32-byte word 0xaa.
REVERTS = "60aa60005260206000fd"


def signed(chain: LedgerInTests, nonce: int, *, to: str | None, data: str, fee: int = 3 * 10**9) -> bytes:
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
    return bytes(chain.accounts[0].sign_transaction(fields | ({"to": to} if to else {})).raw_transaction)


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


def test_requests_that_are_none_are_answered_with_the_reason(chain: LedgerInTests) -> None:
    for method, params, said in (
        ("eth_getBlockByNumber", ["newest", False], "block number or tag"),
        ("eth_getBalance", ["0x12"], "20 bytes"),
        ("eth_mine", [], "does not exist"),
    ):
        with pytest.raises(NodeRefused, match=said):
            chain.rpc.call(method, *params)
    assert chain.server.reply(b"{")["error"]["code"] == -32700
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
        end = time.monotonic() + 20
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
