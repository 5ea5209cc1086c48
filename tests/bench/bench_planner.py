"""`python -m tests.bench.bench_planner`: how long planning a week takes. Closes with one JSON line.

A commune of 50 nodes, 20 zones, 40 entries and 200 placements is planned for 7 days from nothing, then planned again
and again; 100 such communes in one database are planned from nothing. Bulletins are rendered already: planning decides
what is aired, it does not speak. Last, an entry is moved again and again at the API of a real server process, until its
50 nodes hold the timetable that has it (`tests.bench.change_to_node`). Raw evidence lies in
`bench-out/planner/`; `--recompute` reads the figures from it again.
"""

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time as clock
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from broadcast.db import migrate, open_engine, session_of
from broadcast.entries import list_entries
from broadcast.models import (
    Broadcast,
    Bulletin,
    BulletinState,
    BulletinZone,
    Commune,
    Delivery,
    EntryZone,
    Node,
    NodeZone,
    Placement,
    Programme,
    Role,
    TimetableEntry,
    User,
    Zone,
    row_id,
)
from broadcast.programmes import create_programme
from broadcast.renderings import want_rendering, warm_up
from players.messages import Urgency
from scheduler.planner import plan_entries, planned_together
from tests.bench.change_to_node import measure

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)
TODAY = date(2026, 6, 1)
NODES, ZONES, ENTRIES, PLACEMENTS, PROGRAMMES = 50, 20, 40, 200, 10
COMMUNES = 100
AGAIN = 20


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_planner", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench-out/planner"), help="where the evidence goes")
    parser.add_argument("--changes", type=int, default=20, help="how often an entry is moved (default: 20)")
    parser.add_argument("--recompute", action="store_true", help="only read the figures from the evidence again")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    warm_up()  # as the server does when it starts
    raw = options.out / "raw.json"
    if not options.recompute:
        measured: dict[str, object] = {}
        for name, figures in (
            ("week_50_nodes", lambda: [plan_week(communes=1) for _ in range(3)]),
            ("change_to_node_s", lambda: asyncio.run(measure(NODES, options.changes, options.out))),
            ("week_100_communes", lambda: plan_week(communes=COMMUNES, again=1)),
        ):
            measured[name] = figures()
            raw.write_text(json.dumps(measured, indent=1) + "\n")
    evidence = json.loads(raw.read_text())
    sys.stderr.write(say_processor(evidence))
    sys.stdout.write(json.dumps(compute_figures(evidence)) + "\n")
    return 0


def compute_figures(evidence: Mapping[str, Any]) -> dict[str, float]:
    """The closing line from the raw evidence: seconds by the clock, the slowest of several weeks."""
    changes = sorted(evidence["change_to_node_s"])
    return {
        "week_50_nodes_s": round(max(week["first_s"][0] for week in evidence["week_50_nodes"]), 3),
        "week_100_communes_s": round(sum(evidence["week_100_communes"]["first_s"]), 3),
        "change_to_node_s_p95": round(changes[max(0, math.ceil(len(changes) * 0.95) - 1)], 3),
    }


def say_processor(evidence: Mapping[str, Any]) -> str:
    """Seconds of processor for the same: what a busy machine leaves comparable."""
    weeks, province = evidence["week_50_nodes"], evidence["week_100_communes"]
    first = max(week["first_cpu_s"][0] for week in weeks)
    again = max(seconds for week in weeks for seconds in week["again_s"])
    again_cpu = max(seconds for week in weeks for seconds in week["again_cpu_s"])
    return (
        f"processor: week of 50 nodes {first:.3f} s, of 100 communes {sum(province['first_cpu_s']):.3f} s\n"
        f"planned again without news: at most {again:.3f} s, processor {again_cpu:.3f} s\n"
    )


def plan_week(communes: int, again: int = AGAIN) -> dict[str, list[float]]:
    """Seconds of planning each commune from nothing and of planning all again, by the clock and of processor."""
    with tempfile.TemporaryDirectory(prefix="loalang-planner-") as scratch:
        engine = open_engine(f"sqlite:///{scratch}/bench.sqlite3")
        migrate(engine)
        with session_of(engine) as session:
            for number in range(communes):
                seed(session, number)
        by_commune = _by_commune(engine)
        first = [_timed(engine, groups) for groups in by_commune]
        _check(engine, communes)
        repeated = [_timed(engine, groups) for _ in range(again) for groups in by_commune]
        engine.dispose()
    return {
        "first_s": [by_clock for by_clock, _ in first],
        "first_cpu_s": [processor for _, processor in first],
        "again_s": [by_clock for by_clock, _ in repeated],
        "again_cpu_s": [processor for _, processor in repeated],
    }


