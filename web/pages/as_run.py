"""The as-run log: for each broadcast of a day, what each pole really did; the same as CSV."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session

from broadcast.collation import vietnamese_key
from broadcast.models import DeliveryState, Node, Zone, row_id
from broadcast.nodes import nodes_of_zones
from broadcast.run_log import LogFilter, LoggedBroadcast, as_run_log
from broadcast.zones import zones_open_to
from players.messages import Urgency
from web.deps import Door, SignedIn
from web.fragments import EVERYTHING, scope_of
from web.spreadsheets import as_csv
from web.templating import Page
from web.texts import Language, speaking
from web.words import BROADCAST, DELIVERY, say_clock, say_datetime, say_day

router = APIRouter(include_in_schema=False)
Word = TypeVar("Word", bound=StrEnum)
LISTED_POLES = 40
"""A broadcast at more poles than this names only those where it did not sound as it should; the rest are counted."""
_COLUMNS = ("Giờ phát", "Bản tin", "Lượt phát", "Cụm loa", "Khu vực", "Kết quả", "Bắt đầu", "Kết thúc", "Lý do")


LONGEST = timedelta(days=31)


@dataclass(frozen=True)
class Asked:
    """What of the log is looked for: days, first and last, and a filter."""

    on: date
    until_on: date
    wanted: LogFilter

    @property
    def query(self) -> str:
        """The same as an address has it."""
        said = {"ngay": str(self.on), "den": str(self.until_on) if self.until_on != self.on else ""}
        wanted = self.wanted
        said |= {"thon": wanted.zone or "", "loa": wanted.node or ""}
        said |= {"ket-qua": wanted.grade or "", "loai": wanted.urgency or ""}
        return urlencode({name: value for name, value in said.items() if value})


@dataclass(frozen=True, kw_only=True)
class AsRunPage(Page):
    """Some days of the log, and the form that looks for others."""

    template: ClassVar[str] = "as_run.html"
    asked: Asked
    day: str
    before: date
    after: date | None
    broadcasts: Sequence[LoggedBroadcast]
    zones: Sequence[Zone]
    nodes: Sequence[Node]


def asked_of(request: Request, door: SignedIn) -> Asked:
    """What an address asks for; what it asks in vain (an unknown word, a day that is none) it does not ask."""
    given = request.query_params
    on = day_in(given.get("ngay", ""), door)
    until_on = min(max(on, day_in(given.get("den") or str(on), door)), on + LONGEST - timedelta(days=1))
    wanted = LogFilter(
        zone=given.get("thon") or None,
        node=given.get("loa") or None,
        grade=_member(DeliveryState, given.get("ket-qua", "")),
        urgency=_member(Urgency, given.get("loai", "")),
    )
    return Asked(on, until_on, wanted)


AskedFor = Annotated[Asked, Depends(asked_of)]


@router.get("/nhat-ky")
def show_log(door: SignedIn, asked: AskedFor) -> Response:
    """The page."""
    today = door.now.astimezone(door.zone).date()
    begins_at, _ = bounds_of(asked.on, door.zone)
    with door.read() as session:
        most_poles = None if asked.wanted.is_of_poles else LISTED_POLES
        broadcasts = _found(session, door, asked, most_poles)
        zones = zones_open_to(session, door.user)
        nodes = nodes_of_zones(session, [row_id(zone.id) for zone in zones])
    page = AsRunPage(
        asked=asked,
        day=say_day(begins_at, door.zone),
        before=asked.on - timedelta(days=1),
        after=asked.on + timedelta(days=1) if asked.on < today else None,
        broadcasts=broadcasts,
        zones=zones,
        nodes=sorted(nodes, key=lambda node: vietnamese_key(node.name)),
    )
    return door.show(page)


@router.get("/nhat-ky.csv")
@speaking(Language.VIETNAMESE)
def send_csv(door: SignedIn, asked: AskedFor) -> Response:
    """The same as CSV, for a spreadsheet that is handed upward: in Vietnamese."""
    with door.read() as session:
        broadcasts = _found(session, door, asked, None)
    headers = {"content-disposition": f'attachment; filename="nhat-ky-phat-{asked.on}.csv"'}
    return Response(csv_of(broadcasts, door.zone), media_type="text/csv; charset=utf-8", headers=headers)


def _found(session: Session, door: Door, asked: Asked, most_poles: int | None) -> list[LoggedBroadcast]:
    since, until = bounds_of(asked.on, door.zone)[0], bounds_of(asked.until_on, door.zone)[1]
    return asked.wanted.kept(logged(session, since, until, scope_of(session, door.user), most_poles))


def _member(kind: type[Word], text: str) -> Word | None:
    return kind(text) if text in set(kind) else None


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
