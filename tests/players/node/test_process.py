"""`loalang-node` as the processes it is made of: a real broker, real HTTP, kill -9, and what is left afterwards."""

import asyncio
import json
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from players.messages import ClipRef, Play, Urgency
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.fakes.sounds import RATE, Wave, find, read_wave
from tests.players.node.command import Command, identity

MakeClip = Callable[..., ClipRef]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto"),
]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Command]:
    command = Command(tmp_path / "node")
    yield command
    if command.is_running:
        await command.end(signal.SIGKILL)


@pytest.fixture
async def paired(node: Command, door: FakeDoor, port: int, wired: FakeServer, tmp_path: Path) -> Command:
    door.codes["ABCD2345"] = lambda: identity(port, wired.key)
    status, said = await node.pair(door, "--output", "record", "--record-to", str(tmp_path / "heard.wav"))
    assert (status, said) == (0, "dong-1 (Cụm loa Đông 1), Xã Hòa Bình An\n")
    await wired.configure()
    return node


async def test_paired_it_plays_and_ends_politely_within_its_memory(
    paired: Command, wired: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    await paired.start()
    await wired.until(lambda: bool(wired.heartbeats))
    item = wired.item("a", [new_clip(1.0)], in_s=2)
    await wired.schedule(item)
    final = await wired.until_final("a")
    assert final.outcome == "played"
    assert final.started_at is not None
    assert abs((final.started_at - item.starts_at).total_seconds()) < 0.5
    assert paired.memory_mb < 120
    assert await paired.end(signal.SIGTERM) == 0
    told = [event["event"] for event in paired.events if event.get("broadcast") == "a"]
    assert told == ["received", "cued", "playing", "played"]
    assert wired.presences[-1].online is False
    assert (paired.data / "node-key.json").stat().st_mode & 0o077 == 0
    assert (paired.data / "identity.json").stat().st_mode & 0o077 == 0


async def test_killed_in_mid_broadcast_it_says_so_once_and_never_plays_it_again(
    paired: Command, wired: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    await paired.start()
    await wired.schedule(wired.item("a", [new_clip(8.0)], in_s=3))
    await wired.until(lambda: "playing" in wired.outcomes("a"))
    await paired.end(signal.SIGKILL)
    assert read_wave(tmp_path / "heard.wav").any(), "the recording of a killed process can be read"
    await paired.start()
    final = await wired.until_final("a")
    assert (final.outcome, final.reason) == ("cut", "restarted")
    await wired.schedule(wired.item("b", [new_clip(0.5, seed=2)], in_s=1))
    await wired.until_final("b")
    await paired.end(signal.SIGTERM)
    assert wired.outcomes("a") == ["received", "cued", "playing", "cut"]
    assert [event["event"] for event in paired.events if event.get("broadcast") == "a"].count("playing") == 1


def heard_from(recording: Path, sound: Wave) -> tuple[float, float]:
    """From which second of a sound a recording has it, and how surely."""
    heard = read_wave(recording)
    first = int(np.flatnonzero(np.abs(heard) > 0.001)[0])
    place, likeness = find(heard[first : first + RATE], sound)
    return place / RATE, likeness


async def test_killed_in_mid_broadcast_it_goes_on_where_it_was(
    paired: Command, wired: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    await paired.start()
    await wired.until(lambda: any(beat.clock_trusted for beat in wired.heartbeats))
    item = wired.item("a", [new_clip(12.0)], in_s=3, resume_within_ms=120_000)
    await wired.schedule(item)
    await wired.until(lambda: "playing" in wired.outcomes("a"))
    await asyncio.sleep(3.5)
    killed_at = wired.now()
    await paired.end(signal.SIGKILL)
    await paired.start()
    final = await wired.until_final("a", limit_s=60)
    await paired.end(signal.SIGTERM)
    assert (final.outcome, wired.outcomes("a")) == ("played", ["received", "cued", "playing", "played"])
    assert "broken off (restarted); it went on from" in (final.detail or "")
    from_s, likeness = heard_from(tmp_path / "heard.wav", read_wave(tmp_path / "1.ogg"))
    sounded_s = (killed_at - item.starts_at).total_seconds()
    assert likeness > 0.99
    assert sounded_s - 3 < from_s < sounded_s + 0.2, "what was heard before it was killed is not heard again"


async def test_an_emergency_killed_in_mid_air_begins_again(
    paired: Command, wired: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    await paired.start()
    await wired.until(lambda: any(beat.clock_trusted for beat in wired.heartbeats))
    item = wired.item("flood", [new_clip(6.0)], in_s=1, urgency=Urgency.EMERGENCY)
    await wired.order(Play(**wired.fresh("o1", 120), item=item))
    await wired.until(lambda: "playing" in wired.outcomes("flood"))
    await asyncio.sleep(2)
    await paired.end(signal.SIGKILL)
    await paired.start()
    final = await wired.until_final("flood", limit_s=60)
    await paired.end(signal.SIGTERM)
    assert (final.outcome, final.detail is not None) == ("played", True)
    from_s, likeness = heard_from(tmp_path / "heard.wav", read_wave(tmp_path / "1.ogg"))
    assert likeness > 0.99
    assert from_s < 0.1, "half a warning is none"


async def test_killed_with_unacknowledged_reports_it_sends_them_again(
    paired: Command, wired: FakeServer, new_clip: MakeClip
) -> None:
    wired.acknowledges = False
    await paired.start()
    await wired.schedule(wired.item("a", [new_clip(0.5)], in_s=2))
    await wired.until_final("a")
    before = {report.report for report in wired.reports}
    await paired.end(signal.SIGKILL)
    wired.reports.clear()
    wired.acknowledges = True
    await paired.start()
    await wired.until(lambda: {report.report for report in wired.reports} == before)
    await wired.until(lambda: wired.heartbeats[-1].outbox == 0)


async def test_told_to_end_while_the_server_is_away_it_ends_soon(paired: Command) -> None:
    knocked = asyncio.Event()

    async def shut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocked.set()
        writer.close()

    async with await asyncio.start_server(shut, "127.0.0.1", 0) as away:
        identity_file = paired.data / "identity.json"
        kept = json.loads(identity_file.read_bytes())
        identity_file.write_text(json.dumps({**kept, "mqtt_port": away.sockets[0].getsockname()[1]}))
        await paired.start()
        async with asyncio.timeout(20):
            await knocked.wait()
        began = time.monotonic()
        assert await paired.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5


async def test_two_processes_never_share_a_directory(paired: Command, wired: FakeServer) -> None:
    await paired.start()
    await wired.until(lambda: bool(wired.heartbeats))
    status, said = await paired.once("run", "--data", str(paired.data))
    assert status == 1
    assert "another loalang-node plays from here" in said


async def test_while_it_plays_it_is_not_paired_and_the_code_is_not_used_up(
    paired: Command, door: FakeDoor, wired: FakeServer
) -> None:
    await paired.start()
    await wired.until(lambda: bool(wired.heartbeats))
    before = (paired.data / "identity.json").read_bytes()
    asked = len(door.served)
    status, said = await paired.pair(door)
    assert status == 1
    assert "end it first (systemctl stop loalang-node)" in said
    assert (paired.data / "identity.json").read_bytes() == before
    assert [request.path for request in door.served[asked:] if "pairing" in request.path] == []


async def test_a_wrong_code_is_answered_with_the_servers_words(node: Command, door: FakeDoor) -> None:
    status, said = await node.pair(door, "--output", "silent")
    assert status == 1
    assert said == "loalang-node: the server refuses (403): Mã sai\n"
    status, said = await node.once("run", "--data", str(node.data))
    assert status == 1
    assert "node.toml" in said
    assert "loalang-node pair" in said


async def test_a_node_that_pulls_nothing_plays_the_servers_stream_at_its_instant(
    node: Command, door: FakeDoor, port: int, wired: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    door.codes["ABCD2345"] = lambda: identity(port, wired.key)
    await node.pair(door, "--output", "vlc", "--no-pull", "--record-to", str(tmp_path / "heard.wav"))
    await wired.configure()
    clip = new_clip(4.0, seed=3)
    sound = read_wave(tmp_path / "3.ogg")
    soundfile.write(tmp_path / "a.mp3", sound, RATE, format="MP3", subtype="MPEG_LAYER_III")
    door.streams["a"] = lambda offset_ms: (tmp_path / "a.mp3").read_bytes() if offset_ms == 0 else b""
    await node.start()
    await wired.until(lambda: bool(wired.heartbeats))
    item = wired.item("a", [clip], in_s=5)
    await wired.schedule(item)
    final = await wired.until_final("a")
    memory_mb = node.memory_mb
    await node.end(signal.SIGTERM)
    assert (final.outcome, final.output, final.clip_sha256) == ("played", "vlc", None)
    assert [request.path for request in door.served if "streams" in request.path] == ["/streams/a"]
    place, likeness = find(sound, read_wave(tmp_path / "heard.wav"))
    began = datetime.fromisoformat(json.loads((tmp_path / "heard.wav.json").read_text())["recording_started_at"])
    assert likeness > 0.9
    assert abs(began.timestamp() + place / RATE - item.starts_at.timestamp()) < 0.15
    assert memory_mb < 120
