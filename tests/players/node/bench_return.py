"""How soon after its line is back a pole sounds what was raised meanwhile: every packet of it is lost for a while.

Not of the suite, for it takes minutes and listens to a machine that may be busy: `make bench-return`, as root. A line
for each cut goes to `bench-out/return/rows.jsonl`; the last one of the terminal is the worst of short and of long cuts,
in seconds. The pole is a process; what it hears of the server goes through 127.0.0.2, and there nothing gets through.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from players.messages import ClipRef, Play, Severity, Stop, Urgency
from players.mqtt import MqttTransport
from players.node.cache import ClipStore
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.players.node.command import Command, free_port, identity

MakeClip = Callable[..., ClipRef]
POLES_WAY = "127.0.0.2"
HEARTBEAT_S = 15.0
"""As a real server tells its poles."""
LIMIT_S = 2.0
NOTICED_S = 20.0
"""A pole that has something to say every 15 s knows of a cut that is so long, and asks for the server until it is back.
Of a shorter one both sides may know nothing but that TCP is waiting, for at most as long again."""
OUT = Path("bench-out/return")
CUTS_S = (1.5, 3.0, 5.0, 8.0, 11.0, 14.0, 17.0, 20.0, 26.0, 33.0, 45.0, 61.0)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("iptables") is None, reason="needs root and iptables"),
]


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    port, file = free_port(), tmp_path / "mosquitto.conf"
    lines = [f"listener {port} {host}" for host in ("127.0.0.1", POLES_WAY)]
    file.write_text("\n".join([*lines, "allow_anonymous true", "set_tcp_nodelay true", ""]))
    process = await asyncio.create_subprocess_exec("mosquitto", "-c", str(file), stderr=asyncio.subprocess.DEVNULL)
    yield port
    process.terminate()
    await asyncio.wait_for(process.wait(), 10)


@pytest.fixture
async def wired(port: int) -> AsyncIterator[FakeServer]:
    async with FakeServer(MqttTransport("127.0.0.1", port, "server", None, None)).running() as server:
        yield server


async def test_an_emergency_of_meanwhile_sounds_within_two_seconds(
    door: FakeDoor, port: int, wired: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    node, clip = Command(tmp_path / "node"), new_clip(1.0)
    door.codes["ABCD2345"] = lambda: identity(port, wired.key).model_copy(update={"mqtt_host": POLES_WAY})
    status, said = await node.pair(door, "--output", "silent")
    assert status == 0, said
    ClipStore(node.data / "clips", 1 << 26).put(clip.sha256, door.clips[clip.sha256])
    await wired.configure(heartbeat_s=HEARTBEAT_S)
    await node.start()
    await wired.until(lambda: any(beat.clock_trusted for beat in wired.heartbeats))
    rows = [{"cut_s": cut_s, "sounds_after_s": await _after_a_cut(wired, clip, cut_s)} for cut_s in CUTS_S]
    await node.end(signal.SIGTERM)
    _keep(rows)
    worst = {
        "short_cuts_max_s": max(row["sounds_after_s"] for row in rows if row["cut_s"] < NOTICED_S),
        "long_cuts_max_s": max(row["sounds_after_s"] for row in rows if row["cut_s"] >= NOTICED_S),
    }
    sys.stdout.write(json.dumps(worst) + "\n")
    assert worst["long_cuts_max_s"] < LIMIT_S


async def _after_a_cut(server: FakeServer, clip: ClipRef, length_s: float) -> float:
    """Raise it in the middle of the cut; how long after the return it sounded, in seconds."""
    name = f"cut-{length_s}"
    await asyncio.sleep(9)  # the connection is an old one again
    _drop("-I")
    await asyncio.sleep(length_s / 2)
    item = server.item(name, [clip], in_s=0.12, urgency=Urgency.EMERGENCY, severity=Severity.SEVERE)
    order = Play(**server.fresh(name, 600), item=item)
    await server.declare(order)
    await server.order(order)
    await asyncio.sleep(length_s / 2)
    _drop("-D")
    returned_at = server.now()
    await server.until_final(name)
    playing = next(one for one in server.reports if (one.broadcast, one.outcome) == (name, "playing"))
    assert playing.started_at is not None
    took_s = (playing.started_at - returned_at).total_seconds()
    await server.declare()
    await server.order(Stop(**server.fresh(f"stop-{name}"), broadcast=name))
    return round(took_s, 2)


def _keep(rows: list[dict[str, float]]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _drop(action: str) -> None:
    for way in ("-s", "-d"):
        subprocess.run(["iptables", action, "INPUT", "-p", "tcp", way, POLES_WAY, "-j", "DROP"], check=True, timeout=20)
