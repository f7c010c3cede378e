"""`tallystick-bridge`: every program of the edge as one command with subcommands."""

from collections.abc import Sequence
from typing import Final

import typer

from contracts.errors import LedgerError
from iot_bridge.commands import add_commands
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.scene.program import yard
from iot_bridge.watch import watch

REFUSED: Final = 2

app = typer.Typer(
    name="tallystick-bridge",
    help="The edge of Tallystick: see, sign, keep and send what happens at a warehouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(watch)
app.command()(yard)
add_commands(app)


@app.callback()
def _edge() -> None:
    """Each program is a subcommand, however many there are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; a refusal is one line on the error stream and exit code 2."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="tallystick-bridge")
    except (EdgeError, LedgerError) as refusal:
        typer.echo(f"✗ {refusal}", err=True)
        return REFUSED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
