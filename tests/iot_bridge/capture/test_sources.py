"""Where frames come from: files, folders that grow or not, cameras that are not there or fall silent."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import pytest

from iot_bridge.capture.container import Waiting, without_password
from iot_bridge.capture.errors import (
    FrameRateUnknown,
    PictureUnreadable,
    SourceEmpty,
    SourceMissing,
    SourceUnreadable,
    StreamUnreachable,
)
from iot_bridge.capture.folder import ENDED, FolderSource, frame_name
from iot_bridge.capture.frame import Frame, wall_clock_ms
from iot_bridge.capture.silence import Silence, SilenceWatch, watched
from iot_bridge.capture.source import in_real_time, open_source
from iot_bridge.scene.frames import FrameFolder
from tests.iot_bridge.boxes import drive, frames
from tests.iot_bridge.clips import encode


def shade(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((24, 32, 3), value, np.uint8)


def test_a_video_files_frames_come_in_order_with_their_own_times_and_sizes(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.mp4", frames([drive(0, 300, at_s=0, lasts_s=2)], 2))
    before_ms = wall_clock_ms()
    with open_source(str(clip)) as source:
        seen = list(source.frames())
        assert source.length in {25, None}
    assert [frame.index for frame in seen] == list(range(25))
    assert [frame.t_s for frame in seen] == pytest.approx([k / 12.5 for k in range(25)], abs=0.002)
    assert all(frame.image.shape == (180, 320, 3) and frame.image.dtype == np.uint8 for frame in seen)
    assert all(before_ms <= frame.captured_at_ms <= wall_clock_ms() for frame in seen)


def test_a_path_where_nothing_is_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=r"gone\.mp4"):
        open_source(str(tmp_path / "gone.mp4"))


def test_a_camera_that_is_not_plugged_in_is_named() -> None:
    with pytest.raises(SourceMissing, match="/dev/video97"):
        open_source("/dev/video97")


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video at all" * 100)
    with pytest.raises(SourceUnreadable, match=r"text\.mp4"):
        open_source(str(tmp_path / "text.mp4"))


def test_a_finished_folder_is_read_by_name_with_the_times_in_the_names(tmp_path: Path) -> None:
    folder = FrameFolder(tmp_path, keep=10)
    for value, t_ms in ((10, 500), (20, 580), (30, 700)):
        folder.add(shade(value), t_ms)
    with open_source(str(tmp_path)) as source:
        seen = list(source.frames())
    assert [(frame.index, frame.t_s) for frame in seen] == [
        (0, 0.0),
        (1, pytest.approx(0.08)),
        (2, pytest.approx(0.2)),
    ]
    assert [round(float(frame.image.mean())) for frame in seen] == [10, 20, 30]


def test_names_without_times_need_a_frame_rate(tmp_path: Path) -> None:
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"{k:03d}.png"), shade(k))
    with pytest.raises(FrameRateUnknown):
        list(open_source(str(tmp_path)).frames())
    assert [frame.t_s for frame in open_source(str(tmp_path), frame_rate=4).frames()] == [0, 0.25, 0.5]


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceEmpty):
        list(open_source(str(tmp_path)).frames())


def test_a_file_in_the_folder_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / frame_name(0, 0)).write_bytes(b"not a jpeg")
    with pytest.raises(PictureUnreadable, match="frame-00000000"):
        list(open_source(str(tmp_path)).frames())


def test_a_growing_folder_is_followed_from_its_newest_picture_until_it_says_it_ended(tmp_path: Path) -> None:
    folder = FrameFolder(tmp_path, keep=100)
    for k in range(4):
        folder.add(shade(k), 80 * k)
    source = FolderSource(tmp_path, live=True)
    following = source.frames()
    assert next(following).t_s == 0.0
    for k in range(4, 9):
        folder.add(shade(10 * k), 80 * k)
    folder.end()
    rest = list(following)
    assert [frame.index for frame in rest] == [1, 2, 3, 4, 5]
    assert [round(float(frame.image.mean())) for frame in rest] == [40, 50, 60, 70, 80]
    assert rest[-1].t_s == pytest.approx(0.4)


def test_a_follower_slower_than_the_folder_misses_what_was_dropped_and_goes_on(tmp_path: Path) -> None:
    folder = FrameFolder(tmp_path, keep=2)
    folder.add(shade(1), 0)
    following = FolderSource(tmp_path, live=True).frames()
    next(following)
    for k in range(1, 8):
        folder.add(shade(10 * k), 80 * k)
    folder.end()
    assert [round(float(frame.image.mean())) for frame in following] == [60, 70]
    assert len(list(tmp_path.glob("frame-*.jpg"))) == 2
    assert (tmp_path / ENDED).exists()


def test_closing_ends_the_wait_for_the_next_picture(tmp_path: Path) -> None:
    source = FolderSource(tmp_path, live=True)
    threading.Timer(0.05, source.close).start()
    assert list(source.frames()) == []


def test_a_camera_that_no_one_answers_for_is_refused_at_once_without_its_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(StreamUnreachable) as refused:
        open_source(f"rtsp://guard:secret@127.0.0.1:{port}/gate", waiting=Waiting(2, 2))
    assert "secret" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value)


def test_a_camera_that_accepts_and_says_nothing_is_refused_when_its_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        started = time.monotonic()
        with pytest.raises(StreamUnreachable):
            open_source(f"rtsp://127.0.0.1:{server.getsockname()[1]}/gate", waiting=Waiting(0.5, 0.5))
        assert time.monotonic() - started < 5


def test_a_url_is_named_without_user_and_password() -> None:
    assert without_password("rtsp://a:b@10.0.0.1:554/x@y") == "rtsp://10.0.0.1:554/x@y"
    assert without_password("rtsp://10.0.0.1/x") == "rtsp://10.0.0.1/x"


def test_two_seconds_without_a_frame_are_a_finding_once_and_the_next_frame_ends_it() -> None:
    watch = SilenceWatch(2.0, now_s=100.0, now_ms=1_000)
    assert watch.frame(now_s=100.5, now_ms=1_500) is None
    assert watch.nothing(now_s=102.4) is None
    assert watch.nothing(now_s=102.5) == Silence(1_500, 2_000, over=False)
    assert watch.nothing(now_s=103.0) is None
    assert watch.frame(now_s=104.5, now_ms=5_500) == Silence(1_500, 4_000, over=True)
    assert watch.frame(now_s=104.6, now_ms=5_600) is None


def test_a_source_that_is_stuck_is_found_silent_and_its_frames_still_come() -> None:
    stuck = threading.Event()

    class Stuck:
        length = None

        def frames(self) -> Iterator[Frame]:
            yield Frame(shade(1), 0, 0.0, 1_000)
            stuck.wait(20)
            yield Frame(shade(2), 1, 1.0, 2_000)

        def close(self) -> None:
            stuck.set()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    seen: list[Frame | Silence] = []
    for item in watched(Stuck(), limit_s=0.1):
        seen.append(item)
        if isinstance(item, Silence):
            stuck.set()
    kinds = [type(item).__name__ for item in seen]
    assert kinds == ["Frame", "Silence", "Silence", "Frame"]
    assert [item.over for item in seen if isinstance(item, Silence)] == [False, True]


def test_what_the_source_refused_is_refused_to_whoever_watches_it(tmp_path: Path) -> None:
    with pytest.raises(SourceEmpty):
        list(watched(FolderSource(tmp_path)))


def test_real_time_shows_no_frame_early_and_stamps_its_showing() -> None:
    started = time.monotonic()
    shown = list(in_real_time(iter([Frame(shade(1), 0, 0.0, 0), Frame(shade(2), 1, 0.15, 0)])))
    assert time.monotonic() - started >= 0.15
    assert all(earlier.captured_at_ms < later.captured_at_ms for earlier, later in itertools.pairwise(shown))
