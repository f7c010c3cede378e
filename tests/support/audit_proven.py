"""A case with everything that the steps before the one under test have established."""

from dataclasses import dataclass

from backend.audit.case import Case
from backend.audit.checks import enrolment, evidence, ledger
from backend.audit.checks.enrolment import Registry
from backend.audit.events import Told, concerning, read_events
from backend.audit.statements import Said, about_case, read_statements
from iot_bridge.evidence.body import Body


@dataclass(frozen=True)
class Proven:
    """The case with everything that the steps before have established."""

    case: Case
    said: tuple[Said, ...]
    told: Told
    registry: Registry
    bodies: dict[bytes, Body]

    @classmethod
    def of(cls, case: Case) -> "Proven":
        """What the first steps establish of a case."""
        headers = ledger.linked(case).value
        receipts = ledger.proven(case, headers).value
        said = read_statements(case.statements)
        about = about_case(case.pledge, said, case.heads)
        told = concerning(read_events(receipts, case.contracts), about)
        return cls(case, said, told, enrolment.enrolled(told).value, evidence.bodies(said).value)
