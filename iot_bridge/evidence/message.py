"""How a statement travels: a JSON object of its entry, its body's text, and its place in the site's log."""

from dataclasses import dataclass
from typing import Any, Final

from iot_bridge.evidence.canonical import MAX_TEXT_BYTES, canonical, read_json
from iot_bridge.evidence.errors import BodyRefused, MessageMalformed, MessageSiteDiffers, NameMalformed
from iot_bridge.evidence.schema import Hex, Record, Text, Whole
from iot_bridge.evidence.statement import ENTRY_BYTES, SignedStatement, name32, parse_entry

VERSION: Final = 1
_JSON: Final = Record(
    {
        "v": Whole(VERSION, VERSION),
        "site": Text(32),
        "index": Whole(1),
        "entry": Hex(ENTRY_BYTES),
        "body": Text(MAX_TEXT_BYTES),
    },
    frozenset({"index"}),
)


@dataclass(frozen=True, slots=True)
class StatementMessage:
    """A statement on its way: `index` is its place in the site's log, None from a device to its bridge."""

    site: str
    index: int | None
    entry: bytes
    body: str

    def signed(self) -> SignedStatement:
        """The statement inside.

        Raises:
            StatementRefused: the entry is not of its one form.
            MessageSiteDiffers: it is of another site than the message says.
        """
        found = parse_entry(self.entry)
        if found.statement.site != self.site:
            raise MessageSiteDiffers(message=self.site, statement=found.statement.site)
        return found

    def to_bytes(self) -> bytes:
        """The message as it goes over the wire."""
        value: dict[str, Any] = {
            "v": VERSION,
            "site": self.site,
            "entry": "0x" + self.entry.hex(),
            "body": self.body,
        }
        if self.index is not None:
            value["index"] = self.index
        return canonical(value)

    @classmethod
    def parse(cls, message: bytes) -> "StatementMessage":
        """The message behind bytes; the statement inside is not looked at yet.

        Raises:
            MessageMalformed: they are no such message.
        """
        try:
            value = read_json(message)
            _JSON.require(value, "")
            name32(value["site"])
        except (BodyRefused, NameMalformed) as error:
            raise MessageMalformed(why=error.code, **error.facts) from error
        return cls(value["site"], value.get("index"), bytes.fromhex(value["entry"][2:]), value["body"])


def statements_topic(site: str, device: str) -> str:
    """Where a bridge publishes a device's statements to the bank."""
    return f"tallystick/{site}/statements/{device}"


def acknowledgements_topic(site: str) -> str:
    """Where the bank publishes its acknowledgements to a site's bridge."""
    return f"tallystick/{site}/acknowledgements"


def device_statements_topic(site: str, device: str) -> str:
    """Where a device publishes its statements to its bridge."""
    return f"tallystick/{site}/devices/{device}/statements"


def device_acknowledgements_topic(site: str, device: str) -> str:
    """Where a bridge publishes its acknowledgements to a device."""
    return f"tallystick/{site}/devices/{device}/acknowledgements"
