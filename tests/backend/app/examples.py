"""Bodies of requests made from the API's own description: of the right form, and about what is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

ABOUT: Final = frozenset({"receipt", "terms", "loan_id"})
"""Fields that name something which is there, where a body has them."""
PATTERNS: Final = {r"^0x[0-9a-f]{64}$": "0x" + "5e" * 32, r"^0x[0-9a-fA-F]{40}$": "0x" + "5e" * 20}
Form = dict[str, Any]


@dataclass(frozen=True)
class Examples:
    """Values for the forms of one description, at an instant, with what is there by its name."""

    schema: Form
    there: Mapping[str, Any]
    now: datetime

    def of(self, form: Form, name: str = "") -> Any:
        """A value of that form, for a field of that name."""
        if "$ref" in form:
            return self.of(self.schema["components"]["schemas"][form["$ref"].rsplit("/", 1)[1]], name)
        if name in ABOUT:
            return self.there[name]
        for key in ("examples", "enum"):
            if form.get(key):
                return form[key][0]
        for key in ("default", "const"):
            if key in form:
                return form[key]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in form:
                return self.of(form[key][0], name)
        return self._plain(form, name)

    def _plain(self, form: Form, name: str) -> Any:
        if "properties" in form:
            needed = form.get("required", ())
            return {key: self.of(form["properties"][key], key) for key in needed}
        if form.get("type") == "array":
            return [self.of(form["items"])] if form.get("minItems") else []
        if form.get("type", "string") == "string":
            return self._text(form, name)
        least = int(form.get("minimum", 1))
        return {"integer": least, "boolean": True, "number": 1, "null": None, "object": {}}[form["type"]]

    def _text(self, form: Form, name: str) -> str:
        if form.get("format") == "date-time":
            later = timedelta(hours=2 if name == "closes_at" else 1)
            return (self.now + later).isoformat()
        if form.get("format") == "date":
            return self.now.date().isoformat()
        return PATTERNS.get(form.get("pattern", ""), "example")
