"""`loalang demo`: a commune on one machine, speaking."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from broadcast.seed import SeededDemo, sample_script
from players.node.portaudio import has_device
from scheduler.clock import utc_now
from web.cli.errors import CommandError
from web.demo.client import DemoError, Tokens
from web.demo.commune import prepare_commune
from web.demo.once import air_once, is_played_whole, write_record
from web.demo.plan import Pole, plan_poles, zones_of
from web.demo.run import Place, free_port, running_commune, until_interrupted
from web.demo.show import Screen
from web.demo.voice import choose_voice
from web.settings import DATABASE_FILE


def run(args: argparse.Namespace) -> int:
    """Run the demo until Ctrl-C, or with --once until the bulletin has been aired."""
    if args.record and not args.once:
        raise CommandError("--record goes with --once")
    script = _script(args.text)
    screen = Screen()
    try:
        return asyncio.run(_once(args, script, screen) if args.once else _stay(args, script, screen))
    except DemoError as error:
        raise CommandError(str(error)) from error


def _script(path: Path | None) -> str:
    if path is None:
        return sample_script()
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}: {error}") from error


async def _stay(args: argparse.Namespace, script: str, screen: Screen) -> int:
    root = args.data.resolve()
    place = Place(root, root.parent / "voices", root / "demo.log")
    place.make()
    voice = await choose_voice(args.voice, place.voices, utc_now(), screen)
    tokens = _seed(place, voice, screen)
    poles = plan_poles(args.nodes, None, has_sound_card=has_device(), unheard_dir=place.root)
    port = free_port(args.port)
    async with running_commune(place, poles, tokens, port, screen) as (client, processes):
        _introduce(client.base_url, poles, screen)
        await client.air_now(_title(script), script, zones_of(poles))
        await until_interrupted(processes)
        screen.say("Stopping everything…")
    return 0


async def _once(args: argparse.Namespace, script: str, screen: Screen) -> int:
    record = args.record.resolve() if args.record else None
    if record:
        record.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="loalang-demo-") as fresh:
        place = Place(Path(fresh), args.data.resolve().parent / "voices", (record or Path(fresh)) / "demo.log")
        place.make()
        voice = await choose_voice(args.voice, place.voices, utc_now(), screen)
        _, tokens = _prepare(place, voice)
        poles = plan_poles(args.nodes, record, has_sound_card=False, unheard_dir=place.root)
        async with running_commune(place, poles, tokens, free_port(), screen) as (client, _):
            broadcast = await air_once(client, _title(script), script, zones_of(poles))
            if record is None:
                return 0 if is_played_whole(broadcast, poles) else 1
            outcome = await write_record(client, broadcast, poles, record)
    screen.say(f"Wrote {record}/as-run.json")
    return 0 if outcome.is_whole else 1


def _prepare(place: Place, voice: str | None) -> tuple[SeededDemo, Tokens]:
    return prepare_commune(f"sqlite:///{place.server / DATABASE_FILE}", place.server, voice)


def _seed(place: Place, voice: str | None, screen: Screen) -> Tokens:
    seeded, tokens = _prepare(place, voice)
    if seeded.passwords:
        screen.say("\nPeople of the demo (passwords are shown this once; `loalang user reset NAME` makes a new one):")
        for username, password in seeded.passwords.items():
            screen.say(f"  {username:<18} {password}")
    else:
        screen.say(f"\nThe last run's commune is kept. A new password: loalang user reset NAME --data {place.server}")
    return tokens


def _introduce(address: str, poles: tuple[Pole, ...], screen: Screen) -> None:
    screen.say(f"\nThe commune is on the air. Open {address} in a browser. Ctrl-C ends it.\n")
    for pole in poles:
        screen.say(f"  {pole.slug:<10} {pole.name}, sounds by {pole.output}")
    screen.say("")


def _title(script: str) -> str:
    return next((line.strip() for line in script.splitlines() if line.strip()), "Bản tin")[:100]
