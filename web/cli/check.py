"""`loalang check`: what will not sound until noon, and why, as the running server sees it."""

import argparse
import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from broadcast.communes import get_commune, local_zone
from broadcast.db import migrate, open_engine, reading, session_of
from broadcast.models import MorningCheck, row_id
from broadcast.morning import MorningResult
from broadcast.morning_checks import ask_for_check
from scheduler.clock import utc_now
from web.cli.errors import CommandError
from web.cli.options import commune_of
from web.settings import DATABASE_FILE

ANSWERED_WITHIN_S = 20.0
_ASK_EVERY_S = 0.2


def run(args: argparse.Namespace) -> int:
    """Ask the server, print what it found; 1 when something will not sound."""
    settings = commune_of(args)
    if not (settings.data_dir / DATABASE_FILE).is_file():
        raise CommandError(f"no commune in {settings.data_dir} yet: run `loalang init` first, or name another --data")
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        with session_of(engine) as session:
            zone = local_zone(get_commune(session))
            asked = row_id(ask_for_check(session, utc_now()).id)
        result = _wait_for(engine, asked)
    finally:
        engine.dispose()
    print(result.model_dump_json(indent=2) if args.json else "\n".join(say(result, zone)))
    return 1 if result.silent else 0


def _wait_for(engine: Engine, asked: int) -> MorningResult:
    """The server's answer; it looks for questions every two seconds."""
    give_up_at = time.monotonic() + ANSWERED_WITHIN_S
    while time.monotonic() < give_up_at:
        with reading(engine) as session:
            row = session.get_one(MorningCheck, asked)
            if row.done_at is not None:
                return MorningResult.model_validate(row.result)
        time.sleep(_ASK_EVERY_S)
    raise CommandError("the server does not answer: only a running one knows how the poles are (`loalang serve`)")


def say(result: MorningResult, zone: ZoneInfo) -> Sequence[str]:
    """Lines for the terminal, in the commune's time."""
    until = result.until.astimezone(zone)
    lines = [f"{result.broadcasts} broadcasts until {until:%Y-%m-%d %H:%M} at {result.poles} poles"]
    for one in result.findings:
        at = f"{one.starts_at.astimezone(zone):%H:%M}  " if one.starts_at is not None else ""
        verdict = "WILL NOT SOUND" if one.is_silent else "in doubt"
        lines.append(f"{at}{one.title or 'everything'}  [{one.pole or 'all poles'}]  {verdict}: {one.text} {one.todo}")
    return [*lines, "nothing stands in the way"] if not result.findings else lines
