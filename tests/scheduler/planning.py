"""Planning all at once, as the runner does it group by group."""

from datetime import datetime

from sqlmodel import Session

from scheduler.planner import plan_entries, planned_together


def plan_timetable(session: Session, now: datetime) -> None:
    """Plan every entry."""
    for entry_ids in planned_together(session):
        plan_entries(session, entry_ids, now)
