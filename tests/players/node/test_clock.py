"""The commune's time as a node learns it: on boards that drift, sleep, lie about the date and lose their power."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from players.node.board_clock import BoardClock, linux_board, read_rtc
from players.node.clock import KeptTime, NodeClock
from players.node.rate import UNKNOWN, WANDER

SERVER = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)
HOUR = 3600.0
DAY = 24 * HOUR


@dataclass
class World:
    """The true time, and a board in it: its crystal drifts, its date is wrong, it may sleep and lose its power."""

    drift: float = 0.0
    """How much faster than the commune's its seconds run."""
    date: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    has_rtc: bool = False
    seconds: float = 0.0
    """Of true time that have passed."""
    boots: int = 1
    started: float = -100.0
    slept: float = 0.0
    rtc_jump_s: float = 0.0
    lie_s: float = field(default=0.0)
    """By how much the server's answer is wrong."""

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds

    def sleep(self, seconds: float) -> None:
        """The whole board stands still, not the process alone."""
        self.seconds += seconds
        self.slept += seconds * (1 + self.drift)

    def lose_power(self, for_s: float) -> None:
        self.seconds += for_s
        self.boots += 1
        self.started, self.slept = self.seconds, 0.0

    def true_time(self) -> datetime:
        return SERVER + timedelta(seconds=self.seconds)

    def uptime(self) -> float:
        return (self.seconds - self.started) * (1 + self.drift)

    def monotonic(self) -> float:
        return self.uptime() - self.slept

    def wall(self) -> datetime:
        return self.date + timedelta(seconds=self.uptime())

    def rtc(self) -> float | None:
        return self.true_time().timestamp() + 77.0 + self.rtc_jump_s if self.has_rtc else None

    def clock(self, kept: KeptTime | None = None, **options: Any) -> NodeClock:
        board = BoardClock(boot=f"boot {self.boots}", uptime=self.uptime, rtc=self.rtc)
        return NodeClock(kept=kept, board=board, wall=self.wall, monotonic=self.monotonic, **options)

    def round_trip(self, clock: NodeClock, there_s: float = 0.01, back_s: float = 0.01) -> bool:
        nonce = clock.ask()
        self.seconds += there_s
        server_at = self.true_time() + timedelta(seconds=self.lie_s)
        self.seconds += back_s
        return clock.answered(nonce, server_at, self.monotonic())

    def synchronised(self, hours: int, **options: Any) -> NodeClock:
        """A clock that was told the time once an hour."""
        clock = self.clock(**options)
        for _ in range(hours + 1):
            self.round_trip(clock)
            self.pass_(HOUR)
        return clock

    def wrong_ms(self, clock: NodeClock) -> float:
        return abs((clock.now().at - self.true_time()) / timedelta(milliseconds=1))


def known(at: datetime = SERVER, **changes: Any) -> KeptTime:
    clock = World().synchronised(1)
    kept = clock.keep()
    assert kept is not None
    return replace(kept, at=at, **changes)


