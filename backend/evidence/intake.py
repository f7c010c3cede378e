"""One message from the broker is one unit of work: taken or refused, and answered only after the commit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Engine
from sqlmodel import Session

from backend.clock import Clock
from backend.db import carry_out, to_hex
from backend.errors import TallystickError
from backend.evidence.actions import take_statement, vouched_head
from backend.evidence.findings import gap_finding, keep_refused, record_finding
from backend.evidence.rules import Finding, Outcome, StatementMalformed, Taken
from backend.evidence.subscriber import Reply
from iot_bridge.evidence.acknowledgement import Acknowledgement, acknowledge
from iot_bridge.evidence.errors import EvidenceRefused
from iot_bridge.evidence.message import StatementMessage, acknowledgements_topic
from iot_bridge.evidence.signature import Signer
from iot_bridge.evidence.statement import EvidenceDomain

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reactions:
    """What other capabilities do in the same unit of work when something was taken or found.

    They change nothing but through the session: a unit that was overtaken is carried out again.
    """

    on_taken: Callable[[Session, Taken], None]
    on_finding: Callable[[Session, Finding], None]


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes messages in; `witness` signs the acknowledgements, `clock` is wall-clock time."""

    engine: Engine
    domain: EvidenceDomain
    witness: Signer
    clock: Clock
    reactions: Reactions

    def receive(self, topic: str, payload: bytes) -> Reply | None:
        """Commit what follows from a message; the signed acknowledgement to send, None when it was refused.

        A refused message is kept with its reason in a unit of work of its own. Whatever else is raised means
        that nothing was committed, save `DatabaseUnavailable`: then nobody knows, and the message may be
        received again, since a statement that was taken is known by its id.
        """
        try:
            message = _parsed(payload)
            return self._take(message)
        except _Refused as refused:
            self._keep(topic, payload, refused.reason)
            return None

    def _take(self, message: StatementMessage) -> Reply:
        now = self.clock.now()
        taken, said = carry_out(self.engine, partial(self._take_within, message=message, now=now))
        log.info(
            "statement_taken",
            outcome=taken.outcome.value,
            kind=taken.statement.kind,
            seq=taken.statement.seq,
            id=to_hex(taken.statement.id),
        )
        signed = acknowledge(said, self.witness, self.domain)
        return Reply(acknowledgements_topic(message.site), signed.to_bytes())

    def _take_within(
        self, session: Session, *, message: StatementMessage, now: datetime
    ) -> tuple[Taken, Acknowledgement]:
        try:
            taken = take_statement(session, message, domain=self.domain, now=now)
        except TallystickError as error:
            raise _Refused(error) from error
        if taken.outcome is not Outcome.DUPLICATE:
            self._react(session, taken)
        said = Acknowledgement(
            site=message.site,
            id=taken.statement.id,
            index=taken.statement.log_index,
            **vouched_head(session, taken.statement),
        )
        return taken, said

    def _react(self, session: Session, taken: Taken) -> None:
        self.reactions.on_taken(session, taken)
        if taken.gap is not None:
            finding = gap_finding(taken.gap, taken.statement)
            if record_finding(session, finding, proof=None, now=taken.statement.received_at):
                self.reactions.on_finding(session, finding)

    def _keep(self, topic: str, payload: bytes, reason: TallystickError) -> None:
        log.warning("statement_refused", topic=topic, code=reason.code, **reason.facts)
        now = self.clock.now()

        def keep(session: Session) -> None:
            finding = keep_refused(session, topic=topic, payload=payload, refusal=reason, now=now)
            if finding is not None:
                self.reactions.on_finding(session, finding)

        carry_out(self.engine, keep)


class _Refused(Exception):
    """Carries a refusal out of the unit of work that it undoes."""

    def __init__(self, reason: TallystickError) -> None:
        self.reason = reason
        super().__init__(reason.code)


def _parsed(payload: bytes) -> StatementMessage:
    try:
        return StatementMessage.parse(payload)
    except EvidenceRefused as error:
        raise _Refused(StatementMalformed(why=error.code)) from error
