"""How far apart the same sound began on several outputs, from one recording of them all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
LIKE = 0.6
"""A sound that is less like what was looked for (normalised cross-correlation) was not found."""
LEVEL = 0.02
"""Quieter than this nothing was played."""

Samples = NDArray[np.float64]


def begin_of(sound: Samples, heard: Samples) -> float | None:
    """Where a sound begins in a recording, in samples and parts of one (a parabola through the peak); none: nowhere."""
    if np.abs(heard).max(initial=0.0) < LEVEL:
        return None
    size = 1 << (len(heard) + len(sound) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sound, size)), size)
    place = int(np.argmax(product[: len(heard) - len(sound) + 1]))
    part = heard[place : place + len(sound)]
    likeness = float(part @ sound / (np.linalg.norm(part) * np.linalg.norm(sound) + 1e-12))
    if likeness < LIKE:
        return None
    before, at, after = product[place - 1], product[place], product[place + 1]
    bend = before - 2 * at + after
    return place + (0.0 if bend == 0 else float((before - after) / (2 * bend)))


def skews_ms(starts: Sequence[Sequence[float | None]]) -> list[float]:
    """For each start the time between the first output and the last, in milliseconds.

    Args:
        starts: for each start where it began on each output, in samples; one that was not heard everywhere counts not.
    """
    whole = [[place for place in row if place is not None] for row in starts if None not in row]
    return [(max(row) - min(row)) / RATE * 1000 for row in whole]


def percentile(values: Sequence[float], percent: float) -> float:
    """To the microsecond."""
    return round(float(np.percentile(values, percent)), 3)
