"""The JSON-RPC methods that the embedded ledger answers, over one engine. Knows no sockets."""

import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

from eth.abc import BlockAPI, BlockHeaderAPI

from backend.chain.embedded.admission import BLOCK_GAS, TransactionRefused
from backend.chain.embedded.engine import Called, Engine
from backend.chain.embedded.index import TOPICS, LogFilter
from backend.chain.embedded.shapes import base_fee, block_json, data, transaction_json

MOST_LOGS: Final = 10_000
INVALID_PARAMS: Final = -32602
UNKNOWN_METHOD: Final = -32601
REFUSED: Final = -32000
LIMIT_EXCEEDED: Final = -32005
REVERTED: Final = 3
QUANTITY: Final = re.compile("0x[0-9a-fA-F]{1,64}")
HEX: Final = re.compile("0x(?:[0-9a-fA-F]{2})*")
Method = Callable[[list[Any]], Any]


class RpcError(Exception):
    """The embedded ledger does not answer the request; the number and the data are those of JSON-RPC."""

    code = "chain.request_refused"

    def __init__(self, number: int, message: str, revert_data: str | None = None) -> None:
        self.number = number
        self.revert_data = revert_data
        super().__init__(message)


class Methods:
    """Answers requests; `finality_depth` is how far `finalized` lies behind the newest block."""

    def __init__(self, engine: Engine, finality_depth: int = 0) -> None:
        self._engine = engine
        self._depth = finality_depth
        self._methods: dict[str, Method] = {
            "web3_clientVersion": lambda _: f"tallystick/{version('tallystick')}/py-evm",
            "net_version": lambda _: str(engine.chain_id),
            "net_listening": lambda _: True,
            "eth_syncing": lambda _: False,
            "eth_accounts": lambda _: [],
            "eth_chainId": lambda _: hex(engine.chain_id),
            "eth_blockNumber": lambda _: hex(engine.head().block_number),
            "eth_gasPrice": lambda _: hex(engine.base_fee() * 2 + 1),
            "eth_maxPriorityFeePerGas": lambda _: hex(0),
            "eth_feeHistory": self._fee_history,
            "eth_getBalance": lambda p: hex(self._state(p, 1).get_balance(_address(p, 0))),
            "eth_getCode": lambda p: data(self._state(p, 1).get_code(_address(p, 0))),
            "eth_getStorageAt": self._storage,
            "eth_getTransactionCount": self._nonce,
            "eth_getBlockByNumber": lambda p: self._block(self._number(p, 0), p),
            "eth_getBlockByHash": lambda p: self._block(engine.index.number_of(_bytes(p, 0, 32)), p),
            "eth_getBlockReceipts": self._receipts,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionReceipt": lambda p: engine.index.receipt(_bytes(p, 0, 32)),
            "eth_getLogs": self._logs,
            "eth_sendRawTransaction": self._send,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate,
        }

    def answer(self, method: str, params: Any) -> Any:
        """The result of one request.

        Raises:
            RpcError: the method is unknown, the parameters do not fit, or the ledger refused.
        """
        known = self._methods.get(method)
        if known is None:
            raise RpcError(UNKNOWN_METHOD, f"the method {method} does not exist or is not available")
        if not isinstance(params, list):
            raise RpcError(INVALID_PARAMS, "params must be a list")
        with self._engine.lock:
            try:
                return known(params)
            except TransactionRefused as refused:
                facts = ", ".join(f"{name} {value}" for name, value in refused.facts.items() if name != "why")
                raise RpcError(REFUSED, f"{refused.facts['why']}: {facts}".rstrip(": ")) from refused

    def _number(self, params: Sequence[Any], at: int) -> int | None:
        """A block parameter as a number; None when there is no such block."""
        tag = params[at] if len(params) > at else "latest"
        head = self._engine.head().block_number
        if isinstance(tag, dict) and "blockHash" in tag:
            return self._engine.index.number_of(_bytes([tag["blockHash"]], 0, 32))
        if isinstance(tag, dict):
            tag = tag.get("blockNumber")
        named = {"earliest": 0, "latest": head, "pending": head}
        named |= dict.fromkeys(("safe", "finalized"), max(0, head - self._depth))
        if isinstance(tag, str) and tag in named:
            return named[tag]
        number = _quantity(tag, "a block number or tag")
        return number if number <= head else None

    def _header(self, params: Sequence[Any], at: int) -> BlockHeaderAPI:
        number = self._number(params, at)
        if number is None:
            raise RpcError(REFUSED, "header not found")
        return self._engine.block(number).header

    def _state(self, params: Sequence[Any], at: int) -> Any:
        return self._engine.state(self._header(params, at))

    def _block(self, number: int | None, params: Sequence[Any]) -> dict[str, Any] | None:
        whole = params[1] if len(params) > 1 else False
        if not isinstance(whole, bool):
            raise RpcError(INVALID_PARAMS, "the second parameter says whether transactions are given whole")
        return None if number is None else block_json(self._engine.block(number), whole=whole)

    def _storage(self, params: Sequence[Any]) -> str:
        slot = _quantity(params[1] if len(params) > 1 else None, "a storage slot")
        return data(self._state(params, 2).get_storage(_address(params, 0), slot).to_bytes(32, "big"))

    def _nonce(self, params: Sequence[Any]) -> str:
        address = _address(params, 0)
        if len(params) > 1 and params[1] not in {"latest", "pending"}:
            return hex(self._state(params, 1).get_nonce(address))
        return hex(self._engine.next_nonce(address, pending=len(params) > 1 and params[1] == "pending"))

    def _receipts(self, params: Sequence[Any]) -> list[dict[str, Any]] | None:
        tag = params[0] if params else None
        if isinstance(tag, str) and len(tag) == 66:  # noqa: PLR2004 - 0x and a block hash
            number = self._engine.index.number_of(_bytes(params, 0, 32))
        else:
            number = self._number(params, 0)
        return None if number is None else self._engine.index.receipts(number)

    def _transaction(self, params: Sequence[Any]) -> dict[str, Any] | None:
        tx_hash = _bytes(params, 0, 32)
        place = self._engine.index.place_of(tx_hash)
        if place is not None:
            block: BlockAPI = self._engine.block(place[0])
            return transaction_json(block.transactions[place[1]], block, place[1])
        raw = self._engine.index.pooled(tx_hash)
        return None if raw is None else transaction_json(self._engine.decode(raw), None, None)

    def _send(self, params: Sequence[Any]) -> str:
        return data(self._engine.submit(_bytes(params, 0)))

    def _call(self, params: Sequence[Any]) -> str:
        return data(_succeeded(self._engine.call(_message(params), self._header(params, 1))).output)

    def _estimate(self, params: Sequence[Any]) -> str:
        gas, called = self._engine.estimate(_message(params), self._header(params, 1))
        _succeeded(called)
        return hex(gas)

    def _fee_history(self, params: Sequence[Any]) -> dict[str, Any]:
        count = max(1, min(_quantity(params[0] if params else None, "a number of blocks"), 1024))
        newest = self._header(params, 1).block_number
        oldest = max(0, newest - count + 1)
        headers = [self._engine.block(number).header for number in range(oldest, newest + 1)]
        return {
            "oldestBlock": hex(oldest),
            "baseFeePerGas": [hex(base_fee(header)) for header in [*headers, headers[-1]]],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
            "reward": [["0x0"] * len(params[2]) for _ in headers]
            if len(params) > 2 and params[2]  # noqa: PLR2004 - the third parameter lists percentiles
            else None,
        }

    def _logs(self, params: Sequence[Any]) -> list[dict[str, Any]]:
        asked = params[0] if params else None
        if not isinstance(asked, dict):
            raise RpcError(INVALID_PARAMS, "expected a filter object")
        if "blockHash" in asked:
            number = self._engine.index.number_of(_bytes([asked["blockHash"]], 0, 32))
            if number is None:
                raise RpcError(REFUSED, "unknown block")
            first = last = number
        else:
            head = self._engine.head().block_number
            start = self._number([asked.get("fromBlock", "latest")], 0)
            end = self._number([asked.get("toBlock", "latest")], 0)
            first, last = head + 1 if start is None else start, head if end is None else end
        wanted = LogFilter(first, last, _addresses(asked.get("address")), _topics(asked.get("topics")))
        logs = self._engine.index.logs(wanted, MOST_LOGS)
        if len(logs) > MOST_LOGS:
            raise RpcError(
                LIMIT_EXCEEDED, f"query returned more than {MOST_LOGS} results; ask for fewer blocks"
            )
        return logs


