"""Acts that two natural persons of one party sign, with the keys that the keystore holds for them."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from backend.identity.rules import Person
from contracts.acts import two_persons

ACCEPTANCE: Final = "Acceptance"
RELEASE: Final = "Release"
RELEASE_ORDER: Final = "ReleaseOrder"
GOOD_FOR: Final = timedelta(hours=24)
NONCE_BITS: Final = 128


@dataclass(frozen=True, slots=True)
class SigningDesk:
    """Where acts of two are signed.

    Attributes:
        chain_id: of the ledger.
        contracts: each contract's address by its name.
        key_of: the secret key of that name in the keystore.
        nonce: gives a number that the party has not used.
    """

    chain_id: int
    contracts: Mapping[str, str]
    key_of: Callable[[str], bytes]
    nonce: Callable[[], int] = lambda: secrets.randbits(NONCE_BITS)

    def signed_by_two(
        self,
        act: str,
        fields: Mapping[str, Any],
        *,
        contract: str,
        people: tuple[Person, Person],
        now: datetime,
    ) -> dict[str, Any]:
        """The `TwoPersons` of a contract call; good for a day from `now` (wall-clock)."""
        first, second = (self.key_of(person.signer) for person in people)
        return two_persons(
            act,
            fields,
            nonce=self.nonce(),
            deadline=int((now + GOOD_FOR).timestamp()),
            chain_id=self.chain_id,
            contract=self.contracts[contract],
            keys=(first, second),
        )
