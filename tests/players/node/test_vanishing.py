"""A sound device that is pulled out while it sounds: what is said of it is true, and the next item tries again."""

import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from players.messages import ClipRef
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.players.node.command import Command, identity
from tests.players.node.pulse import PulseServer, pulse_server

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto"),
]


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[PulseServer]:
    """Of this test alone: its sink comes and goes."""
    with pulse_server(tmp_path / "pulse") as server:
        yield server


@pytest.fixture(params=["portaudio", "vlc"])
async def node(
    request: pytest.FixtureRequest, pulse: PulseServer, door: FakeDoor, port: int, wired: FakeServer, tmp_path: Path
) -> AsyncIterator[Command]:
    command = Command(tmp_path / "node", pulse.environment)
    door.codes["ABCD2345"] = lambda: identity(port, wired.key)
    status, said = await command.pair(door, "--output", request.param)
    assert status == 0, said
    await wired.configure()
    await command.start()
    await wired.until(lambda: bool(wired.heartbeats), limit_s=30)
    yield command
    if command.is_running:
        await command.end(signal.SIGKILL)


async def test_what_sounds_is_cut_the_next_fails_and_the_one_after_the_return_is_played(
    node: Command, pulse: PulseServer, wired: FakeServer, new_clip: Callable[..., ClipRef]
) -> None:
    await wired.schedule(wired.item("sounds", [new_clip(10.0)], in_s=3))
    await wired.until(lambda: "playing" in wired.outcomes("sounds"), limit_s=30)
    pulse.lose_sink()
    cut = await wired.until_final("sounds", limit_s=30)
    assert (cut.outcome, cut.reason) == ("cut", "output-failed")
    assert cut.started_at is not None
    assert cut.finished_at is None or (cut.finished_at - cut.started_at).total_seconds() < 9
    await wired.until(lambda: wired.heartbeats[-1].output_error is not None)

    await wired.schedule(wired.item("deaf", [new_clip(1.0, seed=2)], in_s=2, join_within_ms=3000))
    failed = await wired.until_final("deaf", limit_s=40)
    assert (failed.outcome, failed.started_at) == ("failed", None)
    assert failed.reason in {"output-missing", "output-failed"}

    pulse.bring_sink()
    await wired.schedule(wired.item("back", [new_clip(1.0, seed=3)], in_s=4))
    played = await wired.until_final("back", limit_s=40)
    assert (played.outcome, played.detail) == ("played", None)
    await wired.until(lambda: wired.heartbeats[-1].output_error is None)
    assert await node.end(signal.SIGTERM) == 0


async def test_without_a_device_from_the_start_a_pole_says_so_and_plays_once_there_is_one(
    node: Command, pulse: PulseServer, wired: FakeServer, new_clip: Callable[..., ClipRef]
) -> None:
    assert await node.end(signal.SIGTERM) == 0
    pulse.lose_sink()
    wired.heartbeats.clear()
    await node.start()
    await wired.schedule(wired.item("deaf", [new_clip(1.0)], in_s=5, join_within_ms=3000))
    failed = await wired.until_final("deaf", limit_s=60)
    assert (failed.outcome, failed.reason, failed.started_at) == ("failed", "output-missing", None)
    await wired.until(lambda: "no sound device" in (wired.heartbeats[-1].output_error or ""))
    pulse.bring_sink()
    await wired.schedule(wired.item("plugged-in", [new_clip(1.0, seed=2)], in_s=4))
    assert (await wired.until_final("plugged-in", limit_s=60)).outcome == "played"
