from hypothesis import given
from hypothesis import strategies as st

from players.uplink import BURST, MESSAGES_A_SECOND, Allowance


@given(pauses=st.lists(st.floats(0, 1), min_size=1, max_size=2000), begin=st.floats(0, 1e6))
def test_no_node_gets_more_than_its_allowance(pauses: list[float], begin: float) -> None:
    allowance, now, taken = Allowance(), begin, 0
    for pause in pauses:
        now += pause
        taken += allowance.take(now)
    assert taken <= BURST + MESSAGES_A_SECOND * (now - begin) + 1


@given(begin=st.floats(1e3, 1e6))
def test_a_node_that_sends_what_nodes_send_is_never_held_up(begin: float) -> None:
    allowance = Allowance()
    assert all(allowance.take(begin) for _ in range(BURST))
    assert all(allowance.take(begin + second / 10) for second in range(10, 600))


def test_it_is_told_once_and_again_only_after_it_has_calmed_down() -> None:
    allowance = Allowance()
    for _ in range(BURST):
        assert allowance.take(1000.0)
    assert not allowance.take(1000.0)
    assert [allowance.tell_once() for _ in range(3)] == [True, False, False]
    for second in range(60):
        while allowance.take(1000.0 + second / 100):
            pass
        assert not allowance.tell_once()
    calm = 1000.0 + BURST / MESSAGES_A_SECOND
    while allowance.take(calm):
        pass
    assert allowance.tell_once()
