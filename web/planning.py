"""Planning what a page has changed before the next page tells how long it lasts and what it meets."""

from collections.abc import Collection

from broadcast.entries import entries_with
from scheduler.planner import plan_entries, planned_together
from web.deps import Door


def plan_programmes(door: Door, programme_ids: Collection[int]) -> None:
    """Plan the entries that air these programmes, in small units of work: an emergency's order goes between."""
    with door.read() as session:
        wanted = entries_with(session, programme_ids)
        groups = [ids for ids in planned_together(session) if wanted & set(ids)]
    for entry_ids in groups:
        with door.work() as session:
            plan_entries(session, entry_ids, door.now)
