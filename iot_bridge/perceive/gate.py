"""Watches one gate: frames in, crossings out; the same frames and settings give the same, bit for bit.

1. The first seconds are held, so that the empty scene is known before the first frame is judged.
2. Each frame: small copy → foreground → blobs → tracks.
3. A track that went over the line is judged and stated, with the tags read on it.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from iot_bridge.capture.frame import Frame, Picture
from iot_bridge.perceive.blobs import Rect, blobs
from iot_bridge.perceive.crossing import Box, Crossing, Direction, Reason
from iot_bridge.perceive.errors import FrameMalformed, FrameOutOfOrder, FrameSizeChanged
from iot_bridge.perceive.exposure import Mask
from iot_bridge.perceive.foreground import Foreground
from iot_bridge.perceive.judgement import judged
from iot_bridge.perceive.parts import whole_of
from iot_bridge.perceive.passage import Gate, Passage
from iot_bridge.perceive.pipeline import pipeline_hash
from iot_bridge.perceive.settings import GateSettings
from iot_bridge.perceive.tags import FEWEST_READS, TagBook, TagRead, tags_in
from iot_bridge.perceive.tracks import Track, Tracker

COLOURS: Final = 3
SAME_THING_S: Final = 3.0
"""A tag that crosses again the same way so soon is on another part of the same thing."""
STILLS: Final = 5
TAG_MARGIN: Final = 0.15
TAG_REACH: Final = 0.35
"""Tags are read within this share of the picture's longer side from the line."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What is kept of a frame until it is judged."""

    small: Picture
    index: int
    t_s: float
    captured_at_ms: int
    tags: tuple[TagRead, ...]


class GateWatcher:
    """Perceives what goes over one line.

    Args:
        settings: the line, ignored areas and figures.
    """

    def __init__(self, settings: GateSettings) -> None:
        self.settings = settings
        self.pipeline = pipeline_hash(settings)
        self._held: list[_Held] = []
        self._size: tuple[int, int] | None = None
        self._newest: tuple[int, float] | None = None
        self._scene: _Scene | None = None

    def see(self, frame: Frame) -> list[Crossing]:
        """The crossings that this frame makes certain; those of the warm-up come with its last frame.

        Raises:
            FrameMalformed: the image is not of shape (height, width, 3) in bytes.
            FrameSizeChanged: it has another size than the first frame.
            FrameOutOfOrder: its index or its time is not above those of the frame before.
            PerceptionRefused: at the first frame, the line does not fit the picture.
        """
        self._require_next(frame)
        if self._scene is not None:
            return self._scene.judge(self._hold(frame, read=False), frame.image)
        self._held.append(self._hold(frame, read=self.settings.tuning.tags))
        if frame.t_s - self._held[0].t_s < self.settings.tuning.warm_up_s:
            return []
        return self.finish()

    def finish(self) -> list[Crossing]:
        """The crossings in frames still held, for a source that ends within the warm-up."""
        if self._scene is not None or not self._held or self._size is None:
            return []
        held, self._held = self._held, []
        self._scene = _Scene(self.settings, self.pipeline, self._size, held)
        return [crossing for each in held for crossing in self._scene.judge(each, None)]

    def _require_next(self, frame: Frame) -> None:
        image = frame.image
        if image.dtype != np.uint8 or image.ndim != COLOURS or image.shape[2] != COLOURS or not image.size:
            raise FrameMalformed(frame=frame.index, shape=image.shape, dtype=image.dtype)
        size = (image.shape[1], image.shape[0])
        if self._size is None:
            self.settings.line.require_passable(width=size[0], height=size[1])
            self._size = size
        if size != self._size:
            raise FrameSizeChanged(frame=frame.index, was=self._size, now=size)
        if self._newest is not None and (frame.index <= self._newest[0] or frame.t_s <= self._newest[1]):
            raise FrameOutOfOrder(frame=frame.index, t_s=frame.t_s, before=self._newest)
        self._newest = (frame.index, frame.t_s)

    def _hold(self, frame: Frame, *, read: bool) -> _Held:
        height, width = frame.image.shape[:2]
        shrink = min(1.0, self.settings.tuning.working_px / max(width, height))
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = (
            cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA) if shrink < 1 else frame.image.copy()
        )
        tags = tuple(tags_in(frame.image)) if read else ()
        return _Held(np.asarray(small, np.uint8), frame.index, frame.t_s, frame.captured_at_ms, tags)