class TestAnswers:
    def test_it_is_not_trusted_before_the_first_answer_and_never_believes_1970(self) -> None:
        clock = World(boots=2).clock(kept=known())
        assert not clock.now().trusted
        assert clock.now().at >= SERVER
        assert (clock.offset_ms, clock.error_ms, clock.age_ms) == (None, None, None)

    @given(
        trips=st.lists(st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0, 2 * DAY)), min_size=1, max_size=30),
        drift=st.floats(-UNKNOWN * 0.99, UNKNOWN * 0.99),
    )
    def test_the_error_is_never_larger_than_it_says(
        self, trips: list[tuple[float, float, float]], drift: float
    ) -> None:
        """However lopsided the delays are and however the crystal drifts, at every moment."""
        world = World(drift=drift)
        clock = world.clock()
        for there_s, back_s, pause_s in trips:
            assert world.round_trip(clock, there_s, back_s)
            for part in (0.0, 0.5, 0.5):
                world.pass_(pause_s * part)
                assert clock.error_ms is not None
                assert world.wrong_ms(clock) <= clock.error_ms + 0.1
                assert clock.trusted == (clock.error_ms <= 2000)

    def test_the_quickest_answer_counts(self) -> None:
        world = World()
        clock = world.clock()
        for there_s, back_s in ((0.9, 0.01), (0.002, 0.002), (0.01, 0.8)):
            world.round_trip(clock, there_s, back_s)
        assert world.wrong_ms(clock) < 1

    def test_answers_that_were_held_up_on_opposite_ways_say_together_what_none_says_alone(self) -> None:
        world = World(drift=20e-6)
        clock = world.clock()
        for there_s, back_s in ((0.001, 0.04), (0.05, 0.001)):
            world.round_trip(clock, there_s, back_s)
        assert clock.error_ms is not None
        assert world.wrong_ms(clock) <= clock.error_ms < 5

    @given(
        lies=st.lists(st.tuples(st.integers(0, 7), st.floats(-1e6, 1e6).filter(lambda lie: abs(lie) > 1)), max_size=3),
        delay_s=st.floats(0, 0.2),
    )
    def test_lies_that_are_the_fewer_are_passed_over(self, lies: list[tuple[int, float]], delay_s: float) -> None:
        world, lying = World(), dict(lies)
        clock = world.clock()
        for number in range(8):
            world.lie_s = lying.get(number, 0.0)
            # A lie is told as quickly as can be: by its delay alone it would be the best of all.
            world.round_trip(clock, 0.0 if number in lying else delay_s, 0.0 if number in lying else delay_s)
        assert clock.error_ms is not None
        assert world.wrong_ms(clock) <= clock.error_ms + 0.01

    def test_a_server_whose_clock_was_set_is_followed_once_it_has_said_so_often_enough(self) -> None:
        world = World()
        clock = world.synchronised(8)
        world.lie_s = 3600.0
        for _ in range(8):
            world.round_trip(clock)
            world.pass_(64)
        assert world.wrong_ms(clock) == pytest.approx(3600e3, abs=100)

    def test_an_answer_counts_once_for_its_own_question_and_in_time(self) -> None:
        world = World()
        clock = world.clock()
        nonce = clock.ask()
        assert not clock.answered("a-nonce-of-nobody", SERVER, world.monotonic())
        assert clock.answered(nonce, world.true_time(), world.monotonic())
        assert not clock.answered(nonce, SERVER + timedelta(days=1), world.monotonic())
        assert not world.round_trip(clock, 3.0, 3.0)
        assert world.wrong_ms(clock) < 1

    def test_an_answer_that_leaves_more_doubt_than_the_setting_is_no_answer(self) -> None:
        world = World()
        clock = world.clock(max_error_s=0.2)
        assert not world.round_trip(clock, 0.0, 0.5)
        assert not clock.trusted
        assert world.round_trip(clock, 0.1, 0.1)
        assert clock.trusted

    @pytest.mark.parametrize("seconds", [0, 0.001, 86400.5])
    def test_dates_and_instants_are_each_others_way_back(self, seconds: float) -> None:
        world = World(drift=30e-6)
        clock = world.synchronised(30)
        instant = world.monotonic() + seconds
        assert clock.monotonic_of(clock.at(instant)) == pytest.approx(instant, abs=2e-6)


class TestAlone:
    def test_a_crystal_nobody_has_measured_is_distrusted_after_half_a_day_and_says_its_age(self) -> None:
        world = World()
        clock = world.clock()
        world.round_trip(clock)
        world.pass_(10 * HOUR)
        assert clock.trusted
        world.pass_(2 * HOUR)
        assert not clock.trusted
        assert clock.age_ms == pytest.approx(12 * HOUR * 1000, rel=1e-3)
        world.round_trip(clock)
        assert clock.trusted

    @pytest.mark.parametrize("drift", [-48e-6, 3e-6, 40e-6])
    def test_a_crystal_measured_for_a_day_is_trusted_for_a_week(self, drift: float) -> None:
        world = World(drift=drift)
        clock = world.synchronised(24)
        world.pass_(7 * DAY)
        assert clock.trusted
        assert world.wrong_ms(clock) < 1000
        assert clock.error_ms is not None
        assert clock.error_ms >= WANDER * 7 * DAY * 1000

    def test_the_shorter_the_setting_the_sooner_it_distrusts_itself(self) -> None:
        world = World()
        clock = world.synchronised(24, max_error_s=0.2)
        world.pass_(3 * DAY)
        assert not clock.trusted

    def test_a_jump_of_the_systems_date_moves_nothing(self) -> None:
        world = World()
        clock = world.clock()
        world.round_trip(clock)
        planned = world.true_time() + timedelta(seconds=60)
        instant, before = clock.monotonic_of(planned), clock.offset_ms
        world.date += timedelta(days=365)
        assert clock.monotonic_of(planned) == instant
        assert before is not None
        assert clock.offset_ms == pytest.approx(before - 365 * 86400e3)

    def test_a_board_that_slept_knows_how_long(self) -> None:
        """Monotonic seconds stand still while it sleeps: the commune's do not."""
        world = World()
        clock = world.clock()
        world.round_trip(clock)
        world.sleep(HOUR)
        assert world.wrong_ms(clock) < 100
        planned = world.true_time() + timedelta(seconds=60)
        assert clock.monotonic_of(planned) == pytest.approx(world.monotonic() + 60, abs=0.1)

    def test_a_process_that_was_suspended_takes_no_answer_of_before(self) -> None:
        world = World()
        clock = world.clock()
        world.round_trip(clock)
        nonce = clock.ask()
        server_at = world.true_time()
        world.pass_(600)
        assert not clock.answered(nonce, server_at, world.monotonic())
        assert world.wrong_ms(clock) < 100


