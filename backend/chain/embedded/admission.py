"""Refuses transactions that no block of this chain could take, before they are acknowledged."""

from typing import Any, Final

from eth.abc import SignedTransactionAPI

from backend.errors import Invalid

BLOCK_GAS: Final = 60_000_000
MOST_INIT_CODE: Final = 49_152
"""EIP-3860: twice the largest contract."""
MOST_AHEAD: Final = 10_000
"""How far a nonce may lie beyond the sender's next one."""
PLAIN_KINDS: Final = frozenset({None, 0, 1, 2})


class TransactionRefused(Invalid):
    """The transaction cannot be taken into a block."""

    code = "chain.transaction_refused"


def require_well_formed(transaction: SignedTransactionAPI, *, chain_id: int) -> None:
    """Refuse what no state of the chain could take.

    Raises:
        TransactionRefused: signature, kind, chain, gas, fees or creation code are not possible here.
    """
    try:
        transaction.validate()
        _ = transaction.sender
    except Exception as error:
        raise TransactionRefused(why="the signature is not valid", said=str(error)) from error
    if transaction.type_id not in PLAIN_KINDS:
        raise TransactionRefused(why="kind of transaction not taken", kind=transaction.type_id)
    if transaction.chain_id not in (None, chain_id):
        raise TransactionRefused(why="another chain", expected=chain_id, given=transaction.chain_id)
    if not transaction.intrinsic_gas <= transaction.gas <= BLOCK_GAS:
        raise TransactionRefused(
            why="gas out of range", least=transaction.intrinsic_gas, most=BLOCK_GAS, given=transaction.gas
        )
    if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
        raise TransactionRefused(
            why="tip above the whole fee",
            tip=transaction.max_priority_fee_per_gas,
            fee=transaction.max_fee_per_gas,
        )
    if not transaction.to and len(transaction.data) > MOST_INIT_CODE:
        raise TransactionRefused(
            why="creation code too large", most=MOST_INIT_CODE, given=len(transaction.data)
        )


def require_affordable(transaction: SignedTransactionAPI, state: Any) -> None:
    """Refuse what the sender's account, as of `state`, cannot do.

    Raises:
        TransactionRefused: the nonce was used or lies far ahead, or the balance does not cover the cost.
    """
    sender = transaction.sender
    used = state.get_nonce(sender)
    if transaction.nonce < used:
        raise TransactionRefused(why="nonce too low", expected=used, given=transaction.nonce)
    if transaction.nonce > used + MOST_AHEAD:
        raise TransactionRefused(why="nonce too high", expected=used, given=transaction.nonce)
    cost = transaction.gas * transaction.max_fee_per_gas + transaction.value
    balance = state.get_balance(sender)
    if balance < cost:
        raise TransactionRefused(why="insufficient funds", balance=balance, cost=cost)


def require_replaces(transaction: SignedTransactionAPI, waiting: SignedTransactionAPI) -> None:
    """Refuse to replace a waiting transaction for less than a tenth more.

    Raises:
        TransactionRefused: it offers too little.
    """
    least = waiting.max_fee_per_gas * 11 // 10
    if transaction.max_fee_per_gas < least:
        raise TransactionRefused(
            why="replacement transaction underpriced", least=least, given=transaction.max_fee_per_gas
        )
