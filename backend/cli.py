"""The `tallystick` command: a small function for each subcommand, which imports what it runs when called."""

from pathlib import Path
from typing import Annotated

import typer

KeystoreFolder = Annotated[
    Path, typer.Option(envvar="TALLYSTICK_KEYSTORE", help="Folder of encrypted keyfiles.")
]
KeystorePassword = Annotated[
    str,
    typer.Option(
        envvar="TALLYSTICK_KEYSTORE_PASSWORD", help="Opens the keystore.", prompt=True, hide_input=True
    ),
]
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Lend against goods in a warehouse, on signed evidence and a ledger nobody can rewrite.",
)


@app.callback()
def tallystick() -> None:
    """Lend against goods in a warehouse."""


@app.command()
def chain(
    data: Annotated[Path, typer.Option(help="Folder that keeps the chain.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Loopback port; 0 takes a free one.")] = 8545,
    fund: Annotated[
        list[str] | None, typer.Option(help="Address that can pay for gas; needed when the chain is new.")
    ] = None,
    heartbeat_s: Annotated[
        float, typer.Option(min=1, help="Seconds after which an empty block follows.")
    ] = 5,
    finality_depth: Annotated[
        int, typer.Option(min=0, help="How many blocks the final one lies behind the newest.")
    ] = 0,
) -> None:
    """Serve the embedded ledger as JSON-RPC on loopback until stopped."""
    from backend.chain.embedded.process import serve  # noqa: PLC0415 - commands load only what they run

    serve(data, port=port, fund=fund or [], heartbeat_s=heartbeat_s, finality_depth=finality_depth)


@app.command()
def key(
    names: Annotated[list[str], typer.Argument(help="Names of the keys; those that are missing are made.")],
    keystore: KeystoreFolder,
    keystore_password: KeystorePassword,
) -> None:
    """Print the address behind each named key of a keystore, and make the keys that are missing."""
    from contracts.keystore import Keystore  # noqa: PLC0415

    for name, address in Keystore(keystore, keystore_password).ensure(names).items():
        typer.echo(f"{address} {name}")


@app.command()
def deploy(  # noqa: PLR0913 - each is an option of the command
    *,
    ledger_url: Annotated[str, typer.Option(envvar="TALLYSTICK_LEDGER_URL", help="JSON-RPC of a node.")],
    keystore: KeystoreFolder,
    keystore_password: KeystorePassword,
    signer: Annotated[str, typer.Option(help="Name of the deployer's key.")],
    admin: Annotated[str, typer.Option(help="Address that may change who governs, after the delay.")],
    enroller: Annotated[str, typer.Option(help="Address that enrols parties, sites and devices.")],
    guardian: Annotated[str, typer.Option(help="Address that suspends, revokes and pauses at once.")],
    delay_s: Annotated[int, typer.Option(min=0, help="Seconds for which the admin's acts wait in public.")],
    out: Annotated[Path, typer.Option(help="File that says where the contracts are.", dir_okay=False)],
) -> None:
    """Deploy the ledger's contracts, check them, and hand their governance over."""
    from backend.chain.deploying import deploy_ledger  # noqa: PLC0415
    from contracts.deploy import Governance  # noqa: PLC0415
    from contracts.keystore import Keystore  # noqa: PLC0415

    governance = Governance(admin=admin, enroller=enroller, guardian=guardian, delay_s=delay_s)
    keys = Keystore(keystore, keystore_password)
    deployment = deploy_ledger(ledger_url, keys=keys, signer=signer, governance=governance, out=out)
    for name, address in deployment.addresses.items():
        typer.echo(f"{address} {name}")


