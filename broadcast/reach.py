"""Where a placed bulletin is really heard: an entry of the timetable speaks to all its villages at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, or_, select

from broadcast.models import EntryChange, EntryZone, TimetableEntry, Zone, row_id
from broadcast.placements import Placing
from broadcast.zones import sorted_by_name


@dataclass(frozen=True, slots=True)
class Reach:
    """What becomes of one placement. `beyond` are villages, by name, that hear it without being meant."""

    is_heard: bool
    """Whether the timetable has its programme in any village for which it is meant."""
    beyond: tuple[str, ...]


def reach_of(session: Session, placings: Sequence[Placing], today: date) -> dict[int, Reach]:
    """How far these reach, by placement, by the entries that are not over."""
    entries = _zones_by_programme(session, {one.placement.programme_id for one in placings}, today)
    zones = {row_id(zone.id): zone for zone in session.exec(select(Zone))}
    found = {}
    for one in placings:
        heard = [ids for ids in entries.get(one.placement.programme_id, ()) if ids & one.zone_ids]
        beyond = frozenset().union(*heard) - one.zone_ids
        names = tuple(zone.name for zone in sorted_by_name(zones[id_] for id_ in beyond))
        found[row_id(one.placement.id)] = Reach(bool(heard), names)
    return found


def _zones_by_programme(session: Session, programme_ids: set[int], today: date) -> dict[int, list[frozenset[int]]]:
    """The villages of each entry, by the programmes it airs: every day, or instead of its own on a day to come."""
    entry, change, zone = TimetableEntry, EntryChange, EntryZone
    is_ahead = or_(col(entry.until_on).is_(None), col(entry.until_on) >= today)
    usual = select(entry.programme_id, zone.entry_id, zone.zone_id).join(zone, col(zone.entry_id) == col(entry.id))
    usual = usual.where(col(entry.programme_id).in_(programme_ids), col(entry.is_active), is_ahead)
    once = select(change.programme_id, zone.entry_id, zone.zone_id).join(entry, col(entry.id) == col(change.entry_id))
    once = once.join(zone, col(zone.entry_id) == col(entry.id))
    once = once.where(col(change.programme_id).in_(programme_ids), col(entry.is_active), col(change.on) >= today)
    of_entry: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for programme_id, entry_id, zone_id in (*session.exec(usual), *session.exec(once)):
        of_entry[programme_id or 0, entry_id].add(zone_id)
    found: defaultdict[int, list[frozenset[int]]] = defaultdict(list)
    for (programme_id, _), zone_ids in of_entry.items():
        found[programme_id].append(frozenset(zone_ids))
    return found
