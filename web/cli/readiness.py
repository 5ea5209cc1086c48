"""`loalang readiness`: how soon each pole would speak, by the silent drills; `--now` makes one first."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Engine

from broadcast.db import migrate, open_engine, reading, session_of
from broadcast.models import ReadinessDrill, row_id
from broadcast.readiness import (
    ANSWER_WITHIN,
    PoleReadiness,
    Verdict,
    ask_for_drill,
    latest_drill,
    readiness_of_poles,
)
from scheduler.clock import utc_now
from web.cli.errors import CommandError
from web.cli.options import commune_of
from web.settings import DATABASE_FILE

BEGINS_WITHIN_S = 20.0
DONE_WITHIN_S = ANSWER_WITHIN.total_seconds() + 60.0
_ASK_EVERY_S = 0.2
_FAULTS = {Verdict.SLOW, Verdict.FAILED, Verdict.SILENT}


def run(args: argparse.Namespace) -> int:
    """Print what the drills say; 1 when a pole failed in the last, or was too slow."""
    settings = commune_of(args)
    if not (settings.data_dir / DATABASE_FILE).is_file():
        raise CommandError(f"no commune in {settings.data_dir} yet: run `loalang init` first, or name another --data")
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        if args.now:
            _drill(engine)
        with reading(engine) as session:
            drill = latest_drill(session)
            poles = readiness_of_poles(session, settings.readiness.limit_ms)
    finally:
        engine.dispose()
    print(_as_json(drill, poles) if args.json else "\n".join(say(drill, poles)))
    return int((drill is not None and drill.error is not None) or any(pole.verdict in _FAULTS for pole in poles))


def say(drill: ReadinessDrill | None, poles: Sequence[PoleReadiness]) -> Sequence[str]:
    """Lines for the terminal."""
    if drill is None:
        return ["no silent drill was made yet: loalang readiness --now"]
    if drill.error is not None:
        return [f"the last drill reached no pole: {drill.error}"]
    lines = []
    for pole in poles:
        last = "-" if pole.last_ms is None else f"{pole.last_ms} ms"
        p95 = "-" if pole.p95_ms is None else f"{pole.p95_ms} ms"
        missed = f"  missed {pole.missed} of {pole.drills}" if pole.missed else ""
        error = f"  {pole.error}" if pole.error else ""
        lines.append(f"{pole.slug:24} {pole.verdict.value:8} last {last:>9}  p95 {p95:>9}{missed}{error}")
    return lines


def _as_json(drill: ReadinessDrill | None, poles: Sequence[PoleReadiness]) -> str:
    last = None if drill is None else drill.model_dump(mode="json", exclude={"asked_by_id"})
    return json.dumps({"drill": last, "poles": [asdict(pole) for pole in poles]}, ensure_ascii=False, indent=2)


def _drill(engine: Engine) -> None:
    """Ask the running server for a drill and wait for its end."""
    with session_of(engine) as session:
        asked = row_id(ask_for_drill(session, utc_now()).id)
    begun = time.monotonic()
    while True:
        with reading(engine) as session:
            drill = session.get_one(ReadinessDrill, asked)
        if drill.done_at is not None:
            return
        waited_s = time.monotonic() - begun
        if drill.pressed_at is None and waited_s > BEGINS_WITHIN_S:
            raise CommandError(
                "no drill has begun: it needs a running server (`loalang serve`), and no emergency on air"
            )
        if waited_s > DONE_WITHIN_S:
            raise CommandError("the drill does not end: see the server's log")
        time.sleep(_ASK_EVERY_S)