class TestRestart:
    def test_a_killed_process_knows_the_time_as_before(self) -> None:
        world = World(drift=20e-6)
        clock = world.synchronised(24)
        kept = clock.keep()
        world.pass_(30)
        again = world.clock(kept=kept)
        assert again.trusted
        assert world.wrong_ms(again) < 50
        assert again.age_ms == pytest.approx(clock.age_ms, rel=1e-3)

    def test_a_board_without_a_battery_knows_nothing_after_a_power_cut(self) -> None:
        world = World()
        kept = world.synchronised(24).keep()
        world.lose_power(60)
        again = world.clock(kept=kept)
        assert not again.trusted
        assert kept is not None
        assert again.now().at >= kept.at

    def test_a_board_with_a_battery_clock_knows_the_time_after_a_power_cut_and_for_days(self) -> None:
        """Its battery clock is 77 s ahead: nobody has ever set it, and nobody has to."""
        world = World(drift=-30e-6, has_rtc=True)
        kept = world.synchronised(24).keep()
        world.lose_power(600)
        again = world.clock(kept=kept)
        assert again.trusted
        assert world.wrong_ms(again) < 200
        world.pass_(5 * DAY)
        assert again.trusted
        assert world.wrong_ms(again) < 1000

    def test_a_battery_clock_that_woke_in_the_past_is_not_believed(self) -> None:
        world = World(has_rtc=True)
        kept = world.synchronised(24).keep()
        world.lose_power(600)
        world.rtc_jump_s = -3 * 365 * DAY
        again = world.clock(kept=kept)
        assert not again.trusted
        assert kept is not None
        assert again.now().at >= kept.at

    def test_a_clock_that_is_not_trusted_keeps_nothing(self) -> None:
        assert World().clock().keep() is None


class TestThisMachine:
    def test_the_seconds_since_its_start_go_on_and_its_start_has_a_name(self) -> None:
        board = linux_board()
        assert board.boot == linux_board().boot
        assert 0 < board.uptime() <= board.uptime()

    def test_a_battery_clock_is_read_when_its_second_changes(self, tmp_path: Path) -> None:
        file = tmp_path / "since_epoch"
        file.write_text("1772404200\n")
        assert read_rtc(file) is None, "it stands still"
        file.write_text("no clock")
        assert read_rtc(file) is None
        assert read_rtc(tmp_path / "none") is None


def off_s(clock: NodeClock, world: World) -> float:
    return abs((clock.now().at - world.true_time()).total_seconds())


def test_a_quick_answer_is_worth_more_than_many_slow_ones_after_it() -> None:
    world = World()
    clock = world.clock()
    world.round_trip(clock, 0.001, 0.001)
    for _ in range(30):
        world.pass_(3)
        world.round_trip(clock, 0.001, 0.08)
    assert off_s(clock, world) < 0.002


def test_a_server_whose_clock_was_put_right_is_followed_within_a_quarter_of_an_hour() -> None:
    world = World()
    clock = world.clock()
    for _ in range(20):
        world.pass_(3)
        world.round_trip(clock, 0.001, 0.001)
    world.lie_s = 7.0
    for _ in range(15):
        world.pass_(64)
        world.round_trip(clock, 0.02, 0.03)
    assert abs(off_s(clock, world) - 7.0) < 0.1


def test_on_a_quick_line_it_asks_seldom_after_two_minutes_and_on_a_slow_one_when_it_would_help() -> None:
    calm_s = {}
    for line, delay_s in (("quick", 0.0002), ("slow", 0.025)):
        world = World()
        clock = world.clock()
        for _ in range(9):
            world.round_trip(clock, delay_s, delay_s)
        at_first = clock.calm_s
        world.pass_(at_first)
        world.round_trip(clock, delay_s, delay_s)
        calm_s[line] = (at_first, clock.calm_s)
    assert 60 <= calm_s["quick"][0] < 70 < 600 < calm_s["quick"][1]
    assert 100 < calm_s["slow"][0] == pytest.approx(calm_s["slow"][1], rel=0.2)


@pytest.mark.parametrize("way_s", [0.5, 1.9, 1.99])
def test_a_clock_that_is_barely_trusted_asks_before_it_is_not(way_s: float) -> None:
    world = World()
    clock = world.clock()
    world.round_trip(clock, way_s, way_s)
    assert clock.trusted
    world.pass_(clock.calm_s)
    assert clock.trusted
