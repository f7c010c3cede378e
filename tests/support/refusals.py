"""How tests state which refusal they expect: by the custom error's name and the facts that decided."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from contracts.rpc import Reverted


@contextmanager
def refused(name: str, **facts: Any) -> Iterator[None]:
    """Expect this custom error with at least these facts; bytes are given as bytes."""
    with pytest.raises(Reverted) as caught:
        yield
    revert = caught.value.revert
    wanted = {
        each: "0x" + value.hex() if isinstance(value, bytes) else value for each, value in facts.items()
    }
    assert (revert.name, {each: revert.facts.get(each) for each in wanted}) == (name, wanted)
