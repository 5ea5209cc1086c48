"""The commune's and the villages' rules on how much may sound: set by people, applied to what is planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import sqlalchemy
from sqlmodel import Session, and_, col, or_, select

from broadcast.audit import record
from broadcast.budget import Budget, refusals
from broadcast.budget import Session as Sounding
from broadcast.communes import get_commune, local_zone, windows_of_commune
from broadcast.entries import lengths_of_days
from broadcast.errors import InvalidInput, NotFound
from broadcast.lifecycle import COMING
from broadcast.models import (
    Broadcast,
    BroadcastState,
    BroadcastZone,
    Commune,
    TimetableEntry,
    Zone,
    row_id,
)
from broadcast.windows import say_windows, stored_windows, windows_of
from broadcast.zones import list_zones
from players.messages import Urgency, Window

MAX_WINDOWS = 12
_LIMITS = {"sessions_a_day": 100, "session_minutes": 1440, "day_minutes": 1440}
_COUNTS = (BroadcastState.ON_AIR, BroadcastState.AIRED, BroadcastState.CUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What may be set for a commune or a village; none means no limit of its own."""

    windows: Sequence[Window] = ()
    sessions_a_day: int | None = None
    session_minutes: int | None = None
    day_minutes: int | None = None


def set_commune_rules(session: Session, rules: Rules, now: datetime, actor: str) -> Commune:
    """Say when and how much may sound in the commune. No window at all means: nothing but emergencies.

    Raises:
        InvalidInput: a number is out of bounds, or the windows overlap or are too many.
    """
    _check(rules)
    commune = get_commune(session)
    before = said_of(rules_of_commune(commune))
    commune.windows = stored_windows(sorted(rules.windows, key=lambda window: window.opens))
    _store(commune, rules)
    session.add(commune)
    session.flush()
    said = {"before": before, "after": said_of(rules_of_commune(commune))}
    record(session, now, actor, "set-commune-rules", commune.slug, said)
    return commune


def set_zone_rules(session: Session, slug: str, rules: Rules, now: datetime, actor: str) -> Zone:
    """Say when and how much may sound in a village: inside the commune's hours; no window means those.

    Raises:
        NotFound: there is no such village.
        InvalidInput: a number is out of bounds, or a window leaves the commune's.
    """
    zone = next((zone for zone in list_zones(session) if zone.slug == slug), None)
    if zone is None:
        raise NotFound("no-zone", "Không có khu vực này.")
    _check(rules)
    allowed = windows_of_commune(get_commune(session))
    for window in rules.windows:
        if not any(_holds(outer, window) for outer in allowed):
            said = f"Giờ của thôn phải nằm trong giờ của xã: {say_windows(allowed) or 'không có'}."
            raise InvalidInput("outside-commune", said, "windows")
    before = said_of(rules_of_zone(zone))
    zone.windows = stored_windows(sorted(rules.windows, key=lambda window: window.opens))
    _store(zone, rules)
    session.add(zone)
    session.flush()
    record(session, now, actor, "set-zone-rules", slug, {"before": before, "after": said_of(rules_of_zone(zone))})
    return zone


def rules_of_commune(commune: Commune) -> Rules:
    """The commune's rules."""
    return _rules(commune)


def rules_of_zone(zone: Zone) -> Rules:
    """A village's own rules."""
    return _rules(zone)


def said_of(rules: Rules) -> dict[str, object]:
    """Rules as the audit log keeps them."""
    limits = {name: getattr(rules, name) for name in _LIMITS}
    return {"windows": stored_windows(rules.windows), **limits}


def load_budgets(session: Session) -> dict[int, Budget]:
    """What counts in each village: of commune and village the stricter."""
    commune = rules_of_commune(get_commune(session))
    found = {}
    for zone in list_zones(session):
        own = rules_of_zone(zone)
        limits = {name: _stricter(getattr(commune, name), getattr(own, name)) for name in _LIMITS}
        found[row_id(zone.id)] = Budget(**limits, windows=tuple(own.windows))
    return found


