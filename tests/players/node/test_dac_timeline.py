"""When samples leave a device that is a little wrong about it each time."""

import numpy as np
import pytest

from players.node.dac_timeline import JUMPS, DacTimeline

RATE, FRAMES = 48_000, 960


def run(timeline: DacTimeline, count: int, said: list[float]) -> list[float]:
    return [timeline.begins_at(FRAMES, at) for at in said[:count]]


@pytest.mark.parametrize("seed", range(5))
def test_what_jumps_by_milliseconds_is_known_to_a_fraction_of_one(seed: int) -> None:
    dice = np.random.default_rng(seed)
    true = [100.0 + number * FRAMES / RATE for number in range(400)]
    timeline = DacTimeline(RATE)
    found = run(timeline, 400, [at + dice.uniform(-0.003, 0.003) for at in true])
    errors = sorted(abs(got - at) for got, at in zip(found[50:], true[50:], strict=True))
    assert errors[len(errors) * 95 // 100] < 0.0008


def test_one_wild_word_moves_nothing() -> None:
    timeline = DacTimeline(RATE)
    true = [100.0 + number * FRAMES / RATE for number in range(60)]
    said = [at + (0.08 if number == 40 else 0) for number, at in enumerate(true)]
    assert run(timeline, 60, said) == pytest.approx(true, abs=1e-6)


def test_a_device_that_has_moved_is_followed_after_a_few_words() -> None:
    timeline = DacTimeline(RATE)
    run(timeline, 60, [100.0 + number * FRAMES / RATE for number in range(60)])
    later = [100.2 + number * FRAMES / RATE for number in range(60, 90)]
    assert run(timeline, 30, later)[JUMPS:] == pytest.approx(later[JUMPS:], abs=1e-6)


def test_a_device_that_ran_dry_is_believed_at_once() -> None:
    timeline = DacTimeline(RATE)
    run(timeline, 60, [100.0 + number * FRAMES / RATE for number in range(60)])
    timeline.ran_dry()
    assert timeline.begins_at(FRAMES, 101.5) == pytest.approx(101.5, abs=1e-6)


def test_a_device_whose_clock_runs_off_is_followed() -> None:
    """100 parts in a million for ten minutes: 60 ms in all."""
    timeline = DacTimeline(RATE)
    true = [100.0 + number * FRAMES / RATE * 1.0001 for number in range(30_000)]
    assert run(timeline, 30_000, true)[-1] == pytest.approx(true[-1], abs=0.0005)
