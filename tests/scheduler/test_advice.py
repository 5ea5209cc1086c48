"""What is said of an entry while it is edited: once for all its days, and before anything is rendered."""

from datetime import date, datetime, time

from sqlmodel import Session

from broadcast.entries import create_entry
from broadcast.models import Programme, ProgrammePartKind, WhenEmpty, row_id
from broadcast.nodes import create_node
from broadcast.programme_parts import ProgrammePartDraft
from broadcast.programmes import ProgrammeDraft, add_programme
from scheduler.advice import AdviceKind, advice_for
from tests.broadcast.conftest import House
from tests.scheduler.planning import plan_timetable

MONDAY = date(2026, 6, 1)


def programme(unit: Session, house: House, now: datetime, name: str, *parts: ProgrammePartDraft) -> Programme:
    chosen = parts or (ProgrammePartDraft(ProgrammePartKind.GREETING, "Chào."),)
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
    long = programme(unit, house, now, "Dài", ProgrammePartDraft(ProgrammePartKind.GREETING, "Chào."), relay)
    short = programme(unit, house, now, "Ngắn")
    for one, at in ((long, time(17, 0)), (short, time(17, 10))):
        create_entry(
            unit, one, zones=["thon-tay", "thon-dong"], airs_at=at, from_on=MONDAY, now=now, actor="canbo",
            weekdays=[1, 2, 3],
        )  # fmt: skip
    plan_timetable(unit, now)
    text = (
        "02/06, 03/06, 04/06: “Ngắn” lúc 17:10 chồng lên “Dài” lúc 17:00 ở Thôn Đông, Thôn Tây; "
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
