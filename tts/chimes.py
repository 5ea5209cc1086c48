"""The chimes before and after a clip, computed: one sound per urgency, told apart by rhythm as well as by pitch."""

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tts.speech import Speech

_Samples = NDArray[np.float64]


class Chime(StrEnum):
    """What kind of broadcast the listener should expect."""

    NORMAL = "normal"
    PRIORITY = "priority"
    EMERGENCY = "emergency"
    DRILL = "drill"


def opening_chime(chime: Chime, sample_rate: int) -> Speech:
    """The sound before the words.

    normal: three rising bell notes. priority: a bell pair struck twice. emergency: 4 s of a fast two-tone horn.
    drill: three long, slow, even tones of one pitch.
    """
    return Speech(_OPENINGS[chime](sample_rate).astype(np.float32), sample_rate)


def closing_chime(chime: Chime, sample_rate: int) -> Speech:
    """The sound after the words: the bells falling, the horn or the tone once and short."""
    return Speech(_CLOSINGS[chime](sample_rate).astype(np.float32), sample_rate)


def _bell(hertz: float, length_s: float, sample_rate: int) -> _Samples:
    """A struck bell: a few partials, each dying faster the higher it is."""
    at_s = np.arange(round(length_s * sample_rate)) / sample_rate
    sound = np.zeros_like(at_s)
    for ratio, amplitude, decay_s in ((1.0, 1.0, 0.55), (2.0, 0.45, 0.35), (3.01, 0.2, 0.2), (4.2, 0.1, 0.12)):
        sound += amplitude * np.exp(-at_s / decay_s) * np.sin(2 * np.pi * hertz * ratio * at_s)
    return 0.3 * _edges(sound, sample_rate)


def _tone(hertz: float, length_s: float, sample_rate: int) -> _Samples:
    """A held tone with the odd harmonics that carry far through a horn."""
    at_s = np.arange(round(length_s * sample_rate)) / sample_rate
    sound = sum((np.sin(2 * np.pi * hertz * n * at_s) / n for n in (1, 3, 5)), np.zeros_like(at_s))
    return 0.35 * _edges(sound, sample_rate)


def _rest(length_s: float, sample_rate: int) -> _Samples:
    return np.zeros(round(length_s * sample_rate))


def _edges(sound: _Samples, sample_rate: int) -> _Samples:
    """Fade 5 ms in and 15 ms out, so that no edge clicks."""
    rise, fall = round(0.005 * sample_rate), round(0.015 * sample_rate)
    sound[:rise] *= np.linspace(0, 1, rise)
    sound[-fall:] *= np.linspace(1, 0, fall)
    return sound


def _bells(notes: tuple[tuple[float, float], ...]) -> Callable[[int], _Samples]:
    """Bells one after another, each (hertz, seconds until the next)."""
    return lambda rate: np.concatenate([_bell(hertz, length_s, rate) for hertz, length_s in notes])


def _horn(times: int) -> Callable[[int], _Samples]:
    return lambda rate: np.concatenate([_tone(hz, 0.25, rate) for _ in range(times) for hz in (650.0, 870.0)])


def _even_tones(times: int, length_s: float) -> Callable[[int], _Samples]:
    return lambda rate: np.concatenate(
        [x for _ in range(times) for x in (_tone(520.0, length_s, rate), _rest(0.4, rate))]
    )


_OPENINGS: dict[Chime, Callable[[int], _Samples]] = {
    Chime.NORMAL: _bells(((523.25, 0.45), (659.26, 0.45), (783.99, 1.3))),
    Chime.PRIORITY: _bells(((783.99, 0.22), (1046.5, 0.5), (783.99, 0.22), (1046.5, 1.0))),
    Chime.EMERGENCY: _horn(8),
    Chime.DRILL: _even_tones(3, 0.8),
}
_CLOSINGS: dict[Chime, Callable[[int], _Samples]] = {
    Chime.NORMAL: _bells(((783.99, 0.4), (659.26, 0.4), (523.25, 1.3))),
    Chime.PRIORITY: _bells(((1046.5, 0.3), (783.99, 1.0))),
    Chime.EMERGENCY: _horn(2),
    Chime.DRILL: _even_tones(1, 0.8),
}
