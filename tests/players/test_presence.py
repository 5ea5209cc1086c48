import asyncio
from datetime import datetime, timedelta

import pytest

from players.messages import Presence
from players.presence import NodePresence, PresenceBoard, PresenceState
from players.presence_watch import PresenceWatch
from tests.players.samples import HEARTBEAT, NODE, NOW

ONLINE, LATE, OFFLINE = PresenceState.ONLINE, PresenceState.LATE, PresenceState.OFFLINE


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, ONLINE), (19.999, ONLINE), (20, LATE), (29.999, LATE), (30, OFFLINE), (86_400, OFFLINE), (-5, ONLINE)],
)
def test_silence_makes_a_node_late_and_then_offline(seconds: float, expected: PresenceState) -> None:
    board = PresenceBoard()
    board.heard(HEARTBEAT, NOW)
    assert board.state_of(NODE, after(seconds)) is expected


def test_a_node_that_was_never_heard_is_offline() -> None:
    board = PresenceBoard()
    assert board.row_of(NODE, NOW) == NodePresence(NODE, OFFLINE)
    assert board.snapshot(NOW) == {}


def test_coming_is_not_proved_by_a_hint_but_going_makes_late() -> None:
    board = PresenceBoard()
    board.hint(Presence(node=NODE, online=True), NOW)
    assert board.state_of(NODE, NOW) is OFFLINE
    board.heard(HEARTBEAT, NOW)
    board.hint(Presence(node=NODE, online=False), after(1))
    assert board.row_of(NODE, after(2)) == NodePresence(NODE, LATE, HEARTBEAT, NOW)
    assert board.state_of(NODE, after(30)) is OFFLINE
    board.heard(HEARTBEAT, after(31))
    assert board.state_of(NODE, after(31)) is ONLINE


def test_a_hint_of_going_that_was_kept_does_not_matter_to_a_node_that_is_heard() -> None:
    board = PresenceBoard()
    board.hint(Presence(node=NODE, online=False), NOW)
    board.heard(HEARTBEAT, after(1))
    assert board.state_of(NODE, after(2)) is ONLINE


def test_a_node_that_is_no_longer_ours_is_forgotten() -> None:
    board = PresenceBoard()
    board.heard(HEARTBEAT, NOW)
    board.forget(NODE)
    board.forget(NODE)
    assert board.snapshot(NOW) == {}


def test_late_comes_before_offline() -> None:
    with pytest.raises(ValueError, match="late before"):
        PresenceBoard(timedelta(seconds=30), timedelta(seconds=20))


async def test_silence_is_told_although_no_message_comes() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()

    def clock() -> datetime:
        return NOW + timedelta(seconds=loop.time() - begun)

    board = PresenceBoard(timedelta(milliseconds=50), timedelta(milliseconds=600))
    changes: asyncio.Queue[PresenceState] = asyncio.Queue()
    watch = PresenceWatch(board, clock, lambda: changes.put_nowait(board.state_of(NODE, clock())))
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    watch.heard(HEARTBEAT)
    watch.heard(HEARTBEAT)
    async with asyncio.timeout(10):
        assert [await changes.get() for _ in range(3)] == [ONLINE, LATE, OFFLINE]
    task.cancel()
    assert changes.empty()


def test_a_word_that_a_node_lives_proves_it_and_leaves_what_it_said_last() -> None:
    board = PresenceBoard()
    board.lives(NODE, NOW)
    assert board.row_of(NODE, NOW) == NodePresence(NODE, ONLINE, None, NOW)
    board.heard(HEARTBEAT, NOW)
    board.lives(NODE, after(29))
    assert board.row_of(NODE, after(48)) == NodePresence(NODE, ONLINE, HEARTBEAT, after(29))
    assert board.state_of(NODE, after(49)) is LATE
    assert board.state_of(NODE, after(59)) is OFFLINE
