"""The live pages: a part is rendered once for all who may see the same, and sent by server-sent events when changed.

Slow browsers cost nothing: each client keeps only the newest text of each part it watches.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sse_starlette import ServerSentEvent

from web.texts import Language, language

logger = logging.getLogger(__name__)
GATHER = timedelta(milliseconds=250)
"""Changes that come together are sent together."""
GATHER_MOST = timedelta(milliseconds=600)
"""When two hundred poles report at once, showing them takes its time: then more changes are gathered, up to this."""
RESTS = 2
"""Between two rounds the feed rests this many times as long as the last one took."""
FRESH = timedelta(seconds=1)
"""A page that is opened shows what others are shown, if that is no older: the feed sends it what changes at once."""
OF_POLES = frozenset({"deliveries", "presence", "refusals"})
"""Changes that poles make, many a second; all others are people's doing, who want to see it in the next page."""
RESERVED = 50
"""Places beside the others, for the pages of an emergency."""
REPAIR = timedelta(seconds=5)
"""Presence and "coming" also change by the clock alone."""


class TooManyClients(Exception):
    """No more live pages can be open at once."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page that lives.

    `name` is its event; `scope` says who sees the same; `subject` what it is about; `language` is its readers'.
    """

    name: str
    scope: str
    subject: str = ""
    language: Language = field(default_factory=language)


class SharedEvent(ServerSentEvent):
    """A part for all who watch it, put into bytes once."""

    def __init__(self, part: Part, html: str) -> None:
        super().__init__(html, event=part.name)
        self.html = html
        self._bytes: bytes | None = None

    def encode(self) -> bytes:
        """As it goes out."""
        if self._bytes is None:
            self._bytes = super().encode()
        return self._bytes


@dataclass(eq=False, slots=True)
class Client:
    """An open live page."""

    parts: frozenset[Part]
    sent: dict[Part, str] = field(default_factory=dict)
    waiting: dict[Part, SharedEvent] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    is_doubted: bool = False
    """Whether it is to be asked if it may still see anything, before it is shown more."""

    def offer(self, part: Part, event: SharedEvent) -> None:
        """Put it in the place of whatever older text of that part still waits."""
        if self.sent.get(part) != event.html:
            self.waiting[part] = event
            self.sent[part] = event.html
            self.woken.set()


class LiveFeed:
    """Renders what is watched and hands it out. `render_parts` runs in a thread; a part it leaves out is gone."""

    def __init__(
        self, render_parts: Callable[[Iterable[Part]], dict[Part, str]], max_clients: int, fresh: timedelta = FRESH
    ) -> None:
        self._render_parts = render_parts
        self._fresh_s = fresh.total_seconds()
        self._max_clients = max_clients
        self._clients: set[Client] = set()
        self._changed = asyncio.Event()
        self._closing = False
        self._acts = 0
        self._latest: dict[Part, tuple[float, str]] = {}

    @property
    def clients(self) -> int:
        """How many live pages are open."""
        return len(self._clients)

    def changed(self, topic: str = "") -> None:
        """Something that a page may show has changed. Called on the event loop."""
        self._changed.set()
        if topic not in OF_POLES:
            self._acts += 1
            self._latest = {}

    def latest(self, parts: Sequence[Part]) -> dict[Part, str] | None:
        """These parts as all who watch them were just shown them; none if one is not known or not fresh."""
        known, oldest = self._latest, time.monotonic() - self._fresh_s
        found = {part: known[part][1] for part in parts if part in known and known[part][0] > oldest}
        return found if len(found) == len(parts) else None

    async def run(self) -> None:
        """Render and hand out, after each change and at least every `REPAIR`, until cancelled or a part raises.

        Then all others have been handed out, and it may be run again.
        """
        loop = asyncio.get_running_loop()
        took = 0.0
        while True:
            try:
                async with asyncio.timeout(REPAIR.total_seconds()):
                    await self._changed.wait()
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(min(max(GATHER.total_seconds(), RESTS * took), GATHER_MOST.total_seconds()))
            self._changed.clear()
            began_at = loop.time()
            failure = await self._hand_out(self._clients)
            took = loop.time() - began_at
            if failure is not None:
                raise failure

    def events(
        self,
        parts: Iterable[Part],
        still_allowed: Callable[[], bool],
        heartbeat: timedelta = timedelta(seconds=15),
        *,
        is_urgent: bool = False,
    ) -> AsyncIterator[ServerSentEvent]:
        """The events of one page, beginning with all its parts as they are; ends when it is no longer allowed.

        `still_allowed` runs in a thread at every heartbeat. An emergency's page `is_urgent`: it finds a place when
        screens in offices have taken all others.

        Raises:
            TooManyClients: as many pages as allowed are open.
        """
        if len(self._clients) >= self._max_clients + (RESERVED if is_urgent else 0):
            raise TooManyClients
        return self._events(Client(frozenset(parts)), still_allowed, heartbeat)

    async def _events(
        self, client: Client, still_allowed: Callable[[], bool], heartbeat: timedelta
    ) -> AsyncIterator[ServerSentEvent]:
        loop = asyncio.get_running_loop()
        self._clients.add(client)
        try:
            await self._hand_out({client})
            beats_at = loop.time() + heartbeat.total_seconds()
            while not self._closing:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(beats_at):
                        await client.woken.wait()
                client.woken.clear()
                is_beat = loop.time() >= beats_at
                if client.is_doubted or is_beat:
                    client.is_doubted = False
                    if not await asyncio.to_thread(still_allowed):
                        yield ServerSentEvent(event="ended", data="")
                        return
                while client.waiting:
                    yield client.waiting.popitem()[1]
                if is_beat:
                    beats_at = loop.time() + heartbeat.total_seconds()
                    yield ServerSentEvent(comment="still here")
        finally:
            self._clients.discard(client)

    def doubt(self) -> None:
        """Somebody may see less than before: ask of every page at once whether it still may. On the event loop."""
        for client in self._clients:
            client.is_doubted = True
            client.woken.set()

    def close(self) -> None:
        """End all live pages, so that the server can stop."""
        self._closing = True
        for client in self._clients:
            client.woken.set()

    async def _hand_out(self, clients: Iterable[Client]) -> Exception | None:
        """Give these what has changed; what a part raised that could not be rendered."""
        clients = tuple(clients)
        watched = frozenset(part for client in clients for part in client.parts)
        if not watched:
            return None
        began_at, acts = time.monotonic(), self._acts
        rendered, failure = await asyncio.to_thread(self._render, watched)
        if acts == self._acts:
            fresh = {part: one for part, one in self._latest.items() if one[0] > began_at - self._fresh_s}
            self._latest = fresh | {part: (began_at, html) for part, html in rendered.items()}
        events = {part: SharedEvent(part, html) for part, html in rendered.items()}
        for client in clients:
            for part in client.parts & events.keys():
                client.offer(part, events[part])
        return failure

    def _render(self, parts: Iterable[Part]) -> tuple[dict[Part, str], Exception | None]:
        """As they are now, and what one raised: one in which we did not foresee something keeps back no other."""
        try:
            return self._render_parts(parts), None
        except Exception as error:  # noqa: BLE001 - told by who runs us
            return self._render_each(parts), error

    def _render_each(self, parts: Iterable[Part]) -> dict[Part, str]:
        rendered: dict[Part, str] = {}
        for part in parts:
            try:
                rendered |= self._render_parts([part])
            except Exception as error:  # noqa: BLE001 - the same
                logger.warning("the part %s cannot be rendered: %r", part.name, error)
        return rendered