def apply_rules(session: Session, now: datetime) -> list[str]:
    """Write down which coming broadcasts may not sound by the rules; the ids of those for which that is news."""
    commune = get_commune(session)
    zone, budgets = local_zone(commune), load_budgets(session)
    rows = _rows(session, datetime.combine(now.astimezone(zone).date(), time(), zone), zone)
    is_idle = all(budget == Budget() for budget in budgets.values())
    if is_idle and not any(broadcast.over_rule or max_minutes for broadcast, max_minutes in rows):
        return []
    zones = _zones_of(session, [broadcast.id for broadcast, _ in rows])
    soundings = [
        Sounding(
            id=broadcast.id,
            zone_ids=frozenset(zones.get(broadcast.id, ())),
            starts_at=broadcast.starts_at or now,
            lasts=timedelta(milliseconds=broadcast.duration_ms or 0),
            max_minutes=max_minutes,
            is_settled=broadcast.state not in COMING,
        )
        for broadcast, max_minutes in rows
        if broadcast.state not in COMING or broadcast.is_now or broadcast.duration_ms is not None
    ]
    refused = refusals(soundings, budgets, zone)
    changed = []
    for broadcast, _ in rows:
        why = refused.get(broadcast.id)
        if broadcast.state in COMING and broadcast.over_rule != why:
            broadcast.over_rule = why
            session.add(broadcast)
            changed.append(broadcast.id)
    session.flush()
    return changed


def _rows(session: Session, since: datetime, zone: ZoneInfo) -> list[tuple[Broadcast, int | None]]:
    """Today's broadcasts and all that come, emergencies apart, each with its entry's own limit on its day."""
    counts = and_(col(Broadcast.state).in_(_COUNTS), col(Broadcast.starts_at) >= since)
    query = (
        select(Broadcast, TimetableEntry.max_minutes)
        .outerjoin(TimetableEntry)
        .where(Broadcast.urgency != Urgency.EMERGENCY, or_(col(Broadcast.state).in_(COMING), counts))
    )
    of_days = lengths_of_days(session)
    return [
        (broadcast, of_days.get((broadcast.entry_id or 0, _day_of(broadcast, zone)), max_minutes))
        for broadcast, max_minutes in session.exec(query).all()
    ]


def _day_of(broadcast: Broadcast, zone: ZoneInfo) -> date:
    """The local day it is for: what is aired late may have come into the next."""
    return (broadcast.due_at or broadcast.starts_at or broadcast.created_at).astimezone(zone).date()


def _zones_of(session: Session, ids: Sequence[str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    query = sqlalchemy.select(col(BroadcastZone.broadcast_id), col(BroadcastZone.zone_id))
    for broadcast_id, zone_id in session.connection().execute(query.where(col(BroadcastZone.broadcast_id).in_(ids))):
        found.setdefault(broadcast_id, set()).add(zone_id)
    return found


def _rules(of: Commune | Zone) -> Rules:
    return Rules(
        windows=windows_of(of.windows),
        sessions_a_day=of.sessions_a_day,
        session_minutes=of.session_minutes,
        day_minutes=of.day_minutes,
    )


def _store(of: Commune | Zone, rules: Rules) -> None:
    of.sessions_a_day, of.session_minutes, of.day_minutes = (
        rules.sessions_a_day,
        rules.session_minutes,
        rules.day_minutes,
    )


def _check(rules: Rules) -> None:
    for name, largest in _LIMITS.items():
        number = getattr(rules, name)
        if number is not None and not 0 <= number <= largest:
            raise InvalidInput("bad-limit", f"Hãy gõ một số từ 0 đến {largest}, hoặc bỏ trống.", name)
    if len(rules.windows) > MAX_WINDOWS:
        raise InvalidInput("too-many-windows", f"Tối đa {MAX_WINDOWS} khoảng giờ.", "windows")
    ordered = sorted(rules.windows, key=lambda window: window.opens)
    for first, second in combinations(ordered, 2):
        if _share_a_day(first, second) and (first.closes == time.min or second.opens < first.closes):
            raise InvalidInput("windows-overlap", "Các khoảng giờ chồng lên nhau.", "windows")


def _share_a_day(first: Window, second: Window) -> bool:
    return not first.days or not second.days or not set(first.days).isdisjoint(second.days)


def _holds(outer: Window, inner: Window) -> bool:
    if outer.days and not (inner.days and set(inner.days) <= set(outer.days)):
        return False
    ends_in = outer.closes == time.min or (inner.closes != time.min and inner.closes <= outer.closes)
    return outer.opens <= inner.opens and ends_in


def _stricter(first: int | None, second: int | None) -> int | None:
    return min((limit for limit in (first, second) if limit is not None), default=None)
