"""Rules set by people, and what becomes of broadcasts that break them."""

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.airings import add_broadcast
from broadcast.airtime import begin_due, ready_now, refresh_coming
from broadcast.documents import build_documents
from broadcast.entries import DayDraft, change_day, clear_day, create_entry
from broadcast.errors import InvalidInput, NotFound
from broadcast.lifecycle import WhyNot
from broadcast.models import AuditEntry, Broadcast, BroadcastState, Clip, RenderingState, row_id
from broadcast.nodes import create_node
from broadcast.programmes import create_programme
from broadcast.renderings import want_rendering
from broadcast.rules import Rules, apply_rules, load_budgets, set_commune_rules, set_zone_rules
from broadcast.zones import zones_by_slug
from players.messages import Urgency, Window
from tests.broadcast.conftest import House

MORNING = Window(opens=time(5), closes=time(11))
EVENING = Window(opens=time(17), closes=time.min)


def planned(
    unit: Session, house: House, now: datetime, name: str, hours: float, minutes: int = 10,
    urgency: Urgency = Urgency.NORMAL, zone: str = "thon-dong", *, is_now: bool = False,
) -> Broadcast:  # fmt: skip
    """A broadcast with its clip."""
    rendering = want_rendering(unit, f"Tin {name}.", house.commune.voice, None, urgency, now)
    sha256 = f"{len(name):x}{name.encode().hex()}".ljust(64, "0")
    unit.add(Clip(sha256=sha256, size_bytes=1, duration_ms=minutes * 60_000, engine="tone", voice="", created_at=now))
    unit.flush()
    rendering.state, rendering.clip_sha256 = RenderingState.RENDERED, sha256
    unit.add(rendering)
    unit.flush()
    broadcast = Broadcast(
        id=name, commune_id=row_id(house.commune.id), title=name, urgency=urgency, is_now=is_now,
        starts_at=None if is_now else now + timedelta(hours=hours), created_at=now,
    )  # fmt: skip
    return add_broadcast(unit, broadcast, [row_id(one.id) for one in zones_by_slug(unit, [zone])], [rendering.key])


@pytest.fixture(autouse=True)
def pole(unit: Session, house: House, now: datetime) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)


def listed(unit: Session, now: datetime) -> set[str]:
    return build_documents(unit, now).listed


def test_the_second_session_of_a_day_is_left_out_with_its_reason_until_the_rule_is_taken_back(
    unit: Session, house: House, now: datetime
) -> None:
    for name, hours in (("a", 1), ("b", 2)):
        planned(unit, house, now, name, hours)
    set_commune_rules(unit, Rules(windows=(Window(opens=time.min, closes=time.min),), sessions_a_day=1), now, "lanhdao")
    assert apply_rules(unit, now) == ["b"]
    refresh_coming(unit, now)
    second = unit.get_one(Broadcast, "b")
    assert (second.state, second.reason) == (BroadcastState.PLANNED, WhyNot.TOO_MANY_SESSIONS)
    assert listed(unit, now) == {"a"}
    assert apply_rules(unit, now) == []
    set_commune_rules(unit, Rules(windows=(Window(opens=time.min, closes=time.min),)), now, "lanhdao")
    assert apply_rules(unit, now) == ["b"]
    refresh_coming(unit, now)
    assert (second.reason, listed(unit, now)) == (None, {"a", "b"})


def test_an_entry_has_a_length_of_its_own_on_one_day(unit: Session, house: House, now: datetime) -> None:
    """Ten minutes fit where fifteen are allowed; on one day only five are, on the next twenty where five would be."""
    programme = create_programme(unit, house.commune, name="Sáng", greeting="Chào.", closing="", now=now, actor="canbo")
    entry = create_entry(
        unit, programme, zones=["thon-dong"], airs_at=time(12), from_on=now.date(), now=now, actor="canbo",
        max_minutes=15,
    )  # fmt: skip
    days = [(now + timedelta(hours=24 * number)).date() for number in (1, 2)]
    for number in (1, 2):
        broadcast = planned(unit, house, now, f"day-{number}", 24 * number)
        broadcast.entry_id = row_id(entry.id)
        unit.add(broadcast)
    assert apply_rules(unit, now) == []
    change_day(unit, row_id(entry.id), 1, days[0], DayDraft(max_minutes=5), now, "canbo")
    assert apply_rules(unit, now) == ["day-1"]
    assert unit.get_one(Broadcast, "day-1").over_rule == WhyNot.SESSION_TOO_LONG
    clear_day(unit, row_id(entry.id), 2, days[0], now, "canbo")
    entry.max_minutes = 5
    unit.add(entry)
    change_day(unit, row_id(entry.id), 3, days[1], DayDraft(max_minutes=20), now, "canbo")
    apply_rules(unit, now)
    assert unit.get_one(Broadcast, "day-1").over_rule == WhyNot.SESSION_TOO_LONG
    assert unit.get_one(Broadcast, "day-2").over_rule is None


