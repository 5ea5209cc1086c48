"""Measuring sound with other means than the code under test."""

import re
import subprocess
from pathlib import Path

import numpy as np

from tts.speech import Speech


def ebur128(path: Path) -> tuple[float, float]:
    """Integrated loudness (LUFS) and true peak (dBTP) by ffmpeg's ebur128."""
    command = ["ffmpeg", "-hide_banner", "-nostats", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    summary = done.stderr[done.stderr.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(-?[\d.]+) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)
    assert loudness
    assert peak
    return float(loudness[1]), float(peak[1])


def silences(speech: Speech, *, at_least_s: float, below: float = 0.003) -> list[tuple[float, float]]:
    """Start and end, in seconds, of each stretch quieter than `below`."""
    window = speech.sample_rate // 200
    count = len(speech.samples) // window
    loud = np.abs(speech.samples[: count * window]).reshape(count, window).max(axis=1) >= below
    edges = np.flatnonzero(np.diff(np.concatenate([[True], loud, [True]]).astype(int)))
    found = [(start * window, end * window) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    rate = speech.sample_rate
    return [(start / rate, end / rate) for start, end in found if (end - start) / rate >= at_least_s]


def find_tone(speech: Speech, hertz: float, *, window_s: float = 0.08) -> float:
    """The second at which a tone is strongest against everything else in its window."""
    window = round(window_s * speech.sample_rate)
    at = np.arange(window) / speech.sample_rate
    probe = np.exp(-2j * np.pi * hertz * at)
    starts = range(0, len(speech.samples) - window, window // 4)
    scores = []
    for start in starts:
        part = speech.samples[start : start + window]
        energy = float(np.sum(part**2))
        scores.append(abs(np.dot(part, probe)) ** 2 / energy if energy > 0.05 else 0.0)
    return starts[int(np.argmax(scores))] / speech.sample_rate
