"""The chimes before and after a clip, computed: told apart by rhythm as well as by pitch.

Each kind of broadcast has its own; for some a commune may choose among several tunes, none like those of another kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


def opening_chime(chime: Chime, sample_rate: int, tune: str = "") -> Speech:
    """The sound before the words.

    normal: three rising bell notes. priority: a bell pair struck twice. emergency: 4 s of a fast two-tone horn.
    drill: three long, slow, even tones of one pitch.

    Args:
        chime: what kind of broadcast begins.
        sample_rate: in hertz.
        tune: one of `TUNES[chime]`; what is none of them is the first.
    """
    return Speech(_tune(chime, tune).opening(sample_rate).astype(np.float32), sample_rate)


def closing_chime(chime: Chime, sample_rate: int, tune: str = "") -> Speech:
    """The sound after the words: the opening falling, or once and short. `tune` as for `opening_chime`."""
    return Speech(_tune(chime, tune).closing(sample_rate).astype(np.float32), sample_rate)


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


def _drum(length_s: float, sample_rate: int) -> _Samples:
    """A struck village drum: its skin gives way at first, so that the tone falls."""
    at_s = np.arange(round(length_s * sample_rate)) / sample_rate
    turns = 2 * np.pi * (150 * at_s + 70 * 0.06 * (1 - np.exp(-at_s / 0.06)))
    skin = np.exp(-at_s / 0.22) * (np.sin(turns) + 0.6 * np.sin(2.3 * turns) + 0.35 * np.sin(3.6 * turns))
    return 0.35 * _edges(skin, sample_rate)


def _drums(beats_s: tuple[float, ...]) -> Callable[[int], _Samples]:
    """Drum beats, each with the seconds until the next."""
    return lambda rate: np.concatenate([_drum(length_s, rate) for length_s in beats_s])


def _clang(length_s: float, sample_rate: int) -> _Samples:
    """A struck iron rail (kẻng): high partials that belong to no scale."""
    at_s = np.arange(round(length_s * sample_rate)) / sample_rate
    sound = np.zeros_like(at_s)
    for hertz, amplitude, decay_s in ((1180.0, 0.8, 0.3), (1910.0, 1.0, 0.22), (2740.0, 0.7, 0.15)):
        sound += amplitude * np.exp(-at_s / decay_s) * np.sin(2 * np.pi * hertz * at_s)
    return 0.25 * _edges(sound, sample_rate)


def _clangs(times: int, every_s: float) -> Callable[[int], _Samples]:
    return lambda rate: np.concatenate([*[_clang(every_s, rate) for _ in range(times)], _clang(0.8, rate)])


def _wail(times: int) -> Callable[[int], _Samples]:
    """A siren that rises and falls between 950 and 1,550 Hz, 1.3 s each time: above all bells."""

    def sound(rate: int) -> _Samples:
        at_s = np.arange(round(times * 1.3 * rate)) / rate
        hertz = 1250.0 - 300.0 * np.cos(2 * np.pi * at_s / 1.3)
        turns = 2 * np.pi * np.cumsum(hertz) / rate
        return 0.35 * _edges(sum((np.sin(n * turns) / n for n in (1, 3)), np.zeros_like(at_s)), rate)

    return sound


@dataclass(frozen=True, slots=True)
class _Tune:
    """What sounds before and after the words, each given a sample rate."""

    opening: Callable[[int], _Samples]
    closing: Callable[[int], _Samples]


_TUNES: dict[Chime, dict[str, _Tune]] = {
    Chime.NORMAL: {
        "bells": _Tune(
            _bells(((523.25, 0.45), (659.26, 0.45), (783.99, 1.3))),
            _bells(((783.99, 0.4), (659.26, 0.4), (523.25, 1.3))),
        ),
        "five-notes": _Tune(
            _bells(((392.0, 0.3), (440.0, 0.3), (523.25, 0.3), (587.33, 0.3), (659.26, 1.3))),
            _bells(((659.26, 0.3), (523.25, 0.3), (392.0, 1.3))),
        ),
        "drum": _Tune(_drums((0.7, 0.7, 0.28, 0.28, 0.9)), _drums((0.35, 0.9))),
    },
    Chime.PRIORITY: {
        "pairs": _Tune(
            _bells(((783.99, 0.22), (1046.5, 0.5), (783.99, 0.22), (1046.5, 1.0))),
            _bells(((1046.5, 0.3), (783.99, 1.0))),
        ),
        "rail": _Tune(_clangs(6, 0.24), _clangs(1, 0.24)),
    },
    Chime.EMERGENCY: {"horn": _Tune(_horn(8), _horn(2)), "siren": _Tune(_wail(3), _wail(1))},
    Chime.DRILL: {"tones": _Tune(_even_tones(3, 0.8), _even_tones(1, 0.8))},
}
TUNES: Mapping[Chime, tuple[str, ...]] = {chime: tuple(tunes) for chime, tunes in _TUNES.items()}
"""What may be chosen for each kind; the first is what sounds where nothing was. A drill has one, known to everybody."""


def _tune(chime: Chime, name: str) -> _Tune:
    tunes = _TUNES[chime]
    return tunes.get(name) or tunes[TUNES[chime][0]]
