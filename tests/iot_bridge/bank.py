"""A bank that only listens: takes statements off the broker, checks their signatures, acknowledges them."""

import threading
from typing import Final

from iot_bridge.evidence.acknowledgement import Acknowledgement, acknowledge
from iot_bridge.evidence.message import StatementMessage, acknowledgements_topic, statements_topic
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import ZERO32, EvidenceDomain, recover, statement_id
from iot_bridge.link import BrokerAddress, Link
from tests.iot_bridge.edge import BANK, DOMAIN, SITE


class ListeningBank:
    """Hears every statement of the site; acknowledges while `answers`."""

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        domain: EvidenceDomain = DOMAIN,
        key: LocalKey = BANK,
        site: str = SITE,
    ) -> None:
        self.heard: Final[list[StatementMessage]] = []
        self.signers: Final[list[str]] = []
        self.answers = True
        self._domain, self._key, self._site = domain, key, site
        self._more = threading.Condition()
        self.link: Final = Link(broker, f"{site}-bank")
        self.link.subscribe(statements_topic(site, "+"), self._received)
        self.link.start()
        assert self.link.wait_up(60)

    def acknowledge(self, message: StatementMessage) -> None:
        """Tell the bridge that the bank has a statement."""
        said = Acknowledgement(
            self._site, statement_id(message.signed().statement), message.index or 0, 0, ZERO32
        )
        signed = acknowledge(said, self._key, self._domain)
        self.link.publish(acknowledgements_topic(self._site), signed.to_bytes())

    def wait_for(self, count: int, timeout_s: float = 60) -> list[StatementMessage]:
        """Everything heard, once it is so many different statements."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.different()) >= count, timeout_s), self.heard
            return list(self.heard)

    def different(self) -> list[StatementMessage]:
        """Each statement heard, once."""
        return list({each.entry: each for each in self.heard}.values())

    def close(self) -> None:
        """Leave."""
        self.link.stop()

    def _received(self, _topic: str, payload: bytes) -> None:
        message = StatementMessage.parse(payload)
        with self._more:
            self.heard.append(message)
            self.signers.append(recover(message.signed(), self._domain))
            self._more.notify_all()
        if self.answers:
            self.acknowledge(message)
