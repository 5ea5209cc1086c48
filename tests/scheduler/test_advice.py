"""What is said of an entry while it is edited: once for all its days, and before anything is rendered."""

from datetime import date, datetime, time, timedelta
from typing import Unpack

import pytest
from sqlmodel import Session

from broadcast.bulletins import write_bulletin
from broadcast.entries import EntryTimes, create_entry
from broadcast.models import Bulletin, Programme, ProgrammePartKind, WhenEmpty, row_id
from broadcast.nodes import create_node
from broadcast.programme_parts import ProgrammePartDraft
from broadcast.programmes import ProgrammeDraft, add_programme
from broadcast.rules import Rules, set_commune_rules
from broadcast.windows import ALL_DAY
from scheduler.advice import AdviceKind, advice_for, advice_of_programmes
from tests.broadcast.conftest import House
from tests.scheduler.planning import plan_timetable

MONDAY = date(2026, 6, 1)
GREETING = ProgrammePartDraft(ProgrammePartKind.GREETING, "Chào.")


def programme(unit: Session, house: House, now: datetime, name: str, *parts: ProgrammePartDraft) -> Programme:
    chosen = parts or (GREETING,)
    draft = ProgrammeDraft(name, chosen, WhenEmpty.GREETING)
    return add_programme(unit, house.commune, draft, now, house.leader)


def said(unit: Session, entry_id: int | None, now: datetime) -> dict[AdviceKind, list[str]]:
    found: dict[AdviceKind, list[str]] = {}
    for advice in advice_for(unit, row_id(entry_id), now):
        found.setdefault(advice.kind, []).append(advice.text)
    return found


def test_a_relay_counts_before_it_is_heard_and_days_are_one_line(unit: Session, house: House, now: datetime) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    create_node(unit, house.commune, "tay-1", "Tây 1", ["thon-tay"], now)
    relay = ProgrammePartDraft(ProgrammePartKind.RELAY, "Đài tỉnh", url="http://radio.example/live", minutes=15)
    long = programme(unit, house, now, "Dài", GREETING, relay)
    short = programme(unit, house, now, "Ngắn")
    for one, at in ((long, time(17, 0)), (short, time(17, 10))):
        create_entry(
            unit, one, zones=["thon-tay", "thon-dong"], airs_at=at, from_on=MONDAY, now=now, actor="canbo",
            weekdays=[1, 2, 3],
        )  # fmt: skip
    plan_timetable(unit, now)
    text = (
        "02/06, 03/06, 04/06, 09/06, 10/06, 11/06, 16/06, …: "
        "“Ngắn” lúc 17:10 chồng lên “Dài” lúc 17:00 ở Thôn Đông, Thôn Tây; "
        "chương trình sau chờ đến khi chương trình trước xong."
    )
    assert said(unit, 1, now) == said(unit, 2, now) == {AdviceKind.OVERLAP: [text]}


def test_what_has_nothing_to_say_has_no_length(unit: Session, house: House, now: datetime) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    empty = programme(unit, house, now, "Rỗng", ProgrammePartDraft(ProgrammePartKind.BULLETINS))
    create_entry(unit, empty, zones=["thon-dong"], airs_at=time(17, 0), from_on=MONDAY, now=now, actor="canbo")
    plan_timetable(unit, now)
    assert said(unit, 1, now) == {
        AdviceKind.NO_LENGTH: ["Chưa có âm thanh nào cho lịch này nên chưa biết chương trình dài bao lâu."]
    }


def entry_of(unit: Session, one: Programme, now: datetime, at: time = time(17), **more: Unpack[EntryTimes]) -> int:
    return row_id(
        create_entry(unit, one, zones=["thon-dong"], airs_at=at, from_on=MONDAY, now=now, actor="canbo", **more).id
    )


@pytest.mark.parametrize(
    ("days", "on"),
    [
        ({"weekdays": (), "dates": (date(2026, 6, 20),)}, "20/06"),
        # The full moon of the fifth lunar month, and the first of the sixth.
        ({"weekdays": (), "lunar_days": (1, 15)}, "15/06, 29/06, 14/07, 28/07"),
    ],
)
def test_two_that_meet_weeks_ahead_are_found_by_both(
    unit: Session, house: House, now: datetime, days: EntryTimes, on: str
) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    one, other = (programme(unit, house, now, name) for name in ("Một", "Hai"))
    first, second = (entry_of(unit, each, now, **days) for each in (one, other))
    plan_timetable(unit, now)
    texts = [said(unit, entry, now)[AdviceKind.OVERLAP] for entry in (first, second)]
    assert texts[0] == texts[1] == [
        (
            f"{on}: “Hai” lúc 17:00 chồng lên “Một” lúc 17:00 ở Thôn Đông; "
            "chương trình sau chờ đến khi chương trình trước xong (độ dài tạm tính)."
        )
    ]  # fmt: skip


