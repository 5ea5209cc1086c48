"""Sounds whose place can be found again to the sample, and the finding."""

import hashlib
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from players.messages import ClipRef

RATE = 48_000
Wave = NDArray[np.float64]


def noise(seconds: float, seed: int, level: float = 0.2) -> Wave:
    """Noise in the band of speech: nothing in it looks like another part of it."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(hertz < 200) | (hertz > 5000)] = 0
    wave = np.fft.irfft(spectrum, count)
    return np.asarray(wave / np.abs(wave).max() * level)


def write_clip(folder: Path, seconds: float, seed: int) -> tuple[bytes, ClipRef]:
    """An Ogg Opus clip as the server makes them: its bytes, and how messages name it."""
    path = folder / f"{seed}.ogg"
    soundfile.write(path, noise(seconds, seed), RATE, format="OGG", subtype="OPUS")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return data, ClipRef(sha256=digest, size_bytes=len(data), duration_ms=round(seconds * 1000))


def read_wave(path: Path) -> Wave:
    """Mono samples of a file at 48 kHz."""
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    assert rate == RATE
    return np.asarray(samples.mean(axis=1))


def find(wanted: Wave, heard: Wave) -> tuple[int, float]:
    """Where a sound lies in a recording (samples), and how like it is there (normalised cross-correlation)."""
    size = 1 << (len(heard) + len(wanted) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    lags = max(1, len(heard) - len(wanted) + 1)
    place = int(np.argmax(product[:lags]))
    part = heard[place : place + len(wanted)]
    likeness = float(part @ wanted[: len(part)] / (np.linalg.norm(part) * np.linalg.norm(wanted) + 1e-12))
    return place, likeness
