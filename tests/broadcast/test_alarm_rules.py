"""When what is seen becomes an alarm, and when it is over: a model of an alarm that cannot flap."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.alarm_poles import Pole, look_at_pole, troubles_of
from broadcast.alarm_rules import ENDS_AFTER, OPENS_AFTER, Fact, Key, Look, Watched, judge
from broadcast.models import AlarmKind
from players.messages import Heartbeat
from players.presence import PresenceState
from tests.players.samples import HEARTBEAT, NOW

HOT = Fact(AlarmKind.POLE_HOT, "dong-1", "nóng")
DOWN = Fact(AlarmKind.SERVER_PROCESS, "renderer", "dừng")


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Alarms:
    """What opens and ends over several looks."""

    def __init__(self) -> None:
        self.open: set[Key] = set()
        self.told: list[tuple[float, str]] = []
        self.watched = Watched()

    def look(self, seconds: float, *facts: Fact, unknown: frozenset[Key] = frozenset()) -> None:
        judgement = judge(Look(facts, unknown), self.open, self.watched, after(seconds))
        self.watched = judgement.watched
        for fact in judgement.opens:
            self.open.add(fact.key)
            self.told.append((seconds, "opens"))
        for key in judgement.ends:
            self.open.remove(key)
            self.told.append((seconds, "ends"))


def test_what_is_ordinary_for_a_moment_opens_nothing() -> None:
    alarms = Alarms()
    for seconds, facts in ((0, (DOWN,)), (2, (DOWN,)), (4, ()), (6, (DOWN,)), (8, (DOWN,)), (11, (DOWN,))):
        alarms.look(seconds, *facts)
    assert alarms.told == [(11, "opens")]


def test_what_comes_and_goes_within_a_minute_is_one_alarm() -> None:
    alarms = Alarms()
    for seconds in range(0, 600, 20):
        alarms.look(seconds, *((HOT,) if seconds % 40 == 0 else ()))
    assert alarms.told == [(0, "opens")]
    alarms.look(620)
    alarms.look(639)
    alarms.look(640)
    assert alarms.told == [(0, "opens"), (640, "ends")], "over 60 s after it was first not seen, at 580"


def test_of_what_is_not_known_nothing_is_concluded() -> None:
    alarms = Alarms()
    alarms.look(0, HOT)
    for seconds in range(10, 1000, 10):
        alarms.look(seconds, unknown=frozenset({HOT.key}))
    assert alarms.told == [(0, "opens")]


def test_a_clock_that_jumps_back_neither_ends_nor_opens_at_once() -> None:
    alarms = Alarms()
    alarms.look(0, HOT)
    alarms.look(1000)
    alarms.look(-5000)
    alarms.look(-4970)
    assert alarms.told == [(0, "opens")]
    alarms.look(-4940)
    assert alarms.told[-1] == (-4940, "ends")


SEEN = st.lists(st.tuples(st.floats(0.5, 90), st.sampled_from(["hot", "down", "both", "none", "unknown"])), max_size=40)


@given(SEEN)
def test_openings_and_ends_alternate_and_an_end_comes_a_minute_after_the_last_sight(
    looks: list[tuple[float, str]],
) -> None:
    open_keys: set[Key] = set()
    watched, seconds = Watched(), 0.0
    last_seen: dict[Key, float] = {}
    wrong_from: dict[Key, float] = {}
    for pause, what in looks:
        seconds += pause
        facts = {"hot": (HOT,), "down": (DOWN,), "both": (HOT, DOWN)}.get(what, ())
        unknown = frozenset({HOT.key, DOWN.key}) if what == "unknown" else frozenset()
        judgement = judge(Look(facts, unknown), open_keys, watched, after(seconds))
        watched = judgement.watched
        for key in (HOT.key, DOWN.key):
            if key in {fact.key for fact in facts}:
                wrong_from.setdefault(key, seconds)
                last_seen[key] = seconds
            else:
                wrong_from.pop(key, None)
        for fact in judgement.opens:
            assert fact.key not in open_keys
            held = timedelta(seconds=seconds - wrong_from[fact.key])
            assert held >= OPENS_AFTER.get(fact.kind, timedelta()) - timedelta(milliseconds=1)
        for key in judgement.ends:
            assert key in open_keys
            assert timedelta(seconds=seconds - last_seen[key]) >= ENDS_AFTER
        assert {fact.key for fact in judgement.holds} == {fact.key for fact in facts} & open_keys
        open_keys = (open_keys | {fact.key for fact in judgement.opens}) - judgement.ends.keys()


def beat(**changes: object) -> Heartbeat:
    well = {
        "refused": 0, "refused_at": None, "refused_why": None, "temperature_c": 50, "clock_offset_ms": 1.0,
        "clock_error_ms": 3.0, "volume_percent": 80, "under_voltage": False,
    }  # fmt: skip
    return HEARTBEAT.model_copy(update=well | changes)


@pytest.mark.parametrize(
    ("changes", "had", "texts"),
    [
        ({}, (), []),
        ({"temperature_c": 82}, (), ["nóng 82 °C"]),
        ({"temperature_c": 79}, (), []),
        ({"temperature_c": 79}, (AlarmKind.POLE_HOT,), ["nóng 79 °C"]),
        ({"temperature_c": 74}, (AlarmKind.POLE_HOT,), []),
        ({"under_voltage": True}, (), ["điện yếu"]),
        ({"volume_percent": 0}, (), ["âm lượng bằng 0"]),
        ({"volume_percent": None, "temperature_c": None, "under_voltage": None}, (), []),
        ({"output_error": "no sound device"}, (), ["âm thanh lỗi: no sound device"]),
        ({"disk_free_bytes": 199 * 1024**2}, (), ["bộ nhớ còn 199 MB"]),
        ({"disk_free_bytes": 250 * 1024**2}, (), []),
        ({"disk_free_bytes": 250 * 1024**2}, (AlarmKind.POLE_DISK,), ["bộ nhớ còn 250 MB"]),
        ({"disk_error": "read-only"}, (), ["không ghi được bộ nhớ: read-only"]),
        ({"clock_offset_ms": None, "clock_error_ms": None}, (), ["chưa đồng bộ đồng hồ"]),
        ({"clock_trusted": False}, (), ["đồng hồ không đáng tin"]),
        ({"clock_error_ms": 501.0}, (), ["đồng hồ sai số 501 ms"]),
        (
            {"refused": 3, "refused_at": HEARTBEAT.at - timedelta(hours=23), "refused_why": "chữ ký"},
            (),
            ["đã từ chối 3 tin không đáng tin, lần cuối: chữ ký"],
        ),
        ({"refused": 3, "refused_at": HEARTBEAT.at - timedelta(hours=24), "refused_why": "chữ ký"}, (), []),
    ],
)
def test_what_a_pole_says_of_itself(changes: dict[str, object], had: tuple[AlarmKind, ...], texts: list[str]) -> None:
    assert [trouble.text for trouble in troubles_of(beat(**changes), had)] == texts


def pole(state: PresenceState, silent_s: float, heartbeat: Heartbeat | None) -> Pole:
    return Pole("dong-1", "Cột 1", ("thon-dong",), state, after(-silent_s), heartbeat)


@pytest.mark.parametrize(
    ("silent_s", "state", "heartbeat", "kinds", "silence_is_known"),
    [
        (3, PresenceState.ONLINE, beat(temperature_c=90), [AlarmKind.POLE_HOT], True),
        (24.9, PresenceState.LATE, beat(temperature_c=90), [AlarmKind.POLE_HOT], True),
        (25, PresenceState.LATE, beat(temperature_c=90), [AlarmKind.POLE_SILENT], True),
        (4000, PresenceState.OFFLINE, beat(temperature_c=90), [AlarmKind.POLE_SILENT], True),
        (4000, PresenceState.OFFLINE, None, [AlarmKind.POLE_SILENT], True),
        (3, PresenceState.OFFLINE, None, [], False),
    ],
)
def test_a_silent_pole_is_one_alarm_and_nothing_else_of_it_is_known(
    silent_s: float,
    state: PresenceState,
    heartbeat: Heartbeat | None,
    kinds: list[AlarmKind],
    *,
    silence_is_known: bool,
) -> None:
    look = look_at_pole(pole(state, silent_s, heartbeat), (), NOW)
    assert [fact.kind for fact in look.facts] == kinds
    assert all(fact.subject == "dong-1" and fact.zones == ("thon-dong",) for fact in look.facts)
    assert ((AlarmKind.POLE_SILENT, "dong-1") not in look.unknown) is silence_is_known
    is_heard = kinds == [AlarmKind.POLE_HOT]
    assert ((AlarmKind.POLE_DISK, "dong-1") in look.unknown) is not is_heard
