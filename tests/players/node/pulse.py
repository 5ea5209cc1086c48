"""A sound server of the test's own: PulseAudio with a null sink, heard through the sink's monitor."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.sounds import RATE, Wave

NEEDED = ("pulseaudio", "parec", "pactl")
SINK = "pole"
_SINK_MODULE = ("module-null-sink", f"sink_name={SINK}", f"rate={RATE}", "channels=1", "format=s16le")


def missing() -> str | None:
    """What this machine lacks for it."""
    lacks = [program for program in NEEDED if shutil.which(program) is None]
    return f"needs {', '.join(lacks)}" if lacks else None


@dataclass
class Ear:
    """A recording of the sink, as it goes on."""

    chunks: list[bytes] = field(default_factory=list)
    began: float = float("inf")
    """The monotonic instant of its first sample: the earliest that any of its chunks allows."""
    _count: int = 0

    def hear(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self._count += len(chunk) // 2
        self.began = min(self.began, time.monotonic() - self._count / RATE)

    def wave(self) -> Wave:
        return np.frombuffer(b"".join(self.chunks), "<i2").astype(np.float64) / 32768


class PulseServer:
    """One daemon in a folder of its own, with nothing of the user's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "native"
        asound = folder / "asound.conf"
        share = Path("/usr/share/alsa/alsa.conf")
        asound.write_text(f"<{share}>\npcm.!default {{ type pulse }}\nctl.!default {{ type pulse }}\n")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PULSE", "XDG", "DISPLAY"))},
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_COOKIE": str(folder / "cookie"),
            "ALSA_CONFIG_PATH": str(asound),
        }
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._daemon = subprocess.Popen(
            [
                *(
                    "pulseaudio",
                    "-n",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--use-pid-file=no",
                    "--high-priority=no",
                ),
                *("--log-target=file:" + str(self._folder / "log"), "--disallow-exit"),
                *("-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"),
                *("-L", " ".join(_SINK_MODULE)),
            ],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(100):
            ready = subprocess.run(["pactl", "info"], env=self.environment, capture_output=True, timeout=5)
            if ready.returncode == 0:
                return
            if self._daemon.poll() is not None:
                break
            time.sleep(0.05)
        self.stop()
        raise RuntimeError((self._folder / "log").read_text() or "pulseaudio does not start")

    def lose_sink(self) -> None:
        """Pull the sound card out."""
        self._pactl("unload-module", "module-null-sink")

    def bring_sink(self) -> None:
        """Plug it in again."""
        self._pactl("load-module", *_SINK_MODULE)

    def set_volume(self, level: str) -> None:
        """Turn the sound card's slider, as `alsamixer` would."""
        self._pactl("set-sink-volume", SINK, level)

    def _pactl(self, *arguments: str) -> None:
        subprocess.run(["pactl", *arguments], env=self.environment, check=True, capture_output=True, timeout=10)

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(5)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait(5)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Ear]:
        process = await asyncio.create_subprocess_exec(
            *("parec", "-d", f"{SINK}.monitor", "--format=s16le", f"--rate={RATE}", "--channels=1"),
            "--latency-msec=2",
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        ear = Ear()
        ear.hear(await asyncio.wait_for(process.stdout.read(96), 10))

        async def listen() -> None:
            assert process.stdout is not None
            while chunk := await process.stdout.readexactly(96):
                ear.hear(chunk)

        task = asyncio.create_task(listen())
        try:
            yield ear
        finally:
            await asyncio.sleep(0.2)
            task.cancel()
            await asyncio.wait({task})
            process.terminate()
            await asyncio.wait_for(process.wait(), 5)

    async def run_python(self, *arguments: str) -> str:
        """The standard output of a Python process that hears and sounds here."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=self.environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        return output.decode()


@contextmanager
def pulse_server(folder: Path) -> Iterator[PulseServer]:
    """A server in a folder of its own, for as long as it is needed; a machine without it skips the test."""
    lacks = missing()
    if lacks:
        pytest.skip(lacks)
    folder.mkdir(exist_ok=True)
    server = PulseServer(folder)
    server.start()
    yield server
    server.stop()
