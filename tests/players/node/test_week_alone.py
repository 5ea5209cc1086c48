"""A week without server and broker, in a few seconds: the true agent, its disk and its clock, in a loop that flies.

The board's crystal runs 20 parts in a million fast and its date is wrong; it has a battery clock. In the middle of the
week its power is cut while it speaks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from players.memory import MemoryBroker, MemoryTransport
from players.messages import CuedBroadcast, Outcome, Presence, Urgency
from players.node.agent import Agent
from players.node.board_clock import BoardClock
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.events import Way
from players.node.health import HealthProbe
from players.node.output import Sound, Sounded
from players.node.parts import NodeParts
from players.node.settings import ClipsSection
from players.node.state import Abilities, NodeState
from players.node.store import NodeStore
from players.topics import Topics
from players.transport import Incoming
from tests.fakes.fake_server import COMMUNE, FakeDoor, FakeServer
from tests.fakes.fast_loop import FastLoop
from tests.fakes.sounds import write_clip
from tests.players.node.conftest import NodeBox

DRIFT = 20e-6
MONDAY = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
"""Midnight in Vietnam."""
DAY = timedelta(days=1)
LASTS_S = 20.0
LEARNS_S = 24 * 3600.0
TIMES = ("05:00", "05:30", "11:00", "20:00", "23:59:50")


@dataclass
class Pole:
    """The world around one pole."""

    loop: FastLoop
    folder: Path
    boots: int = 1
    started: float = 0.0
    heard: list[tuple[str, datetime, int]] = field(default_factory=list)
    """What sounded, from when on, and from which place in it."""

    def true_time(self) -> datetime:
        return MONDAY - DAY + timedelta(seconds=(self.loop.seconds - 1000) * (1 + DRIFT))

    def until(self, at: datetime) -> float:
        return (at - self.true_time()).total_seconds() / (1 + DRIFT)

    def clock(self, store: NodeStore) -> NodeClock:
        started = self.started
        board = BoardClock(
            boot=f"boot {self.boots}",
            uptime=lambda: self.loop.seconds - started,
            rtc=lambda: self.true_time().timestamp() - 5.0,
        )
        return NodeClock(
            kept=store.kept_time(),
            board=board,
            wall=lambda: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.loop.seconds),
            monotonic=lambda: self.loop.seconds,
        )

    def lose_power(self, for_s: float) -> None:
        self.loop.seconds += for_s
        self.boots += 1
        self.started = self.loop.seconds


class Horn:
    """Sounds in the loop's own time."""

    def __init__(self, pole: Pole, sound: Sound) -> None:
        self._pole = pole
        self._sound = sound
        self._at = 0.0
        self.note = None

    def start(self, at: float) -> None:
        self._at = max(at, self._pole.loop.seconds)

    async def started(self) -> float:
        await asyncio.sleep(self._at - self._pole.loop.seconds)
        self._pole.heard.append((self._sound.paths[0].stem, self._pole.true_time(), self._sound.from_ms))
        return self._at

    async def finished(self) -> float:
        ends = self._at + LASTS_S - self._sound.from_ms / 1000
        await asyncio.sleep(ends - self._pole.loop.seconds)
        return ends

    async def stop(self) -> Sounded:
        return Sounded(None, None)


class Horns:
    """An output of them."""

    name = "horn"
    plays_streams = False
    error = None

    def __init__(self, pole: Pole) -> None:
        self._pole = pole

    async def open(self) -> None:
        return

    async def prepare(self, sound: Sound) -> Horn:
        return Horn(self._pole, sound)

    async def close(self) -> None:
        return


class SlowLine:
    """A line on which, without a server, each try takes an hour: the loop has less to do."""

    def __init__(self, transport: MemoryTransport, broker: MemoryBroker) -> None:
        self._transport = transport
        self._broker = broker

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[object]:
        if not self._broker._running:
            await asyncio.sleep(3600)
        async with self._transport.connect() as connection:
            yield connection


@asynccontextmanager
async def running(pole: Pole, box: NodeBox) -> AsyncIterator[asyncio.Task[None]]:
    """The node's process; it is killed at the end."""
    store = NodeStore(pole.folder / "state.sqlite3")
    will = Incoming(Topics(COMMUNE).presence(box.node), Presence(node=box.node, online=False).to_json(), retained=True)
    line = MemoryTransport(box.broker, box.node, will)
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        transport = httpx.MockTransport(partial(answer, box.door))  # a real line would not fly
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=box.door.url, transport=transport))
        blank = NodeState(box.node, COMMUNE, ("thon-dong",), Abilities("horn", None, pulls=True))
        agent = Agent(
            NodeParts(
                credentials=Credentials(pole.folder, box.identity(), box.key),
                server_url=box.door.url,
                stream_url=box.door.url,
                state=store.load(blank),
                store=store,
                clips=ClipStore(pole.folder / "clips", 1 << 26),
                client=client,
                outputs={Way.FILES: Horns(pole)},
                clock=pole.clock(store),
                transport=SlowLine(line, box.broker),  # type: ignore[arg-type]
                data_dir=pole.folder,
                ahead=timedelta(hours=ClipsSection().ahead_hours),
                jitter_s=0,
                announce=lambda fields: box.events.append(dict(fields)),
                health=HealthProbe(lambda: None, pole.folder),
                clock_improved=lambda: None,
            )
        )
        task = asyncio.create_task(agent.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})


