"""Thousands of made-up requests by all kinds of callers: no answer is a fault, none is undocumented."""

import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import seed as seeded
from hypothesis import settings as patience
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backend.app.api import create_api
from backend.settings import Settings
from tests.backend.app.callers import Asker, admit_everybody
from tests.backend.app.conftest import World
from tests.backend.app.populated import Populated, populate

REQUESTS: Final = int(os.environ.get("TALLYSTICK_FUZZ_REQUESTS", "5000"))
SEED: Final = int(os.environ.get("TALLYSTICK_FUZZ_SEED", "20261124"))
CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EVERY_SECOND: Final = 2
FAULT: Final = 500
MISSING_FACT: Final = 503
"""A named refusal like any other: a fact that the answer needs is missing, and nothing is guessed."""
EACH: Final = 30
ROUNDS: Final = 40
QUIET: Final = patience(
    max_examples=EACH,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def settings(settings: Settings, database_url: str) -> Settings:
    """The bank's settings, on each kind of database."""
    return settings.model_copy(update={"database_url": database_url})


@pytest.fixture
def there(world: World) -> Populated:
    return populate(world)


@pytest.mark.timeout(1800)
def test_no_made_up_request_gets_a_fault_or_an_undocumented_answer(world: World, there: Populated) -> None:
    app = create_api(world.bank)
    askers = [asker for asker in admit_everybody(world.bank) if asker.token is not None]
    described = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [each.ok() for each in described.get_all_operations()]
    fuzz = Fuzz(there, askers)
    for number in range(ROUNDS):
        for operation in operations:
            if "event-stream" not in json.dumps(operation.definition.raw):
                fuzz.ask_often(operation, SEED + number)
        if sum(fuzz.told.values()) >= REQUESTS:
            break
    print(f"{sum(fuzz.told.values())} requests to {len(operations)} operations: {dict(fuzz.told)}")  # noqa: T201
    assert fuzz.wrong == {}
    assert sum(fuzz.told.values()) >= REQUESTS


@dataclass
class Fuzz:
    """Makes requests up, sends each as somebody, and keeps what was answered and what was wrong with it."""

    there: Populated
    askers: list[Asker]
    chosen: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - to be repeated
    told: Counter[int] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)

    def ask_often(self, operation: Any, seed: int) -> None:
        """Send up to `EACH` requests to an operation, the same ones for the same seed."""

        def ask(case: Any) -> None:
            if self.chosen.randrange(EVERY_SECOND):
                _make_real(case, operation, self.there)
            answer = case.call(headers=self._asker(operation).headers)
            self.told[answer.status_code] += 1
            if answer.status_code >= FAULT and answer.status_code != MISSING_FACT:
                self.wrong.setdefault(f"{operation.label} {answer.status_code}", answer.text[:500])
            try:
                case.validate_response(answer, checks=CHECKS)
            except FailureGroup as failure:
                told = "; ".join(str(each) for each in failure.exceptions)
                self.wrong.setdefault(f"{operation.label} {answer.status_code}", told[:1500])

        seeded(seed)(QUIET(given(case=operation.as_strategy())(ask)))()

    def _asker(self, operation: Any) -> Asker:
        """Mostly somebody who may ask for this, so that what lies behind the door is reached."""
        needed = operation.definition.raw.get("x-permission")
        if needed is None or self.chosen.randrange(4) == 0:
            return self.chosen.choice(self.askers)
        return self.chosen.choice([each for each in self.askers if needed in each.permissions])


def _make_real(case: Any, operation: Any, there: Populated) -> None:
    """Ask about what is there, so that more is reached than the door."""
    for parameter in operation.definition.raw.get("parameters", []):
        if parameter.get("in") == "path" and case.path_parameters:
            case.path_parameters[parameter["name"]] = there.value_of(operation.path, parameter)
