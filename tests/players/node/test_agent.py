"""One node on the real wire (in memory) and real HTTP, heard by what its output wrote."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest

from players.messages import ClipRef, Play, Stop, Urgency
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.fakes.sounds import RATE, Wave, find, read_wave
from tests.players.node.conftest import NodeBox

MakeClip = Callable[..., ClipRef]


def decoded(box: NodeBox, seed: int) -> Wave:
    return read_wave(box.folder.parent / f"{seed}.ogg")


def began_at(box: NodeBox) -> datetime:
    sidecar = json.loads(box.recording.with_name(box.recording.name + ".json").read_text())
    return datetime.fromisoformat(sidecar["recording_started_at"])


def late_ms(box: NodeBox, place: int, planned: datetime) -> float:
    """By how much a sound found in the recording was late."""
    return ((began_at(box).timestamp() + place / RATE) - planned.timestamp()) * 1000


async def test_a_planned_broadcast_is_pulled_and_sounds_at_its_instant(
    box: NodeBox, server: FakeServer, door: FakeDoor, new_clip: MakeClip
) -> None:
    first, second = new_clip(1.0, seed=1), new_clip(0.5, seed=2)
    async with box.running():
        await server.configure()
        item = server.item("morning", [first, second], in_s=1.5)
        await server.schedule(item)
        final = await server.until_final("morning")
    assert server.outcomes("morning") == ["received", "cued", "playing", "played"]
    place, likeness = find(np.concatenate([decoded(box, 1), decoded(box, 2)]), read_wave(box.recording))
    assert likeness > 0.999
    assert abs(late_ms(box, place, item.starts_at)) < 5
    assert final.started_at is not None
    assert abs((final.started_at - item.starts_at).total_seconds()) < 0.005
    assert final.finished_at is not None
    assert abs((final.finished_at - final.started_at).total_seconds() - 1.5) < 0.02
    assert (final.output, final.clip_sha256) == ("record", first.sha256)
    assert {request.path for request in door.served} == {f"/clips/{first.sha256}", f"/clips/{second.sha256}"}


async def test_an_emergency_cuts_what_plays_and_is_heard_at_once(
    box: NodeBox, server: FakeServer, door: FakeDoor, new_clip: MakeClip
) -> None:
    long, urgent = new_clip(6.0, seed=3), new_clip(1.0, seed=4, served=False)
    data = (box.folder.parent / "4.ogg").read_bytes()
    async with box.running():
        await server.configure()
        await server.schedule(server.item("long", [long], in_s=1))
        await server.until(lambda: "playing" in server.outcomes("long"))
        await server.say_bytes(server.topics.clip("thon-dong", urgent.sha256), data)
        item = server.item("flood", [urgent], in_s=0.3, urgency=Urgency.EMERGENCY)
        order = Play(**server.fresh("o1"), item=item)
        await server.order(order)
        await server.order(order)
        await server.until_final("flood")
        cut = await server.until_final("long")
    assert server.outcomes("flood") == ["received", "cued", "playing", "played"]
    assert (cut.outcome, cut.reason, cut.detail) == ("cut", "preempted", "flood")
    place, likeness = find(decoded(box, 4), read_wave(box.recording))
    assert likeness > 0.999
    assert abs(late_ms(box, place, item.starts_at)) < 50


async def test_a_stop_silences_within_a_tenth_of_a_second(box: NodeBox, server: FakeServer, new_clip: MakeClip) -> None:
    clip = new_clip(5.0, seed=5)
    async with box.running():
        await server.configure()
        await server.schedule(server.item("long", [clip], in_s=0.8))
        await server.until(lambda: "playing" in server.outcomes("long"))
        stopped_at = server.now()
        await server.order(Stop(**server.fresh("s1"), broadcast="long"))
        cut = await server.until_final("long")
    assert (cut.outcome, cut.reason) == ("cut", "stopped")
    assert cut.finished_at is not None
    assert (cut.finished_at - stopped_at).total_seconds() < 0.1
    heard = read_wave(box.recording)
    silence_from = np.flatnonzero(np.abs(heard) > 0.001)[-1] / RATE + began_at(box).timestamp()
    assert silence_from - stopped_at.timestamp() < 0.1


@pytest.mark.parametrize("skew_s", [3600 * 24 * 365, -3600 * 5])
async def test_the_servers_time_counts_not_the_systems_date(
    box: NodeBox, server: FakeServer, door: FakeDoor, skew_s: float
) -> None:
    server.skew = timedelta(seconds=skew_s)
    async with box.running():
        await server.until(lambda: any(heartbeat.clock_offset_ms is not None for heartbeat in server.heartbeats))
        await server.configure()
    known = [heartbeat for heartbeat in server.heartbeats if heartbeat.clock_offset_ms is not None]
    assert known[0].clock_offset_ms is not None
    assert abs(known[0].clock_offset_ms - skew_s * 1000) < 50
    assert known[0].clock_error_ms is not None
    assert known[0].clock_error_ms < 50


async def test_nothing_planned_sounds_until_the_server_has_told_the_time(
    box: NodeBox, server: FakeServer, new_clip: MakeClip
) -> None:
    server.tells_time = False
    async with box.running():
        await server.configure()
        await server.schedule(server.item("early", [new_clip(0.5, seed=6)], in_s=0.3, join_within_ms=0))
        await server.until(lambda: "cued" in server.outcomes("early"))
        await asyncio.sleep(1.0)
        assert server.outcomes("early") == ["received", "cued"]
        server.tells_time = True
        final = await server.until_final("early")
    assert (final.outcome, final.reason) == ("missed", "clock-distrusted")
    assert not read_wave(box.recording).any()


async def test_a_leaving_node_says_what_it_cut_and_that_it_is_gone(
    box: NodeBox, server: FakeServer, new_clip: MakeClip
) -> None:
    async with box.running():
        await server.configure()
        await server.schedule(server.item("long", [new_clip(5.0, seed=7)], in_s=0.5))
        await server.until(lambda: "playing" in server.outcomes("long"))
    final = server.final("long")
    assert (final.outcome, final.reason) == ("cut", "shut-down")
    # A connection that a busy machine lost is said again.
    told = [presence.online for presence in server.presences]
    assert told[-1] is False
    assert all(told[:-1])
    async with box.running():
        await server.until(lambda: len(server.presences) > len(told))
        assert server.presences[-1].online is True
        await asyncio.sleep(0.5)
    assert server.outcomes("long") == ["received", "cued", "playing", "cut"]
