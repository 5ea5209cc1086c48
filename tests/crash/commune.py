"""A commune of real processes that can be struck: one server, three nodes, each node behind a wire of its own."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy import Engine
from sqlmodel import Session, select

from broadcast.db import open_engine, reading, session_of
from broadcast.models import TimetableEntry
from tests.crash.plan import NODES
from tests.crash.relay import Relay
from tests.crash.unit import Unit, child_named
from web.demo.client import Client, Tokens
from web.demo.commune import prepare_commune
from web.demo.processes import run_to_end
from web.demo.run import free_port

ZONE_OF = {"dong-1": "thon-dong", "tay-1": "thon-tay", "dong-2": "thon-dong"}
ZONES = ("thon-dong", "thon-tay")
RECORDING = ("dong-1", "dong-2")
_OUTPUT_OF = {
    "dong-1": ["--output", "record"],
    "tay-1": ["--output", "silent"],
    "dong-2": ["--output", "vlc", "--no-pull", "--stream-output", "vlc"],
}
STARTS_WITHIN_S = 300.0
_LOOK_EVERY_S = 0.25


class Commune:
    """Everything a run strikes at and looks into. Made by `running`."""

    def __init__(self, root: Path, tokens: Tokens) -> None:
        self.root = root
        self.tokens = tokens
        self.http_port, self.mqtt_port = free_port(), free_port()
        self.base_url = f"http://127.0.0.1:{self.http_port}"
        self.engine: Engine = open_engine(_database_url(root))
        self.units = {"server": self._server(), **{node: self._node(node) for node in NODES}}
        # A node reaches server and broker by an address of its own, which it is told at pairing: there its wire is cut.
        self._hosts = {node: f"127.0.1.{number}" for number, node in enumerate(NODES, 1)}
        self._wires = {
            node: [Relay(host, port, ("127.0.0.1", port)) for port in (self.http_port, self.mqtt_port)]
            for node, host in self._hosts.items()
        }

    def node_dir(self, node: str) -> Path:
        """A node's data directory."""
        return self.root / "nodes" / node

    def recordings(self, node: str) -> list[Path]:
        """The WAV files of all runs of a node's process, in order."""
        return sorted((self.root / "sound").glob(f"{node}.*.wav"))

    def events(self, node: str) -> list[dict[str, object]]:
        """What a node has printed, in order; a line that a kill has torn is left out."""
        return list(_lines(self.root / f"{node}.events.jsonl"))

    def look(self) -> contextlib.AbstractContextManager[Session]:
        """The server's database, to read."""
        return reading(self.engine)

    async def start(self) -> None:
        """Start the server, pair the nodes and start them, through their wires."""
        await self.units["server"].start()
        client = Client(self.base_url, self.tokens)
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                await _until(client.is_healthy)
                for wires in self._wires.values():
                    for wire in wires:
                        await wire.start()
                await asyncio.gather(*(self._pair(client, node) for node in NODES))
                for node in NODES:
                    await self.units[node].start()
                await _until(partial(_are_online, client))
        finally:
            await client.close()

    async def stop(self) -> None:
        """End everything, in reverse."""
        for unit in reversed(self.units.values()):
            await unit.stop()
        for wires in self._wires.values():
            for wire in wires:
                await wire.close()
        self.engine.dispose()

    async def kill(self, victim: str) -> bool:
        """`kill -9` one of the units or of the server's children; whether it was there to be killed."""
        unit = self.units.get(victim)
        if unit is not None:
            was_there = unit.pid is not None
            await unit.kill()
            return was_there
        server = self.units["server"].pid
        child = None if server is None else child_named(server, victim)
        if child is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        return True

    async def cut(self, node: str, *, freeze: bool) -> None:
        """Cut a node's wire, for messages and for sound."""
        for wire in self._wires[node]:
            await wire.cut(freeze=freeze)

    async def mend(self, node: str) -> None:
        """Mend it."""
        for wire in self._wires[node]:
            await wire.mend()

    async def what_is_wrong(self, http: httpx.AsyncClient) -> str:
        """What the server says does not work, or that it says nothing; empty when all is well."""
        dead = [name for name, unit in self.units.items() if unit.pid is None]
        if dead:
            return f"not running: {', '.join(dead)}"
        try:
            health = (await http.get("/api/health")).json()
            answer = await http.get("/api/nodes", headers={"Authorization": f"Bearer {self.tokens.administrator}"})
        except httpx.TransportError:
            return "the server does not answer"
        if answer.is_error:
            return f"the server answers {answer.status_code}"
        broken = [f"{one['name']} {one['state']}" for one in health["processes"] if one["state"] != "running"]
        broken += [] if health["broker_connected"] else ["the server is not connected"]
        away = [f"{one['slug']} {one['presence']}" for one in answer.json()["nodes"] if one["presence"] != "online"]
        return ", ".join([*broken, *away])

    def _server(self) -> Unit:
        settings = self.root / "server.toml"
        settings.write_text(
            f'data_dir = "{self.root / "server"}"\n[http]\nport = {self.http_port}\n[mqtt]\nport = {self.mqtt_port}\n'
            f'[voice]\ndirectory = "{self.root / "voices"}"\n'
        )
        return Unit(
            "server",
            "web.cli",
            ["serve", "--config", str(settings)],
            self.root / "server.log",
            self.root / "server.out",
        )

    def _node(self, node: str) -> Unit:
        def keep_recording() -> None:
            """What an output has got so far must survive the output's next start, which overwrites it."""
            fresh = self._recording(node)
            if fresh.exists():
                number = len(self.recordings(node))
                for name in (fresh.name, f"{fresh.name}.json"):
                    source = fresh.with_name(name)
                    if source.exists():
                        source.rename(fresh.with_name(name.replace(".wav", f".{number:03}.wav", 1)))

        return Unit(
            node,
            "players.node.cli",
            ["run", "--data", str(self.node_dir(node)), "--events"],
            self.root / f"{node}.log",
            self.root / f"{node}.events.jsonl",
            keep_recording,
        )

    def _recording(self, node: str) -> Path:
        return self.root / "sound" / f"{node}.wav"

    def sounding_files(self, node: str) -> list[Path]:
        """The WAV files of a node, the present one last."""
        present = self._recording(node)
        return [*self.recordings(node), *([present] if present.exists() else [])]

    async def _pair(self, client: Client, node: str) -> None:
        code = await client.add_node(node, f"Cụm loa {node}", ZONE_OF[node])
        where = ["--server", f"http://{self._hosts[node]}:{self.http_port}", "--data", str(self.node_dir(node))]
        recording = ["--record-to", str(self._recording(node))] if node in RECORDING else []
        arguments = ["pair", *where, "--code", code, *_OUTPUT_OF[node], *recording]
        status, said = await run_to_end("players.node.cli", arguments, 60.0)
        if status != 0:
            raise RuntimeError(f"{node} could not pair: {said}")


@asynccontextmanager
async def running(root: Path) -> AsyncIterator[Commune]:
    """A commune that speaks by espeak-ng, has no timetable of its own, and is up."""
    for folder in ("server", "nodes", "sound", "voices"):
        (root / folder).mkdir(parents=True, mode=0o700)
    _, tokens = prepare_commune(_database_url(root), root / "server", "espeak-vi")
    commune = Commune(root, tokens)
    with session_of(commune.engine) as session:
        for entry in session.exec(select(TimetableEntry)).all():
            entry.is_active = False  # a run that crosses 17:00 hears its own broadcasts only
            session.add(entry)
    try:
        await commune.start()
        yield commune
    finally:
        await commune.stop()


async def _are_online(client: Client) -> bool:
    return set(NODES) <= await client.nodes_online()


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Ask another process until it says yes."""
    while True:
        if await is_so():
            return
        await asyncio.sleep(_LOOK_EVERY_S)


def _database_url(root: Path) -> str:
    return f"sqlite:///{root / 'server' / 'loalang.sqlite3'}"


def _lines(path: Path) -> Iterator[dict[str, object]]:
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                yield event