@app.command()
def bundle(
    loan: Annotated[str, typer.Argument(help="The loan's number.")],
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)],
) -> None:
    """Write the proof bundle of a loan for an auditor, once it verifies against the ledger."""
    from backend.app.bank import Bank  # noqa: PLC0415
    from backend.audit.actions import write_bundle  # noqa: PLC0415
    from backend.db import reading  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    bank = Bank.open(Settings.from_environment())
    with reading(bank.engine) as session:
        written = write_bundle(session, bank.sources, loan, out)
    typer.echo(f"{written.path}: {written.bytes} bytes; {len(written.findings)} steps hold.")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The proof bundle.")],
    rpc: Annotated[str | None, typer.Option(help="URL of a node of the ledger to compare with.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Check a proof bundle step by step, with no backend running; exit code 0 only if all of it verifies."""
    from backend.audit.command import check  # noqa: PLC0415

    if not check(file, url=rpc, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def migrate() -> None:
    """Bring the bank's database to the form that this version needs."""
    from backend.db import open_database  # noqa: PLC0415
    from backend.migrations import upgrade  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    settings = Settings.from_environment()
    settings.data.mkdir(parents=True, exist_ok=True)
    upgrade(open_database(settings.database()))


@app.command()
def setup(
    person: Annotated[
        str, typer.Option(prompt="Name of the first administrator", help="First administrator's short name.")
    ],
) -> None:
    """Make the bank and its first administrator and registrar; once, and the password is never shown."""
    from backend.app.setting_up import read_password, set_up_installation  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    first = set_up_installation(Settings.from_environment(), person, read_password())
    typer.echo(f"{first.id} administers {first.organisation}; sign in with POST /v1/sessions.")


@app.command()
def backup(
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)],
    *,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Put the encrypted keyfiles in too.")
    ] = False,
) -> None:
    """Write a backup of the bank, which may be at work meanwhile."""
    from backend.backup.command import back_up  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    back_up(Settings.from_environment(), out, with_keys=with_keys)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The backup.")],
    rail: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="The sandbox rail's own file, if it outlived the bank."
        ),
    ] = None,
) -> None:
    """Put a bank back from a backup where there is none; it only reads until it is reconciled."""
    from backend.backup.command import restore as restore_bank  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    restore_bank(Settings.from_environment(), file, rail=rail)


@app.command()
def reconcile(
    accept: Annotated[
        str | None, typer.Option(metavar="HASH", help="The hash of the report that two people accept.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(help="An approver of the bank who accepts it; give two.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compare a restored bank with ledger and rail; it may act again once nothing waits for people."""
    from backend.app.reconciling import reconcile as reconcile_bank  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    people = by or []
    if len(people) != (0 if accept is None else 2):
        message = "--accept needs --by twice, and --by needs --accept"
        raise typer.BadParameter(message)
    reconcile_bank(Settings.from_environment(), accept=accept, people=people, as_json=as_json)


@app.command()
def serve() -> None:
    """Serve the bank: follow the ledger, take statements, watch exits, carry out acts and payments."""
    from backend.app.serving import serve as serve_bank  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    serve_bank(Settings.from_environment())


@app.command()
def api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
) -> None:
    """Serve the API; any number of these may run on one database."""
    from backend.app.api_serving import serve_api  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    serve_api(Settings.from_environment(), host=host, port=port)


@app.command()
def demo(
    *,
    play_once: Annotated[
        bool,
        typer.Option("--play-once", help="Play to the end and end; else each event is asked for."),
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where all of it is kept; emptied first.")] = Path("var/demo"),
    video: Annotated[Path | None, typer.Option(help="A clip to stand before the gate camera.")] = None,
    camera: Annotated[str | None, typer.Option(help="URL of a camera that watches your gate.")] = None,
    line: Annotated[str | None, typer.Option(help="Gate line of clip or camera: X1,Y1,X2,Y2.")] = None,
    inward: Annotated[str | None, typer.Option(help="Way in on it: left, right, up or down.")] = None,
) -> None:
    """Play a coil's way from the gate camera to a closed loan, event by event, on a system started for it."""
    from backend.story.command import direct, tell  # noqa: PLC0415
    from backend.story.stage import GateView  # noqa: PLC0415

    play = tell if play_once else direct
    play(folder.absolute(), GateView(video=video, camera=camera, line=line, inward=inward))


def main() -> None:
    """Run the command line; a refusal ends it with its sentence and exit code 1."""
    from backend.errors import TallystickError  # noqa: PLC0415
    from contracts.errors import LedgerError  # noqa: PLC0415

    try:
        app()
    except (TallystickError, LedgerError) as refusal:
        typer.secho(f"✗ {refusal}", err=True, fg="red")
        raise SystemExit(1) from refusal


if __name__ == "__main__":
    main()
