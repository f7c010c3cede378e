"""The keyed name of a piece of goods: the same for whoever holds the network's key, guessable by nobody else.

Mass is not part of it: a piece weighed again is the same piece.
"""

import hmac
import unicodedata
from hashlib import sha256
from typing import Final

from iot_bridge.evidence.errors import FingerprintKeyWeak, FingerprintPartEmpty

KEY_BYTES: Final = 32
_SEPARATOR: Final = b"\x1f"
_LOOK_ALIKE: Final = str.maketrans(
    "OILАВЕКМНОРСТХУІΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",  # noqa: RUF001 - look-alikes of other scripts are what is mapped here
    "011ABEKMH0PCTXY1ABEZH1KMN0PTYX",
)


def fingerprint(*, mill: str, heat: str, coil: str, key: bytes) -> bytes:
    """HMAC-SHA-256 under the network's key over the normalised mill, heat and coil or bundle number.

    Raises:
        FingerprintKeyWeak: the key has fewer than 32 bytes.
        FingerprintPartEmpty: one of the three has no letter or digit.
    """
    if len(key) < KEY_BYTES:
        raise FingerprintKeyWeak(length=len(key))
    parts = {name: normalised(text) for name, text in (("mill", mill), ("heat", heat), ("coil", coil))}
    for name, text in parts.items():
        if not text:
            raise FingerprintPartEmpty(part=name)
    return hmac.digest(key, _SEPARATOR.join(text.encode("utf-8") for text in parts.values()), sha256)


def normalised(text: str) -> str:
    """Upper-case letters and digits only, with what looks alike written alike (O as 0, I and L as 1).

    Two labels that a person or a reader of characters could take for each other come out the same.
    """
    plain = unicodedata.normalize("NFKC", text).upper()
    return "".join(each for each in plain if each.isalnum()).translate(_LOOK_ALIKE)
