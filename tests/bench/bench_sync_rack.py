"""Eight sound cards without hardware whose sound is recorded together: one null sink of eight channels, each a card."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.bench.bench_sync_figures import RATE, Samples
from tests.players.node.pulse import missing

CHANNELS = 8
_MAP = ",".join(f"aux{number}" for number in range(CHANNELS))


class Rack:
    """A PulseAudio daemon of its own, nothing of the user's.

    Args:
        folder: for its socket, its log and the recording.
    """

    def __init__(self, folder: Path) -> None:
        lacks = missing()
        if lacks:
            raise SystemExit(f"bench-sync {lacks}")
        self._folder = folder
        (folder / "asound.conf").write_text(
            "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"
        )
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PULSE", "XDG", "DISPLAY"))},
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{folder / 'native'}",
            "PULSE_COOKIE": str(folder / "cookie"),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }

    def card(self, number: int) -> Mapping[str, str]:
        """The environment of a process that plays on one card."""
        return {**self._environment, "PULSE_SINK": f"card{number}"}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Started, with its cards."""
        all_of_them = f"module-null-sink sink_name=all rate={RATE} format=s16le channels={CHANNELS} channel_map={_MAP}"
        cards = [
            f"module-remap-sink sink_name=card{number} master=all channels=1 channel_map=mono "
            f"master_channel_map=aux{number} remix=no"
            for number in range(CHANNELS)
        ]
        socket = f"module-native-protocol-unix socket={self._folder / 'native'} auth-anonymous=1"
        loads = [word for module in (socket, all_of_them, *cards) for word in ("-L", module)]
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--high-priority=no"]
        log = f"--log-target=file:{self._folder / 'pulse.log'}"
        daemon = subprocess.Popen(["pulseaudio", *options, log, *loads], env=self._environment)
        try:
            self._await()
            yield
        finally:
            daemon.terminate()
            daemon.wait(10)

    @contextmanager
    def recording(self, path: Path) -> Iterator[None]:
        """Everything that all cards play, into a file of samples."""
        with path.open("wb") as file:
            ear = subprocess.Popen(
                [
                    *("parec", "-d", "all.monitor", "--format=s16le", f"--rate={RATE}", f"--channels={CHANNELS}"),
                    *(f"--channel-map={_MAP}", "--no-remix", "--latency-msec=100"),
                ],
                env=self._environment,
                stdout=file,
            )
            try:
                yield
            finally:
                ear.terminate()
                ear.wait(10)

    def _await(self) -> None:
        for _ in range(200):
            ready = subprocess.run(
                ["pactl", "list", "short", "sinks"], env=self._environment, capture_output=True, text=True, timeout=10
            )
            if ready.stdout.count("card") >= CHANNELS:
                return
            time.sleep(0.05)
        raise SystemExit((self._folder / "pulse.log").read_text())


def read_recording(path: Path) -> Samples:
    """One row of samples for each card."""
    raw = np.fromfile(path, "<i2")
    whole = raw[: len(raw) // CHANNELS * CHANNELS].reshape(-1, CHANNELS)
    return np.ascontiguousarray(whole.T.astype(np.float64) / 32768)
