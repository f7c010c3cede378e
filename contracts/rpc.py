"""A node of the ledger by its URL: JSON-RPC with bounded patience and named failures. Knows no contract."""

import threading
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import override
from web3 import HTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from contracts.errors import LedgerError
from contracts.nesting import DEEPEST, is_shallow
from contracts.reverts import Revert, named_revert

PATIENCE_S: Final = 10.0
TAGS: Final = frozenset({"earliest", "latest", "safe", "finalized", "pending"})
ANSWERED_BY: Final[dict[str, type]] = {
    "eth_call": str,
    "eth_chainId": str,
    "eth_estimateGas": str,
    "eth_gasPrice": str,
    "eth_getCode": str,
    "eth_getLogs": list,
    "eth_getTransactionCount": str,
    "eth_maxPriorityFeePerGas": str,
    "eth_sendRawTransaction": str,
}
"""What an answer must be where "nothing" is none; a node that is not itself may still say so."""
BROKEN_ANSWER: Final = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What the client raises where there is no answer, or one that is not JSON-RPC."""


class NodeUnavailable(LedgerError):
    """The node does not answer; nothing is known about what was asked."""

    code = "ledger.node_unavailable"


class NodeRefused(LedgerError):
    """The node answered with an error of its own."""

    code = "ledger.node_refused"


class Reverted(LedgerError):
    """A contract refused; the facts are those of its named error."""

    code = "ledger.reverted"

    def __init__(self, revert: Revert) -> None:
        self.revert = revert
        super().__init__(error=revert.name, **revert.facts)


class _Provider(HTTPProvider):
    """Reads no answer that is nested too deep to be one: a reader that recurses would end the process."""

    @staticmethod
    @override
    def decode_rpc_response(raw_response: bytes) -> RPCResponse:
        if not is_shallow(raw_response):
            message = f"nested more than {DEEPEST} deep"
            raise ValueError(message)
        return HTTPProvider.decode_rpc_response(raw_response)


class Rpc:
    """Asks one node; safe to share between threads, each of which has a connection of its own."""

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        self.url = url
        self._patience_s = patience_s
        self._local = threading.local()

    def call(self, method: str, *params: Any) -> Any:
        """The result of one request.

        Raises:
            NodeUnavailable: no answer came in time.
            Reverted: a contract refused.
            NodeRefused: the node says why.
        """
        try:
            answer = self._provider().make_request(RPCEndpoint(method), list(params))
        except BROKEN_ANSWER as error:
            raise NodeUnavailable(url=self.url, method=method, why=type(error).__name__) from error
        return _result(method, answer)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of several requests, in their order; the first failure is raised."""
        if not requests:
            return []
        asked = [(RPCEndpoint(method), list(params)) for method, params in requests]
        try:
            answers = self._provider().make_batch_request(asked)
        except BROKEN_ANSWER as error:
            raise NodeUnavailable(url=self.url, method="batch", why=type(error).__name__) from error
        if not isinstance(answers, list) or len(answers) != len(requests):
            raise NodeRefused(method="batch", said=str(answers)[:200])
        return [_result(method, answer) for (method, _), answer in zip(requests, answers, strict=True)]

    def chain_id(self) -> int:
        """The id of the chain that the node serves."""
        return int(self.call("eth_chainId"), 16)

    def block_number(self, tag: str = "latest") -> int:
        """The number of the newest block, or of the newest one under another tag.

        Raises:
            NodeRefused: the node knows no block under that tag.
        """
        return int(self.block(tag)["number"], 16)

    def block(self, tag: str | int | bytes, *, whole: bool = False) -> dict[str, Any]:
        """A block by number, tag or hash.

        Raises:
            NodeRefused: the node knows no such block.
        """
        if isinstance(tag, bytes):
            found = self.call("eth_getBlockByHash", "0x" + tag.hex(), whole)
        else:
            found = self.call("eth_getBlockByNumber", tag if isinstance(tag, str) else hex(tag), whole)
        if found is None:
            raise NodeRefused(method="eth_getBlock", block=tag, said="no such block")
        return dict(found)

    def eth_call(self, *, to: str, data: bytes, sender: str | None = None, block: str = "latest") -> bytes:
        """What a contract's function answers, nothing being changed.

        Raises:
            Reverted: it refuses.
        """
        message = {"to": to, "data": "0x" + data.hex()}
        if sender is not None:
            message["from"] = sender
        return bytes.fromhex(self.call("eth_call", message, block)[2:])

    def _provider(self) -> HTTPProvider:
        if not hasattr(self._local, "provider"):
            self._local.provider = _Provider(
                self.url, request_kwargs={"timeout": self._patience_s}, exception_retry_configuration=None
            )
        provider: HTTPProvider = self._local.provider
        return provider


def _result(method: str, answer: Any) -> Any:
    if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
        raise NodeUnavailable(method=method, why="what it says is no answer")
    error = answer.get("error")
    if error is None:
        result = answer.get("result")
        if not isinstance(result, ANSWERED_BY.get(method, object)):
            raise NodeUnavailable(method=method, why=f"it answers {type(result).__name__}")
        return result
    if not isinstance(error, dict):
        raise NodeRefused(method=method, said=str(error)[:200])
    data = error.get("data")
    if isinstance(data, dict):  # some nodes wrap it once more
        data = data.get("data")
    said = str(error.get("message"))
    if isinstance(data, str) and data.startswith("0x") and (data != "0x" or "revert" in said):
        raise Reverted(named_revert(bytes.fromhex(data[2:])))
    raise NodeRefused(method=method, node_code=error.get("code"), said=error.get("message"))
