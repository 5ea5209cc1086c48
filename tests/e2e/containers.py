"""Running our images with whatever engine built them: docker, podman, or buildah with a chroot where no engine runs.

Every container shares the host's network, so that ports are given as settings; all but buildah's are read-only.
"""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import psutil

AT_ONCE_S = 60.0
ENDS_WITHIN_S = 30.0


def call(command: Sequence[str], within_s: float = AT_ONCE_S) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, with what it says."""
    return subprocess.run(command, capture_output=True, text=True, timeout=within_s)


def said_by(command: Sequence[str]) -> str:
    """What a program prints; it must end well."""
    done = call(command)
    assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
    return done.stdout.strip()


class Box(Protocol):
    """One image with one volume: what has been written there is seen by all that runs in it."""

    config: Mapping[str, Any]
    """The image's `Entrypoint`, `Cmd`, `User`, `Healthcheck`, …"""

    def command(self, words: Sequence[str]) -> list[str]:
        """What to type on this machine so that `words` run in the box."""

    def interrupt(self, process: "subprocess.Popen[bytes]") -> None:
        """Ask what `process` runs in the box to end, as the engine's `stop` does."""

    def ask_health(self) -> "subprocess.CompletedProcess[str]":
        """Run the image's health check beside what runs."""


def entry(box: Box, *arguments: str) -> list[str]:
    """The image's entry point with these arguments."""
    return box.command([*box.config["Entrypoint"], *arguments])


@contextmanager
def running(box: Box, log: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The image's entry point with its own command, or these arguments, until the end of the block."""
    with log.open("ab") as out:
        process = subprocess.Popen(entry(box, *(arguments or box.config["Cmd"])), stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            box.interrupt(process)
        try:
            process.wait(ENDS_WITHIN_S)
        finally:
            process.kill()


@dataclass(slots=True)
class BuildahBox:
    """A working container, each command in a chroot of it; needs root."""

    image: str
    environment: Mapping[str, str]
    folder: Path
    container: str
    config: Mapping[str, Any]

    def command(self, words: Sequence[str]) -> list[str]:
        """See `Box`."""
        options = [option for name, value in self.environment.items() for option in ("--env", f"{name}={value}")]
        (target,) = self.config["Volumes"]
        mount = ["--volume", f"{self.folder}:{target}"]
        return [
            "buildah",
            "run",
            "--isolation",
            "chroot",
            "--cap-drop",
            "ALL",
            *options,
            *mount,
            self.container,
            "--",
            *words,
        ]

    def interrupt(self, process: "subprocess.Popen[bytes]") -> None:
        """See `Box`; buildah itself would kill."""
        program = f"/{self.config['Entrypoint'][0]}"
        family = [[*child.cmdline(), str(child.pid)] for child in psutil.Process(process.pid).children(recursive=True)]
        ours = [words[-1] for words in family if "python" in words[0] and words[1].endswith(program)]
        assert ours, family
        os.kill(int(ours[0]), signal.SIGTERM)

    def ask_health(self) -> "subprocess.CompletedProcess[str]":
        """See `Box`."""
        return call(self.command(self.config["Healthcheck"]["Test"][1:]))


@dataclass(slots=True)
class EngineBox:
    """A container of docker or podman for each command, with what compose.yaml allows it."""

    engine: str
    image: str
    environment: Mapping[str, str]
    volume: str
    config: Mapping[str, Any]
    name: str = field(default="")

    def command(self, words: Sequence[str]) -> list[str]:
        """See `Box`."""
        self.name = f"loalang-test-{uuid4().hex[:12]}"
        options = [option for name, value in self.environment.items() for option in ("--env", f"{name}={value}")]
        (target,) = self.config["Volumes"]
        safe = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]  # noqa: S108
        place = ["--network", "host", "--volume", f"{self.volume}:{target}", "--entrypoint", words[0]]
        return [
            self.engine,
            "run",
            "--rm",
            "--init",
            "--name",
            self.name,
            *safe,
            *options,
            *place,
            self.image,
            *words[1:],
        ]

    def interrupt(self, process: "subprocess.Popen[bytes]") -> None:
        """See `Box`."""
        process.terminate()

    def ask_health(self) -> "subprocess.CompletedProcess[str]":
        """See `Box`."""
        return call([self.engine, "exec", self.name, *self.config["Healthcheck"]["Test"][1:]])


@contextmanager
def box(engine: str, image: str, environment: Mapping[str, str]) -> Iterator[Box]:
    """An image with an empty volume, gone again afterwards."""
    with ExitStack() as stack:
        if engine == "buildah":
            config = json.loads(said_by(["buildah", "inspect", "--type", "image", image]))["Docker"]["config"]
            # In a place that the image's user may walk through, unlike pytest's own.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loalang-volume-")))
            container = said_by(["buildah", "from", "--pull-never", image])
            stack.callback(call, ["buildah", "rm", container])
            ids = said_by(["buildah", "run", "--isolation", "chroot", container, "--", "sh", "-c", "id -u; id -g"])
            user, group = map(int, ids.split())
            # Or buildah 1.28 sometimes mounts an empty volume of its own over the one that it is given.
            for target in config["Volumes"]:
                said_by(["buildah", "config", "--volume", f"{target}-", container])
            os.chown(folder, user, group)
            yield BuildahBox(image, environment, folder, container, config)
        else:
            config = json.loads(said_by([engine, "image", "inspect", image]))[0]["Config"]
            volume = f"loalang-test-{uuid4().hex[:12]}"
            stack.callback(call, [engine, "volume", "rm", "--force", volume])
            yield EngineBox(engine, image, environment, volume, config)
