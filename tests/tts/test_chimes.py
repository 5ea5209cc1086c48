"""Chimes are told apart outdoors: by their rhythm and by their pitch, not by their loudness."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tts.chimes import TUNES, Chime, closing_chime, opening_chime
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


EVERY_TUNE = [(chime, tune) for chime, tunes in TUNES.items() for tune in tunes]


@pytest.mark.parametrize("shape", [lambda speech: speech, shape_for_horn], ids=["plain", "horn"])
@pytest.mark.parametrize(
    ("one", "other"), [pair for pair in combinations(EVERY_TUNE, 2) if pair[0][0] is not pair[1][0]]
)
def test_no_two_kinds_open_alike_in_both_rhythm_and_pitch(
    one: tuple[Chime, str], other: tuple[Chime, str], shape: object
) -> None:
    """Whatever tunes a commune chooses."""
    assert callable(shape)
    (first, tune), (second, other_tune) = one, other
    rhythm, pitch = alike(shape(opening_chime(first, RATE, tune)), shape(opening_chime(second, RATE, other_tune)))
    assert min(rhythm, pitch) < 0.7, (rhythm, pitch)


@pytest.mark.parametrize("tune", TUNES[Chime.EMERGENCY])
@pytest.mark.parametrize("other", [one for one in EVERY_TUNE if one[0] is not Chime.EMERGENCY])
def test_an_emergency_is_unlike_all_others_in_both(tune: str, other: tuple[Chime, str]) -> None:
    """A drill, above all, must not be taken for one."""
    kind, other_tune = other
    rhythm, pitch = alike(opening_chime(Chime.EMERGENCY, RATE, tune), opening_chime(kind, RATE, other_tune))
    assert rhythm < 0.7
    assert pitch < 0.7


@pytest.mark.parametrize("chime", list(Chime))
def test_tunes_of_one_kind_are_other_sounds_and_an_unknown_one_is_the_first(chime: Chime) -> None:
    sounds = [opening_chime(chime, RATE, tune).samples.tobytes() for tune in TUNES[chime]]
    assert len(set(sounds)) == len(TUNES[chime])
    assert opening_chime(chime, RATE, "of a later version").samples.tobytes() == sounds[0]
    assert opening_chime(chime, RATE).samples.tobytes() == sounds[0]


@pytest.mark.parametrize("chime", list(Chime))
def test_a_measure_of_likeness_that_knows_the_same_sound(chime: Chime) -> None:
    later = Speech(np.concatenate([np.zeros(4 * STEP, dtype=np.float32), opening_chime(chime, RATE).samples]), RATE)
    assert min(alike(opening_chime(chime, RATE), later)) > 0.9


def test_each_urgency_begins_longer_than_it_ends() -> None:
    for chime, tune in EVERY_TUNE:
        opening, closing = opening_chime(chime, RATE, tune), closing_chime(chime, RATE, tune)
        assert opening.duration_s >= closing.duration_s > 0.5
        assert float(np.abs(opening.samples).max()) <= 1.0
