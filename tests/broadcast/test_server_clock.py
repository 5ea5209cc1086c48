"""The server's own clock: what it has seen is believed before what it says, and poles that know better are asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from broadcast.clock_watch import ClockWatch
from broadcast.db import reading, session_of
from broadcast.emergency import raise_emergency
from broadcast.server_clock import ClockState, ServerClock, keep_seen, load_seen
from broadcast.users import get_user
from players.messages import Heartbeat, NodeActivity
from players.presence import PresenceBoard

SEEN = datetime(2026, 9, 22, 5, 0, tzinfo=UTC)
S = ClockState


@dataclass
class Machine:
    """A machine whose clock can be set."""

    at: datetime = SEEN
    seconds: float = 100.0
    clock: ServerClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = ServerClock(lambda: self.at, lambda: self.seconds)

    def goes_on(self, length: timedelta) -> None:
        self.at += length
        self.seconds += length.total_seconds()

    def look(self, aheads: Sequence[timedelta] = (), *, is_pressing: bool = False) -> datetime | None:
        return self.clock.look(aheads, is_pressing=is_pressing)


@pytest.mark.parametrize(
    ("off", "state"),
    [
        (timedelta(days=-365 * 9), S.HELD),
        (timedelta(minutes=-6), S.HELD),
        (timedelta(minutes=-4), S.SOUND),
        (timedelta(days=29), S.SOUND),
        (timedelta(days=31), S.HELD),
        (timedelta(days=365 * 14), S.HELD),
    ],
)
def test_a_clock_behind_what_was_seen_or_far_ahead_of_it_is_not_believed(off: timedelta, state: ClockState) -> None:
    machine = Machine(SEEN + off)
    machine.clock.know(SEEN)
    assert (machine.clock.state, machine.clock.is_held, machine.clock.may_be_told) == (
        (S.SOUND, False, True) if state is S.SOUND else (S.HELD, True, False)
    )
    assert machine.clock() == machine.at
    machine.at = SEEN + timedelta(hours=1)
    assert not machine.clock.is_held, "it was put right, and nobody need confirm that"


def test_a_new_server_believes_its_clock() -> None:
    machine = Machine(datetime(2040, 1, 1, tzinfo=UTC))
    machine.clock.know(None)
    assert not machine.clock.is_held


def test_a_clock_that_jumps_while_it_runs_is_noticed_by_whoever_asks_first() -> None:
    machine = Machine()
    machine.clock.know(SEEN)
    machine.goes_on(timedelta(hours=3))
    machine.look()
    machine.at = datetime(2040, 1, 1, tzinfo=UTC)
    assert machine.clock.is_held


def test_without_its_own_clock_it_goes_by_what_most_poles_say() -> None:
    machine = Machine(datetime(2017, 1, 1, tzinfo=UTC))
    machine.clock.know(SEEN)
    now = SEEN + timedelta(hours=2)
    ahead = now - machine.at
    lie = timedelta(days=300)
    machine.look([ahead, ahead + timedelta(milliseconds=80), lie, ahead + timedelta(days=700)])
    assert (machine.clock.state, machine.clock(), machine.clock.may_be_told) == (S.BY_POLES, now, True)
    machine.goes_on(timedelta(minutes=30))
    machine.look([timedelta(seconds=-20), ahead], is_pressing=False)
    assert machine.clock() == now + timedelta(minutes=30), "what is under way for some seconds is no news"
    machine.look([timedelta(minutes=10)])
    assert machine.clock() == now + timedelta(minutes=40), "most say otherwise now"
    machine.at = set_right = now + timedelta(minutes=41)
    assert (machine.clock(), machine.clock.state) == (set_right, S.SOUND), "at once, with no look in between"


def test_what_is_seen_is_written_once_the_clock_has_been_steady() -> None:
    machine = Machine()
    machine.clock.know(None)
    written = []
    for _ in range(30 * 30):
        machine.goes_on(timedelta(seconds=2))
        written.append(machine.look())
    kept = [at for at in written if at is not None]
    assert kept[0] - SEEN >= timedelta(minutes=10)
    assert len(kept) == pytest.approx(20, abs=1)
    machine.at += timedelta(hours=7)  # network time, after a start by a clock that was off
    assert machine.look() is None
    machine.at -= timedelta(hours=7)
    assert machine.look() is None
    assert not machine.clock.is_held, "a short error was not written down"


def test_who_confirms_it_is_believed() -> None:
    machine = Machine(SEEN + timedelta(days=90))
    machine.clock.know(SEEN)
    assert machine.clock.is_held
    machine.clock.know(machine.clock.system_at)
    assert machine.clock.state is S.SOUND


def test_in_an_emergency_even_a_wrong_time_is_told() -> None:
    machine = Machine(datetime(2017, 1, 1, tzinfo=UTC))
    machine.clock.know(SEEN)
    machine.look(is_pressing=True)
    assert (machine.clock.is_held, machine.clock.may_be_told) == (True, True)
    machine.look(is_pressing=False)
    assert not machine.clock.may_be_told


def beat(node: str, at: datetime, *, trusted: bool = True) -> Heartbeat:
    return Heartbeat(
        node=node, at=at, activity=NodeActivity.IDLE, output="silent", clock_offset_ms=0.0 if trusted else None,
        clock_trusted=trusted, outbox=0, disk_free_bytes=1, version="1",
    )  # fmt: skip


def test_the_watch_hears_poles_that_know_the_time_and_writes_down_what_was_seen(house_engine: Engine) -> None:
    machine, presence, told = Machine(datetime(2017, 1, 1, tzinfo=UTC)), PresenceBoard(), []
    machine.clock.know(SEEN)
    watch = ClockWatch(house_engine, machine.clock, presence, lambda: told.append(1))
    presence.heard(beat("tay-1", SEEN + timedelta(hours=5), trusted=False), machine.clock())
    watch.look()
    assert machine.clock.is_held
    presence.heard(beat("dong-1", SEEN + timedelta(hours=1)), machine.clock())
    watch.look()
    assert (machine.clock.state, machine.clock()) == (S.BY_POLES, SEEN + timedelta(hours=1))
    watch.look()
    assert machine.clock() == SEEN + timedelta(hours=1), "a word counts once"
    machine.goes_on(timedelta(minutes=11))
    watch.look()
    with reading(house_engine) as session:
        assert load_seen(session) == SEEN + timedelta(hours=1, minutes=11)
    with session_of(house_engine) as session:
        keep_seen(session, SEEN)
    with reading(house_engine) as session:
        assert load_seen(session) == SEEN


def test_the_watch_tells_the_time_while_an_emergency_is_to_sound(house_engine: Engine) -> None:
    machine = Machine(datetime(2017, 1, 1, tzinfo=UTC))
    machine.clock.know(SEEN)
    watch = ClockWatch(house_engine, machine.clock, PresenceBoard(), lambda: None)
    watch.look()
    assert not machine.clock.may_be_told
    with session_of(house_engine) as session:
        leader = get_user(session, "lanhdao")
        raise_emergency(session, leader, ["thon-dong"], "Nước lên.", machine.clock(), "k" * 20)
    watch.look()
    assert machine.clock.may_be_told
