"""Files and functions stay small enough to be read, and nothing is left for later."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import PRODUCT, ROOT, own

FILE_LINES = 400
FUNCTION_LINES = 50
CONTRACT_LINES = 300
LONGER_FUNCTIONS: dict[str, str] = {}
"""`path::function` → the reason why it reads better whole."""
LONGER_FILES: dict[str, str] = {}
"""`path` → the reason why it reads better whole."""
LATER = re.compile(r"\b(TODO|TBD|FIXME|XXX|HACK)\b")
BARE_IGNORE = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!:)|pragma:\s*no\s*cover)")
SHAPELESS = {"utils", "util", "helpers", "common", "core", "manager", "managers", "base", "misc"}
SKIPS = {"skip", "skipif", "xfail", "importorskip"}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file with the number of lines of its body, its docstring not counted."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_file_is_longer_than_a_reader_bears(every_python_file: list[Path]) -> None:
    lines = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in every_python_file
    }
    assert {path: n for path, n in lines.items() if n > FILE_LINES and path not in LONGER_FILES} == {}


def test_no_function_is_longer_than_a_screen(every_python_file: list[Path]) -> None:
    long = {
        f"{path}::{name}": n
        for path in every_python_file
        for name, n in functions(path)
        if n > FUNCTION_LINES
    }
    assert {name: n for name, n in long.items() if name not in LONGER_FUNCTIONS} == {}


def test_no_contract_is_longer_than_one_can_hold_in_the_head() -> None:
    lines = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in own("*.sol", *PRODUCT)
    }
    assert {path: n for path, n in lines.items() if n > CONTRACT_LINES and path not in LONGER_FILES} == {}


def test_every_exception_from_a_length_is_still_needed_and_says_why(every_python_file: list[Path]) -> None:
    known = {
        f"{path}::{name}" for path in every_python_file for name, n in functions(path) if n > FUNCTION_LINES
    }
    assert set(LONGER_FUNCTIONS) <= known
    for path, reason in (LONGER_FILES | LONGER_FUNCTIONS).items():
        assert (ROOT / path.split("::")[0]).exists()
        assert reason


def test_nothing_is_left_for_later(every_python_file: list[Path]) -> None:
    here = Path(__file__).resolve().relative_to(ROOT)
    places = [*every_python_file, *own("*.sol", *PRODUCT), *own("*.md", "docs")]
    assert [
        str(path) for path in places if path != here and LATER.search((ROOT / path).read_text("utf-8"))
    ] == []


def test_every_ignored_check_names_which(every_python_file: list[Path]) -> None:
    bare = [
        f"{path}:{token.start[0]}"
        for path in every_python_file
        for token in tokenize.generate_tokens(io.StringIO((ROOT / path).read_text("utf-8")).readline)
        if token.type == tokenize.COMMENT and BARE_IGNORE.search(token.string)
    ]
    assert bare == []


def test_no_test_is_skipped() -> None:
    skipped = [
        f"{path}:{node.lineno}"
        for path in own("*.py", "tests")
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in SKIPS
    ]
    assert skipped == []


def test_every_folder_and_module_has_a_name_that_says_what_is_in_it(every_python_file: list[Path]) -> None:
    assert [str(path) for path in every_python_file if SHAPELESS & {*path.parts, path.stem}] == []


@pytest.mark.parametrize("path", own("*.py", "tests"), ids=str)
def test_every_test_is_a_sentence(path: Path) -> None:
    names = [name for name, _ in functions(path) if name.startswith("test_")]
    assert [name for name in names if name.count("_") < 3] == []
