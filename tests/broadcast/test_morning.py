"""The check of the morning: what it finds, when it is due, and that it is made once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from broadcast.airings import renderings_of
from broadcast.alarm_poles import Trouble
from broadcast.communes import set_windows
from broadcast.db import session_of
from broadcast.lifecycle import WhyNot
from broadcast.models import AlarmKind, MorningCheck, Node, RenderingState
from broadcast.morning import (
    BroadcastFacts,
    Clips,
    MorningFacts,
    MorningResult,
    PoleFacts,
    check_morning,
    due_on,
    end_of_morning,
    say_silent,
)
from broadcast.morning_checks import (
    ASKED_HOLDS_FOR,
    ask_for_check,
    days_checked,
    forget_old_checks,
    latest_result,
    make_check,
    result_of_this_morning,
)
from broadcast.morning_watch import POLES_HEARD_WITHIN, MorningWatch
from players.messages import Heartbeat, NodeActivity, Window
from players.presence import PresenceBoard
from tests.broadcast.airing_kit import add_broadcast, add_pole, render
from tests.broadcast.conftest import House

VN = ZoneInfo("Asia/Ho_Chi_Minh")
FOUR = datetime(2026, 6, 1, 21, 0, tzinfo=UTC)
"""04:00 on 2 June in Viet Nam."""
NOON = datetime(2026, 6, 2, 5, 0, tzinfo=UTC)
AT, UNTIL = time(4, 0), time(12, 0)
POLE = PoleFacts("dong-1", "Cột 1", is_paired=True, is_heard=True, cued=frozenset({"b-1"}), troubles=())
BROADCAST = BroadcastFacts("b-1", "Bản tin sáng", FOUR + timedelta(minutes=90), Clips.READY, None, ("dong-1",))


def facts(broadcast: BroadcastFacts = BROADCAST, pole: PoleFacts = POLE, voice_trouble: str = "") -> MorningFacts:
    return MorningFacts(FOUR, NOON, (broadcast,), {pole.slug: pole}, "vi", voice_trouble)


def found(given: MorningFacts) -> list[tuple[str | None, str | None, str, bool]]:
    return [(one.broadcast, one.pole, one.code, one.is_silent) for one in check_morning(given).findings]


def pole(**changes: object) -> PoleFacts:
    return replace(POLE, **changes)  # type: ignore[arg-type]


def broadcast(**changes: object) -> BroadcastFacts:
    return replace(BROADCAST, **changes)  # type: ignore[arg-type]


def trouble(kind: AlarmKind | None) -> tuple[Trouble, ...]:
    return (Trouble(kind, "hỏng", "sửa đi"),)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (facts(), []),
        (facts(pole=pole(is_paired=False)), [("b-1", "dong-1", "node-not-paired", True)]),
        (facts(pole=pole(is_heard=False)), [("b-1", "dong-1", "pole-silent", True)]),
        (facts(pole=pole(cued=frozenset())), [("b-1", "dong-1", "not-cued", False)]),
        (facts(pole=pole(troubles=trouble(AlarmKind.POLE_NO_OUTPUT))), [("b-1", "dong-1", "pole-no-output", True)]),
        (facts(pole=pole(troubles=trouble(AlarmKind.POLE_VOLUME))), [("b-1", "dong-1", "pole-volume", True)]),
        (facts(pole=pole(troubles=trouble(AlarmKind.POLE_CLOCK))), [("b-1", "dong-1", "pole-clock", True)]),
        (facts(pole=pole(troubles=trouble(AlarmKind.POLE_DISK))), [("b-1", "dong-1", "pole-disk", False)]),
        (facts(pole=pole(troubles=trouble(AlarmKind.POLE_HOT))), [("b-1", "dong-1", "pole-hot", False)]),
        (facts(pole=pole(troubles=trouble(AlarmKind.POLE_REFUSED))), []),
        (facts(pole=pole(troubles=trouble(None))), []),
        (facts(broadcast(poles=())), [("b-1", None, "no-nodes", True)]),
        (facts(broadcast(why_not=WhyNot.QUIET_HOURS)), [("b-1", None, "quiet-hours", True)]),
        (facts(broadcast(why_not=WhyNot.DAY_FULL), pole(is_heard=False)), [("b-1", None, "day-full", True)]),
        (facts(broadcast(why_not=WhyNot.NOTHING_TO_AIR)), [("b-1", None, "nothing-to-air", True)]),
        (facts(broadcast(clips=Clips.WANTED)), [("b-1", None, "clips", False)]),
        (
            facts(broadcast(clips=Clips.WANTED), pole(is_heard=False, cued=frozenset())),
            [("b-1", None, "clips", False), ("b-1", "dong-1", "pole-silent", True)],
        ),
        (
            facts(broadcast(clips=Clips.WANTED, starts_at=FOUR + timedelta(minutes=9))),
            [("b-1", None, "clips", True)],
        ),
        (
            facts(broadcast(clips=Clips.WANTED), voice_trouble="hỏng"),
            [(None, None, "voice", False), ("b-1", None, "clips", True)],
        ),
        (facts(voice_trouble="hỏng"), [(None, None, "voice", False)]),
        (MorningFacts(FOUR, NOON, (), {"dong-1": pole(is_heard=False)}, "vi", "hỏng"), []),
    ],
)
def test_what_stands_in_the_way_is_found(
    given: MorningFacts, expected: list[tuple[str | None, str | None, str, bool]]
) -> None:
    assert found(given) == expected
    assert all(one.text and one.todo.endswith(("đi", ".")) for one in check_morning(given).findings)


def test_a_silent_pole_that_holds_the_sound_may_still_play_and_that_is_said() -> None:
    (held,) = check_morning(facts(pole=pole(is_heard=False))).findings
    (empty,) = check_morning(facts(pole=pole(is_heard=False, cued=frozenset()))).findings
    assert "nó tự phát" in held.todo
    assert "nó tự phát" not in empty.todo


def test_a_line_says_what_will_be_silent() -> None:
    other = BroadcastFacts("b-2", "Thể thao", FOUR + timedelta(hours=3), Clips.READY, WhyNot.DAY_FULL, ("dong-1",))
    given = replace(facts(pole=pole(is_heard=False)), broadcasts=(other, BROADCAST))
    result = check_morning(given)
    assert say_silent(result, VN) == "07:00 Thể thao (mọi cụm loa); Cột 1"
    assert say_silent(result, VN, at_most=1) == "07:00 Thể thao (mọi cụm loa) và 1 nơi nữa"
    assert MorningResult.model_validate(result.model_dump(mode="json")) == result


KINDS = st.sampled_from([None, *AlarmKind])
POLES = st.builds(
    PoleFacts,
    slug=st.just("dong-1"),
    name=st.just("Cột 1"),
    is_paired=st.booleans(),
    is_heard=st.booleans(),
    cued=st.sampled_from([frozenset(), frozenset({"b-1"})]),
    troubles=st.lists(KINDS.map(lambda kind: Trouble(kind, "hỏng", "sửa.")), max_size=3).map(tuple),
)
BROADCASTS = st.builds(
    BroadcastFacts,
    id=st.just("b-1"),
    title=st.just("Tin"),
    starts_at=st.timedeltas(timedelta(), timedelta(hours=7)).map(lambda after: FOUR + after),
    clips=st.sampled_from(Clips),
    why_not=st.one_of(st.none(), st.sampled_from(WhyNot)),
    poles=st.sampled_from([(), ("dong-1",)]),
)


@given(BROADCASTS, POLES, st.sampled_from(["", "hỏng"]))
def test_only_what_is_well_in_everything_is_passed(one: BroadcastFacts, its_pole: PoleFacts, voice: str) -> None:
    result = check_morning(facts(one, its_pole, voice))
    is_well = (
        one.why_not is None
        and one.clips is Clips.READY
        and one.poles != ()
        and its_pole.is_paired
        and its_pole.is_heard
        and "b-1" in its_pole.cued
        and not voice
        and all(t.kind in {None, AlarmKind.POLE_REFUSED} for t in its_pole.troubles)
    )
    assert (result.findings == ()) is is_well
    if one.why_not is not None or not one.poles or not (its_pole.is_paired and its_pole.is_heard):
        assert result.silent


def local(hour: int, minute: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=VN).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "checked", "on"),
    [
        (local(3, 59), (), None),
        (local(4), (), date(2026, 6, 2)),
        (local(6), (), date(2026, 6, 2)),
        (local(6), (date(2026, 6, 1),), date(2026, 6, 2)),
        (local(4), (date(2026, 6, 2),), None),
        (local(11, 59), (), date(2026, 6, 2)),
        (local(12), (), None),
        (local(23, 30), (), None),
        (local(4), (date(2030, 1, 1),), date(2026, 6, 2)),
    ],
)
def test_when_it_is_due(now: datetime, checked: tuple[date, ...], on: date | None) -> None:
    assert due_on(now, VN, AT, UNTIL, checked) == on


@given(st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_morning_that_is_meant_ends_within_a_day(now: datetime) -> None:
    ends_at = end_of_morning(now, VN, UNTIL)
    assert timedelta() < ends_at - now <= timedelta(days=1)
    assert ends_at.astimezone(VN).time() == UNTIL


# With a database


def beat(slug: str, at: datetime, cued: tuple[str, ...] = (), **changes: object) -> Heartbeat:
    well = Heartbeat(
        node=slug, at=at, activity=NodeActivity.IDLE, output="silent", outbox=0, disk_free_bytes=10**10, version="1",
        clock_offset_ms=1.0, clock_error_ms=2.0, cued=cued,
    )  # fmt: skip
    return well.model_copy(update=changes)


def codes(result: MorningResult) -> list[tuple[str | None, str]]:
    return [(one.pole, one.code) for one in result.findings]


def test_what_is_planned_made_and_held_passes(unit: Session, house: House) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", FOUR)
    own = add_broadcast(unit, house, FOUR, at=timedelta(hours=1))
    add_broadcast(unit, house, FOUR, at=timedelta(hours=9), zones=("thon-tay",))
    presence = PresenceBoard()
    presence.heard(beat("dong-1", FOUR), FOUR)
    assert codes(make_check(unit, presence, "", UNTIL, FOUR)) == [(None, "clips")]
    render(unit, own, FOUR)
    assert codes(make_check(unit, presence, "", UNTIL, FOUR)) == [("dong-1", "not-cued")]
    presence.heard(beat("dong-1", FOUR, (own.id,)), FOUR)
    result = make_check(unit, presence, "", UNTIL, FOUR)
    assert (codes(result), result.broadcasts, result.poles) == ([], 1, 1)
    later = FOUR + timedelta(seconds=40)
    assert codes(make_check(unit, presence, "", UNTIL, later)) == [("dong-1", "pole-silent")]
    presence.heard(beat("dong-1", later, (own.id,), volume_percent=0), later)
    assert codes(make_check(unit, presence, "", UNTIL, later)) == [("dong-1", "pole-volume")]


def test_what_the_rules_will_refuse_and_what_could_not_be_made_is_found(unit: Session, house: House) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", FOUR)
    presence = PresenceBoard()
    presence.heard(beat("dong-1", FOUR), FOUR)
    broken = add_broadcast(unit, house, FOUR, at=timedelta(hours=2))
    for rendering in renderings_of(unit, broken.id):
        rendering.state = RenderingState.FAILED
        unit.add(rendering)
    unit.flush()
    assert codes(make_check(unit, presence, "", UNTIL, FOUR)) == [(None, "rendering-failed")]
    early = add_broadcast(unit, house, FOUR + timedelta(minutes=1), at=timedelta(hours=1))
    render(unit, early, FOUR)
    set_windows(unit, [Window(opens=time(7), closes=time(8))], "lanhdao", FOUR)
    assert (None, "quiet-hours") in codes(make_check(unit, presence, "", UNTIL, FOUR))


def test_a_revoked_pole_is_nobodys_trouble_and_an_unpaired_one_is(unit: Session, house: House) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", FOUR, is_paired=False)
    gone = add_pole(unit, house, "dong-2", "thon-dong", FOUR)
    own = add_broadcast(unit, house, FOUR, at=timedelta(hours=1))
    render(unit, own, FOUR)
    node = unit.get_one(Node, gone.id)
    node.revoked_at = FOUR
    unit.add(node)
    unit.flush()
    assert codes(make_check(unit, PresenceBoard(), "", UNTIL, FOUR)) == [("dong-1", "node-not-paired")]


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now


def watch_of(engine: Engine, clock: Clock, on_change: Callable[[], None] = lambda: None) -> MorningWatch:
    return MorningWatch(engine, PresenceBoard(), lambda: "", AT, UNTIL, lambda: clock.now, on_change)


def checks(engine: Engine) -> list[MorningCheck]:
    with session_of(engine) as session:
        return list(session.exec(select(MorningCheck)))


async def test_it_is_made_once_a_day_however_often_the_server_is_started(house_engine: Engine) -> None:
    clock = Clock(FOUR - timedelta(minutes=1))
    changes: list[int] = []
    watch = watch_of(house_engine, clock, lambda: changes.append(1))
    await watch.look()
    assert checks(house_engine) == []
    for minutes in (0, 1, 2, 400):
        clock.now = FOUR + timedelta(minutes=minutes)
        await watch.look()
    assert [row.scheduled_on for row in checks(house_engine)] == [date(2026, 6, 2)]
    assert changes == [1]
    restarted = watch_of(house_engine, clock)
    clock.now += POLES_HEARD_WITHIN
    await restarted.look()
    assert len(checks(house_engine)) == 1
    clock.now = FOUR + timedelta(days=1)
    await restarted.look()
    assert [row.scheduled_on for row in checks(house_engine)] == [date(2026, 6, 2), date(2026, 6, 3)]


async def test_a_server_that_is_started_at_six_hears_its_poles_and_checks_then(house_engine: Engine) -> None:
    clock = Clock(FOUR + timedelta(hours=2))
    watch = watch_of(house_engine, clock)
    await watch.look()
    assert checks(house_engine) == []
    clock.now += POLES_HEARD_WITHIN
    await watch.look()
    (row,) = checks(house_engine)
    assert (row.scheduled_on, row.done_at) == (date(2026, 6, 2), clock.now)


async def test_who_asks_is_answered_at_any_hour_and_who_has_gone_is_not(house_engine: Engine) -> None:
    clock = Clock(FOUR - timedelta(hours=8))
    with session_of(house_engine) as session:
        ask_for_check(session, clock.now - ASKED_HOLDS_FOR)
        asked = ask_for_check(session, clock.now)
    await watch_of(house_engine, clock).look()
    rows = {row.id: row.done_at for row in checks(house_engine)}
    assert rows == {asked.id: clock.now, (asked.id or 0) - 1: None}
    with session_of(house_engine) as session:
        assert days_checked(session) == set()


def test_a_result_is_this_mornings_from_its_hour_to_noon(unit: Session, house: House) -> None:
    def shown(now: datetime) -> bool:
        return result_of_this_morning(unit, AT, UNTIL, now) is not None

    row = ask_for_check(unit, local(22, day=1))
    row.done_at, row.result = (
        local(22, day=1),
        check_morning(replace(facts(), now=local(22, day=1))).model_dump(mode="json"),
    )
    unit.flush()
    assert latest_result(unit) is not None
    assert not shown(local(4, 1)), "the evening's does not count in the morning"
    row.result = check_morning(replace(facts(), now=local(4))).model_dump(mode="json")
    unit.add(row)
    unit.flush()
    assert [shown(local(3, 59)), shown(local(4)), shown(local(11, 59)), shown(local(12))] == [False, True, True, False]
    assert not shown(local(5, day=3))
    forget_old_checks(unit, local(5) + timedelta(days=91))
    assert latest_result(unit) is None
