"""`loalang timetable`: what will sound, and why the rest will not."""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from broadcast.communes import get_commune, local_zone
from broadcast.errors import NotFound
from broadcast.lifecycle import why_text
from scheduler.clock import utc_now
from scheduler.forecast import Line, lines_of_commune, lines_of_node
from web.cli.database import database
from web.cli.errors import CommandError
from web.cli.options import commune_of


def run(args: argparse.Namespace) -> int:
    """Print the coming days, for a pole or for all."""
    now = utc_now()
    until = now + timedelta(days=args.days)
    with database(commune_of(args)) as session:
        zone = local_zone(get_commune(session))
        lines = lines_at(session, args.node, now, until) if args.node else lines_of_commune(session, now, until)
    if args.json:
        print(json.dumps({"timetable": [as_json(line) for line in lines]}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(say(lines, zone)) or "nothing is planned")
    return 0


def lines_at(session: Session, node: str, now: datetime, until: datetime) -> list[Line]:
    """What a pole will make of its timetable.

    Raises:
        CommandError: there is no such pole.
    """
    try:
        return lines_of_node(session, node, now, until)
    except NotFound as error:
        raise CommandError(f"there is no node {node}: `loalang node list` lists them") from error


def as_json(line: Line) -> dict[str, object]:
    """A line for programs: instants in UTC, lengths in milliseconds."""
    return {
        "broadcast": line.broadcast,
        "title": line.title,
        "urgency": line.urgency.value,
        "starts_at": line.starts_at.isoformat(),
        "sounds_at": line.sounds_at.isoformat() if line.sounds_at else None,
        "ends_at": line.ends_at.isoformat() if line.ends_at else None,
        "duration_ms": round(line.lasts / timedelta(milliseconds=1)) if line.lasts is not None else None,
        "zones": list(line.zones),
        "relays": [relay.said for relay in line.relays],
        "clips": [clip.sha256 for clip in line.clips],
        "will_sound": line.will_sound,
        "reason": line.reason,
        "reason_text": why_text(line.reason),
    }


def say(lines: Sequence[Line], zone: ZoneInfo) -> list[str]:
    """A line of text for each, in the commune's time."""
    said = []
    for line in lines:
        at = (line.sounds_at or line.starts_at).astimezone(zone)
        lasts = "  not rendered yet" if line.lasts is None else f"  {line.lasts.total_seconds():.0f} s"
        why = f"  {'CUT' if line.sounds_at else 'WILL NOT SOUND'}: {line.reason}" if line.reason else ""
        title = ", ".join([line.title, *(relay.said for relay in line.relays)])
        said.append(f"{at:%Y-%m-%d %H:%M}  {title}  [{', '.join(line.zones)}]{why or lasts}")
    return said
