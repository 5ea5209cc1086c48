"""How long a bulletin is that is being written, what that takes of its villages' day, and what it would meet."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.communes import rate_of
from broadcast.errors import BroadcastError
from broadcast.models import Clip
from broadcast.reading_rules import rules_of
from broadcast.said_script import ClipMark, split_said
from broadcast.zones import list_zones
from players.messages import Urgency
from scheduler.fitting import Airing, Fit, fit_in
from scheduler.lengths import guess_ms
from web.deps import Door
from web.part_list import said_in
from web.typed_bulletin import Typed, parse_local


@dataclass(frozen=True, slots=True)
class Cost:
    """About how long it is read, and how that fits in where and when it is to be aired, if both are chosen."""

    lasts: timedelta
    fit: Fit | None = None


def cost_of(door: Door, typed: Typed, bulletin_id: str) -> Cost | None:
    """Reckon it by the words; none when there is nothing to say."""
    if not typed.is_sayable:
        return None
    with door.read() as session:
        try:
            lasts = _lasts(session, door, typed, bulletin_id)
        except BroadcastError:
            return None  # the form says what is wrong when it is sent
        zones = [zone for zone in list_zones(session) if zone.slug in set(typed.chosen_zones)]
        starts_at = _starts_at(door, typed)
        if not zones or starts_at is None or starts_at < door.now:
            return Cost(lasts)
        urgency = Urgency.PRIORITY if typed.urgency == Urgency.PRIORITY else Urgency.NORMAL
        return Cost(lasts, fit_in(session, zones, Airing(starts_at, lasts, urgency, bulletin_id), door.now))


def _lasts(session: Session, door: Door, typed: Typed, bulletin_id: str) -> timedelta:
    rules, rate, total_ms = rules_of(session), rate_of(session), 0.0
    for part in split_said(said_in(session, door.user, typed.script, typed.parts, bulletin_id)):
        if isinstance(part, ClipMark):
            clip = session.get(Clip, part.sha256)
            total_ms += clip.duration_ms if clip else 0
        else:
            total_ms += guess_ms(rules.read(part).spoken) / rate
    return timedelta(milliseconds=total_ms * (2 if typed.is_read_twice else 1))


def _starts_at(door: Door, typed: Typed) -> datetime | None:
    """When it is to begin; none while that is not chosen, or the programme decides it."""
    if typed.when == "now":
        return door.now
    if typed.when != "at" or not (typed.on and typed.minute):
        return None
    try:
        return parse_local(typed.on, typed.minute, door.zone)
    except BroadcastError:
        return None
