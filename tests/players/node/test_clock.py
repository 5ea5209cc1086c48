"""The commune's time as a node learns it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from players.node.clock import NodeClock

SERVER = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)


class Board:
    """A board whose battery is dead: its date is wrong, its seconds are right."""

    def __init__(self, date: datetime = datetime(1970, 1, 1, tzinfo=UTC)) -> None:
        self.seconds = 100.0
        self.date = date

    def wall(self) -> datetime:
        return self.date + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def true_time(self) -> datetime:
        return SERVER + timedelta(seconds=self.seconds)

    def clock(self, **options: datetime) -> NodeClock:
        return NodeClock(wall=self.wall, monotonic=self.monotonic, **options)  # type: ignore[arg-type]

    def round_trip(self, clock: NodeClock, there_s: float, back_s: float) -> bool:
        nonce = clock.ask()
        self.seconds += there_s
        server_at = self.true_time()
        self.seconds += back_s
        return clock.answered(nonce, server_at)


def test_it_is_not_trusted_before_the_first_answer_and_never_believes_1970() -> None:
    board = Board()
    clock = board.clock(not_before=SERVER)
    assert not clock.now().trusted
    assert clock.now().at >= SERVER
    assert (clock.offset_ms, clock.error_ms) == (None, None)


@given(trips=st.lists(st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)), min_size=1, max_size=20))
def test_the_error_is_never_larger_than_it_says(trips: list[tuple[float, float]]) -> None:
    board = Board()
    clock = board.clock()
    for there_s, back_s in trips:
        assert board.round_trip(clock, there_s, back_s)
    wrong_ms = abs((clock.now().at - board.true_time()) / timedelta(milliseconds=1))
    assert clock.error_ms is not None
    assert wrong_ms <= clock.error_ms + 0.01


def test_the_quickest_answer_counts() -> None:
    board = Board()
    clock = board.clock()
    for there_s, back_s in ((0.9, 0.01), (0.002, 0.002), (0.01, 0.8)):
        board.round_trip(clock, there_s, back_s)
    assert abs(clock.now().at - board.true_time()) < timedelta(milliseconds=1)


def test_a_jump_of_the_systems_date_moves_nothing() -> None:
    board = Board()
    clock = board.clock()
    board.round_trip(clock, 0.01, 0.01)
    instant = clock.monotonic_of(board.true_time() + timedelta(seconds=60))
    before = clock.offset_ms
    planned = board.true_time() + timedelta(seconds=60)
    board.date += timedelta(days=365)
    assert clock.monotonic_of(planned) == instant
    assert before is not None
    assert clock.offset_ms == pytest.approx(before - 365 * 86400e3)


def test_an_answer_counts_once_for_its_own_question_and_in_time() -> None:
    board = Board()
    clock = board.clock()
    nonce = clock.ask()
    assert not clock.answered("a-nonce-of-nobody", SERVER)
    assert clock.answered(nonce, board.true_time())
    assert not clock.answered(nonce, SERVER + timedelta(days=1))
    assert not board.round_trip(clock, 3.0, 3.0)
    assert abs(clock.now().at - board.true_time()) < timedelta(milliseconds=1)


@pytest.mark.parametrize("seconds", [0, 0.001, 86400.5])
def test_dates_and_instants_are_each_others_way_back(seconds: float) -> None:
    board = Board()
    clock = board.clock()
    board.round_trip(clock, 0.01, 0.02)
    instant = board.seconds + seconds
    assert clock.monotonic_of(clock.at(instant)) == pytest.approx(instant, abs=2e-6)
