"""Running the demo: start everything, air a bulletin, show what the poles do, stop everything."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from players.node.settings import FILE_NAME, load_settings, write_settings
from scheduler.clock import utc_now
from web.demo.client import Client, DemoError, Tokens
from web.demo.plan import Pole
from web.demo.processes import Processes, run_to_end
from web.demo.show import Screen

SERVER_WITHIN_S = 60.0
NODES_WITHIN_S = 60.0
PAIRED_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo lives on disk."""

    root: Path
    voices: Path
    log_file: Path
    """What all processes say."""

    @property
    def server(self) -> Path:
        """The commune server's data directory."""
        return self.root / "server"

    def node(self, slug: str) -> Path:
        """A node's data directory."""
        return self.root / "nodes" / slug

    def make(self) -> None:
        """Make the directories."""
        for folder in (self.root, self.server, self.root / "nodes"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def free_port(preferred: int = 0) -> int:
    """`preferred` when it is free on loopback, otherwise another free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise DemoError("no free port on this machine")


@asynccontextmanager
async def running_commune(
    place: Place, poles: Sequence[Pole], tokens: Tokens, port: int, screen: Screen
) -> AsyncIterator[tuple[Client, Processes]]:
    """The server and all poles, up and talking to each other; everything is stopped on the way out."""
    processes = Processes(place.log_file, utc_now)
    client = Client(f"http://127.0.0.1:{port}", tokens)
    followers: list[asyncio.Task[None]] = []
    processes.open_log()
    try:
        async with screen.progress("starting the commune server"):
            await _start_server(place, port, client, processes)
        async with screen.progress(f"pairing and starting {len(poles)} poles"):
            await asyncio.gather(*(_pair(place, pole, client) for pole in poles))
            followers.extend([await _start_node(place, pole, processes, screen) for pole in poles])
            await _until_online(client, processes, {pole.slug for pole in poles})
        yield client, processes
    finally:
        await client.close()
        await processes.stop_all()
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)


async def _start_server(place: Place, port: int, client: Client, processes: Processes) -> None:
    settings = place.root / "server.toml"
    settings.write_text(
        f'data_dir = "{place.server}"\n[http]\nport = {port}\n[mqtt]\nport = {_mqtt_port(place)}\n'
        f'[voice]\ndirectory = "{place.voices}"\n'
    )
    await processes.start("server", "web.cli", ["serve", "--config", str(settings)])
    async with _limit(SERVER_WITHIN_S, f"the server did not start; see {processes.log_file}"):
        while not await client.is_healthy():
            _complain_if_ended(processes)
            await asyncio.sleep(_LOOK_EVERY_S)


def _mqtt_port(place: Place) -> int:
    """The broker's port: poles learn it when they are paired, so it stays the same from run to run."""
    kept = place.root / "mqtt-port"
    if not kept.is_file():
        kept.write_text(f"{free_port()}\n", encoding="ascii")
    port = int(kept.read_text(encoding="ascii"))
    if free_port(port) != port:
        raise DemoError(f"port {port}, which the demo's poles know, is taken: is another demo running?")
    return port


def _point_to(folder: Path, url: str) -> None:
    """Tell a paired pole where the server is this time."""
    settings = load_settings(folder)
    if settings.server.url != url:
        server = settings.server.model_copy(update={"url": url})
        write_settings(folder, settings.model_copy(update={"server": server}))


async def _pair(place: Place, pole: Pole, client: Client) -> None:
    folder = place.node(pole.slug)
    known = pole.slug in await client.node_slugs()
    if known and (folder / FILE_NAME).is_file():
        _point_to(folder, client.base_url)
        return
    if known:
        code = await client.new_pairing_code(pole.slug)
    else:
        code = await client.add_node(pole.slug, pole.name, pole.zone)
    arguments = ["pair", "--server", client.base_url, "--code", code, "--data", str(folder), "--output", pole.output]
    if pole.record_to:
        arguments += ["--record-to", str(pole.record_to)]
    if not pole.pulls_clips:
        arguments += ["--no-pull", "--stream-output", "vlc"]
    try:
        status, said = await run_to_end("players.node.cli", arguments, PAIRED_WITHIN_S)
    except TimeoutError as error:
        raise DemoError(f"pole {pole.slug} could not pair in {PAIRED_WITHIN_S:.0f} s") from error
    if status != 0:
        raise DemoError(f"pole {pole.slug} could not pair: {said}")


async def _start_node(place: Place, pole: Pole, processes: Processes, screen: Screen) -> asyncio.Task[None]:
    arguments = ["run", "--data", str(place.node(pole.slug)), "--events"]
    child = await processes.start(pole.slug, "players.node.cli", arguments, piped=True)
    return asyncio.create_task(screen.follow(pole.slug, child))


async def _until_online(client: Client, processes: Processes, slugs: set[str]) -> None:
    async with _limit(NODES_WITHIN_S, "not all poles came online"):
        while not slugs <= await client.nodes_online():
            _complain_if_ended(processes)
            await asyncio.sleep(_LOOK_EVERY_S)


def _complain_if_ended(processes: Processes) -> None:
    ended = processes.first_ended()
    if ended:
        raise DemoError(f"{ended} ended by itself; see {processes.log_file}")


@asynccontextmanager
async def _limit(seconds: float, complaint: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise DemoError(complaint) from error


async def until_interrupted(processes: Processes) -> None:
    """Wait for Ctrl-C or a polite kill; complain when a process of ours ends before."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        while not stop.is_set():
            _complain_if_ended(processes)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
