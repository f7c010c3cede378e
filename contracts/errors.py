"""How speaking to the ledger fails: one class per reason, with a stable code and the facts."""

from typing import Any, ClassVar


class LedgerError(Exception):
    """Root of every failure on the way to the ledger."""

    code: ClassVar[str] = "ledger.error"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        explanation = (type(self).__doc__ or self.code).strip().splitlines()[0]
        shown = " ".join(f"{name}={value}" for name, value in facts.items())
        super().__init__(f"{self.code}: {explanation} {shown}".strip())
