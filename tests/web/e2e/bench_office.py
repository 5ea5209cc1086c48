"""Speaking into the office's microphone: from a sound server's monitor through the server to what a pole sounds.

Not of the suite, for it listens to a machine that may be busy: `pytest -s tests/web/e2e/bench_office.py` prints how
late the voice is at a pole that plays by VLC. From a browser: `pytest -s tests/web/e2e/test_live_journey.py`.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from tests.fakes.sounds import RATE, find, noise, read_wave
from tests.players.node.pulse import SINK, PulseServer, pulse_server
from tests.web.e2e.conftest import NODE, House, process

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SAID_S = 8.0
LISTENS_WITHIN_S = 120.0
AFTER_THE_CHIME_S = 8.0
_SPEAK = ("pacat", "--playback", "-d", SINK, "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=20")


@pytest.fixture(scope="module", autouse=True)
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseServer]:
    """What is sounded at this sound server is what the microphone of the house's server hears."""
    with pulse_server(tmp_path_factory.mktemp("pulse")) as server, pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_SERVER", "PULSE_COOKIE", "ALSA_CONFIG_PATH"):
            patch.setenv(name, server.environment[name])
        yield server


@pytest.fixture(scope="module")
def pole(office: PulseServer, house: House) -> Iterator[Path]:
    """What a pole of Thôn Đông sounds by VLC, as a WAV file that grows."""
    path = house.folder / "pole.wav"
    box = house.pair("dong-vlc", "Cột VLC", "thon-dong", "vlc", "--record-to", str(path))
    with process([*NODE, "run", "--data", str(box)], house.folder / "dong-vlc.log"):
        yield path


def test_how_late_the_office_is_heard_at_a_pole(office: PulseServer, house: House, pole: Path) -> None:
    said = noise(SAID_S, 8, 0.5)
    with httpx.Client(base_url=house.url, trust_env=False, timeout=60) as client:
        credentials = {"username": "canbo", "password": house.passwords["canbo"]}
        token = client.post("/api/sessions", json=credentials).raise_for_status().json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        asked = {"zones": ["thon-dong"], "key": "o" * 20, "microphone": "office", "minutes": 2}
        live = client.post("/api/live", json=asked).raise_for_status().json()["broadcast"]
        until = time.monotonic() + LISTENS_WITHIN_S
        while not client.get(f"/api/live/{live}").raise_for_status().json()["listeners"]:
            assert time.monotonic() < until, "no pole listens"
            time.sleep(0.2)
        time.sleep(AFTER_THE_CHIME_S)
        spoken_at = time.time()
        subprocess.run(
            _SPEAK, input=(said * 32767).astype("<i2").tobytes(), env=office.environment, check=True, timeout=60
        )
        time.sleep(2)
        client.post(f"/api/live/{live}/stop").raise_for_status()
    heard = read_wave(pole)
    began_at = datetime.fromisoformat(json.loads(pole.with_name("pole.wav.json").read_text())["recording_started_at"])
    # A busy machine loses pieces of sound here and there: those that came whole count.
    late_s = []
    for at in range(RATE, round((SAID_S - 1) * RATE), RATE // 2):
        place, likeness = find(said[at : at + RATE // 4], heard)
        if likeness > 0.5:
            late_s.append(began_at.timestamp() + place / RATE - spoken_at - at / RATE)
    assert late_s, "what was said is heard"
    sys.stdout.write(f"from the office's microphone to the pole in {min(late_s):.2f} to {max(late_s):.2f} s\n")
