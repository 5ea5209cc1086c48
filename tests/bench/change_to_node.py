"""How soon a change of the timetable is on the nodes: a real server process, its Mosquitto, and light nodes.

A node holds a change when it says that the moved broadcast is cued: it has the timetable that lists it and, as the
words are the same, its clips.
"""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import Session, col, select

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.communes import get_commune, local_zone
from broadcast.db import open_engine, session_of
from broadcast.entries import create_entry
from broadcast.models import Role, User, row_id
from broadcast.placements import place_bulletin
from broadcast.programmes import create_programme
from broadcast.zones import create_zone
from scheduler.clock import utc_now
from tests.bench.load.work import until
from tests.crash.unit import Unit
from tests.light.node import LightNode, loopback_address, pair_from
from web.demo.client import Client
from web.demo.commune import prepare_commune
from web.demo.run import free_port

VOICE = "espeak-vi"
ZONES, ZONES_EACH, ENTRIES, PROGRAMMES, BULLETINS = 20, 4, 40, 10, 20
MOVED = 3
"""The entry that is moved: the first after the two of the demo."""
STARTS_WITHIN_S = 120.0
CUED_WITHIN_S = 600.0


class Cues:
    """Which nodes have cued which broadcasts, and when."""

    def __init__(self) -> None:
        self.at: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._news = asyncio.Event()

    def announce(self, happened: Mapping[str, Any]) -> None:
        """Take what a node announces."""
        if happened["event"] == "cued":
            self.at[happened["broadcast"]].setdefault(happened["node"], time.perf_counter())
            self._news.set()

    async def until_all(self, broadcast: str, nodes: int) -> None:
        """Wait until all nodes have cued it."""
        while len(self.at[broadcast]) < nodes:
            self._news.clear()
            await self._news.wait()


async def measure(nodes: int, changes: int, out: Path) -> list[float]:
    """Seconds from asking for a change to each node's holding it, for each change and node."""
    with tempfile.TemporaryDirectory(prefix="loalang-change-") as scratch:
        root, cues = Path(scratch), Cues()
        tomorrow = _seed(root / "server")
        async with _served(root, out) as (demo, officer), _poles(root, demo, nodes, cues):
            (entry,) = [one for one in (await officer.get("/api/entries")).json()["entries"] if one["id"] == MOVED]
            hearing = sum(f"thon-{number % ZONES}" in entry["zones"] for number in range(nodes))
            taken: list[float] = []
            for number in range(changes + 1):
                airs_at = f"{20 + number // 60:02}:{number % 60:02}"
                moved = f"e-{MOVED}-{tomorrow:%Y%m%d}T{airs_at.replace(':', '')}"
                began = time.perf_counter()
                entry = await _move(officer, entry, airs_at)
                async with asyncio.timeout(CUED_WITHIN_S):
                    await cues.until_all(moved, hearing)
                # The first fetched the clips as well; the others are what is measured.
                taken += [at - began for at in cues.at[moved].values()] if number else []
            return taken


async def _move(client: httpx.AsyncClient, entry: Mapping[str, Any], airs_at: str) -> dict[str, Any]:
    asked = {name: entry[name] for name in ("programme", "zones", "from_on", "weekdays", "revision")}
    answer = await client.put(f"/api/entries/{entry['id']}", json={**asked, "airs_at": airs_at})
    answer.raise_for_status()
    changed: dict[str, Any] = answer.json()
    return changed