def test_what_the_rules_refuse_is_missed_at_its_minute_with_the_reason(
    unit: Session, house: House, now: datetime
) -> None:
    planned(unit, house, now, "a", 1, minutes=30)
    set_zone_rules(unit, "thon-dong", Rules(session_minutes=15), now, "lanhdao")
    apply_rules(unit, now)
    assert begin_due(unit, now + timedelta(hours=1)) == ["a"]
    missed = unit.get_one(Broadcast, "a")
    assert (missed.state, missed.reason) == (BroadcastState.MISSED, WhyNot.SESSION_TOO_LONG)


def test_what_is_to_air_at_once_is_asked_too_and_an_emergency_is_not(
    unit: Session, house: House, now: datetime
) -> None:
    set_commune_rules(unit, Rules(windows=(Window(opens=time.min, closes=time.min),), sessions_a_day=0), now, "lanhdao")
    planned(unit, house, now, "a", 0, is_now=True)
    planned(unit, house, now, "e", 0, urgency=Urgency.EMERGENCY, is_now=True)
    assert [ready.id for ready in ready_now(unit, now)] == ["e"]
    assert unit.get_one(Broadcast, "a").reason == WhyNot.TOO_MANY_SESSIONS


def test_a_village_keeps_its_own_hours_inside_the_communes(unit: Session, house: House) -> None:
    at = datetime(2026, 6, 1, 22, 0, tzinfo=UTC)  # 05:00 in the commune
    planned(unit, house, at, "east", 0.5)
    planned(unit, house, at, "west", 0.5, zone="thon-tay")
    set_commune_rules(unit, Rules(windows=(MORNING, EVENING)), at, "lanhdao")
    set_zone_rules(unit, "thon-dong", Rules(windows=(Window(opens=time(6), closes=time(11)),)), at, "lanhdao")
    assert apply_rules(unit, at) == ["east"]
    assert unit.get_one(Broadcast, "east").over_rule == WhyNot.QUIET_HOURS


def test_of_commune_and_village_the_stricter_counts(unit: Session, house: House, now: datetime) -> None:
    set_commune_rules(unit, Rules(windows=(MORNING,), sessions_a_day=2, session_minutes=15), now, "lanhdao")
    set_zone_rules(unit, "thon-dong", Rules(sessions_a_day=4, session_minutes=10, day_minutes=20), now, "lanhdao")
    (east,) = [row_id(zone.id) for zone in zones_by_slug(unit, ["thon-dong"])]
    found = load_budgets(unit)[east]
    assert (found.sessions_a_day, found.session_minutes, found.day_minutes) == (2, 10, 20)
    said = unit.exec(select(AuditEntry).where(AuditEntry.action == "set-zone-rules")).one()
    assert (said.actor, said.subject, said.detail["after"]["day_minutes"]) == ("lanhdao", "thon-dong", 20)


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (Rules(windows=(MORNING,), sessions_a_day=-1), "bad-limit"),
        (Rules(windows=(MORNING,), day_minutes=1441), "bad-limit"),
        (Rules(windows=(MORNING, Window(opens=time(10), closes=time(12)))), "windows-overlap"),
        (Rules(windows=(Window(opens=time(10), closes=time.min), EVENING)), "windows-overlap"),
        (Rules(windows=tuple(Window(opens=time(n), closes=time(n, 30)) for n in range(13))), "too-many-windows"),
    ],
)
def test_rules_that_make_no_sense_are_refused(
    unit: Session, house: House, now: datetime, rules: Rules, code: str
) -> None:
    before = house.commune.windows
    with pytest.raises(InvalidInput) as told:
        set_commune_rules(unit, rules, now, "lanhdao")
    assert (told.value.code, house.commune.windows) == (code, before)


@pytest.mark.parametrize("window", [Window(opens=time(4), closes=time(6)), Window(opens=time(10), closes=time.min)])
def test_a_village_cannot_be_louder_than_its_commune(
    unit: Session, house: House, now: datetime, window: Window
) -> None:
    set_commune_rules(unit, Rules(windows=(MORNING,)), now, "lanhdao")
    with pytest.raises(InvalidInput) as told:
        set_zone_rules(unit, "thon-dong", Rules(windows=(window,)), now, "lanhdao")
    assert told.value.code == "outside-commune"
    with pytest.raises(NotFound):
        set_zone_rules(unit, "thon-nam", Rules(), now, "lanhdao")
