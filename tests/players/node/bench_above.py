"""An emergency over whatever sounds, at a node as a process: PortAudio and VLC on a sound card that is recorded.

Not of the suite, for it listens to a machine that may be busy: `pytest -s tests/players/node/bench_above.py` prints for
a programme, a relay, a live announcement and another emergency how soon after the order each was silent, and how soon
the emergency sounded.
"""

import asyncio
import json
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from players.messages import ClipRef, CuedBroadcast, Play, RelayPart, Severity, Urgency
from players.node.cache import ClipStore
from tests.fakes.fake_radio import FakeRadio
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.fakes.sounds import RATE, find, noise, read_wave
from tests.players.node.command import Command, identity
from tests.players.node.pulse import PulseServer, pulse_server

MakeClip = Callable[..., ClipRef]
LOUD = 0.01
LEAD = timedelta(seconds=0.12)
"""What the server gives an emergency: see `broadcast.orders`."""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto"),
]


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseServer]:
    with pulse_server(tmp_path_factory.mktemp("pulse")) as server:
        yield server


@pytest.fixture
def urgent(new_clip: MakeClip) -> ClipRef:
    return new_clip(2.0, seed=3)


@pytest.fixture
async def pole(
    pulse: PulseServer, door: FakeDoor, port: int, wired: FakeServer, urgent: ClipRef, tmp_path: Path
) -> AsyncIterator[Command]:
    """It plays clips by PortAudio and streams by VLC, as `loalang-node pair` sets it up."""
    command = Command(tmp_path / "node", pulse.environment)
    door.codes["ABCD2345"] = lambda: identity(port, wired.key)
    status, said = await command.pair(door, "--stream-output", "vlc")
    assert status == 0, said
    # As a prepared message is: on the pole before it is needed.
    ClipStore(command.data / "clips", 1 << 26).put(urgent.sha256, door.clips[urgent.sha256])
    await wired.configure()
    await command.start()
    await wired.until(lambda: bool(wired.heartbeats))
    yield command
    await command.end(signal.SIGTERM)


@pytest.fixture
async def radio(tmp_path: Path) -> AsyncIterator[FakeRadio]:
    folder = tmp_path / "radio"
    folder.mkdir()
    async with FakeRadio(noise(60, 40), folder).running() as radio:
        yield radio


def lies_in(server: FakeServer, before: ClipRef, source: str) -> CuedBroadcast:
    """A programme with something that is made while it sounds."""
    relay = RelayPart(after_clips=1, starts_ms=before.duration_ms, lasts_ms=50_000, source=source, may_end=True)
    item = server.item("former", [before], in_s=3)
    return item.model_copy(update={"relays": (relay,), "stream": None})


@pytest.mark.parametrize("former", ["programme", "relay", "live", "emergency"])
async def test_whatever_sounds_is_silent_at_once_and_nothing_sounds_into_the_words(
    former: str, pole: Command, pulse: PulseServer, radio: FakeRadio, door: FakeDoor, wired: FakeServer,
    new_clip: MakeClip, urgent: ClipRef, tmp_path: Path,
) -> None:  # fmt: skip
    before, long = new_clip(0.5, seed=1), new_clip(40.0, seed=2)
    door.streams["former/0"] = lambda _: (radio.folder / "live.mp3").read_bytes()
    async with pulse.listening() as ear:
        if former == "emergency":
            item = wired.item("former", [long], in_s=3, urgency=Urgency.EMERGENCY, severity=Severity.SEVERE)
            await wired.order(Play(**wired.fresh("o-former"), item=item))
        elif former == "programme":
            await wired.schedule(wired.item("former", [before, long], in_s=3))
        else:
            await wired.schedule(lies_in(wired, before, radio.url() if former == "relay" else "/streams/former/0"))
        await wired.until(lambda: "playing" in wired.outcomes("former"))
        await asyncio.sleep(5)  # of the long part, whatever it is, some seconds are heard
        worse = wired.item(
            "flood", [urgent], in_s=LEAD.total_seconds(), urgency=Urgency.EMERGENCY, severity=Severity.EXTREME
        )
        sent = time.monotonic()
        await wired.order(Play(**wired.fresh("o-flood"), item=worse))
        await wired.until(lambda: "played" in wired.outcomes("flood"))
    heard = ear.wave()
    place, likeness = find(read_wave(tmp_path / "3.ogg"), heard)
    assert likeness > 0.95, "nothing sounds into the emergency"
    loud = np.flatnonzero(np.abs(heard[: place - RATE // 100]) > LOUD)
    assert heard[place - 3 * RATE : place - 2 * RATE].std() > LOUD, "the other was still heard before"
    silent_s, sounds_s = ear.began + loud[-1] / RATE - sent, ear.began + place / RATE - sent
    said = {"over": former, "silent_ms": round(silent_s * 1000), "sounds_ms": round(sounds_s * 1000)}
    sys.stdout.write(json.dumps(said) + "\n")
    assert silent_s < 5
