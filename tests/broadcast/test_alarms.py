"""Alarms in the database: one row for a thing, kept until acknowledged, told through a bounded queue."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from broadcast import notify
from broadcast.alarm_rules import Fact, Judgement, Look, Watched
from broadcast.alarms import (
    SEEN_EVERY,
    acknowledge,
    alarms_in,
    alarms_seen_by,
    apply_judgement,
    forget_old_alarms,
    open_alarms,
    past_alarms_seen_by,
)
from broadcast.alarms_watch import AlarmWatch
from broadcast.db import session_of
from broadcast.errors import InvalidInput, NotAllowed, NotFound
from broadcast.models import Alarm, AlarmKind, AlarmNotice, AuditEntry, NoticeChannel, NoticeEvent, row_id
from broadcast.notify import (
    FIRST_PAUSE,
    GIVE_UP_AFTER,
    LONGEST_PAUSE,
    compute_pause,
    due_notices,
    failing_channels,
    forget_old_notices,
    mail_is_due,
    note_failed,
    note_sent,
)
from broadcast.users import get_user
from tests.broadcast.conftest import NOW, House

MAIL, WEBHOOK = NoticeChannel.MAIL, NoticeChannel.WEBHOOK
BOTH = frozenset({MAIL, WEBHOOK})
SILENT = Fact(AlarmKind.POLE_SILENT, "dong-1", "Cột 1: mất kết nối", "Kiểm tra điện.", zones=("thon-dong",))
DISK = Fact(AlarmKind.SERVER_DISK, "", "Ổ đĩa sắp đầy", is_bad=False)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def opens(session: Session, *facts: Fact, at: datetime = NOW) -> Alarm:
    apply_judgement(session, Judgement(facts, (), {}, Watched()), BOTH, at)
    return open_alarms(session)[facts[0].key]


def ends(session: Session, fact: Fact, at: datetime) -> None:
    apply_judgement(session, Judgement((), (), {fact.key: at}, Watched()), BOTH, at)


def told(session: Session, channel: NoticeChannel) -> list[NoticeEvent]:
    rows = session.exec(select(AlarmNotice).where(AlarmNotice.channel == channel).order_by(AlarmNotice.id))  # type: ignore[arg-type]
    return [row.event for row in rows]


def test_an_alarm_stays_until_somebody_knows_of_it(unit: Session, house: House) -> None:
    alarm = opens(unit, SILENT)
    ends(unit, SILENT, after(600))
    assert [one.id for one in alarms_in(unit, None)] == [alarm.id], "it is over, and nobody knows"
    acknowledge(unit, row_id(alarm.id), house.officer, "  đã gọi\tthợ điện ", BOTH, after(700))
    assert alarms_in(unit, None) == []
    (past,) = past_alarms_seen_by(unit, house.officer, NOW)
    assert (past.note, past.acknowledged_by_id, past.over_since) == ("đã gọi thợ điện", house.officer.id, after(600))
    (entry,) = unit.exec(select(AuditEntry).where(AuditEntry.action == "acknowledge-alarm")).all()
    assert (entry.actor, entry.subject) == ("canbo", "pole-silent/dong-1")


def test_what_is_known_is_still_shown_while_it_lasts(unit: Session, house: House) -> None:
    first, second = opens(unit, DISK), opens(unit, SILENT, at=after(5))
    acknowledge(unit, row_id(second.id), house.leader, "", BOTH, after(10))
    assert [one.id for one in alarms_in(unit, None)] == [first.id, second.id], "what nobody knows of comes first"


def test_a_second_press_changes_nothing(unit: Session, house: House) -> None:
    alarm = opens(unit, SILENT)
    acknowledge(unit, row_id(alarm.id), house.officer, "tôi lo", BOTH, after(10))
    acknowledge(unit, row_id(alarm.id), house.leader, "tôi cũng", BOTH, after(20))
    assert (alarm.acknowledged_by_id, alarm.note, alarm.acknowledged_at) == (house.officer.id, "tôi lo", after(10))
    assert len(unit.exec(select(AuditEntry).where(AuditEntry.action == "acknowledge-alarm")).all()) == 1


def test_what_comes_back_after_it_was_known_is_a_new_story_in_the_same_row(unit: Session, house: House) -> None:
    alarm = opens(unit, SILENT)
    acknowledge(unit, row_id(alarm.id), house.officer, "đã sửa", BOTH, after(10))
    ends(unit, SILENT, after(60))
    again = opens(unit, SILENT, at=after(3600))
    assert again.id == alarm.id
    assert (again.times, again.first_seen_at, again.acknowledged_at, again.note) == (2, after(3600), None, "")
    assert told(unit, MAIL) == ["opened", "over", "opened"]
    assert told(unit, WEBHOOK) == ["opened", "acknowledged", "over", "opened"]


def test_what_comes_back_before_it_was_known_is_the_same_story_and_mailed_once(unit: Session) -> None:
    opens(unit, SILENT)
    ends(unit, SILENT, after(60))
    again = opens(unit, SILENT, at=after(100))
    assert (again.times, again.first_seen_at, again.over_since) == (2, NOW, None)
    assert told(unit, MAIL) == ["opened", "over"]
    assert told(unit, WEBHOOK) == ["opened", "over", "opened"]


def test_a_village_head_sees_and_knows_the_village_only(unit: Session, house: House) -> None:
    both = Fact(AlarmKind.BROADCAST_MISSED, "b-1", "Không phát được", zones=("thon-dong", "thon-tay"))
    west = Fact(AlarmKind.POLE_SILENT, "tay-1", "Cột 2: mất kết nối", zones=("thon-tay",))
    own, shared, other, server = (opens(unit, fact) for fact in (SILENT, both, west, DISK))
    head = house.head_east
    assert {one.id for one in alarms_seen_by(unit, head)} == {own.id, shared.id, server.id}
    assert {one.id for one in alarms_in(unit, "thon-dong")} == {own.id, shared.id, server.id}
    acknowledge(unit, row_id(own.id), head, "", BOTH, NOW)
    for alarm in (shared, server):
        with pytest.raises(NotAllowed):
            acknowledge(unit, row_id(alarm.id), head, "", BOTH, NOW)
    with pytest.raises(NotFound):
        acknowledge(unit, row_id(other.id), head, "", BOTH, NOW)
    with pytest.raises(NotFound):
        acknowledge(unit, 999, house.officer, "", BOTH, NOW)
    assert other.acknowledged_at is shared.acknowledged_at is None


def test_a_note_is_bounded(unit: Session, house: House) -> None:
    alarm = opens(unit, SILENT)
    with pytest.raises(InvalidInput):
        acknowledge(unit, row_id(alarm.id), house.officer, "x" * 301, BOTH, NOW)
    assert alarm.acknowledged_at is None


class Seen:
    """What is wrong, as the watch is told."""

    def __init__(self) -> None:
        self.facts: tuple[Fact, ...] = ()
        self.now = NOW
        self.changes = 0

    def watch(self, engine: Engine) -> AlarmWatch:
        return AlarmWatch(engine, lambda *_: Look(self.facts), BOTH, lambda: self.now, self.changed)

    def changed(self) -> None:
        self.changes += 1


def alarm_in(engine: Engine) -> Alarm:
    with session_of(engine) as session:
        return session.exec(select(Alarm)).one()


async def test_an_alarm_outlives_a_restart_and_stays_known(house_engine: Engine) -> None:
    seen = Seen()
    seen.facts = (SILENT,)
    await seen.watch(house_engine).look()
    with session_of(house_engine) as session:
        alarm_id = row_id(open_alarms(session)[SILENT.key].id)
        acknowledge(session, alarm_id, get_user(session, "canbo"), "biết rồi", BOTH, seen.now)
    seen.now = after(3600)
    restarted = seen.watch(house_engine)
    seen.facts = ()
    await restarted.look()
    seen.now, seen.facts = after(3630), (SILENT,)
    await restarted.look()
    alarm = alarm_in(house_engine)
    assert (alarm.times, alarm.note, alarm.over_since) == (1, "biết rồi", None), "half a minute of doubt ends nothing"
    seen.facts = ()
    for seconds in (3640, 3700):
        seen.now = after(seconds)
        await restarted.look()
    assert alarm_in(house_engine).over_since == after(3640)
    assert seen.changes == 2
    with session_of(house_engine) as session:
        assert told(session, MAIL) == ["opened", "over"]


async def test_an_alarm_that_lasts_is_not_written_with_every_look(house_engine: Engine) -> None:
    seen = Seen()
    seen.facts, watch = (SILENT,), seen.watch(house_engine)
    await watch.look()
    written = set()
    for second in range(0, 61, 2):
        seen.now = after(second)
        await watch.look()
        written.add(alarm_in(house_engine).last_seen_at)
    assert len(written) == 1 + 60 // SEEN_EVERY.seconds
    assert seen.changes == 1


def test_what_is_long_over_is_forgotten_and_nothing_else(unit: Session, house: House) -> None:
    known, unknown = opens(unit, SILENT), opens(unit, DISK)
    acknowledge(unit, row_id(known.id), house.officer, "", BOTH, NOW)
    ends(unit, SILENT, after(1))
    ends(unit, DISK, after(1))
    later = NOW + timedelta(days=91)
    forget_old_alarms(unit, later)
    assert [one.id for one in unit.exec(select(Alarm))] == [unknown.id]


# The queue


def test_the_queue_is_bounded_and_gives_up_the_oldest(unit: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "MAX_WAITING", 3)
    for number in range(5):
        opens(unit, Fact(AlarmKind.BROADCAST_MISSED, f"b-{number}", "Không phát được"), at=after(number))
    waiting = due_notices(unit, WEBHOOK, after(10))
    assert [one.document["subject"] for one in waiting] == ["b-2", "b-3", "b-4"]
    dropped = unit.exec(select(AlarmNotice).where(AlarmNotice.error == "too many waited", AlarmNotice.channel == MAIL))
    assert [one.document["subject"] for one in dropped] == ["b-0", "b-1"]


def test_what_fails_is_tried_again_after_growing_pauses_and_given_up_after_days(unit: Session) -> None:
    opens(unit, SILENT)
    (notice,) = due_notices(unit, WEBHOOK, NOW)
    now, tries = NOW, []
    while notice.done_at is None:
        note_failed(unit, [row_id(notice.id)], "nobody answers", now)
        tries.append(now)
        assert due_notices(unit, WEBHOOK, now) == []
        assert notice.try_after is not None
        now = notice.try_after
    pauses = [(later - first).total_seconds() for first, later in pairwise(tries)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE.total_seconds()
    assert GIVE_UP_AFTER <= tries[-1] - NOW < GIVE_UP_AFTER + LONGEST_PAUSE
    assert due_notices(unit, WEBHOOK, now + timedelta(days=1)) == []


@given(st.integers(1, 10_000))
def test_a_pause_never_overflows(attempts: int) -> None:
    assert FIRST_PAUSE <= compute_pause(attempts) <= compute_pause(attempts + 1) <= LONGEST_PAUSE


def test_that_telling_fails_is_an_alarm_which_is_not_told(unit: Session) -> None:
    opens(unit, SILENT)
    (notice,) = due_notices(unit, MAIL, NOW)
    for number in range(3):
        assert failing_channels(unit) == {}
        note_failed(unit, [row_id(notice.id)], "refused", after(number))
    assert failing_channels(unit) == {MAIL: "refused"}
    opens(unit, Fact(AlarmKind.NOTIFY_FAILED, MAIL, "Không gửi được"))
    assert told(unit, MAIL) == ["opened"]
    note_sent(unit, [row_id(notice.id)], after(10))
    assert failing_channels(unit) == {}
    forget_old_notices(unit, NOW + timedelta(days=31))
    assert told(unit, MAIL) == []


@pytest.mark.parametrize(
    ("ages_s", "last_sent_s", "is_due"),
    [
        ((), None, False),
        ((19,), None, False),
        ((20,), None, True),
        ((25, 3, 1), None, True),
        ((25,), 299, False),
        ((25,), 300, True),
        ((25,), -50, True),
    ],
)
def test_alarms_of_a_storm_are_one_mail(ages_s: tuple[int, ...], last_sent_s: int | None, *, is_due: bool) -> None:
    notices = [
        AlarmNotice(channel=MAIL, event=NoticeEvent.OPENED, document={}, created_at=after(-age)) for age in ages_s
    ]
    last = None if last_sent_s is None else after(-last_sent_s)
    gather, pause = timedelta(seconds=20), timedelta(minutes=5)
    assert mail_is_due(notices, last, NOW, gather=gather, pause=pause) is is_due
