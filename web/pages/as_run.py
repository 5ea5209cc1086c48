"""The as-run log: for each broadcast of a day, what each pole really did; the same as CSV."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from sqlmodel import Session

from broadcast.run_log import LoggedBroadcast, as_run_log
from web.deps import Door, SignedIn
from web.fragments import EVERYTHING, scope_of
from web.spreadsheets import as_csv
from web.templating import Page
from web.words import BROADCAST, DELIVERY, say_clock, say_datetime, say_day

router = APIRouter(include_in_schema=False)
LISTED_POLES = 40
"""A broadcast at more poles than this names only those where it did not sound as it should; the rest are counted."""
_COLUMNS = ("Giờ phát", "Bản tin", "Lượt phát", "Cụm loa", "Khu vực", "Kết quả", "Bắt đầu", "Kết thúc", "Lý do")


@dataclass(frozen=True, kw_only=True)
class AsRunPage(Page):
    """A day."""

    template: ClassVar[str] = "as_run.html"
    on: date
    day: str
    before: date
    after: date | None
    broadcasts: Sequence[LoggedBroadcast]


@router.get("/nhat-ky")
def show_log(door: SignedIn, ngay: str = "") -> Response:
    """The page."""
    on = day_in(ngay, door)
    begins_at, ends_at = bounds_of(on, door.zone)
    today = door.now.astimezone(door.zone).date()
    with door.read() as session:
        broadcasts = logged(session, begins_at, ends_at, scope_of(session, door.user), LISTED_POLES)
    page = AsRunPage(
        on=on,
        day=say_day(begins_at, door.zone),
        before=on - timedelta(days=1),
        after=on + timedelta(days=1) if on < today else None,
        broadcasts=broadcasts,
    )
    return door.show(page)


@router.get("/nhat-ky.csv")
def send_csv(door: SignedIn, ngay: str = "") -> Response:
    """The same as CSV, for a spreadsheet."""
    on = day_in(ngay, door)
    with door.read() as session:
        broadcasts = logged(session, *bounds_of(on, door.zone), scope_of(session, door.user))
    headers = {"content-disposition": f'attachment; filename="nhat-ky-phat-{on}.csv"'}
    return Response(csv_of(broadcasts, door.zone), media_type="text/csv; charset=utf-8", headers=headers)


def day_in(text: str, door: Door) -> date:
    """The day asked for (`2026-09-05`); today when it is none, or so far off that it has no neighbours."""
    today = door.now.astimezone(door.zone).date()
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        return today
    return asked if 2000 <= asked.year <= today.year + 1 else today


def bounds_of(on: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local day, from its first instant to the next day's."""
    begins = datetime.combine(on, time.min, zone)
    return begins.astimezone(UTC), datetime.combine(on + timedelta(days=1), time.min, zone).astimezone(UTC)


def logged(
    session: Session, since: datetime, until: datetime, scope: str, most_poles: int | None = None
) -> list[LoggedBroadcast]:
    """The log of a span of time, as far as it is for the villages of a scope."""
    log = as_run_log(session, since, until, most_poles)
    return [one for one in log if scope in {EVERYTHING, *one.row.zone_slugs}]


def csv_of(broadcasts: Iterable[LoggedBroadcast], zone: ZoneInfo) -> bytes:
    """The log as CSV, a line for each pole."""
    return as_csv(_rows_of(broadcasts, zone))


def _rows_of(broadcasts: Iterable[LoggedBroadcast], zone: ZoneInfo) -> Iterator[Sequence[str]]:
    yield _COLUMNS
    for one in broadcasts:
        begins = [say_datetime(one.at, zone), one.row.title, BROADCAST[one.row.state]]
        if not one.poles:
            yield [*begins, "", ", ".join(one.row.zones), "", "", "", one.row.why]
        for pole in one.poles:
            times = [say_clock(at, zone) if at else "" for at in (pole.started_at, pole.finished_at)]
            yield [*begins, pole.node_name, ", ".join(pole.node_zones), DELIVERY[pole.state], *times, pole.why]
