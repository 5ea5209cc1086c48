"""`python -m tests.bench.bench_load`: a real server under the load of a large commune. Closes with one JSON line.

200 light nodes (`tests.light`) on the server's own Mosquitto, 50 browsers with a live page each, bulletins of half a
minute aired one after another at all poles, others rendered meanwhile by a real Piper model. Pages are timed as the
browsers see them, with `/api/health` beside them as a reference for how busy the machine
itself is; a report is timed from the pole's word to the acknowledgement, a last word also to its sight on the page.
Raw evidence lies in `bench-out/load/`; `--recompute` makes the figures from it again.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from broadcast.communes import get_commune
from broadcast.db import open_engine, session_of
from broadcast.models import Role
from broadcast.users import add_user
from broadcast.zones import create_zone
from scheduler.clock import utc_now
from tests.bench.load.browsers import Browser
from tests.bench.load.evidence import Evidence
from tests.bench.load.figures import REFERENCE, compute_figures, what_is_too_much
from tests.bench.load.memory import sample_memory
from tests.bench.load.work import Airing, dice, listen_on, until
from tests.crash.unit import Unit
from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tests.light.node import loopback_address
from web.demo.client import Client, Tokens
from web.demo.commune import prepare_commune
from web.demo.run import free_port

MORE_VILLAGES = 8
OFFICERS = 4
LISTENERS = 2
FIRST_BROWSER = 20_000
"""Browsers come from other addresses than nodes."""
STARTS_WITHIN_S = 300.0
READY_WITHIN_S = 600.0
READY_AFTER_S = 20.0
"""No pole has fetched anything for so long: what is held ready for emergencies is on all of them."""
REFERENCE_EVERY_S = 0.5
AFTERWARDS_S = 5.0
"""What is on its way when the time is over is waited for so long: longer than a report may take."""
OFFICER = "canbo"


@dataclass(frozen=True, slots=True)
class Load:
    """How much."""

    nodes: int
    browsers: int
    minutes: float
    out: Path


@dataclass(frozen=True, slots=True)
class People:
    """Who works in the commune."""

    tokens: Tokens
    passwords: Mapping[str, str]
    zones: Sequence[str]


def main() -> int:
    """Run, or only compute; the exit status is 0 when every limit was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_load", description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--browsers", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=Path("bench-out/load"), help="where the evidence goes")
    parser.add_argument("--recompute", action="store_true", help="only compute the figures from the evidence in --out")
    options = parser.parse_args()
    if not options.recompute:
        load = Load(options.nodes, options.browsers, options.minutes, options.out)
        shutil.rmtree(load.out, ignore_errors=True)
        load.out.mkdir(parents=True)
        asyncio.run(run(load))
    figures = compute_figures(options.out)
    (options.out / "figures.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    sys.stderr.write(json.dumps(figures, ensure_ascii=False) + "\n")
    broken = what_is_too_much(figures)
    sys.stderr.write("".join(f"not kept: {one}\n" for one in broken))
    sys.stdout.write(
        json.dumps({name: figures[name] for name in ("pages_p95_ms", "report_p95_s", "rss_growth_mb")}) + "\n"
    )
    return 1 if broken else 0


async def run(load: Load) -> None:
    """Measure; the evidence is in `load.out` afterwards."""
    with tempfile.TemporaryDirectory(prefix="loalang-load-") as scratch:
        root = Path(scratch)
        async with AsyncExitStack() as stack:
            evidence = {name: Evidence(load.out / f"{name}.jsonl") for name in ("pages", "seen", "memory", "work")}
            for file in evidence.values():
                stack.callback(file.close)
            people, base_url, server = await stack.enter_async_context(_served(root, load))
            client = Client(base_url, people.tokens)
            stack.push_async_callback(client.close)
            await stack.enter_async_context(_nodes(root, load, client, people.zones))
            _say(f"{load.browsers} browsers sign in")
            users = [name for name, _ in zip(cycle(people.passwords), range(load.browsers))]
            # Two more, who see everything: one watches what is aired, one asks for the reference.
            browsers = [
                _browser(base_url, number, name, people, evidence["pages"])
                for number, name in enumerate([*users, OFFICER, OFFICER])
            ]
            for browser in browsers:
                stack.push_async_callback(browser.close)
                await browser.sign_in()
            _say(f"measuring for {load.minutes:g} minutes")
            await _work(load, client, people, browsers, evidence, server)


def _say(what: str) -> None:
    sys.stderr.write(f"· {what}\n")


async def _work(
    load: Load,
    client: Client,
    people: People,
    browsers: Sequence[Browser],
    evidence: dict[str, Evidence],
    server: Unit,
) -> None:
    *users, watcher, prober = browsers
    airing = Airing(client, watcher, people.zones, evidence["seen"])
    listeners = [browser for browser in users if browser.username.startswith(OFFICER)][:LISTENERS]
    work: list[Coroutine[Any, Any, None]] = [
        sample_memory(server.pid or 0, evidence["memory"]),
        airing.go_on(dice(1)),
        _probe(prober),
        *(browser.watch(lambda *_: None) for browser in users),
        *(browser.wander(dice(number), airing.pages) for number, browser in enumerate(users)),
        *(listen_on(one, dice(f"listen {number}"), evidence["work"].note) for number, one in enumerate(listeners)),
    ]
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, timeout=load.minutes * 60, return_when=asyncio.FIRST_EXCEPTION)
        evidence["work"].note(over=True)
        more, _ = await asyncio.wait(tasks, timeout=AFTERWARDS_S, return_when=asyncio.FIRST_EXCEPTION)
        for task in done | more:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    evidence["work"].note(aired=len(airing.aired))


