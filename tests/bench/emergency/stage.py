"""A commune with a server that speaks by a real Piper voice, and light nodes by the hundred."""

import json
import math
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session

from broadcast.communes import get_commune
from broadcast.db import open_engine, session_of
from broadcast.models import PreparedPurpose, User
from broadcast.prepared import PreparedForm, add_prepared, list_prepared, seed_prepared
from broadcast.users import get_user
from broadcast.zones import create_zone
from players.messages import Severity
from scheduler.clock import utc_now
from tests.bench.emergency.presses import PREPARED
from tests.bench.emergency.tape import Tape
from tests.bench.load.work import until
from tests.crash.unit import Unit
from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from web.demo.client import Client, Tokens
from web.demo.commune import prepare_commune
from web.demo.run import free_port

VILLAGES = 10
DEAF_VILLAGE = "thon-khong-loa"
"""Without a pole: what is spoken for it is heard by nobody."""
STARTS_WITHIN_S = 300.0
PROCESSES = 2
"""The nodes are spread over so many: one for each processor of the machine the figures are for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is pressed, and where it sounds."""

    root: Path
    out: Path
    client: Client
    tokens: Tokens
    zones: tuple[str, ...]
    mqtt_port: int
    server: Unit


@asynccontextmanager
async def serving(root: Path, out: Path) -> AsyncIterator[Stage]:
    """The server, healthy."""
    voices, data, port, mqtt_port = root / "voices", root / "server", free_port(), free_port()
    vietnamese_voice_dir(voices)
    tokens, zones = _people(data)
    settings = root / "server.toml"
    settings.write_text(
        f'data_dir = "{data}"\n[http]\nport = {port}\n[mqtt]\nport = {mqtt_port}\n[voice]\ndirectory = "{voices}"\n'
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
        yield Stage(root, out, client, tokens, zones, mqtt_port, server)
    finally:
        await client.close()
        await server.stop()


@asynccontextmanager
async def listening(stage: Stage, first: int, count: int) -> AsyncIterator[tuple[list[str], list[Path]]]:
    """So many more light nodes, each with all prepared clips in its store."""
    names = [f"cum-{number:04}" for number in range(first, first + count)]
    units, tapes = [], []
    with tempfile.TemporaryDirectory(prefix="loalang-emergency-", dir=_fast_folder()) as data:
        each = math.ceil(count / PROCESSES)
        for part in range(0, count, each):
            unit, said = await _process(stage, names[part : part + each], first + part, Path(data))
            units.append(unit)
            tapes.append(said)
        try:
            for unit in units:
                await unit.start()
            tape, waiting = Tape(tapes), set(names)

            def is_whole(line: Mapping[str, object]) -> bool:
                if line["event"] == "pack":
                    waiting.discard(str(line["node"]))
                return not waiting

            is_ready = await tape.until(is_whole, STARTS_WITHIN_S)
            tape.close()
            if not is_ready:
                raise RuntimeError(f"{len(waiting)} nodes have not got what is prepared")
            yield names, tapes
        finally:
            for unit in units:
                await unit.stop()


def _fast_folder() -> Path | None:
    fast = Path("/dev/shm")  # noqa: S108 - folders of random names are made in it
    return fast if fast.is_dir() else None


async def _process(stage: Stage, names: Sequence[str], first: int, data: Path) -> tuple[Unit, Path]:
    codes = {}
    for place, name in enumerate(names):
        zone = stage.zones[(first + place) % len(stage.zones)]
        codes[name] = await stage.client.add_node(name, f"Cụm loa {name}", zone)
    written, said = stage.root / f"codes-{first}.json", stage.out / f"nodes-{first}.jsonl"
    written.write_text(json.dumps(codes))
    said.touch()
    arguments = ["--server", stage.client.base_url, "--codes", str(written), "--data", str(data)]
    arguments += ["--sounds", "--from-number", str(first)]
    return Unit(f"nodes-{first}", "tests.light", arguments, stage.out / f"nodes-{first}.log", said), said


def _people(data: Path) -> tuple[Tokens, tuple[str, ...]]:
    url = f"sqlite:///{data / 'loalang.sqlite3'}"
    _, tokens = prepare_commune(url, data, VOICE_NAME)
    engine = open_engine(url)
    try:
        return tokens, _villages(engine)
    finally:
        engine.dispose()


def _villages(engine: Engine) -> tuple[str, ...]:
    villages = [(f"thon-{number}", f"Thôn {number}") for number in range(1, VILLAGES + 1)]
    with session_of(engine) as session:
        commune = get_commune(session)
        for slug, name in (*villages, (DEAF_VILLAGE, "Thôn không loa")):
            create_zone(session, commune, slug=slug, name=name, now=utc_now())
        seed_prepared(session, utc_now())
        _shorten(session, get_user(session, "quantri"))
    return tuple(slug for slug, _ in villages)


def _shorten(session: Session, administrator: User) -> None:
    """One button with few words: what is measured does not depend on how much else is prepared."""
    for message in list_prepared(session, None):
        message.is_active = message.purpose is not PreparedPurpose.ALERT
        message.text, message.slots, message.said_times = "Thử loa khẩn cấp.", [], 1
        session.add(message)
    form = PreparedForm(
        title="Thử máy",
        icon="drill",
        text="Thử loa khẩn cấp.",
        slots=(),
        severity=Severity.EXTREME,
        said_times=1,
        repeat_every_minutes=None,
        repeat_opens=None,
        repeat_closes=None,
        is_active=True,
    )
    add_prepared(session, administrator, PREPARED, form, utc_now())
