"""The monthly report: a page to print, the same as CSV and as PDF."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import ClassVar

from fastapi import APIRouter, Response

from broadcast.communes import get_commune
from broadcast.monthly import MonthReport, month_report
from web.deps import Door, SignedIn
from web.fragments import EVERYTHING, scope_of
from web.month_pdf import write_pdf
from web.spreadsheets import as_csv
from web.templating import Page
from web.texts import Language, speaking
from web.words import say_length, say_number

router = APIRouter(include_in_schema=False)
FIRST_YEAR = 2000


@dataclass(frozen=True, kw_only=True)
class MonthPage(Page):
    """A month."""

    template: ClassVar[str] = "monthly.html"
    month: date
    """Its first day."""
    before: date
    after: date | None
    report: MonthReport
    on_time: str
    """Which part began on time, in words; empty when nothing had an instant."""


@router.get("/bao-cao")
def show_month(door: SignedIn, thang: str = "") -> Response:
    """The page."""
    month = month_in(thang, door)
    after = next_month(month)
    page = MonthPage(
        month=month,
        before=month.replace(year=month.year - (month.month == 1), month=(month.month - 2) % 12 + 1),
        after=after if after <= door.now.astimezone(door.zone).date() else None,
        report=(report := _report(door, month)),
        on_time=say_part(report.on_time_part),
    )
    return door.show(page)


@router.get("/bao-cao.csv")
@speaking(Language.VIETNAMESE)
def send_csv(door: SignedIn, thang: str = "") -> Response:
    """The same as CSV, for a spreadsheet."""
    month = month_in(thang, door)
    report = _report(door, month)
    return Response(
        as_csv([*_village_table(report), [], *_pole_table(report)]),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="bao-cao-phat-thanh-{month:%Y-%m}.csv"'},
    )


@router.get("/bao-cao.pdf")
@speaking(Language.VIETNAMESE)
def send_pdf(door: SignedIn, thang: str = "") -> Response:
    """The same as PDF, to sign and send upward."""
    month = month_in(thang, door)
    report = _report(door, month)
    with door.read() as session:
        commune = get_commune(session).name
    on_time = say_part(report.on_time_part) or "không có số liệu"
    summary = (
        f"Đã phát {say_number(report.sounded)} lượt, {say_length(report.lasted)}; "
        f"không phát được {say_number(report.missed)} lượt. Đúng giờ: {on_time}."
    )
    tables = {"Theo thôn": list(_village_table(report)), "Theo cụm loa": list(_pole_table(report))}
    title = f"Báo cáo truyền thanh tháng {month:%m/%Y}"
    data = write_pdf(commune, title, summary, tables, door.now.astimezone(door.zone))
    headers = {"content-disposition": f'attachment; filename="bao-cao-phat-thanh-{month:%Y-%m}.pdf"'}
    return Response(data, media_type="application/pdf", headers=headers)


def month_in(text: str, door: Door) -> date:
    """The month asked for (`2026-11`), as its first day; the present one when it is none, or lies ahead."""
    this = door.now.astimezone(door.zone).date().replace(day=1)
    try:
        asked = date.fromisoformat(f"{text}-01")
    except ValueError:
        return this
    return asked if asked.year > FIRST_YEAR and asked <= this else this


def next_month(month: date) -> date:
    """The first day of the month after."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def say_part(part: float | None) -> str:
    """0.985 as "98,5 %"; rounded down, so that only what is whole is said to be."""
    return "" if part is None else f"{say_number(int(part * 1000) / 10)} %"


def _report(door: Door, month: date) -> MonthReport:
    begins, ends = (datetime.combine(day, time.min, door.zone).astimezone(UTC) for day in (month, next_month(month)))
    with door.read() as session:
        scope = scope_of(session, door.user)
        return month_report(session, begins, ends, None if scope == EVERYTHING else [scope])


def _village_table(report: MonthReport) -> Iterator[Sequence[str]]:
    yield ("Thôn", "Đã phát", "Không phát được", "Khẩn cấp", "Diễn tập", "Thời lượng")
    for one in report.villages:
        counts = (one.sounded, one.missed, one.emergencies, one.drills)
        yield (one.name, *(say_number(count) for count in counts), say_length(one.lasted))


def _pole_table(report: MonthReport) -> Iterator[Sequence[str]]:
    yield ("Cụm loa", "Thôn", "Phải phát", "Đã phát", "Không báo về", "Đúng giờ")
    for one in report.poles:
        counts = (one.asked, one.played, one.silent)
        on_time = say_part(one.on_time / one.timed) if one.timed else "–"
        yield (one.name, ", ".join(one.zones), *(say_number(count) for count in counts), on_time)
