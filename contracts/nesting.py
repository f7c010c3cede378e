"""How deep JSON goes, told before it is read: a reader that recurses ends the process on thousands of levels.

An import in the process may have raised the bound on recursion that would have stopped it (eth_account does).
"""

import re
from typing import Final

DEEPEST: Final = 32
_BRACKET_OR_TEXT: Final = re.compile(rb'[\[{\]}]|"(?:[^"\\]|\\.)*"?', re.DOTALL)
_STEPS: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


def is_shallow(text: bytes, deepest: int = DEEPEST) -> bool:
    """Whether no bracket outside of text opens a level beyond the deepest; in time linear in the length."""
    if text.count(b"[") + text.count(b"{") <= deepest:
        return True
    depth = 0
    for found in _BRACKET_OR_TEXT.finditer(text):
        depth += _STEPS.get(found[0], 0)
        if depth > deepest:
            return False
    return True
