"""A server that speaks by a real Piper voice, and light nodes by the hundred that hold what is prepared."""

import asyncio
import json
import math
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from broadcast.db import open_engine, reading
from broadcast.emergency_packs import build_pack
from broadcast.prepared import list_prepared
from players.messages import ClipRef
from players.node import cache
from tests.bench.emergency.commune import Place, make_commune
from tests.bench.emergency.tape import Tape
from tests.bench.load.work import until
from tests.crash.unit import Unit
from tests.fakes.piper_voice import vietnamese_voice_dir
from tests.light.node import CLIPS_BYTES
from tts.clip_store import ClipStore
from web.demo.client import Client, Tokens
from web.demo.run import free_port

STARTS_WITHIN_S = 120.0
CALM_PART, CALM_LOOKS, CALM_WITHIN_S = 0.25, 4, 180.0
"""It is pressed once server and poles together took no more than so much of a processor, so often in a row."""
PROCESSES = 2
"""The nodes are spread over so many: one for each processor of the machine the figures are for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is pressed, and where it sounds."""

    client: Client
    tokens: Tokens
    mqtt_port: int
    nodes: Sequence[str]
    tapes: Sequence[Path]


@asynccontextmanager
async def staged(out: Path, nodes: int) -> AsyncIterator[Stage]:
    """A commune with so many poles, all connected, each with all that is prepared. Logs go to `out`."""
    await asyncio.to_thread(out.mkdir, exist_ok=True)
    async with AsyncExitStack() as stack:
        # In memory where that can be had: a pole has a disk of its own, these would wait for one.
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loalang-emergency-")))
        fast = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loalang-poles-", dir=_fast_folder())))
        place = Place(root / "server", fast, free_port())
        tokens, names = make_commune(place, nodes)
        client, server = await stack.enter_async_context(_serving(place, root, out, tokens))
        await _hold_ready(place, names)
        units, tapes = await stack.enter_async_context(_listening(place, client.base_url, names, out))
        await until(_Calm((server, *units)).is_there, CALM_WITHIN_S)
        yield Stage(client, tokens, place.mqtt_port, names, tapes)


@asynccontextmanager
async def _serving(place: Place, root: Path, out: Path, tokens: Tokens) -> AsyncIterator[tuple[Client, Unit]]:
    """The server, healthy."""
    voices, port, settings = root / "voices", free_port(), root / "server.toml"
    vietnamese_voice_dir(voices)
    settings.write_text(
        f'data_dir = "{place.data}"\n[http]\nport = {port}\n[mqtt]\nport = {place.mqtt_port}\n'
        f'[voice]\ndirectory = "{voices}"\n'
    )
    server = Unit("server", "web.cli", ["serve", "--config", str(settings)], out / "server.log", out / "server.out")
    client = Client(f"http://127.0.0.1:{port}", tokens)

    async def is_healthy() -> bool:
        if server.pid is None:
            raise RuntimeError(f"the server ended: see {out / 'server.log'}")
        return await client.is_healthy()

    try:
        await server.start()
        await until(is_healthy, STARTS_WITHIN_S)
        yield client, server
    finally:
        await client.close()
        await server.stop()


async def _hold_ready(place: Place, names: Sequence[str]) -> None:
    """Once all that is prepared is spoken, put it into each pole's store, as its own fetching would have."""
    engine = open_engine(place.database_url)
    clips: set[ClipRef] = set()

    async def is_spoken() -> bool:
        with reading(engine) as session:
            pack, messages = build_pack(session), list_prepared(session, None)
        clips.update(clip for message in pack for clip in (*message.clips, *message.drill_clips))
        return len(pack) == len(messages)

    try:
        await until(is_spoken, STARTS_WITHIN_S)
    finally:
        engine.dispose()
    kept = ClipStore(place.data / "clips")
    content = {clip.sha256: kept.path_of(clip.sha256).read_bytes() for clip in clips}
    for name in names:
        store = cache.ClipStore(place.poles / name / "clips", CLIPS_BYTES)
        for sha256, data in content.items():
            store.put(sha256, data)


@asynccontextmanager
async def _listening(
    place: Place, server_url: str, names: Sequence[str], out: Path
) -> AsyncIterator[tuple[list[Unit], list[Path]]]:
    """The poles, in processes of their own, all with the server's word on what is prepared; what they print."""
    units, tapes = [], []
    each = math.ceil(len(names) / PROCESSES)
    for first in range(0, len(names), each):
        written, said = out / f"names-{first}.json", out / f"nodes-{first}.jsonl"
        written.write_text(json.dumps(dict.fromkeys(names[first : first + each], "")))
        said.touch()
        arguments = ["--server", server_url, "--codes", str(written), "--data", str(place.poles), "--sounds"]
        units.append(Unit(f"nodes-{first}", "tests.light", arguments, out / f"nodes-{first}.log", said))
        tapes.append(said)
    tape, waiting = Tape(tapes), set(names)

    def is_whole(line: Mapping[str, object]) -> bool:
        if line["event"] == "pack":
            waiting.discard(str(line["node"]))
        return not waiting

    async def have_all() -> bool:
        if any(unit.pid is None for unit in units):
            raise RuntimeError(f"poles ended: see {out}/nodes-*.log")
        return await tape.until(is_whole, 1.0)

    try:
        for unit in units:
            await unit.start()
        await until(have_all, STARTS_WITHIN_S)
        yield units, tapes
    finally:
        tape.close()
        for unit in units:
            await unit.stop()


class _Calm:
    """Whether processes rest: poles that have just come ask for the time, again and again, for a minute."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units
        self._used, self._at = self._ticks(), time.monotonic()
        self._in_a_row = 0

    async def is_there(self) -> bool:
        """Whether they used little of the processors the last few times that this was asked."""
        await asyncio.sleep(2)
        used, at = self._ticks(), time.monotonic()
        part = (used - self._used) / os.sysconf("SC_CLK_TCK") / (at - self._at)
        self._used, self._at = used, at
        self._in_a_row = self._in_a_row + 1 if part < CALM_PART else 0
        return self._in_a_row >= CALM_LOOKS

    def _ticks(self) -> int:
        pids = [unit.pid for unit in self._units if unit.pid is not None]
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
        return sum(int(each[11]) + int(each[12]) for each in fields)


def _fast_folder() -> Path | None:
    fast = Path("/dev/shm")  # noqa: S108 - folders of random names are made in it
    return fast if fast.is_dir() else None
