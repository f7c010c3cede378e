"""The fusion at work: advices taken from their folder, movements recorded, findings set aside for people."""

import time
from pathlib import Path
from typing import Final

import structlog

from iot_bridge.advices import AdviceMalformed, read_advices
from iot_bridge.durable import SpoolFull
from iot_bridge.fuse import Movement, Rules, Unclear, fuse
from iot_bridge.observe import movement_observation
from iot_bridge.record import BeaconUnknown, Recorder, wall_clock_ms
from iot_bridge.spool import Taken
from iot_bridge.worker import Worker
from iot_bridge.yard import FUSED, TagInUse, Yard, moved

log: Final = structlog.get_logger("fusion")
_LOOK_S: Final = 0.5
_SETTLED_S: Final = 0.3


class Fusion:
    """Joins what the site's devices recorded, as the fusion's own device; a thread of its own."""

    def __init__(
        self, yard: Yard, recorder: Recorder, *, device: str, rules: Rules, advices: Path, key: bytes
    ) -> None:
        self._yard = yard
        self._recorder = recorder
        self._device = device
        self._rules = rules
        self._advices = advices
        self._key = key
        self.worker: Final = Worker("fusion", self._run)
        advices.mkdir(parents=True, exist_ok=True)

    def heard(self, taken: Taken) -> None:
        """Learn of a new statement."""
        if taken.signed.statement.kind in FUSED:
            self.worker.wake()

    def step(self, now_ms: int) -> list[Movement | Unclear]:
        """Take new advices, and record whatever can be said now.

        Raises:
            SpoolFull, BeaconUnknown: it cannot be recorded yet.
        """
        self._take_advices()
        found = fuse(*self._yard.open(), self._yard.pieces(), self._rules, now_ms)
        for each in found:
            if isinstance(each, Movement):
                self._state(each, now_ms)
            else:
                self._yard.set_aside(each)
                log.warning("cannot_tell", why=each.reason, noise=each.is_noise, of=len(each.closes))
        return found

    def _state(self, movement: Movement, now_ms: int) -> None:
        taken = self._recorder.record(
            self._device,
            movement_observation(movement, now_ms),
            lambda connection, _: moved(connection, movement),
        )
        log.info(
            "movement",
            direction=movement.direction,
            mass_kg=movement.ticket.net_kg,
            identified_by=movement.identified_by,
            sum_milli_nats=sum(each.milli_nats for each in movement.contributions),
            index=taken.index,
        )

    def _take_advices(self) -> None:
        for file in sorted(self._advices.glob("*.csv")):
            if 0 <= time.time() - file.stat().st_mtime < _SETTLED_S:
                continue  # still being written
            try:
                count = self._yard.expect(read_advices(file, self._key))
            except (AdviceMalformed, TagInUse) as refused:
                log.warning("advice_refused", file=file.name, why=str(refused))
                _put_away(file, "refused")
            else:
                log.info("advice_taken", file=file.name, pieces=count)
                _put_away(file, "taken")

    def _run(self) -> None:
        while self.worker.goes_on():
            try:
                self.step(wall_clock_ms())
            except (SpoolFull, BeaconUnknown) as error:
                log.warning("movement_not_recorded", why=str(error))
            self.worker.pause(_LOOK_S)


def _put_away(file: Path, folder: str) -> None:
    target = file.parent / folder
    target.mkdir(exist_ok=True)
    file.replace(target / file.name)
