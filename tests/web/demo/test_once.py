import pytest

from web.demo.once import is_played_whole
from web.demo.plan import plan_poles

POLES = plan_poles(2, None, has_sound_card=False)


@pytest.mark.parametrize(
    ("states", "is_whole"),
    [
        ({"dong-1": "played", "tay-1": "played"}, True),
        ({"dong-1": "played", "tay-1": "heard"}, True),
        ({"dong-1": "played", "tay-1": "cut"}, False),
        ({"dong-1": "played"}, False),
        ({}, False),
    ],
)
def test_it_was_played_whole_only_if_every_pole_says_so(states: dict[str, str], is_whole: bool) -> None:
    deliveries = [{"node": node, "state": state} for node, state in states.items()]
    assert is_played_whole({"deliveries": deliveries}, POLES) is is_whole
