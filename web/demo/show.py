"""What the terminal shows: one line whenever something happens at a pole, and a sign of life while nothing does."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TextIO

from players.child import Child
from players.errors import ChildStopped

SHOWN = ("received", "cued", "playing", "played", "cut", "failed", "missed")
_PROGRESS_AFTER_S = 2.0
_PLANNED = "e-"
"""How ids of the timetable's broadcasts begin. A pole receives a week of them at once: only what sounds is shown."""
_ID_SHOWN = 24


class Screen:
    """Lines for people, in order, on one stream."""

    def __init__(self, stream: TextIO | None = None, *, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._now = now

    def say(self, text: str) -> None:
        """A line."""
        print(text, file=self._stream, flush=True)

    @asynccontextmanager
    async def progress(self, what: str) -> AsyncIterator[None]:
        """Say what is going on; when it takes longer than two seconds, keep saying for how long."""
        self.say(f"· {what}…")
        started = self._now()
        ticker = asyncio.create_task(self._tick(what, started))
        try:
            yield
        finally:
            ticker.cancel()
        elapsed = self._now() - started
        if elapsed >= _PROGRESS_AFTER_S:
            self.say(f"  {what}: {elapsed:.0f} s")

    async def _tick(self, what: str, started: float) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_AFTER_S)
            self.say(f"  {what}: {self._now() - started:.0f} s so far")

    async def follow(self, pole: str, child: Child) -> None:
        """Show a node's events (JSON, one per line) through all its runs, until it is stopped for good."""
        while True:
            try:
                pipes = await child.pipes()
            except ChildStopped:
                return
            async for raw in pipes.stdout:
                shown = describe_event(pole, raw)
                if shown:
                    self.say(shown)
            await child.ended()


class Percent:
    """A download's progress: a line at every tenth of the whole, and at most every two seconds in between."""

    def __init__(self, screen: Screen, what: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._what = what
        self._now = now
        self._said_at = now()
        self._said = 0

    def __call__(self, here: int, total: int) -> None:
        """So many bytes of so many are here."""
        percent = 100 * here // max(total, 1)
        if percent >= self._said + 10 or self._now() - self._said_at >= _PROGRESS_AFTER_S:
            self._screen.say(f"  {self._what}: {percent} % of {total / 1e6:.0f} MB")
            self._said, self._said_at = percent, self._now()


def describe_event(pole: str, raw: bytes) -> str | None:
    """The line for one event of a node; none when it is nothing a newcomer wants to see."""
    try:
        event = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("event") not in SHOWN:
        return None
    broadcast = str(event.get("broadcast", ""))
    if broadcast.startswith(_PLANNED) and event["event"] in {"received", "cued"}:
        return None
    at = event.get("at")
    clock = datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S.%f")[:-3] if at else "            "
    reason = f" ({event['reason']})" if event.get("reason") else ""
    return f"  {clock}  {pole:<10} {event['event']:<9} {broadcast[:_ID_SHOWN]}{reason}"
