"""When samples leave a device that is a little wrong about it each time."""

import numpy as np
import pytest

from players.node.dac_timeline import LEAP_WORDS, DacTimeline

RATE, FRAMES = 48_000, 720
A_SECOND = RATE // FRAMES


def true_line(seconds: float, *, drift: float = 0.0) -> list[float]:
    return [100.0 + number * FRAMES / RATE * (1 + drift) for number in range(round(seconds * A_SECOND))]


def run(said: list[float], timeline: DacTimeline | None = None) -> list[float]:
    timeline = timeline or DacTimeline(RATE)
    return [timeline.begins_at(FRAMES, at) for at in said]


def wander(seconds: float, by_s: float) -> np.ndarray:
    """As PulseAudio's guesses go on a busy machine: off by milliseconds and back, within ten seconds."""
    place = np.linspace(0, np.pi, round(seconds * A_SECOND))
    return np.asarray(by_s * np.sin(place))


def worst(found: list[float], true: list[float]) -> float:
    return float(np.abs(np.subtract(found, true)).max())


@pytest.mark.parametrize("seed", range(5))
def test_what_jumps_by_milliseconds_is_known_to_a_fraction_of_one(seed: int) -> None:
    dice = np.random.default_rng(seed)
    true = true_line(100)
    found = run([at + dice.uniform(-0.003, 0.003) for at in true])
    errors = sorted(abs(got - at) for got, at in zip(found[A_SECOND:], true[A_SECOND:], strict=True))
    assert errors[len(errors) * 95 // 100] < 0.0008


@pytest.mark.parametrize("by_s", [0.008, -0.008])
def test_words_that_wander_move_nothing(by_s: float) -> None:
    true = true_line(50)
    said = np.array(true)
    said[20 * A_SECOND : 40 * A_SECOND] += np.concatenate([wander(10, by_s), wander(10, -by_s / 2)])
    assert worst(run(said.tolist()), true) < 0.0007


def test_a_stream_that_ran_dry_leaps_at_once_and_rightly_while_words_wander() -> None:
    true = np.array(true_line(50))
    true[25 * A_SECOND :] += 0.0144
    said = true.copy()
    said[24 * A_SECOND : 34 * A_SECOND] += wander(10, 0.004)
    found = run(said.tolist())
    before, after = 25 * A_SECOND, 25 * A_SECOND + LEAP_WORDS
    assert worst(found[:before], true[:before].tolist()) < 0.001
    assert worst(found[after:], true[after:].tolist()) < 0.001


def test_words_that_never_are_steady_are_believed_in_the_middle() -> None:
    true = true_line(120)
    said = np.array(true)
    said[20 * A_SECOND :] += np.concatenate([wander(5, by_s) for by_s in (0.005, -0.005) * 10])
    assert worst(run(said.tolist()), true) < 0.002


def test_one_wild_word_moves_nothing() -> None:
    true = true_line(20)
    said = [at + (0.08 if number in {400, 700, 701} else 0) for number, at in enumerate(true)]
    assert run(said) == pytest.approx(true, abs=1e-6)


def test_a_device_that_has_moved_is_followed_after_a_few_words() -> None:
    true = true_line(20)
    moved = [at + 0.2 for at in true[600:]]
    found = run([*true[:600], *moved])
    assert found[600 + LEAP_WORDS :] == pytest.approx(moved[LEAP_WORDS:], abs=1e-6)


def test_a_device_that_ran_dry_is_believed_at_once() -> None:
    timeline = DacTimeline(RATE)
    run(true_line(1), timeline)
    timeline.ran_dry()
    assert timeline.begins_at(FRAMES, 101.5) == pytest.approx(101.5, abs=1e-6)


@pytest.mark.parametrize("drift", [100e-6, -60e-6])
def test_a_device_whose_clock_runs_off_is_followed(drift: float) -> None:
    """100 parts in a million for ten minutes: 60 ms in all."""
    true = true_line(600, drift=drift)
    assert worst(run(true), true) < 0.0005
