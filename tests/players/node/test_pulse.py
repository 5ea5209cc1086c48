"""How often a node says everything, and how often only that it lives; what both cost in a day."""

from typing import Any

import pytest

from players.messages import Heartbeat, NodeActivity
from players.node.pulse import is_news
from tests.players.node.pole import DAWN


def beat(**changes: Any) -> Heartbeat:
    values = {
        "node": "dong-1",
        "at": DAWN,
        "activity": NodeActivity.IDLE,
        "output": "portaudio",
        "clock_offset_ms": 12.0,
        "clock_error_ms": 1.5,
        "outbox": 0,
        "disk_free_bytes": 8_000_000_000,
        "version": "0.1.0",
        "temperature_c": 60,
        "uptime_s": 1000,
    }
    return Heartbeat.model_validate({**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"outbox": 1},
        {"output_error": "no sound device"},
        {"activity": "playing", "broadcast": "a"},
        {"cued": ("a",)},
        {"under_voltage": True},
        {"temperature_c": 66},
        {"temperature_c": None},
        {"clock_offset_ms": None, "clock_error_ms": None},
        {"disk_free_bytes": 7_000_000_000},
        {"refused": 1},
    ],
)
def test_what_somebody_has_to_know_is_told_at_once(changes: dict[str, Any]) -> None:
    assert is_news(beat(), beat(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"at": DAWN.replace(hour=23), "uptime_s": 4600, "clock_age_ms": 60_000.0},
        {"temperature_c": 63, "clock_error_ms": 2.5, "clock_offset_ms": 12.7},
        {"disk_free_bytes": 7_950_000_000},
    ],
)
def test_what_changes_all_the_time_is_not(changes: dict[str, Any]) -> None:
    assert not is_news(beat(clock_age_ms=5.0), beat(**{"clock_age_ms": 5.0, **changes}))


def test_the_first_one_is_told() -> None:
    assert is_news(None, beat())
