import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from players.memory import MemoryBroker, MemoryTransport
from players.messages import ClipRef, PairingReply, Presence
from players.mqtt import MqttTransport
from players.node.agent import Agent
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.data_budget import Meter
from players.node.events import Way
from players.node.health import HealthProbe
from players.node.output import AudioOutput
from players.node.parts import NodeParts
from players.node.record import WavTimeline
from players.node.silent import Nowhere
from players.node.state import Abilities, NodeState
from players.node.store import NodeStore
from players.node.timeline import TimelineOutput
from players.signing import CommuneKey, NodeKey
from players.topics import Topics
from players.transport import Incoming
from tests.fakes.fake_server import COMMUNE, FakeDoor, FakeServer
from tests.fakes.sounds import write_clip
from tests.players.node.command import free_port


@pytest.fixture
def door() -> Iterator[FakeDoor]:
    door = FakeDoor()
    yield door
    door.close()


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
async def server(broker: MemoryBroker) -> AsyncIterator[FakeServer]:
    async with FakeServer(MemoryTransport(broker, "server")).running() as server:
        yield server


@pytest.fixture
def new_clip(tmp_path: Path, door: FakeDoor) -> Callable[..., ClipRef]:
    """Makes a clip and puts it behind the door."""

    def make(seconds: float = 1.0, seed: int = 1, *, served: bool = True) -> ClipRef:
        data, clip = write_clip(tmp_path, seconds, seed)
        if served:
            door.clips[clip.sha256] = data
        return clip

    return make


@dataclass
class NodeBox:
    """What belongs to one pole and outlives its process: its directory, its keys, its line to the broker."""

    broker: MemoryBroker
    door: FakeDoor
    commune_key: CommuneKey
    folder: Path
    node: str = "dong-1"
    key: NodeKey = field(default_factory=NodeKey.generate)
    memory: Path | None = None
    """Where it lays what must not wait for its card."""
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.door.keys[self.node] = self.key.public_jwk()

    @property
    def recording(self) -> Path:
        return self.folder / "heard.wav"

    def identity(self) -> PairingReply:
        return PairingReply.model_validate(
            {
                "commune": COMMUNE,
                "commune_name": "Xã Hòa Bình An",
                "node": self.node,
                "node_name": "Cụm loa Đông 1",
                "zones": ("thon-dong",),
                "commune_keys": (self.commune_key.public_jwk(),),
                "mqtt_host": "127.0.0.1",
                "mqtt_port": 1,
                "mqtt_username": self.node,
                "mqtt_password": "x",
                "server_at": "2026-01-01T00:00:00Z",
            }
        )

    @asynccontextmanager
    async def running(
        self, *, record: bool = True, output: AudioOutput | None = None, pulls: bool = True, meter: Meter | None = None
    ) -> AsyncIterator[Agent]:
        """The node's process, as far as one can be had without one."""
        store = NodeStore(self.folder / "state.sqlite3")
        clock = NodeClock(kept=store.kept_time())
        recording = WavTimeline(self.recording, clock.at)
        name, sink = ("record", recording) if record else ("silent", Nowhere())
        plays = output or TimelineOutput(name, sink, clock.monotonic)
        outputs = {Way.FILES: plays, **({Way.STREAM: plays} if plays.plays_streams else {})}
        topic = Topics(COMMUNE).presence(self.node)
        will = Incoming(topic, Presence(node=self.node, online=False).to_json(), retained=True)
        async with AsyncExitStack() as stack:
            stack.callback(store.close)
            await plays.open()
            stack.push_async_callback(plays.close)
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=self.door.url, trust_env=False))
            abilities = Abilities(plays.name, plays.name if plays.plays_streams else None, pulls)
            agent = Agent(
                NodeParts(
                    credentials=Credentials(self.folder, self.identity(), self.key),
                    server_url=self.door.url,
                    stream_url=self.door.url,
                    state=store.load(NodeState(self.node, COMMUNE, ("thon-dong",), abilities)),
                    store=store,
                    clips=ClipStore(self.folder / "clips", 1 << 26),
                    memory_clips=None if self.memory is None else ClipStore(self.memory, 1 << 24),
                    client=client,
                    outputs=outputs,
                    clock=clock,
                    transport=MemoryTransport(self.broker, self.node, will),
                    data_dir=self.folder,
                    ahead=timedelta(hours=48),
                    jitter_s=0.2,
                    announce=lambda fields: self.events.append(dict(fields)),
                    health=HealthProbe(lambda: None, self.folder),
                    meter=meter,
                    clock_improved=recording.write_sidecar if record else lambda: None,
                )
            )
            task = asyncio.create_task(agent.run())
            try:
                yield agent
                agent.leave()
                await asyncio.wait_for(task, 10)
            finally:
                task.cancel()
                await asyncio.wait({task})


@pytest.fixture
def box(broker: MemoryBroker, door: FakeDoor, server: FakeServer, tmp_path: Path) -> NodeBox:
    return NodeBox(broker, door, server.key, tmp_path / "node")


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """A broker without rights to give or to refuse: those are tested with the server's own."""
    port = free_port()
    file = tmp_path / "mosquitto.conf"
    file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = await asyncio.create_subprocess_exec("mosquitto", "-c", str(file), stderr=asyncio.subprocess.DEVNULL)
    yield port
    process.terminate()
    await asyncio.wait_for(process.wait(), 10)


@pytest.fixture
async def wired(port: int) -> AsyncIterator[FakeServer]:
    transport = MqttTransport("127.0.0.1", port, "server", None, None)
    async with FakeServer(transport).running() as server:
        yield server
