"""The long-running programs of the edge: bridge, broker, weighbridge; and what waits there for people."""

import json
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from contracts.loopback import HOST
from contracts.rpc import Rpc
from iot_bridge.beacon import BeaconKeeper, BeaconWatch
from iot_bridge.broker import embedded_broker
from iot_bridge.evidence.body import new_boot
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.link import Link
from iot_bridge.logs import log_to_stderr
from iot_bridge.mosquitto import MosquittoConfig, site_of
from iot_bridge.pipeline import Bridge, Ground, broker_of, spool_file
from iot_bridge.record import Writer
from iot_bridge.settings import BridgeSettings, WeighbridgeSettings
from iot_bridge.weighbridge import TicketBook, Weighbridge, written
from iot_bridge.yard import reviews_in

Config = Annotated[Path, typer.Option(help="TOML or JSON file; see docs/settings.md.")]


def add_commands(app: typer.Typer) -> None:
    """Put these programs beside the others."""
    for name, command in (
        ("run", run),
        ("broker", broker),
        ("broker-config", broker_config),
        ("weighbridge", weighbridge),
        ("reviews", reviews),
    ):
        app.command(name)(command)


def run(config: Config) -> None:
    """Watch a site: see, sign, keep, publish and anchor, until interrupted."""
    log_to_stderr()
    stop = _stop_on_signal()
    bridge = Bridge(BridgeSettings.load(config))
    _say({"bridge": bridge.spool.identity.site, "size": bridge.spool.size()})
    bridge.run(stop)


def broker(port: Annotated[int, typer.Option(help="TCP port on loopback; 0 for a free one.")] = 0) -> None:
    """Serve MQTT 5 on loopback, until interrupted."""
    log_to_stderr()
    stop = _stop_on_signal()
    with embedded_broker(port) as chosen:
        _say({"host": HOST, "port": chosen})
        stop.wait()


def broker_config(
    *,
    out: Annotated[Path, typer.Option(help="Folder for configuration, rules and certificates.")],
    site: Annotated[list[str], typer.Option(help="SITE:BRIDGE[:DEVICE,…], once for each site.")],
    data: Annotated[Path, typer.Option(help="Folder in which the broker remembers.")] = Path(
        "/var/lib/mosquitto"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8883,
    name: Annotated[
        list[str] | None, typer.Option(help="Name or address under which others reach it.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="As whom the broker runs when started by root.")] = None,
    certificates: Annotated[bool, typer.Option(help="Issue the certificates that are missing.")] = True,
) -> None:
    """Write the configuration of a Mosquitto broker: TLS, a name by certificate, each to its own topics."""
    config = MosquittoConfig(
        folder=out.absolute(),
        data=data.absolute(),
        host=host,
        port=port,
        sites=tuple(site_of(each) for each in site),
        user=user,
    )
    file = config.write()
    issued = config.issue_certificates(tuple(name or (host,))) if certificates else []
    _say({"config": str(file), "issued": [str(each) for each in issued]})


def weighbridge(config: Config) -> None:
    """Sign a ticket for each reading on standard input ({"gross_kg": …, "tare_kg": …} a line).

    Prints a line for each ticket made, each acknowledged and each reading refused. At the end of the input it
    waits for the last acknowledgement.
    """
    log_to_stderr()
    stop = _stop_on_signal()
    settings = WeighbridgeSettings.load(config)
    ground = Ground.of(settings)
    book = TicketBook(settings.data / "tickets.sqlite", most_mib=settings.spool_most_mib)
    keeper = BeaconKeeper(book.file)
    watch = BeaconWatch(Rpc(settings.ledger_url), keeper)
    link = Link(broker_of(settings), f"{settings.site}-{settings.device}")
    scale = Weighbridge(
        book,
        Writer(settings.site, ground.domain, new_boot(), keeper),
        ground.device(settings.device, settings.key_epoch),
        link,
        bridge=settings.bridge,
        on_acknowledged=lambda seq: _say({"acknowledged": seq}),
    )
    watch.worker.start()
    link.start()
    scale.worker.start()
    reader = threading.Thread(target=_weigh_lines, args=(scale, keeper, stop), daemon=True)
    reader.start()
    while not stop.wait(0.1) and (reader.is_alive() or book.waiting(settings.site, 1)):
        link.require_well()
    scale.worker.stop()
    link.stop()
    watch.worker.stop()
    book.file.close()


def reviews(config: Config) -> None:
    """Print what the fusion could not tell, a line each, for people to decide."""
    for each in reviews_in(spool_file(BridgeSettings.load(config))):
        _say(asdict(each))


def _weigh_lines(scale: Weighbridge, keeper: BeaconKeeper, stop: threading.Event) -> None:
    while not keeper.is_known() and not stop.wait(0.1):
        pass
    for line in sys.stdin:
        if line.strip():
            try:
                _say(json.loads(written(scale.weigh(line))))
            except EdgeError as refused:
                _say({"refused": refused.code, "why": str(refused)})


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