def answer(door: FakeDoor, request: httpx.Request) -> httpx.Response:
    """A clip, as the server gives it."""
    return httpx.Response(200, stream=httpx.ByteStream(door.clips[request.url.path.rsplit("/", 1)[1]]))


def a_week(folder: Path, door: FakeDoor) -> list[CuedBroadcast]:
    """Five times a day for seven days, each with a clip of its own, which the server has."""
    items: list[CuedBroadcast] = []
    folder.mkdir(parents=True, exist_ok=True)
    for day in range(7):
        for time in TIMES:
            at = datetime.fromisoformat(f"2026-03-{2 + day:02}T{time}+07:00")
            data, clip = write_clip(folder, 0.1, len(items))
            clip = clip.model_copy(update={"duration_ms": round(LASTS_S * 1000)})
            door.clips[clip.sha256] = data
            items.append(
                CuedBroadcast(
                    broadcast=f"{at:%a}-{time}",
                    urgency=Urgency.PRIORITY if time == "20:00" else Urgency.NORMAL,
                    starts_at=at,
                    clips=(clip,),
                    resume_within_ms=300_000,
                )
            )
    return items


async def alone_for_a_week(pole: Pole, box: NodeBox, items: list[CuedBroadcast]) -> FakeServer:
    """A day with the server, a week without, then the server again; the power fails on Thursday at 11:00:08."""
    line = SlowLine(MemoryTransport(box.broker, "server"), box.broker)
    server = FakeServer(line, key=box.commune_key)  # type: ignore[arg-type]
    server.now = pole.true_time  # type: ignore[method-assign]
    async with server.running():
        async with running(pole, box):
            await server.configure(heartbeat_s=300)
            await server.schedule(*items)
            await asyncio.sleep(LEARNS_S)
            # By its settings as they are shipped it holds all of the week that begins now.
            await server.until(lambda: len(server.heartbeats[-1].cued) == len(items), 3 * 3600)
            box.broker.stop()
            cut_at = items[3 * len(TIMES) + 2].starts_at + timedelta(seconds=8)
            await asyncio.sleep(pole.until(cut_at))
        pole.lose_power(40)
        async with running(pole, box):
            ends_at = MONDAY + 7 * DAY + timedelta(minutes=5)
            await asyncio.sleep(pole.until(ends_at))
            box.broker.start()
            last = items[-1].broadcast
            await server.until_final(last, 4 * 3600)
            await server.until(lambda: server.heartbeats[-1].outbox == 0, 4 * 3600)
    return server


@pytest.mark.timeout(600)
def test_a_week_alone_every_item_sounds_once_at_its_instant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It looks around once an hour only: what it does in time, it does because it knows the instant.
    monkeypatch.setattr("players.node.agent._LONGEST_SLEEP_S", 3600.0)
    monkeypatch.setattr("players.node.cueing._LOOK_AGAIN_S", 3600.0)
    loop = FastLoop()
    door = FakeDoor()
    folder = tmp_path / "node"
    items = a_week(folder, door)
    pole = Pole(loop, folder)
    box = NodeBox(MemoryBroker(), door, FakeServer(MemoryTransport(MemoryBroker(), "x")).key, folder)
    try:
        server = loop.run_until_complete(asyncio.wait_for(alone_for_a_week(pole, box, items), 30 * DAY.total_seconds()))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        door.close()
    by_clip = {item.clips[0].sha256: item for item in items}
    heard = [(by_clip[clip], at, from_ms) for clip, at, from_ms in pole.heard]
    assert all(former < latter for (_, former, _), (_, latter, _) in pairwise(heard)), "in order"

    cut = items[3 * len(TIMES) + 2]
    resumed = [(at, from_ms) for item, at, from_ms in heard if item == cut and from_ms]
    assert [item.broadcast for item, _, from_ms in heard if not from_ms] == [item.broadcast for item in items]
    late = [abs((at - item.starts_at).total_seconds()) for item, at, from_ms in heard if not from_ms]
    assert max(late) < 0.5

    ((at, from_ms),) = resumed
    assert 6500 <= from_ms <= 8100, "it went on where it was, a second back at most"
    assert timedelta(seconds=40) < at - cut.starts_at < timedelta(seconds=60)

    finals = {item.broadcast: server.final(item.broadcast) for item in items}
    assert {final.outcome for final in finals.values()} == {Outcome.PLAYED}
    assert "broken off (restarted); it went on" in (finals[cut.broadcast].detail or "")
    assert all(event["trusted"] for event in box.events if event["event"] == "clock")