@asynccontextmanager
async def _served(root: Path, out: Path) -> AsyncIterator[tuple[Client, httpx.AsyncClient]]:
    """A server; the API as the demo's people use it, and as an officer's program."""
    _, tokens = prepare_commune(_database(root / "server"), root / "server", None)
    settings, port = root / "server.toml", free_port()
    settings.write_text(f'data_dir = "{root / "server"}"\n[http]\nport = {port}\n[mqtt]\nport = {free_port()}\n')
    server = Unit("server", "web.cli", ["serve", "--config", str(settings)], out / "server.log", out / "server.out")
    demo = Client(f"http://127.0.0.1:{port}", tokens)
    headers = {"authorization": f"Bearer {tokens.officer}"}

    async def is_healthy() -> bool:
        if server.pid is None:
            raise RuntimeError(f"the server ended: see {out / 'server.log'}")
        return await demo.is_healthy()

    try:
        await server.start()
        await until(is_healthy, STARTS_WITHIN_S)
        async with httpx.AsyncClient(base_url=demo.base_url, headers=headers, timeout=30, trust_env=False) as officer:
            yield demo, officer
    finally:
        await demo.close()
        await server.stop()


@asynccontextmanager
async def _poles(root: Path, demo: Client, count: int, cues: Cues) -> AsyncIterator[None]:
    """Light nodes, paired and online, in this process."""
    folders = []
    for number in range(count):
        name = f"cum-{number:03}"
        code = await demo.add_node(name, f"Cụm {number}", f"thon-{number % ZONES}")
        await asyncio.to_thread(pair_from, loopback_address(number), demo.base_url, code, root / "poles" / name)
        folders.append(root / "poles" / name)

    async def are_online() -> bool:
        return len(await demo.nodes_online()) == count

    async with httpx.AsyncClient(base_url=demo.base_url, timeout=30, trust_env=False) as client:
        poles = [LightNode(folder, demo.base_url, client, cues.announce, lambda _: None) for folder in folders]
        tasks = [asyncio.create_task(pole.run()) for pole in poles]
        try:
            await until(are_online, STARTS_WITHIN_S)
            yield
        finally:
            for pole in poles:
                pole.leave()
            await asyncio.gather(*tasks)


def _database(data: Path) -> str:
    return f"sqlite:///{data / 'loalang.sqlite3'}"


def _seed(data: Path) -> date:
    """A large commune's timetable beside the demo's own; its tomorrow."""
    prepare_commune(_database(data), data, VOICE)
    engine, now = open_engine(_database(data)), utc_now()
    with session_of(engine) as session:
        commune = get_commune(session)
        today = now.astimezone(local_zone(commune)).date()
        zones = [create_zone(session, commune, slug=f"thon-{n}", name=f"Thôn {n}", now=now).slug for n in range(ZONES)]
        programmes = [
            create_programme(
                session, commune, name=f"Chương trình {n}", greeting="Xin chào {xã}, {ngày}.", closing="Hết.",
                now=now, actor="canbo",
            )
            for n in range(PROGRAMMES)
        ]  # fmt: skip
        for number in range(BULLETINS):
            _place(session, number, [row_id(programme.id) for programme in programmes], zones)
        for number in range(ENTRIES - 2):
            create_entry(
                session, programmes[number % PROGRAMMES], zones=_some(zones, number), from_on=today, now=now,
                actor="canbo", airs_at=time_of_day(6 + number // 3, number % 3 * 20),
            )  # fmt: skip
    engine.dispose()
    return today + timedelta(days=1)


def _some(zones: Sequence[str], number: int) -> list[str]:
    """Four villages: each then has eight programmes a day."""
    return [zones[(number * ZONES_EACH + n) % len(zones)] for n in range(ZONES_EACH)]


def _place(session: Session, number: int, programmes: Sequence[int], zones: Sequence[str]) -> None:
    """One approved bulletin in all programmes."""
    now = utc_now()
    officer, leader = (
        session.exec(select(User).where(col(User.role) == role)).first() for role in (Role.OFFICER, Role.LEADER)
    )
    if officer is None or leader is None:
        raise LookupError("the demo's commune has no officer or no leader")
    bulletin = write_bulletin(
        session, officer, title=f"Tin {number}", script=f"Tin số {number} của xã.", zones=zones, now=now
    )
    place_bulletin(session, bulletin, programmes, now, lasts=timedelta(days=8))
    submit_bulletin(session, bulletin.id, officer, now)
    approve_bulletin(session, bulletin.id, leader, bulletin.revision, now)