def _succeeded(called: Called) -> Called:
    if called.reverted:
        message = "execution reverted" if called.failure.startswith("Revert") else called.failure
        raise RpcError(REVERTED, message, data(called.output))
    return called


def _bytes(params: Sequence[Any], at: int, length: int | None = None) -> bytes:
    text = params[at] if len(params) > at else None
    if not isinstance(text, str) or HEX.fullmatch(text) is None:
        raise RpcError(INVALID_PARAMS, f"expected 0x and pairs of hex digits, got {text!r}")
    value = bytes.fromhex(text[2:])
    if length is not None and len(value) != length:
        raise RpcError(INVALID_PARAMS, f"expected {length} bytes, got {len(value)}")
    return value


def _address(params: Sequence[Any], at: int) -> bytes:
    return _bytes(params, at, 20)


def _quantity(value: Any, what: str) -> int:
    if not isinstance(value, str) or QUANTITY.fullmatch(value) is None:
        raise RpcError(INVALID_PARAMS, f"expected {what} as 0x and hex digits, got {value!r}")
    return int(value, 16)


def _listed(value: Any, what: str) -> list[Any]:
    """A list as it is, one text as a list of it."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise RpcError(INVALID_PARAMS, f"expected {what} or a list of them, got {value!r}")
    return listed


def _message(params: Sequence[Any]) -> dict[str, Any]:
    asked = params[0] if params else None
    if not isinstance(asked, dict):
        raise RpcError(INVALID_PARAMS, "expected a call object")
    message: dict[str, Any] = {"from": _bytes([asked.get("from") or data(bytes(20))], 0, 20)}
    if asked.get("to"):
        message["to"] = _bytes([asked["to"]], 0, 20)
    if asked.get("gas"):
        message["gas"] = min(_quantity(asked["gas"], "gas"), BLOCK_GAS)
    message["value"] = _quantity(asked.get("value") or "0x0", "a value")
    message["data"] = _bytes([asked.get("input") or asked.get("data") or "0x"], 0)
    return message


def _addresses(asked: Any) -> list[bytes]:
    if asked is None:
        return []
    return [_bytes([each], 0, 20) for each in _listed(asked, "an address")]


def _topics(asked: Any) -> list[list[bytes] | None]:
    positions = _listed(asked or [], "a topic")
    if len(positions) > TOPICS:
        raise RpcError(INVALID_PARAMS, f"a log has at most {TOPICS} topics")
    return [
        None if each in (None, []) else [_bytes([one], 0, 32) for one in _listed(each, "a topic")]
        for each in positions
    ]
