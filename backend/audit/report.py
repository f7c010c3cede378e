"""What a verification found: numbered steps, each a sentence with its outcome, for a person or a program."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from backend.errors import Invalid, TallystickError
from iot_bridge.evidence.errors import EvidenceRefused

T = TypeVar("T")


MALFORMED: Final = (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What reading fails with where data are not of the form that a step expects; it is that step's refusal."""


class Unreadable(Invalid):
    """What this step examines is not of the form that it reads."""

    code = "audit.step_unreadable"


class Outcome(StrEnum):
    """How a step ended. `TRUSTED` holds if what the bundle gives without proof is true."""

    HOLDS = "holds"
    TRUSTED = "rests on trust"
    FAILS = "fails"
    UNREACHED = "not reached"


MARKS: Final = {Outcome.HOLDS: "✓", Outcome.TRUSTED: "~", Outcome.FAILS: "✗", Outcome.UNREACHED: "·"}


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What a check that holds hands on: the value it established, what it saw, and on what trust it rests."""

    value: T
    saw: str
    trusting: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One step as it ended; `error` is the code of the refusal and `facts` what decided it."""

    number: int
    name: str
    sentence: str
    outcome: Outcome
    detail: str
    error: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """The step as one line for a person."""
        trust = f" [{self.outcome.value}]" if self.outcome is not Outcome.HOLDS else ""
        return f"{MARKS[self.outcome]} {self.number:2} {self.sentence}{trust} {self.detail}".rstrip()


@dataclass(slots=True)
class Report:
    """The findings so far; `run` adds the next."""

    tell: Callable[[Finding], None] = lambda _: None
    findings: list[Finding] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """Whether every step holds, if need be on trust that its finding names."""
        return all(finding.outcome in {Outcome.HOLDS, Outcome.TRUSTED} for finding in self.findings)

    def run(self, name: str, sentence: str, check: Callable[..., Found[T]], *needs: Any) -> T | None:
        """What `check(*needs)` established, or None where it refuses or an earlier step left a need unmet."""
        if any(need is None for need in needs):
            self._add(
                name, sentence, Outcome.UNREACHED, "An earlier step did not yield what this one examines."
            )
            return None
        try:
            found = check(*needs)
        except MALFORMED as error:
            self._refuse(name, sentence, Unreadable(error=type(error).__name__, about=str(error)))
            return None
        except (TallystickError, EvidenceRefused) as refusal:
            self._refuse(name, sentence, refusal)
            return None
        detail = " ".join(part for part in (found.saw, found.trusting) if part)
        self._add(name, sentence, Outcome.TRUSTED if found.trusting else Outcome.HOLDS, detail)
        return found.value

    def verdict(self) -> str:
        """The outcome of it all in a sentence."""
        failed = [finding for finding in self.findings if finding.outcome is Outcome.FAILS]
        trusted = sum(finding.outcome is Outcome.TRUSTED for finding in self.findings)
        if failed:
            steps = ", ".join(f"{finding.number} {finding.name} ({finding.error})" for finding in failed)
            return f"Not verified: {len(failed)} of {len(self.findings)} steps fail: {steps}."
        if not self.verified:
            return "Not verified: not every step was reached."
        trust = f"; {trusted} of them on trust in what the bundle gives" if trusted else ""
        return f"Verified: {len(self.findings)} steps hold{trust}."

    def as_json(self) -> dict[str, Any]:
        """The report as JSON's types."""
        return {"verified": self.verified, "steps": [asdict(finding) for finding in self.findings]}

    def _refuse(self, name: str, sentence: str, refusal: TallystickError | EvidenceRefused) -> None:
        facts = {key: _text(value) for key, value in refusal.facts.items()}
        self._add(name, sentence, Outcome.FAILS, refusal.sentence(), refusal.code, facts)

    def _add(self, name: str, sentence: str, outcome: Outcome, *rest: Any) -> None:
        finding = Finding(len(self.findings) + 1, name, sentence, outcome, *rest)
        self.findings.append(finding)
        self.tell(finding)


def counted(number: int, one: str, many: str = "") -> str:
    """So many of something, in words: `1 head`, `2 heads`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _text(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
