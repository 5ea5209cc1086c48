"""A pole that was off, or without the clip, at the minute: what its entry allows is played late, from its beginning."""

from dataclasses import dataclass

import pytest

from players.messages import CuedBroadcast, Outcome, Reason
from players.node.events import ConfigCame
from tests.players.node.pole import Pole, config, item, seconds
from tests.players.node.test_state import ready, stored, timetable


@dataclass(frozen=True)
class Late:
    """A programme of two seconds, due in five."""

    pole: Pole
    programme: CuedBroadcast


def due_soon(late_s: float, *, join_s: float = 1, pole: Pole | None = None) -> Late:
    pole = pole or ready()
    programme = item("a", pole.now + seconds(5), join_within_s=join_s)
    return Late(pole, programme.model_copy(update={"late_within_ms": round(late_s * 1000)}))


@pytest.mark.parametrize("off_s", [10, 300, 890])
def test_after_a_power_cut_it_is_played_whole_within_its_time(off_s: float) -> None:
    one = due_soon(900)
    pole = one.pole.feed(timetable(1, one.programme)).run(1).restart(off_s).run(60)
    assert pole.outcomes("a")[-2:] == ["playing", "played"]
    assert [start.from_ms for start in pole.starts] == [0]
    assert pole.starts[0].at > one.programme.starts_at + seconds(off_s - 10)


@pytest.mark.parametrize(("late_s", "off_s"), [(900, 910), (60, 120), (0, 120)])
def test_later_than_that_it_is_missed(late_s: float, off_s: float) -> None:
    one = due_soon(late_s)
    pole = one.pole.feed(timetable(1, one.programme)).run(1).restart(off_s).run(60)
    assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.MISSED, Reason.TOO_LATE)
    assert pole.starts == []


def test_a_little_late_it_joins_the_other_poles_instead() -> None:
    pole = ready()
    programme = item("a", pole.now + seconds(5), duration_s=50).model_copy(update={"late_within_ms": 900_000})
    pole.feed(timetable(1, programme)).run(1).restart(20).run(120)
    assert pole.starts[0].from_ms > 0
    assert pole.starts[0].at - seconds(pole.starts[0].from_ms / 1000) == programme.starts_at


def test_a_clip_that_comes_late_is_waited_for() -> None:
    one = due_soon(900, pole=Pole().feed(ConfigCame(config(1))).run(60))
    pole = one.pole.feed(timetable(1, one.programme)).run(400).feed(stored()).run(60)
    assert pole.outcomes("a")[-2:] == ["playing", "played"]
    assert [start.from_ms for start in pole.starts] == [0]
    assert pole.starts[0].at >= one.programme.starts_at + seconds(390)


def test_quiet_hours_count_when_it_would_sound() -> None:
    pole = ready()
    closes = (pole.now + seconds(7 * 3600 + 60)).strftime("%H:%M")
    pole.feed(ConfigCame(config(2, closes=closes)))
    one = due_soon(900, pole=pole)
    pole.feed(timetable(1, one.programme)).run(1).restart(300).run(60)
    assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.MISSED, Reason.QUIET_HOURS)
    assert pole.starts == []


def test_what_was_played_is_not_played_late_again() -> None:
    one = due_soon(900)
    pole = one.pole.feed(timetable(1, one.programme)).run(30).restart(60)
    pole.feed(timetable(2, one.programme)).run(60)
    assert [start.from_ms for start in pole.starts] == [0]
    assert pole.outcomes("a").count("played") == 1
