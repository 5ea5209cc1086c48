"""`loalang forecast`: what a pole will sound, to be heard beforehand."""

import argparse
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from broadcast.communes import get_commune, local_zone
from scheduler.clock import utc_now
from scheduler.forecast import Line
from scheduler.forecast_sound import write_forecast
from tts.clip_store import ClipStore
from tts.errors import ClipError
from web.cli.database import database
from web.cli.errors import CommandError
from web.cli.options import commune_of
from web.cli.timetable import lines_at

FURTHEST = timedelta(days=7)


def run(args: argparse.Namespace) -> int:
    """Write the file, and say where in it each broadcast is."""
    settings, now = commune_of(args), utc_now()
    with database(settings) as session:
        zone = local_zone(get_commune(session))
        since = max(parse_instant(args.since, "--from", now, zone), now) if args.since else now
        until = parse_instant(args.until, "--until", now, zone) if args.until else since + timedelta(days=1)
        if not since < until <= now + FURTHEST:
            raise CommandError("--from comes before --until, and both lie in the coming 7 days")
        found = lines_at(session, args.node, now, until)
        lines = [line for line in found if (line.sounds_at or line.arrives_at) >= since]
    unheard = [
        f"not heard   {line.starts_at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {line.title}: {why(line.reason)}"
        for line in lines
        if line.sounds_at is None
    ]
    try:
        heard = write_forecast(args.output, lines, ClipStore(settings.clips_dir))
    except ClipError as error:
        raise CommandError("\n".join([str(error), *unheard])) from error
    for one in heard:
        print(f"{_place(one.offset)}  {one.sounds_at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {say_sound(one.line)}")
        for offset, relay in one.relays:
            at = (one.sounds_at + relay.begins).astimezone(zone)
            print(f"{_place(offset)}  {at:%Y-%m-%d %H:%M:%S}  {relay.said}: a tone every 10 s stands for it")
    print(*unheard, sep="\n", end="\n" if unheard else "")
    return 0


def say_sound(line: Line) -> str:
    """A broadcast with what is different about its sound: `Bản tin sáng, 23/09  (-9 dB)  CUT: quiet-hours`."""
    gain = f"  ({line.gain_db:+g} dB)" if line.gain_db else ""
    return f"{line.title}{gain}" + (f"  CUT: {line.reason}" if line.reason else "")


def _place(offset: timedelta) -> str:
    return f"{offset.total_seconds():8.2f} s"


def why(reason: str | None) -> str:
    """The reason; without one the clip is still to be made."""
    return reason or "not rendered yet"


def parse_instant(text: str, option: str, now: datetime, zone: ZoneInfo) -> datetime:
    """`2026-09-05T05:00` in the commune's time (or with an offset of its own), or `05:00`: the next time it is that.

    Raises:
        CommandError: it is neither.
    """
    try:
        if len(text) <= len("05:00"):
            local = now.astimezone(zone)
            at = datetime.combine(local.date(), time.fromisoformat(text), zone)
            return at if at >= local else at + timedelta(days=1)
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{option} {text}: write it as 2026-09-05T05:00 or 05:00") from error
    return at if at.tzinfo else at.replace(tzinfo=zone)
