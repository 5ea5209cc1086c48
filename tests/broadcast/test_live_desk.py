"""Voices through an Icecast, as Debian has it: this server is its source, and poles listen there."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import soundfile
from sqlalchemy import Connection, Engine, event

from broadcast.db import reading, session_of
from broadcast.live import open_live
from broadcast.live_desk import Icecast, LiveDesk
from broadcast.models import LiveAnnouncement
from broadcast.users import get_user
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


async def test_a_full_disk_under_one_voice_ends_no_other(
    house_engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One file is on a full disk. Its announcement ends at its limit all the same, and the other goes on."""
    said = encoded(tmp_path, ".webm", "-c:a", "libopus", seconds=3.0, seed=9).read_bytes()
    async with asyncio.timeout(60), at_work(house_engine, tmp_path) as live:
        one, other = opened(house_engine, "canbo", "thon-dong"), opened(house_engine, "canbo2", "thon-tay")
        (tmp_path / "live" / f"{one}.sent").symlink_to("/dev/full")
        await live.begin(one, timedelta(seconds=-15))  # its limit, with what is allowed beyond, is in five seconds
        await live.begin(other, timedelta(minutes=5))
        assert await live.take(one, 0, said) == 1, "the poles hear it"
        await until(lambda: ended(house_engine, one) is not None)
        assert await live.take(other, 0, said) == 1
        await live.end(other)
    assert "is not kept: [Errno 28]" in caplog.text
    kept = [ended(house_engine, talk) for talk in (one, other)]
    assert [talk is not None and talk.clip_sha256 is not None for talk in kept] == [False, True]


async def test_an_end_that_could_not_be_written_down_is_written_later(house_engine: Engine, tmp_path: Path) -> None:
    is_read_only = asyncio.Event()

    @event.listens_for(house_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA query_only = {int(is_read_only.is_set())}")

    async with asyncio.timeout(60), at_work(house_engine, tmp_path) as live:
        talk = opened(house_engine, "canbo", "thon-dong")
        await live.begin(talk, timedelta(minutes=5))
        is_read_only.set()
        await live.end(talk)
        assert ended(house_engine, talk) is None
        is_read_only.clear()
        await until(lambda: ended(house_engine, talk) is not None)


@asynccontextmanager
async def at_work(engine: Engine, folder: Path) -> AsyncIterator[LiveDesk]:
    """A desk that runs, and goes on running to the end."""
    stale = folder / "live" / "from-before.sent"
    stale.parent.mkdir()
    stale.touch()
    live = desk(engine, folder, None)
    running = asyncio.create_task(live.run())
    await until(lambda: not stale.exists())
    yield live
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})


def opened(engine: Engine, username: str, zone: str) -> str:
    """A new announcement, announced."""
    limit, now = timedelta(minutes=5), datetime.now(UTC)
    with session_of(engine) as session:
        user = get_user(session, username)
        return open_live(session, user, [zone], now, key=f"{username}-1234567", lasts_at_most=limit).id


def ended(engine: Engine, broadcast_id: str) -> LiveAnnouncement | None:
    """What is written down of it; none until it has ended."""
    with reading(engine) as session:
        live = session.get_one(LiveAnnouncement, broadcast_id)
        return live if live.ended_at is not None else None


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come about")
