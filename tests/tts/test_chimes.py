"""Chimes are told apart outdoors: by their rhythm and by their pitch, not by their loudness."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tts.chimes import Chime, closing_chime, opening_chime
from tts.horn import shape_for_horn
from tts.speech import Speech

RATE = 24_000
STEP = RATE // 20
"""Fifty milliseconds: what an echo between houses leaves of a rhythm."""


def envelope(speech: Speech, steps: int) -> NDArray[np.float64]:
    """How loud it is every 50 ms, without its mean, of length one: only its rhythm is left."""
    samples = np.zeros(steps * STEP)
    samples[: len(speech.samples)] = speech.samples[: steps * STEP]
    power = np.sqrt(np.mean(np.square(samples.reshape(steps, STEP)), axis=1))
    power -= power.mean()
    return np.asarray(power / np.linalg.norm(power))


def pitches(speech: Speech) -> NDArray[np.float64]:
    """Energy by quarter octave from 250 to 4,000 Hz, of length one: what a horn carries of its pitch."""
    spectrum = np.abs(np.fft.rfft(speech.samples)) ** 2
    hertz = np.fft.rfftfreq(len(speech.samples), 1 / RATE)
    edges = 250.0 * 2.0 ** (np.arange(17) / 4)
    bands = np.array([spectrum[(hertz >= low) & (hertz < high)].sum() for low, high in pairwise(edges)])
    bands = np.sqrt(bands)
    return np.asarray(bands / np.linalg.norm(bands))


def alike(one: Speech, other: Speech) -> tuple[float, float]:
    """How alike two sounds are by rhythm (at the best shift of half a second) and by pitch; 1 is the same."""
    steps = -(-max(len(one.samples), len(other.samples)) // STEP)
    first, second = envelope(one, steps), envelope(other, steps)
    rhythm = max(float(np.dot(first, np.roll(second, shift))) for shift in range(-10, 11))
    return rhythm, float(np.dot(pitches(one), pitches(other)))


@pytest.mark.parametrize("shape", [lambda speech: speech, shape_for_horn], ids=["plain", "horn"])
@pytest.mark.parametrize(("one", "other"), list(combinations(Chime, 2)))
def test_no_two_openings_are_alike_in_both_rhythm_and_pitch(one: Chime, other: Chime, shape: object) -> None:
    assert callable(shape)
    rhythm, pitch = alike(shape(opening_chime(one, RATE)), shape(opening_chime(other, RATE)))
    assert min(rhythm, pitch) < 0.7, (rhythm, pitch)


@pytest.mark.parametrize("other", [Chime.NORMAL, Chime.PRIORITY, Chime.DRILL])
def test_an_emergency_is_unlike_all_others_in_both(other: Chime) -> None:
    """A drill, above all, must not be taken for one."""
    rhythm, pitch = alike(opening_chime(Chime.EMERGENCY, RATE), opening_chime(other, RATE))
    assert rhythm < 0.7
    assert pitch < 0.7


@pytest.mark.parametrize("chime", list(Chime))
def test_a_measure_of_likeness_that_knows_the_same_sound(chime: Chime) -> None:
    later = Speech(np.concatenate([np.zeros(4 * STEP, dtype=np.float32), opening_chime(chime, RATE).samples]), RATE)
    assert min(alike(opening_chime(chime, RATE), later)) > 0.9


def test_each_urgency_begins_longer_than_it_ends() -> None:
    for chime in Chime:
        opening, closing = opening_chime(chime, RATE), closing_chime(chime, RATE)
        assert opening.duration_s >= closing.duration_s > 0.5
        assert float(np.abs(opening.samples).max()) <= 1.0
