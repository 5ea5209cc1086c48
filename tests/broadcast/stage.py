"""The whole way from the database to fake poles and back, over a broker in memory and a clock that is told the time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from broadcast.airings import renderings_of
from broadcast.db import reading, session_of
from broadcast.models import Broadcast, Rendering
from broadcast.playout import Playout
from broadcast.rendering import store_rendered
from broadcast.views import BroadcastCard, broadcast_card
from players.hub import Hub
from players.memory import MemoryBroker, MemoryTransport
from players.messages import PlaybackReport
from players.presence import PresenceBoard
from players.signing import CommuneKey
from players.topics import Topics
from tests.broadcast.airing_kit import LASTS, add_broadcast, add_pole
from tests.broadcast.conftest import NOW, House, load_house
from tests.fakes.fake_node import FakeNode
from tts.clip_store import ClipStore
from tts.render_job import Rendered

T = TypeVar("T")
TOPICS = Topics("hoa-binh-an")


class Stage:
    """What a test of playout works with."""

    def __init__(self, engine: Engine, root: Path, clock: Callable[[], datetime] | None = None) -> None:
        self.engine = engine
        self.now = NOW
        self.poles_return_within = timedelta()
        self.clock = clock or (lambda: self.now)
        self.broker = MemoryBroker()
        self.clips = ClipStore(root / "clips")
        self.key = CommuneKey.generate()
        self.presence = PresenceBoard()
        self.changes: list[str] = []
        self.news = asyncio.Event()
        self.hub = Hub(
            MemoryTransport(self.broker, "server"),
            TOPICS,
            self.key,
            self.presence,
            self.clock,
            self._store,
            self._republish,
            self.changed,
        )
        self.start_playout()

    def start_playout(self) -> None:
        """A new one, which knows nothing but the database."""
        self.playout = Playout(
            self.engine,
            self.hub,
            self.clips,
            self.presence,
            self.clock,
            self.changed,
            poles_return_within=self.poles_return_within,
        )

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """The hub runs and is connected."""
        running = asyncio.create_task(self.hub.run())
        try:
            await self.until(lambda: self.hub.connected)
            yield
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def until(self, is_so: Callable[[], object], within_s: float = 10) -> None:
        """Wait until a change makes it so."""
        async with asyncio.timeout(within_s):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    def do(self, work: Callable[[Session], T]) -> T:
        """One unit of work."""
        with session_of(self.engine) as session:
            return work(session)

    def house(self, session: Session) -> House:
        return load_house(session, {})

    def pole(self, slug: str, zone: str) -> FakeNode:
        """A paired pole, not running yet."""
        self.do(lambda session: add_pole(session, self.house(session), slug, zone, self.now))
        return FakeNode(MemoryTransport(self.broker, slug), TOPICS, slug, [zone], [self.key.public_jwk()], self.clock)

    def broadcast(self, *, at: timedelta | None = None, zones: tuple[str, ...] = ("thon-dong",)) -> str:
        """An approved bulletin's broadcast."""
        return self.do(lambda s: add_broadcast(s, self.house(s), self.now, at=at, zones=zones).id)

    def render(self, broadcast_id: str) -> bytes:
        """What the renderer would have done; the clip's bytes."""
        data = f"clip of {broadcast_id}".encode()
        for key in self.do(lambda s: [rendering.key for rendering in renderings_of(s, broadcast_id)]):
            self.render_key(key, data)
        return data

    def render_key(self, key: str, data: bytes = b"") -> None:
        """What the renderer would have done with one rendering."""
        data = data or f"clip of {key}".encode()
        answer = Rendered(
            job=key,
            sha256=self.clips.add(data),
            size_bytes=len(data),
            duration_ms=round(LASTS.total_seconds() * 1000),
            engine="tone",
            voice="tone",
            render_ms=1,
        )
        self.do(lambda session: store_rendered(session, session.get_one(Rendering, key), answer, self.now))

    def card(self, broadcast_id: str) -> BroadcastCard:
        with reading(self.engine) as session:
            return broadcast_card(session, broadcast_id)

    def told(self, broadcast_id: str) -> tuple[str, str | None, dict[str, tuple[str, str | None]]]:
        """State, reason, and each pole's."""
        card = self.card(broadcast_id)
        return card.row.state.value, card.row.reason, {d.node: (d.state.value, d.reason) for d in card.deliveries}

    async def until_told(self, broadcast_id: str, node: str, state: str) -> None:
        """Wait until a pole's word is in the database."""
        await self.until(lambda: self.told(broadcast_id)[2][node][0] == state)

    def row(self, broadcast_id: str) -> Broadcast:
        with reading(self.engine) as session:
            return session.get_one(Broadcast, broadcast_id)

    async def _store(self, reports: Sequence[PlaybackReport]) -> None:
        await self.playout.store_reports(reports)

    async def _republish(self) -> None:
        await self.playout.republish()

    def changed(self, what: str) -> None:
        """What the hub and the playout call."""
        self.changes.append(what)
        self.news.set()


@asynccontextmanager
async def running(*nodes: FakeNode) -> AsyncIterator[None]:
    """All these poles run."""
    async with AsyncExitStack() as stack:
        for node in nodes:
            await stack.enter_async_context(node.running())
        yield
