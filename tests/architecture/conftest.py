"""What the architecture tests read: the product's own files, parsed once."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.tree import PRODUCT, ROOT, own


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def product() -> dict[Path, ast.Module]:
    """Every Python file of the product, parsed."""
    return {path: ast.parse((ROOT / path).read_text(encoding="utf-8")) for path in own("*.py", *PRODUCT)}


@pytest.fixture(scope="session")
def every_python_file() -> list[Path]:
    """Python of the product, its tests and its scripts."""
    return own("*.py", *PRODUCT, "tests", "scripts")


@pytest.fixture(scope="session")
def build_docs() -> Iterator[ModuleType]:
    """The program that writes the generated pages, as a module."""
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "scripts" / "build_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_docs"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["build_docs"]
