"""Messages that are made to break whoever reads them: too deep, too wide, too long, or not what they look."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

DEEP: Final = 100_000
LARGE: Final = 1_000_000
HOSTILE: Final[dict[str, bytes]] = {
    "deep lists": b"[" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "deep and closed": b"[" * DEEP + b"]" * DEEP,
    "deep after too many ends": b"[],1" + b"]" * DEEP + b"[" * DEEP,
    "deep in a field": b'{"v":1,"site":' + b"[" * DEEP,
    "brackets in text": b'{"v":1,"site":"' + b"[" * LARGE + b'"}',
    "a megabyte of lists": b"[" + b"[]," * (LARGE // 3) + b"[]]",
    "a megabyte of digits": b"1" * LARGE,
    "a megabyte of quotes": b'"' * LARGE,
    "a megabyte of escapes": b'"' + b"\\" * LARGE,
    "a megabyte of nothing": b"\0" * LARGE,
    "a megabyte of no text": b"\xff" * LARGE,
    "a name as long as the message": b'{"' + b"x" * LARGE + b'":1}',
    "that name twice": b'{"' + b"x" * (LARGE // 2) + b'":1,"' + b"x" * (LARGE // 2) + b'":1}',
    "many names, the last one twice": b"{%s}" % b",".join(b'"%d":1' % min(n, 79_999) for n in range(80_001)),
    "half of a character": b'{"v":1,"\\ud800":1}',
    "text that no database keeps": b'{"v":1,"site":"\\u0000","entry":"0x","body":"\\u0000"}',
}
SECONDS_EACH: Final = 20.0
"""So long may a message take on a busy machine; what grows with the square of its size takes minutes."""


@contextmanager
def no_bound_on_recursion() -> Iterator[None]:
    """As an import in the process leaves it: a reader that recurses ends the process and raises nothing."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * DEEP)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
