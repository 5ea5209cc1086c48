"""What is planned: the coming week by day, and the entries it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import ClassVar
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from sqlmodel import Session

from broadcast.communes import get_commune, windows_of_commune
from broadcast.entries import list_entries, zones_of_entry
from broadcast.models import TimetableEntry, row_id
from broadcast.permissions import Action, may
from broadcast.programmes import list_programmes
from broadcast.views import BroadcastRow, coming
from broadcast.windows import say_windows
from web.deps import SignedIn
from web.fragments import EVERYTHING, scope_of
from web.templating import Page
from web.texts import gettext, told
from web.words import say_weekdays

router = APIRouter(include_in_schema=False)
SHOWN = timedelta(days=7)
_DATES_SHOWN = 3


@dataclass(frozen=True)
class Day:
    """A day and what sounds on it; `at` is an instant in it."""

    at: datetime
    rows: Sequence[BroadcastRow]


@dataclass(frozen=True)
class EntryRow:
    """An entry of the timetable, in words."""

    id: int
    programme: str
    airs_at: str
    days: str
    zones: str
    is_active: bool


@dataclass(frozen=True, kw_only=True)
class TimetablePage(Page):
    """The coming week."""

    template: ClassVar[str] = "timetable.html"
    days: Sequence[Day]
    entries: Sequence[EntryRow]
    windows: str
    may_edit: bool
    may_rule: bool


@router.get("/lich-phat")
def show_timetable(door: SignedIn) -> Response:
    """The page."""
    with door.read() as session:
        scope = scope_of(session, door.user)
        rows = [row for row in coming(session, door.now, door.now + SHOWN) if scope in {EVERYTHING, *row.zone_slugs}]
        page = TimetablePage(
            days=days_of(rows, door.zone, door.now),
            entries=_entry_rows(session, scope),
            windows=say_windows(windows_of_commune(get_commune(session))),
            may_edit=may(door.user, Action.EDIT_TIMETABLE),
            may_rule=may(door.user, Action.EDIT_RULES),
        )
    return door.show(page)


def days_of(rows: Sequence[BroadcastRow], zone: ZoneInfo, now: datetime) -> list[Day]:
    """The rows by local day; what airs as soon as it can belongs to today."""

    def day_of(row: BroadcastRow) -> date:
        return (row.starts_at or now).astimezone(zone).date()

    grouped = [list(group) for _, group in groupby(sorted(rows, key=lambda row: row.starts_at or now), key=day_of)]
    return [Day(group[0].starts_at or now, group) for group in grouped]


def _entry_rows(session: Session, scope: str) -> list[EntryRow]:
    names = {programme.id: programme.name for programme in list_programmes(session)}
    return [row for entry in list_entries(session) if (row := _entry_row(session, entry, names, scope)) is not None]


def _entry_row(session: Session, entry: TimetableEntry, names: dict[int | None, str], scope: str) -> EntryRow | None:
    zones = zones_of_entry(session, entry)
    if scope not in {EVERYTHING, *(zone.slug for zone in zones)}:
        return None
    return EntryRow(
        id=row_id(entry.id),
        programme=names.get(entry.programme_id, ""),
        airs_at=f"{entry.airs_at:%H:%M}",
        days=say_entry_days(entry),
        zones=", ".join(zone.name for zone in zones),
        is_active=entry.is_active,
    )


def say_entry_days(entry: TimetableEntry) -> str:
    """`Hằng ngày, âm lịch ngày 1, 15, từ 01/06/2026`: the days of an entry."""
    said = [say_weekdays(entry.weekdays)] if entry.weekdays else []
    if entry.lunar_days:
        said.append(gettext("âm lịch ngày ") + ", ".join(str(day) for day in entry.lunar_days))
    said += [f"{date.fromisoformat(day):%d/%m/%Y}" for day in entry.dates[:_DATES_SHOWN]]
    if len(entry.dates) > _DATES_SHOWN:
        said.append(f"và {len(entry.dates) - _DATES_SHOWN} ngày khác")
    if entry.skips_holidays:
        said.append("trừ ngày lễ")
    if entry.until_on is not None:
        said.append(f"đến {entry.until_on:%d/%m/%Y}")
    return ", ".join(told(one) for one in said)
