"""A light node (`tests.light`) is a node: paired, obeying only what is signed, playing on time, reporting once."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from players.messages import ClipRef
from players.signing import CommuneKey
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.light.node import LightNode, Told, loopback_address, pair_from
from tests.players.node.command import identity

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto"),
]


async def test_it_plays_what_is_signed_and_notes_when_each_report_was_known(
    door: FakeDoor, port: int, wired: FakeServer, new_clip: Callable[..., ClipRef], tmp_path: Path
) -> None:
    door.codes["ABCD2345"] = lambda: identity(port, wired.key)
    await asyncio.to_thread(pair_from, loopback_address(7), door.url, "ABCD2345", tmp_path / "node")
    await wired.configure()
    told: list[Told] = []
    loop = asyncio.get_running_loop()

    def note(one: Told) -> None:
        loop.call_soon_threadsafe(told.append, one)

    async with httpx.AsyncClient(base_url=door.url, trust_env=False) as client:
        node = LightNode(
            tmp_path / "node",
            door.url,
            client,
            lambda _: None,
            note,
        )
        running = asyncio.create_task(node.run())
        await wired.until(lambda: bool(wired.heartbeats))
        item = wired.item("a", [new_clip(1.0)], in_s=2)
        stranger = replace(wired, key=CommuneKey.generate())
        await stranger.schedule(wired.item("forged", item.clips, in_s=2))
        await wired.schedule(item)
        final = await wired.until_final("a")
        await wired.until(lambda: wired.heartbeats[-1].outbox == 0)
        node.leave()
        await asyncio.wait_for(running, 15)
    assert final.outcome == "played"
    assert final.started_at is not None
    assert final.finished_at is not None
    assert 0.9 < (final.finished_at - final.started_at).total_seconds() < 1.5
    assert wired.outcomes("forged") == []
    assert [(one.broadcast, one.outcome) for one in told] == [("a", outcome) for outcome in wired.outcomes("a")]
    assert all(one.known_at is not None and one.known_at >= one.said_at for one in told)
    assert node.store.unacknowledged() == []
