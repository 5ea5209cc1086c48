"""Voices through an Icecast, as Debian has it: this server is its source, and poles listen there."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import soundfile
from sqlalchemy import Engine

from broadcast.live_desk import Icecast, LiveDesk
from tests.fakes.sent_files import encoded
from tests.fakes.sounds import RATE, find, noise

SERVER = shutil.which("icecast2")
CONFIG = """<icecast>
<limits><clients>10</clients><sources>2</sources><burst-on-connect>0</burst-on-connect></limits>
<authentication><source-password>{password}</source-password><admin-user>a</admin-user>
<admin-password>{password}</admin-password></authentication>
<hostname>127.0.0.1</hostname>
<listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
<paths><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot>
</paths>
<logging><errorlog>-</errorlog><accesslog>-</accesslog></logging>
<security><chroot>0</chroot><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>
</icecast>"""


@dataclass(frozen=True)
class Running:
    """An Icecast that answers."""

    url: str
    password: str


@pytest.fixture
async def icecast(tmp_path: Path) -> AsyncIterator[Running]:
    if SERVER is None:
        pytest.skip("no icecast2 on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    file = tmp_path / "icecast.xml"
    file.write_text(CONFIG.format(port=port, password="only-here", folder=tmp_path))
    process = await asyncio.create_subprocess_exec(
        SERVER, "-c", str(file), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    running = Running(f"http://127.0.0.1:{port}", "only-here")
    try:
        await until_it_answers(running, process)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 10)


async def until_it_answers(running: Running, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(200):
            assert process.returncode is None, "icecast2 has ended"
            try:
                await client.get(f"{running.url}/status-json.xsl")
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
            else:
                return
    raise AssertionError("icecast2 does not answer")


def desk(engine: Engine, folder: Path, icecast: Icecast | None) -> LiveDesk:
    return LiveDesk(engine, folder / "live", folder / "clips", -16, lambda: datetime.now(UTC), lambda _: None, icecast)


async def listened(address: str, seconds: float) -> bytes:
    """What Icecast gives, asked until there is something; so much of it."""
    heard = b""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        for _ in range(200):
            async with client.stream("GET", address) as answer:
                if answer.status_code == 200:
                    async for block in answer.aiter_bytes():
                        heard += block
                        if len(heard) > seconds * 12_000:
                            break
                    return heard
            await asyncio.sleep(0.05)
    return heard


async def test_a_voice_is_heard_at_icecast(engine: Engine, tmp_path: Path, icecast: Running) -> None:
    way = Icecast(icecast.url, icecast.password)
    live = desk(engine, tmp_path, way)
    said = encoded(tmp_path, ".webm", "-c:a", "libopus", seconds=20.0, seed=8).read_bytes()
    size = len(said) // 100 + 1
    async with asyncio.timeout(60):
        await live.begin("l-1", timedelta(minutes=5))
        hearing = asyncio.create_task(listened(way.heard_at("l-1"), 3))
        for part in range(100):
            await live.take("l-1", part, said[part * size : (part + 1) * size])
            await asyncio.sleep(0.1)
            if hearing.done():
                break
        heard = await hearing
        await live.end("l-1")
    (tmp_path / "heard.mp3").write_bytes(heard)
    samples, rate = soundfile.read(tmp_path / "heard.mp3")
    assert rate == RATE
    _, likeness = find(samples[RATE : 2 * RATE], noise(20.0, 8))
    assert likeness > 0.9


async def test_a_wrong_password_is_written_in_the_log(
    engine: Engine, tmp_path: Path, icecast: Running, caplog: pytest.LogCaptureFixture
) -> None:
    live = desk(engine, tmp_path, Icecast(icecast.url, "another"))
    async with asyncio.timeout(60):
        await live.begin("l-1", timedelta(minutes=5))
        for _ in range(200):
            if "Icecast refuses" in caplog.text:
                break
            await asyncio.sleep(0.05)
        await live.end("l-1")
    assert "Icecast refuses" in caplog.text
    assert "another" not in caplog.text
    assert "another" not in repr(Icecast(icecast.url, "another"))


async def test_what_was_said_is_kept_when_the_server_stops_in_the_middle_of_ending(
    engine: Engine, tmp_path: Path
) -> None:
    stale = tmp_path / "live" / "from-before.sent"
    stale.parent.mkdir()
    stale.touch()
    live = desk(engine, tmp_path, None)
    said = encoded(tmp_path, ".webm", "-c:a", "libopus", seconds=3.0, seed=9).read_bytes()
    running = asyncio.create_task(live.run())
    async with asyncio.timeout(60):
        for _ in range(2_000):
            if not stale.exists():
                break
            await asyncio.sleep(0.02)
        await live.begin("l-2", timedelta(minutes=5))
        await live.take("l-2", 0, said)
        asking = asyncio.create_task(live.end("l-2"))
        await asyncio.sleep(0)  # its ending has begun
        assert not live.is_open("l-2")
        asking.cancel()
        running.cancel()
        await asyncio.wait({asking, running})
    assert asking.cancelled()
    assert running.cancelled()
    assert list(stale.parent.glob("*")) == []
    assert len([path for path in (tmp_path / "clips").rglob("*") if path.is_file()]) == 1