def test_two_without_a_bulletin_yet_meet_as_long_as_they_may_last(unit: Session, house: House, now: datetime) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    first, second = (
        programme(unit, house, now, name, ProgrammePartDraft(ProgrammePartKind.BULLETINS)) for name in ("Một", "Hai")
    )
    entry = entry_of(unit, first, now, max_minutes=30)
    entry_of(unit, second, now, time(17, 20), max_minutes=10)
    later = entry_of(unit, second, now, time(17, 31))
    plan_timetable(unit, now)
    found = said(unit, entry, now)
    assert len(found[AdviceKind.OVERLAP]) == 1
    assert "“Hai” lúc 17:20 chồng lên “Một” lúc 17:00" in found[AdviceKind.OVERLAP][0]
    assert AdviceKind.REFUSED not in found, "a guess breaks no rule"
    assert AdviceKind.OVERLAP not in said(unit, later, now)


def test_the_days_beyond_what_is_planned_are_as_long_as_those_that_are(
    unit: Session, house: House, now: datetime
) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    relay = ProgrammePartDraft(ProgrammePartKind.RELAY, "Đài tỉnh", url="http://radio.example/live", minutes=15)
    daily = entry_of(unit, programme(unit, house, now, "Dài", GREETING, relay), now)
    entry_of(unit, programme(unit, house, now, "Một lần"), now, time(17, 10), weekdays=(), dates=(date(2026, 7, 20),))
    plan_timetable(unit, now)
    text = (
        "20/07: “Một lần” lúc 17:10 chồng lên “Dài” lúc 17:00 ở Thôn Đông; "
        "chương trình sau chờ đến khi chương trình trước xong."
    )
    assert said(unit, daily, now) == {AdviceKind.OVERLAP: [text]}


@pytest.mark.parametrize(
    ("times", "is_never"),
    [
        ({"weekdays": (), "dates": (date(2026, 6, 20),), "until_on": date(2026, 6, 19)}, True),
        ({"weekdays": (), "dates": (MONDAY,)}, True),  # at 5:00, and it is 15:00
        ({"weekdays": (0,), "until_on": date(2026, 6, 7)}, True),
        ({"weekdays": (), "lunar_days": (30,), "until_on": date(2026, 7, 13)}, True),
        ({"weekdays": (), "lunar_days": (30,)}, False),
        ({"weekdays": (), "dates": (date(2029, 6, 20),)}, False),
        ({"weekdays": (1,), "until_on": date(2026, 6, 7)}, False),
    ],
)
def test_an_entry_that_is_never_due_says_so(
    unit: Session, house: House, now: datetime, times: EntryTimes, *, is_never: bool
) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    entry = entry_of(unit, programme(unit, house, now, "Sáng"), now, time(5), **times)
    assert (AdviceKind.NEVER_DUE in said(unit, entry, now)) == is_never


def bulletin_for(unit: Session, house: House, now: datetime, into: Programme, script: str = "Tin.") -> Bulletin:
    """A draft for the eastern village, placed for these days."""
    bulletin = write_bulletin(
        unit, house.officer, title="Riêng", script=script, zones=["thon-dong"], programmes=[row_id(into.id)], now=now
    )
    unit.flush()
    return bulletin


def test_what_is_placed_but_not_approved_is_counted_in(unit: Session, house: House, now: datetime) -> None:
    """Some 14 characters a second: 2,100 are two and a half minutes, and the commune allows two."""
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    set_commune_rules(unit, Rules(windows=ALL_DAY, session_minutes=2), now, "lanhdao")
    morning = programme(unit, house, now, "Sáng", ProgrammePartDraft(ProgrammePartKind.BULLETINS))
    entry_of(unit, morning, now)
    bulletin_for(unit, house, now, morning, "Xin mời bà con đến họp. " * 88)
    plan_timetable(unit, now)
    found = advice_of_programmes(unit, [row_id(morning.id)], now)
    assert [one.text for one in found.advice] == [
        "01/06, 02/06, 03/06: “Sáng” lúc 17:00 sẽ không phát. Dài hơn thời lượng cho phép của một lần phát.",
        "Đã tính cả 1 bản tin được xếp mà chưa duyệt, dài chừng như chữ của chúng.",
    ]
    assert [
        (one.starts_at.day, one.lasts > timedelta(seconds=150), one.is_estimate, one.zones) for one in found.times
    ] == [(day, True, True, ("Thôn Đông",)) for day in (1, 2, 3)]


def test_a_bulletin_that_is_heard_beyond_its_villages_is_named(unit: Session, house: House, now: datetime) -> None:
    for slug, zone in (("dong-1", "thon-dong"), ("tay-1", "thon-tay")):
        create_node(unit, house.commune, slug, slug, [zone], now)
    evening = programme(unit, house, now, "Chiều", ProgrammePartDraft(ProgrammePartKind.BULLETINS))
    both = create_entry(
        unit, evening, zones=["thon-dong", "thon-tay"], airs_at=time(17), from_on=MONDAY, now=now, actor="canbo"
    )
    east = entry_of(unit, evening, now, time(18))
    bulletin_for(unit, house, now, evening)
    plan_timetable(unit, now)
    assert said(unit, both.id, now)[AdviceKind.HEARD_BEYOND] == [
        "Bản tin “Riêng” còn được nghe ở Thôn Tây, ngoài khu vực của nó."
    ]
    assert AdviceKind.HEARD_BEYOND not in said(unit, east, now)
