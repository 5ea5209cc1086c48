"""What systemd is told, over a real socket, and the units that it is given."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from players.errors import ServiceNotInstalled
from players.service_unit import unit_text
from players.systemd import READY, keep_watchdog, notify, watchdog_s

UNITS = [("players.node", "loalang-node"), ("web.cli", "loalang")]
EXPOSURE_AT_MOST = 3.0
"""Of systemd's 10; a unit without any hardening has 9.6."""


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(10)
        yield line


def told(line: socket.socket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": line.getsockname()}


def test_what_is_said_arrives_as_one_datagram(systemd: socket.socket) -> None:
    notify(READY, told(systemd))
    assert systemd.recv(100) == b"READY=1"


def test_an_abstract_socket_is_found_by_its_sign() -> None:
    name = f"loalang-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0{name}")
        line.settimeout(10)
        notify("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert line.recv(100) == b"STOPPING=1"


def test_nobody_listening_stops_nothing(tmp_path: Path) -> None:
    notify(READY, {})
    notify(READY, {"NOTIFY_SOCKET": str(tmp_path / "nobody")})


@pytest.mark.parametrize(
    ("environment", "limit_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_systemd_waits(environment: dict[str, str], limit_s: float | None) -> None:
    assert watchdog_s(environment) == limit_s


async def test_the_watchdog_is_fed_by_answers_only(systemd: socket.socket) -> None:
    answering = asyncio.Event()
    answers = 0

    async def answer() -> bool:
        nonlocal answers
        await answering.wait()
        answers += 1
        return answers != 2

    environment = {**told(systemd), "WATCHDOG_USEC": "150000"}
    feeding = asyncio.create_task(keep_watchdog(answer, environment))
    systemd.setblocking(False)
    await asyncio.sleep(0.3)
    with pytest.raises(BlockingIOError):
        systemd.recv(100)  # it hangs, and so nothing is said
    answering.set()
    async with asyncio.timeout(10):
        while answers < 4:  # noqa: ASYNC110 - the counted turns are the event
            await asyncio.sleep(0.01)
    feeding.cancel()
    await asyncio.wait({feeding})
    words = []
    while True:
        try:
            words.append(systemd.recv(100))
        except BlockingIOError:
            break
    assert set(words) == {b"WATCHDOG=1"}
    assert len(words) in {answers - 1, answers - 2}, "the second answer said that not all is well"


@pytest.fixture(params=UNITS, ids=[name for _, name in UNITS])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    package, name = request.param
    path = tmp_path / f"{name}.service"
    path.write_text(unit_text(package, name, Path("/bin/true"), Path("/var/lib/loalang-here"), "root"))
    return path


def test_a_unit_is_whole(unit: Path) -> None:
    text = unit.read_text("utf-8")
    for line in ("Type=notify", "WatchdogSec=60", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes"):
        assert line in text.splitlines()
    assert "ReadWritePaths=/var/lib/loalang-here" in text
    assert "--data /var/lib/loalang-here" in text
    assert not [word for word in ("@COMMAND@", "@DATA@", "@USER@") if word in text]
    assert "MemoryMax=" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_a_unit_and_little_exposed(unit: Path) -> None:
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    about_it = [line for line in verified.stderr.splitlines() if unit.name in line]
    assert (verified.returncode, about_it) == (0, [])
    threshold = f"--threshold={EXPOSURE_AT_MOST * 10:.0f}"
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", threshold, str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "unrecognized option" in judged.stderr:
        pytest.skip("this systemd-analyze judges no files")
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize("user", ["root; rm", "a b", 'x"', ""])
def test_what_a_unit_would_understand_otherwise_is_refused(user: str) -> None:
    with pytest.raises(ServiceNotInstalled):
        unit_text("players.node", "loalang-node", Path("/bin/true"), Path("/var/lib/x"), user)
