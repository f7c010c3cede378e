"""Tells streams when notices have come: one look at the table for all of a process, no thread each."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from backend.db import DatabaseUnavailable, reading
from backend.notices.rules import Notice
from backend.notices.tables import newest_id, notices_after

LOOK_EVERY_S: Final = 0.1
ASK_AGAIN_S: Final = 15.0
"""How long a stream goes on without asking again whether its reader may still read."""
AT_ONCE: Final = 200


@dataclass
class Tide:
    """How far notices have come; streams wait for it to rise, or for the process to end."""

    engine: Engine
    ask_again_s: float = ASK_AGAIN_S
    _newest: int = 0
    _streams: int = 0
    _ended: bool = False
    _looking: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Have every stream end; may be called from a signal handler."""
        self._ended = True

    async def follow(
        self, after: int, organisation: str | None, may_still: Callable[[], bool]
    ) -> AsyncIterator[Notice]:
        """Notices behind an id, then each as it comes, until the process ends; no transaction stays open.

        Ends too when `may_still` says so, which is asked again and again in a thread.
        """
        self._streams += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        asked = time.monotonic()
        try:
            while not self._ended:
                if time.monotonic() - asked >= self.ask_again_s:
                    if not await run_in_threadpool(may_still):
                        return
                    asked = time.monotonic()
                if self._newest <= after:
                    await asyncio.sleep(LOOK_EVERY_S / 2)
                    continue
                newest = self._newest
                found = await run_in_threadpool(self._read, after, organisation)
                for notice in found:
                    yield notice
                after = found[-1].id if len(found) == AT_ONCE else max(newest, found[-1].id if found else 0)
        finally:
            self._streams -= 1

    async def _look(self) -> None:
        while self._streams and not self._ended:
            with contextlib.suppress(DatabaseUnavailable):  # streams wait; what they wait for is kept
                self._newest = await run_in_threadpool(self._find_newest)
            await asyncio.sleep(LOOK_EVERY_S)

    def _find_newest(self) -> int:
        with reading(self.engine) as session:
            return newest_id(session)

    def _read(self, after: int, organisation: str | None) -> list[Notice]:
        with reading(self.engine) as session:
            return notices_after(session, after, AT_ONCE, organisation=organisation)
