"""Write the pages that the code itself dictates: every error code, and every setting.

Use it through `scripts/build-docs`; `--check` writes nothing and fails where a page is out of date.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import pkgutil
import re
import sys
import types
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("contracts", "iot_bridge", "backend")
NOT_IMPORTED = re.compile(r"\.__main__$|^backend\.migrations(\.|$)")
REMADE = "<!-- Made by `scripts/build-docs` from the code; edit the code, not this page. -->"
ERRORS_HEAD = f"""# Errors

{REMADE}

Every refusal has a stable code that will not be renamed, and carries the facts that decided as named values.
The bank's side maps its five roots to HTTP: Invalid 422, NotFound 404, Forbidden 403, WrongState 409,
Unavailable 503. `Unavailable` means that a fact is missing, stale or unconfirmed; nothing is guessed in its
place. The edge and the ledger client have no HTTP status.
"""
SETTINGS_HEAD = f"""# Settings

{REMADE}

Each setting is an environment variable. Nothing secret, and nothing that moves money, has a default:
*required* means that the program refuses to start without it.
"""


@dataclass(frozen=True)
class Setting:
    """One setting of one program."""

    variable: str
    kind: str
    default: str
    meaning: str


def modules() -> Iterator[types.ModuleType]:
    """Every module of the product, imported."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.walk_packages(package.__path__, prefix=f"{name}."):
            if not NOT_IMPORTED.search(found.name):
                yield importlib.import_module(found.name)


def own_classes(root: type) -> list[type]:
    """The product's own public classes below `root`, each once, by module and name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here = list(modules())
    found = {
        value
        for module in here
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, root) and value.__module__ == module.__name__
        if not value.__name__.startswith("_")
    }
    return sorted(
        found,
        key=lambda each: (PACKAGES.index(each.__module__.split(".")[0]), each.__module__, each.__name__),
    )


def refusals() -> list[type[Exception]]:
    """Every error class that names a reason: one with a code of its own, or a leaf that forgot it."""
    errors = own_classes(Exception)
    parents = {base for each in errors for base in each.__mro__[1:]}
    return [each for each in errors if each not in parents or _names_a_reason(each)]


def _names_a_reason(error: type) -> bool:
    """Whether a class that others build on is also raised itself: it has a code, and so has its parent."""
    return "code" in vars(error) and hasattr(error.__mro__[1], "code")


def sentence(text: str | None) -> str:
    """A docstring as one line of a table."""
    return " ".join((text or "").split("\n\n")[0].split()).replace("|", "\\|")


def errors_page() -> str:
    """The page of error codes, one table per package."""
    lines = [ERRORS_HEAD]
    for package in PACKAGES:
        rows = [each for each in refusals() if each.__module__.split(".")[0] == package]
        if rows:
            lines += [
                f"## `{package}`\n",
                "| Code | Refused as | It means | Raised in |",
                "| --- | --- | --- | --- |",
            ]
            lines += [_error_row(each) for each in sorted(rows, key=code_of)]
            lines.append("")
    return "\n".join(lines)


def _error_row(error: type[Exception]) -> str:
    status = f" {error.status}" if hasattr(error, "status") else ""
    cells = (f"`{code_of(error)}`", error.__mro__[1].__name__ + status, sentence(error.__doc__))
    return f"| {' | '.join(cells)} | `{error.__module__}` |"


def code_of(error: type) -> str:
    """The code that an error class gives itself, empty where it forgot."""
    return str(vars(error).get("code", ""))


def settings_page() -> str:
    """The page of settings, one table per program."""
    lines = [SETTINGS_HEAD]
    for each in filter(settings_of, own_classes(BaseSettings)):
        lines += [f"## `{each.__module__}.{each.__name__}`\n", sentence(each.__doc__), ""]
        lines += ["| Variable | Kind | Default | Meaning |", "| --- | --- | --- | --- |"]
        lines += [f"| `{s.variable}` | {s.kind} | {s.default} | {s.meaning} |" for s in settings_of(each)]
        lines.append("")
    return "\n".join(lines)


def settings_of(settings: Any) -> list[Setting]:
    """The settings of one class, in the order written, each with what the code says of it."""
    said = attribute_docstrings(settings)
    prefix = settings.model_config.get("env_prefix", "")
    return [
        Setting(
            variable=(prefix + name).upper(),
            kind=kind(field.annotation),
            default=default(field),
            meaning=sentence(field.description or said.get(name)),
        )
        for name, field in settings.model_fields.items()
    ]


def attribute_docstrings(owner: type) -> dict[str, str]:
    """What stands as a string under each attribute of a class."""
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(owner)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        first.target.id: second.value.value
        for first, second in itertools.pairwise(body)
        if isinstance(first, ast.AnnAssign)
        and isinstance(first.target, ast.Name)
        and isinstance(second, ast.Expr)
        and isinstance(second.value, ast.Constant)
        and isinstance(second.value.value, str)
    }


def kind(annotation: Any) -> str:
    """The type of a setting as a reader writes it."""
    if isinstance(annotation, types.UnionType):
        return " or ".join(kind(each) for each in annotation.__args__ if each is not types.NoneType)
    plain = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "yes or no",
        Path: "path",
        SecretStr: "secret",
    }
    return plain.get(annotation) or str(getattr(get_origin(annotation) or annotation, "__name__", annotation))


def default(field: Any) -> str:
    """The default of a setting; a secret's is never shown."""
    if field.is_required():
        return "*required*"
    value = field.default if field.default is not PydanticUndefined else field.default_factory()
    if isinstance(value, SecretStr) or value in ("", None):
        return "none"
    if isinstance(value, frozenset):
        return f"`{', '.join(sorted(value))}`"
    return f"`{value}`"


PAGES = {"docs/errors.md": errors_page, "docs/settings.md": settings_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are out of date; 1 if any is."""
    sys.path.insert(0, str(ROOT))
    stale = []
    for name, make in PAGES.items():
        path, page = ROOT / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == page:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(page, encoding="utf-8")
            print(f"» wrote {name}")
    if stale and "--check" in arguments:
        print(f"✗ out of date: {', '.join(stale)} — run scripts/build-docs")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