async def _probe(browser: Browser) -> None:
    """The reference: an answer that needs neither a page nor the poles."""
    while True:
        await browser.read(REFERENCE)
        await asyncio.sleep(REFERENCE_EVERY_S)


@asynccontextmanager
async def _served(root: Path, load: Load) -> AsyncIterator[tuple[People, str, Unit]]:
    """A commune with villages and people, a server that speaks by a real Piper voice."""
    voices, data, port = root / "voices", root / "server", free_port()
    vietnamese_voice_dir(voices)
    people = _people(data)
    settings = root / "server.toml"
    settings.write_text(
        f'data_dir = "{data}"\n[http]\nport = {port}\n[mqtt]\nport = {free_port()}\n[voice]\ndirectory = "{voices}"\n'
    )
    arguments = ["serve", "--config", str(settings)]
    server = Unit("server", "web.cli", arguments, load.out / "server.log", load.out / "server.out")
    base_url = f"http://127.0.0.1:{port}"
    client = Client(base_url, people.tokens)

    async def is_healthy() -> bool:
        if server.pid is None:
            raise RuntimeError(f"the server ended: see {load.out / 'server.log'}")
        return await client.is_healthy()

    try:
        await server.start()
        await until(is_healthy, STARTS_WITHIN_S)
        yield people, base_url, server
    finally:
        await client.close()
        await server.stop()


def _people(data: Path) -> People:
    url = f"sqlite:///{data / 'loalang.sqlite3'}"
    seeded, tokens = prepare_commune(url, data, VOICE_NAME)
    passwords, zones = dict(seeded.passwords), ["thon-dong", "thon-tay"]
    engine = open_engine(url)
    villages = [(f"thon-{number}", f"Thôn {number}") for number in range(1, MORE_VILLAGES + 1)]
    more: list[tuple[str, Role, str | None]] = [(f"canbo-{one}", Role.OFFICER, None) for one in range(1, OFFICERS + 1)]
    more += [(f"truong{slug}", Role.VILLAGE_HEAD, slug) for slug, _ in villages]
    with session_of(engine) as session:
        commune = get_commune(session)
        zones += [create_zone(session, commune, slug=slug, name=name, now=utc_now()).slug for slug, name in villages]
        for name, role, zone in more:
            _, passwords[name] = add_user(
                session, commune, username=name, name=name.capitalize(), role=role, zone=zone, now=utc_now()
            )
    engine.dispose()
    return People(tokens, passwords, tuple(zones))


@asynccontextmanager
async def _nodes(root: Path, load: Load, client: Client, zones: Sequence[str]) -> AsyncIterator[None]:
    """The light nodes, in a process of their own, all online. Their clips lie in memory where that can be had."""

    async def are_online() -> bool:
        if nodes.pid is None:
            raise RuntimeError(f"the nodes ended: see {load.out / 'nodes.log'}")
        return len(await client.nodes_online()) == load.nodes

    codes = {}
    for number in range(load.nodes):
        name = f"cum-{number:04}"
        codes[name] = await client.add_node(name, f"Cụm loa {number}", zones[number % len(zones)])
    (root / "codes.json").write_text(json.dumps(codes))
    with tempfile.TemporaryDirectory(prefix="loalang-load-", dir=_fast_folder()) as data:
        arguments = ["--server", client.base_url, "--codes", str(root / "codes.json"), "--data", data]
        nodes = Unit("nodes", "tests.light", arguments, load.out / "nodes.log", load.out / "reports.jsonl")
        try:
            await nodes.start()
            await until(are_online, STARTS_WITHIN_S)
            _say(f"{load.nodes} nodes are online; they fetch what is held ready for emergencies")
            await _all_fetched(Path(data))
            yield
        finally:
            await nodes.stop()


async def _all_fetched(data: Path) -> None:
    """The days of a commune are measured, not the first minutes of two hundred new poles.

    Raises:
        TimeoutError: they still fetch.
    """
    loop, count, since = asyncio.get_running_loop(), -1, 0.0
    async with asyncio.timeout(READY_WITHIN_S):
        while count <= 0 or loop.time() - since < READY_AFTER_S:
            now = await asyncio.to_thread(lambda: sum(1 for _ in data.glob("*/clips/*")))
            if now != count:
                count, since = now, loop.time()
            await asyncio.sleep(1)


def _fast_folder() -> Path | None:
    fast = Path("/dev/shm")  # noqa: S108 - folders of random names are made in it
    return fast if fast.is_dir() else None


def _browser(base_url: str, number: int, username: str, people: People, pages: Evidence) -> Browser:
    who = (username, people.passwords[username])
    return Browser(base_url, loopback_address(FIRST_BROWSER + number), who, pages)


if __name__ == "__main__":
    sys.exit(main())
