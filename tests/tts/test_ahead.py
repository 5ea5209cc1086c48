import threading

import pytest

from tts.ahead import worked_ahead

LIMIT_S = 30


def test_gives_all_in_order_with_what_was_made_of_them() -> None:
    assert list(worked_ahead(lambda number: number * number, range(50))) == [(n, n * n) for n in range(50)]


def test_the_first_is_done_alone_and_then_two_at_once() -> None:
    meeting = threading.Barrier(2, timeout=LIMIT_S)
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number:
            meeting.wait()  # breaks unless another is being done
        return number

    found = worked_ahead(work, range(5))
    assert next(found) == (0, 0)
    assert begun == [0]
    assert [number for number, _ in found] == [1, 2, 3, 4]


def test_trouble_comes_in_its_turn() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    found = worked_ahead(work, range(9))
    assert [next(found), next(found)] == [(0, 0), (1, 1)]
    with pytest.raises(ValueError, match="two"):
        next(found)


def test_who_stops_early_waits_for_nothing_and_begins_nothing_more() -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)
    seen: list[int] = []

    def work(number: int) -> int:
        seen.append(number)
        begun.release()
        if number > 1:
            go_on.wait(LIMIT_S)
        return number

    found = worked_ahead(work, range(100))
    assert [next(found), next(found)] == [(0, 0), (1, 1)]
    for _ in range(3):
        assert begun.acquire(timeout=LIMIT_S)
    found.close()  # type: ignore[attr-defined]
    go_on.set()
    assert set(seen) <= {0, 1, 2, 3}
