"""What a form carries, as browsers send it: bounded, from our own pages only, read by the API's models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ValidationError

from backend.console.session import require_own_form
from backend.errors import Invalid

M = TypeVar("M", bound=BaseModel)
KEY: Final = "idempotency_key"
KEY_FORM: Final = re.compile(r"^[A-Za-z0-9._:-]{8,128}$")
MOST_FIELDS: Final = 400
ENCODED: Final = "application/x-www-form-urlencoded"


class FormInvalid(Invalid):
    """The form was not filled in as it must be; go back, mend what is named, and send it again."""

    code = "console.form_invalid"


@dataclass(frozen=True, slots=True)
class Fields:
    """What was sent: each name with all its values, without the key that makes it happen once."""

    key: str
    values: Mapping[str, list[str]]

    def one(self, name: str, default: str = "") -> str:
        """The last value of a name, without spaces around it."""
        return self.values.get(name, [default])[-1].strip()

    def all(self, name: str) -> list[str]:
        """Every value of a name."""
        return self.values.get(name, [])


async def posted_fields(request: Request) -> Fields:
    """The form that came with the request.

    Raises:
        ForeignForm: another site's page has sent it.
        FormInvalid: it is no form, holds too much, or has no key.
    """
    require_own_form(request)
    if not request.headers.get("content-type", "").startswith(ENCODED):
        raise FormInvalid(why="not a form")
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise FormInvalid(why="not readable") from error
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value.replace("\r\n", "\n"))
    key = (values.pop(KEY, None) or [""])[-1]
    if not KEY_FORM.match(key):
        raise FormInvalid(why="no key")
    return Fields(key, values)


def read(fields: Fields, model: type[M], also: Mapping[str, Any]) -> M:
    """What was filled in, as a request model; an empty field counts as left out.

    Raises:
        FormInvalid: it is not what the model takes.
    """
    sent = {name: fields.one(name) for name in fields.values if name not in also}
    given: dict[str, Any] = {name: value for name, value in sent.items() if value != ""}
    try:
        return model.model_validate(given | dict(also))
    except ValidationError as error:
        wrong = {".".join(map(str, each["loc"])) or "form": each["msg"] for each in error.errors()[:20]}
        raise FormInvalid(**wrong) from error