class _Scene:
    """One camera's view after its warm-up."""

    def __init__(
        self, settings: GateSettings, pipeline: bytes, size: tuple[int, int], start: list[_Held]
    ) -> None:
        height, width = start[0].small.shape[:2]
        lasted = start[-1].t_s - start[0].t_s
        frame_rate = (len(start) - 1) / lasted if lasted > 0 else 1.0
        self._settings = settings
        self._pipeline = pipeline
        self._length = max(size)
        self._scale = (size[0] / width, size[1] / height)
        self._smallest_px = settings.tuning.smallest_bps * width * height / 10_000
        allowed = _allowed(settings, (width, height), self._scale)
        pictures = [held.small for held in start]
        self._foreground = Foreground(pictures, frame_rate, allowed, settings.tuning)
        self._tracker = Tracker((width, height), frame_rate, settings.tuning)
        self._gate = Gate(settings.line, (width, height), self._scale, settings.tuning)
        self._book = TagBook()
        self._tagged: dict[tuple[int, Direction], float] = {}
        self._wall_clock: dict[int, int] = {}

    def judge(self, held: _Held, image: Picture | None) -> list[Crossing]:
        """The crossings that a frame makes certain; no `image` where its tags were read already."""
        tuning = self._settings.tuning
        moving = self._foreground.of(held.small)
        found = blobs(moving, smallest_px=self._smallest_px, thinnest_px=tuning.thinnest_px)
        tracks = self._tracker.step(held.index, held.t_s, found)
        self._wall_clock[held.index] = held.captured_at_ms
        if tuning.tags:
            self._read(tracks, held.tags, image)
        crossings = []
        for track in tracks:
            passage = self._gate.see(track)
            if passage is None or whole_of(track, tracks, self._gate, max(moving.shape)) is not None:
                continue
            crossing = self._stated(track, passage, tracks)
            if not self._is_repeated(crossing):
                crossings.append(crossing)
        self._forget(tracks)
        return crossings

    def _is_repeated(self, crossing: Crossing) -> bool:
        """Whether a tag on it went over the line that way just before: a number is on one thing only."""
        keys = [(tag, crossing.direction) for tag in crossing.tags]
        before = [self._tagged[key] for key in keys if key in self._tagged]
        self._tagged.update(dict.fromkeys(keys, crossing.t_s))
        return any(crossing.t_s - t_s <= SAME_THING_S for t_s in before)

    def _read(self, tracks: list[Track], tags: tuple[TagRead, ...], image: Picture | None) -> None:
        for track in tracks:
            if track.hits < self._settings.tuning.confirm_frames or not track.last.seen:
                continue
            middle = self._gate.point(track.last.rect.middle)
            near = abs(self._gate.distance(track.last)) <= TAG_REACH * self._length
            if not near or not self._book.is_due(track.number, track.last.frame, middle):
                continue
            box = self._box(track.last.rect, TAG_MARGIN)
            reads = tags if image is None else tags_in(image, box)
            for read in reads:
                if box.x <= read.x <= box.x + box.width and box.y <= read.y <= box.y + box.height:
                    self._book.note(track.number, track.last.frame, middle, read)

    def _stated(self, track: Track, passage: Passage, tracks: list[Track]) -> Crossing:
        confidence, certain, reasons = judged(track, passage, self._gate, tracks, self._settings.tuning)
        way = [s.frame for s in track.sights if s.seen and s.frame >= passage.before.frame]
        tags = self._book.reads_of(track.number, passage.before.frame)
        read = tuple(Reason("tag_reads", reads, FEWEST_READS, f"tag {tag}") for tag, reads in tags.items())
        picks = {way[k] for k in np.linspace(0, len(way) - 1, STILLS - 1).astype(int)} | {passage.at.frame}
        return Crossing(
            t_s=passage.t_s,
            captured_at_ms=self._wall_clock[passage.at.frame],
            frame=passage.at.frame,
            decided_frame=track.last.frame,
            direction=self._settings.line.direction(to_positive=passage.to_positive),
            confidence_bps=confidence,
            count_certain=certain,
            track=track.number,
            tags=tuple(tags),
            box=self._box(passage.at.rect, 0.0),
            reasons=(*reasons, *read),
            seen_frames=tuple(sorted(picks)),
            pipeline=self._pipeline,
        )

    def _box(self, rect: Rect, margin: float) -> Box:
        """A place of the working copy in source pixels, wider by a share of its extent."""
        wide, high = margin * rect.width, margin * rect.height
        left, top = self._gate.point((rect.left - wide, rect.top - high))
        right, bottom = self._gate.point((rect.right + wide, rect.bottom + high))
        x, y = max(0, round(left)), max(0, round(top))
        return Box(x, y, round(right) - x, round(bottom) - y)

    def _forget(self, tracks: list[Track]) -> None:
        alive = {track.number for track in tracks}
        self._gate.forget_all_but(alive)
        self._book.forget_all_but(alive)
        needed = min((track.sights[0].frame for track in tracks), default=max(self._wall_clock))
        self._wall_clock = {frame: ms for frame, ms in self._wall_clock.items() if frame >= needed}


def _allowed(settings: GateSettings, size: tuple[int, int], scale: tuple[float, float]) -> Mask:
    """255 where motion counts, 0 in the ignored areas; shape (height, width)."""
    allowed = np.full((size[1], size[0]), 255, np.uint8)
    for polygon in settings.ignored:
        corners = np.array([(x / scale[0], y / scale[1]) for x, y in polygon])
        cv2.fillPoly(allowed, [np.round(corners).astype(np.int32)], (0,))
    return allowed
