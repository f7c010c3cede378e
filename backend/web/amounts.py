"""Money and texts as requests carry them and answers show them, each bounded."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.units import Money
from backend.web.work import Awaiting

LARGEST_AMOUNT: Final = 10**15
"""More minor units than any act over the API moves."""
Currency = Literal["CNY", "EUR", "GBP", "HKD", "INR", "JPY", "SGD", "USD"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
WAITS: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Awaiting, "description": "The act waits for a second person, who asks for the very same."}
}
"""The `responses` of an operation that takes two people, beside its refusals."""


class Form(BaseModel):
    """What a request carries; a field that nobody knows is refused."""

    model_config = ConfigDict(extra="forbid")


class Sum(Form):
    """An amount above nothing that a request asks to move."""

    amount_minor: int = Field(strict=True, ge=1, le=LARGEST_AMOUNT, examples=[18_000_000])
    currency: Currency = Field(examples=["CNY"])

    def money(self) -> Money:
        """The amount in our words."""
        return Money(self.amount_minor, self.currency)


class Amount(BaseModel):
    """An amount in whole minor units of its currency."""

    amount_minor: int = Field(examples=[18_000_000])
    currency: str = Field(examples=["CNY"])


def shown(amount: Money) -> Amount:
    """The amount as answers show it."""
    return Amount(amount_minor=amount.amount_minor, currency=amount.currency)
