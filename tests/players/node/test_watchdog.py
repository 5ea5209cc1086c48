"""A node under systemd: it says when it is ready and alive, and nothing once it hangs."""

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from players.messages import ClipRef, Urgency
from players.node import player
from players.node.clock import NodeClock
from players.node.events import ConfigCame
from players.node.output import Sound
from players.node.silent import Nowhere
from players.node.timeline import TimelineOutput
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.players.node.command import Command, identity
from tests.players.node.conftest import NodeBox
from tests.players.node.pole import config

MakeClip = Callable[..., ClipRef]


class Systemd:
    """The other end of the socket."""

    def __init__(self, folder: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(folder / "notify"))
        self._line.setblocking(False)
        self.environment = {
            **os.environ,
            "NOTIFY_SOCKET": self._line.getsockname(),
            "WATCHDOG_USEC": "600000",
        }

    async def until(self, word: bytes, limit_s: float = 30) -> None:
        async with asyncio.timeout(limit_s):
            while await asyncio.get_running_loop().sock_recv(self._line, 100) != word:
                pass

    def close(self) -> None:
        self._line.close()


@pytest.fixture
async def systemd(tmp_path: Path) -> AsyncIterator[Systemd]:
    listening = Systemd(tmp_path)
    yield listening
    listening.close()


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto")
async def test_a_process_says_when_it_is_ready_that_it_lives_and_that_it_ends(
    systemd: Systemd, door: FakeDoor, port: int, wired: FakeServer, tmp_path: Path
) -> None:
    node = Command(tmp_path / "node", systemd.environment)
    door.codes["ABCD2345"] = lambda: identity(port, wired.key)
    await node.pair(door, "--output", "silent")
    await node.start()
    try:
        await systemd.until(b"READY=1")
        for _ in range(3):
            await systemd.until(b"WATCHDOG=1")
        ending = asyncio.create_task(systemd.until(b"STOPPING=1"))
        assert await node.end(signal.SIGTERM) == 0
        await ending
    finally:
        if node.is_running:
            await node.end(signal.SIGKILL)


async def test_a_node_that_waits_for_its_disk_does_not_answer_until_it_has_written(
    box: NodeBox, server: FakeServer
) -> None:
    async with box.running() as agent:
        assert await asyncio.wait_for(agent.answers(), 10)
        with closing(sqlite3.connect(box.folder / "state.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            agent.emit(ConfigCame(config(1)))
            asked = asyncio.create_task(agent.answers())
            done, _ = await asyncio.wait({asked}, timeout=0.5)
            assert not done
            other.execute("COMMIT")
        assert await asyncio.wait_for(asked, 20)


class Hanging(TimelineOutput):
    """An output whose library does not come back while it is asked to open a sound."""

    def __init__(self) -> None:
        super().__init__("silent", Nowhere(), NodeClock().monotonic)
        self.hangs = True

    async def prepare(self, sound: Sound):  # type: ignore[no-untyped-def]
        if self.hangs:
            await asyncio.Event().wait()
        return await super().prepare(sound)


async def test_an_output_that_hangs_time_after_time_has_the_node_started_anew(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "PREPARE_WITHIN_S", 0.1)
    output = Hanging()
    async with box.running(output=output) as agent:
        await server.configure()
        await server.until(lambda: bool(server.heartbeats))
        item = server.item("a", [new_clip(0.5)], in_s=1, urgency=Urgency.EMERGENCY, join_within_ms=60_000)
        await server.schedule(item)
        async with asyncio.timeout(40):
            while await agent.answers():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        output.hangs = False
        await server.until_final("a", 40)
        assert await agent.answers(), "what plays again is well"
