"""One gate camera at work: its frames perceived, its crossings recorded, its silence and its health stated.

When there is no room for a statement, capture stops, what was seen is kept in hand, the gap is stated later.
"""

import errno
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

import cv2
import structlog

from iot_bridge.capture.errors import CaptureRefused
from iot_bridge.capture.frame import Frame, wall_clock_ms
from iot_bridge.capture.silence import Silence, watched
from iot_bridge.capture.source import Source, in_real_time, open_source
from iot_bridge.durable import SpoolFull
from iot_bridge.evidence.body import Media
from iot_bridge.evidence.store import EvidenceStore
from iot_bridge.observe import (
    CLOCK_STEP_MS,
    Health,
    clock_step_observation,
    crossing_observation,
    health_observation,
    unwatched_observation,
)
from iot_bridge.perceive.crossing import Crossing
from iot_bridge.perceive.errors import PerceptionRefused
from iot_bridge.perceive.gate import GateWatcher
from iot_bridge.perceive.line import Line
from iot_bridge.perceive.settings import GateSettings
from iot_bridge.record import Observation, Recorder
from iot_bridge.settings import CameraSettings
from iot_bridge.spool import Spool
from iot_bridge.worker import Worker
from iot_bridge.yard import note

log: Final = structlog.get_logger("camera")
HELD_BYTES: Final = 96 << 20
AGAIN_AFTER_S: Final = 2.0
_SILENT: Final = "no frame came"
JPEG: Final = "image/jpeg"
_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 85)
_MIB: Final = 1 << 20


