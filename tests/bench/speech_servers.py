"""What several clients speak with at once: our renderer, and wyoming-piper in an environment of its own."""

import json
import socket
import subprocess
import sys
import threading
import time
import uuid
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tts.clip_file import Passage

ROOT = Path(__file__).parents[2]
WYOMING = "wyoming-piper==2.5.2"
_ENVIRONMENT = ROOT / "build" / "wyoming"
_CLIENTS = Path(__file__).with_name("wyoming_clients.py")
_START_S = 120
_SPEAK_S = 1800


class OurRenderer:
    """A renderer process, warm, as the server runs it; several threads may ask at once."""

    def __init__(self, voices_dir: Path, scratch: Path, voice: str) -> None:
        where = ["--voices-dir", str(voices_dir), "--store", str(scratch / "clips"), "--cache", str(scratch / "said")]
        command = [sys.executable, "-m", "tts.renderer", *where, "--warm", voice, "--at-once", "2"]
        self.voice = voice
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
        )
        self._writing = threading.Lock()
        self._answers: dict[str, SimpleQueue[dict[str, Any]]] = {}
        self._read()
        self._reader = threading.Thread(target=self._dispatch)
        self._reader.start()

    def render(self, passages: Sequence[Passage]) -> dict[str, Any]:
        """Have a bulletin spoken, levelled, encoded and stored."""
        assert self.process.stdin
        sentences = [{"spoken": one.spoken, "pause": one.pause.value} for one in passages]
        name = uuid.uuid4().hex
        self._answers[name] = SimpleQueue()
        with self._writing:
            self.process.stdin.write(json.dumps({"job": name, "sentences": sentences, "voice": self.voice}) + "\n")
            self.process.stdin.flush()
        answer = self._answers[name].get(timeout=_SPEAK_S)
        assert answer.get("engine") == "piper", answer
        return answer

    def close(self) -> None:
        """End it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self._reader.join()
        self.process.stdout.close()

    def _dispatch(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            answer = json.loads(line)
            self._answers[answer["job"]].put(answer)

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


def speak_with_ours(
    bulletins: Sequence[Sequence[Passage]], voices_dir: Path, scratch: Path, voice: str, clients: int
) -> dict[str, float]:
    """All bulletins by so many clients at once, with a renderer that has said nothing before."""
    renderer = OurRenderer(voices_dir, scratch, voice)
    waiting, sound_ms, turn = list(bulletins)[::-1], [0], threading.Lock()

    def client() -> None:
        while True:
            with turn:
                if not waiting:
                    return
                passages = waiting.pop()
            answer = renderer.render(passages)
            with turn:
                sound_ms[0] += answer["duration_ms"]

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    renderer.close()
    return {"seconds": seconds, "sound_s": sound_ms[0] / 1000}


@contextmanager
def wyoming_server(voices_dir: Path, voice: str) -> Iterator[int]:
    """wyoming-piper on a port of this machine, speaking with a voice in a folder: `<voices_dir>/<voice>.onnx`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [_python(), "-m", "wyoming_piper", "--voice", voice, "--data-dir", str(voices_dir), "--local-files-only"]
    with subprocess.Popen(
        [*command, "--uri", f"tcp://127.0.0.1:{port}"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(port, server)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=30)


def speak_with_wyoming(texts: Sequence[str], port: int, clients: int) -> dict[str, float]:
    """All texts by so many clients at once."""
    done = subprocess.run(
        [_python(), str(_CLIENTS), str(port), str(clients)],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        timeout=_SPEAK_S,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _python() -> str:
    """The Python of wyoming-piper's own environment, made when it is first needed."""
    python = _ENVIRONMENT / "bin" / "python"
    if not (_ENVIRONMENT / "bin" / "wyoming-piper").exists():
        venv.create(_ENVIRONMENT, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", WYOMING]
        subprocess.run(command, check=True, timeout=900)
    return str(python)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"wyoming-piper ended with {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("wyoming-piper did not start")