def seed(session: Session, number: int) -> None:
    """A commune with everything that planning looks at."""
    commune = Commune(slug=f"xa-{number}", name=f"Xã {number}", windows=[{"opens": "04:00", "closes": "22:00"}])
    session.add(commune)
    session.flush()
    commune_id = row_id(commune.id)
    author = User(
        commune_id=commune_id,
        username=f"canbo-{number}",
        name="Cán bộ",
        role=Role.OFFICER,
        password_hash="",
        created_at=NOW,
    )
    zones = [Zone(commune_id=commune_id, slug=f"thon-{number}-{n}", name=f"Thôn {n}") for n in range(ZONES)]
    nodes = [
        Node(commune_id=commune_id, slug=f"cum-{number}-{n}", name=f"Cụm {n}", created_at=NOW) for n in range(NODES)
    ]
    session.add_all([author, *zones, *nodes])
    session.flush()
    programmes = [
        create_programme(
            session,
            commune,
            name=f"Chương trình {n}",
            greeting="Xin chào {xã}, {ngày}.",
            closing="Xin hết.",
            now=NOW,
            actor=author.username,
        )
        for n in range(PROGRAMMES)
    ]
    session.add_all(
        NodeZone(node_id=row_id(node.id), zone_id=row_id(zone.id)) for node, zone in zip(nodes, cycle(zones))
    )
    _seed_timetable(session, commune_id, zones, programmes)
    _seed_bulletins(session, commune, row_id(author.id), zones, programmes)
    session.flush()


def _seed_timetable(session: Session, commune_id: int, zones: Sequence[Zone], programmes: Sequence[Programme]) -> None:
    for number, programme in islice(enumerate(cycle(programmes)), ENTRIES):
        entry = TimetableEntry(
            commune_id=commune_id,
            programme_id=row_id(programme.id),
            airs_at=time_of_day(5 + number // 3, number % 3 * 20),
            weekdays=list(range(7)),
            from_on=TODAY,
            created_at=NOW,
        )
        session.add(entry)
        session.flush()
        session.add_all(EntryZone(entry_id=row_id(entry.id), zone_id=row_id(zone.id)) for zone in zones)


def _seed_bulletins(
    session: Session, commune: Commune, author_id: int, zones: Sequence[Zone], programmes: Sequence[Programme]
) -> None:
    for number, programme in islice(enumerate(cycle(programmes)), PLACEMENTS):
        bulletin = Bulletin(
            commune_id=row_id(commune.id),
            title=f"Tin {number}",
            script=f"Tin số {number} của xã.",
            state=BulletinState.APPROVED,
            author_id=author_id,
            editor_id=author_id,
            created_at=NOW,
            edited_at=NOW,
        )
        rendering = want_rendering(session, bulletin.script, commune.voice, None, Urgency.NORMAL, NOW)
        bulletin.rendering_key = bulletin.programme_key = rendering.key  # as approving does
        session.add(bulletin)
        session.flush()
        session.add_all(BulletinZone(bulletin_id=bulletin.id, zone_id=row_id(zone.id)) for zone in zones)
        session.add(
            Placement(
                bulletin_id=bulletin.id,
                programme_id=row_id(programme.id),
                from_on=TODAY,
                until_on=TODAY + timedelta(days=7),
                position=number,
            )
        )


def _by_commune(engine: Engine) -> list[list[list[int]]]:
    """The entries as the server plans them together, for each commune."""
    with session_of(engine) as session:
        communes = {row_id(entry.id): entry.commune_id for entry in list_entries(session)}
        by_commune: dict[int, list[list[int]]] = {}
        for entry_ids in planned_together(session):
            by_commune.setdefault(communes[entry_ids[0]], []).append(entry_ids)
    return list(by_commune.values())


def _timed(engine: Engine, groups: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Seconds by the clock and of processor. As the server plans: each group in a unit of work of its own."""
    began, began_cpu = clock.perf_counter(), clock.process_time()
    for entry_ids in groups:
        with session_of(engine) as session:
            plan_entries(session, entry_ids, NOW)
    return clock.perf_counter() - began, clock.process_time() - began_cpu


def _check(engine: Engine, communes: int) -> None:
    """That what was measured is a whole week's plan."""
    with session_of(engine) as session:
        broadcasts = session.exec(select(func.count(col(Broadcast.id)))).one()
        deliveries = session.exec(select(func.count(col(Delivery.id)))).one()
    expected = communes * ENTRIES * 7
    if (broadcasts, deliveries) != (expected, expected * NODES):
        raise RuntimeError(f"planned {broadcasts} broadcasts with {deliveries} deliveries instead of {expected}")


if __name__ == "__main__":
    sys.exit(main())
