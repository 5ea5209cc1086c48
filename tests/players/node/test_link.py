from players.node.link import LONGEST_PAUSE_S, pause_after
from players.presence import OFFLINE_AFTER


def test_the_pause_grows_while_nobody_answers() -> None:
    pauses = [pause_after(None, 0)]
    while len(pauses) < 7:
        pauses.append(pause_after(pauses[-1], 0.1))
    assert pauses == [0.5, 1, 2, 4, 8, 8, 8]


def test_it_is_short_again_after_a_connection_that_held() -> None:
    assert pause_after(8, LONGEST_PAUSE_S + 1) == 0.5
    assert pause_after(4, 3) == 8


def test_a_pole_finds_a_restarted_server_before_anybody_would_call_it_offline() -> None:
    assert OFFLINE_AFTER.total_seconds() > 3 * LONGEST_PAUSE_S