class GateCamera:
    """Watches one gate until it is stopped; a thread of its own."""

    def __init__(
        self,
        settings: CameraSettings,
        recorder: Recorder,
        spool: Spool,
        store: EvidenceStore,
        *,
        unwatched_after_s: int,
        health_every_s: int,
        opens: Callable[[str], Source] | None = None,
    ) -> None:
        self._opens = opens or _opened
        self._settings = settings
        self._recorder = recorder
        self._spool = spool
        self._store = store
        self._unwatched_after_s = unwatched_after_s
        self._health_every_s = health_every_s
        self._held: deque[Frame] = deque()
        self._in_hand: deque[Observation] = deque()
        self._lock = threading.RLock()
        self._full_since_ms: int | None = None
        self._unwatched_to_ms: int | None = None
        self._started_s = time.monotonic()
        self._said_unwatched_s = self._started_s
        self._health_due_s = self._started_s + health_every_s
        self._captured = 0
        self._last_ms: int | None = None
        self._last_s = self._started_s
        self._source: Source | None = None
        self.worker: Final = Worker(settings.device, self._run)

    def stop(self) -> None:
        """Watch no more."""
        self.worker.end()
        if self._source is not None:
            self._source.close()
        self.worker.stop()

    def _run(self) -> None:
        while self.worker.goes_on():
            try:
                if self._watch():
                    log.info("source_ended", device=self._settings.device, frames=self._captured)
                    return
            except (CaptureRefused, PerceptionRefused) as refused:
                self._absent(wall_clock_ms(), refused.code)
                log.warning("source_refused", device=self._settings.device, why=str(refused))
            self.worker.pause(AGAIN_AFTER_S)

    def _watch(self) -> bool:
        """Watch from one opening of the source to its end; True where it ended of itself."""
        watcher = GateWatcher(GateSettings(line=Line.parse(self._settings.line)))
        with self._opens(self._settings.source) as source:
            self._source = source
            for seen in watched(source, limit_s=self._unwatched_after_s):
                if not self.worker.goes_on():
                    return False
                if isinstance(seen, Silence):
                    if not seen.over:
                        self._absent(seen.since_ms + seen.lasted_ms, _SILENT)
                    continue
                self._present(seen)
                if self._full_since_ms is not None:
                    if not self._has_room_again():
                        continue
                    watcher = GateWatcher(watcher.settings)
                self._perceive(watcher, seen)
            self._take(watcher.finish())
        return self.worker.goes_on()

    def _perceive(self, watcher: GateWatcher, frame: Frame) -> None:
        self._held.append(frame)
        while len(self._held) > 1 and len(self._held) * frame.image.nbytes > HELD_BYTES:
            self._held.popleft()
        self._take(watcher.see(frame))

    def _take(self, crossings: list[Crossing]) -> None:
        for crossing in crossings:
            direction = self._settings.directions.get(crossing.direction)
            if direction is None:
                log.info("crossing_elsewhere", device=self._settings.device, direction=crossing.direction)
                continue
            stills = self._stills(crossing)
            taken = self._record(crossing_observation(crossing, direction, stills))
            log.info(
                "crossing",
                device=self._settings.device,
                direction=direction,
                tags=crossing.tags,
                confidence_bps=crossing.confidence_bps,
                count_certain=crossing.count_certain,
                recorded=taken,
                after_ms=wall_clock_ms() - crossing.captured_at_ms,
            )

    def _stills(self, crossing: Crossing) -> list[Media]:
        """The frames that show the crossing, kept in the store; as many as there is room for."""
        kept = []
        for frame in self._held:
            if frame.index in crossing.seen_frames:
                content = cv2.imencode(".jpg", frame.image, _QUALITY)[1].tobytes()
                try:
                    name = self._store.put(content)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    log.critical("evidence_store_full", device=self._settings.device)
                    break
                kept.append(Media(bytes.fromhex(name), JPEG, len(content)))
        return kept

    def _record(self, seen: Observation) -> bool:
        """Record now, or keep in hand and stop capturing where there is no room."""
        with self._lock:
            self._in_hand.append(seen)
            return self._put_down()

    def _put_down(self) -> bool:
        while self._in_hand:
            try:
                self._recorder.record(self._settings.device, self._in_hand[0], note)
            except SpoolFull as full:
                if self._full_since_ms is None:
                    self._full_since_ms = wall_clock_ms()
                    log.critical("capture_stopped", device=self._settings.device, why=str(full))
                return False
            self._in_hand.popleft()
        return True

    def _has_room_again(self) -> bool:
        """Try to put down what is in hand, and the time in which nothing was captured."""
        with self._lock:
            since_ms = self._full_since_ms
            if since_ms is None or not self._put_down():
                return False
            if not self._record(unwatched_observation(since_ms, wall_clock_ms(), "no room in the spool")):
                self._in_hand.pop()
                return False
            self._full_since_ms = None
        self._held.clear()
        log.warning("capture_resumed", device=self._settings.device)
        return True

    def _absent(self, now_ms: int, why: str) -> None:
        """No frame comes: say so at once, and again now and then while it lasts."""
        now_s = time.monotonic()
        from_ms = self._unwatched_to_ms
        if from_ms is None:
            from_ms = now_ms if self._last_ms is None else self._last_ms
        elif now_s - self._said_unwatched_s < self._health_every_s:
            return
        self._said_unwatched_s = now_s
        self._unwatched_to_ms = now_ms
        self._unwatched(from_ms, now_ms, why)

    def _present(self, frame: Frame) -> None:
        """A frame came: if none was taken for a while, say until when; a slow look at frames is no while.

        How long it was is told by the steady clock: a step of the wall clock is a finding of its own.
        """
        from_ms, last_ms, at_ms = self._unwatched_to_ms, self._last_ms, frame.captured_at_ms
        lasted_s = frame.captured_at_s - self._last_s
        if from_ms is None and last_ms is not None and lasted_s >= self._unwatched_after_s:
            from_ms = last_ms
        self._captured += 1
        self._last_ms, self._last_s = at_ms, frame.captured_at_s
        self._unwatched_to_ms = None
        if last_ms is not None:
            self._stepped(at_ms - last_ms - round(lasted_s * 1000), at_ms)
        if from_ms is not None:
            self._unwatched(from_ms, at_ms, _SILENT)

    def _stepped(self, by_ms: int, now_ms: int) -> None:
        if abs(by_ms) < CLOCK_STEP_MS:
            return
        log.warning("clock_stepped", device=self._settings.device, by_ms=by_ms)
        if self._full_since_ms is None:
            self._record(clock_step_observation(by_ms, now_ms))

    def _unwatched(self, from_ms: int, to_ms: int, why: str) -> None:
        log.warning("unwatched", device=self._settings.device, from_ms=from_ms, to_ms=to_ms, why=why)
        if self._full_since_ms is None:
            self._record(unwatched_observation(from_ms, max(from_ms, to_ms), why))

    def state_health(self, now_s: float) -> None:
        """State how the camera is, if that is due; from any thread."""
        if now_s < self._health_due_s or self._full_since_ms is not None or not self.worker.is_alive():
            return
        self._health_due_s = now_s + self._health_every_s
        health = Health(
            uptime_s=int(now_s - self._started_s),
            captured=self._captured,
            lost=0,
            spooled=self._spool.waiting(),
            disk_free_mib=shutil.disk_usage(self._store.folder).free // _MIB,
            last_seen_ms=self._last_ms,
        )
        self._record(health_observation(health, wall_clock_ms()))


class _RealTime:
    """A finished clip in place of a camera: its frames come no sooner than a camera would have shown them."""

    def __init__(self, clip: Source) -> None:
        self._clip = clip

    @property
    def length(self) -> int | None:
        """As the clip's."""
        return self._clip.length

    def frames(self) -> Iterator[Frame]:
        """The clip's frames in their own time."""
        return in_real_time(self._clip.frames())

    def close(self) -> None:
        """End it."""
        self._clip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(address: str) -> Source:
    source = open_source(address, live=True)
    if Path(address).is_file():
        return _RealTime(source)
    return source
