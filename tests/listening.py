"""Listening by numbers: where a sound begins in a recording, and how like the original it is.

`python -m tests.listening DIR` says so of what `loalang demo --once --record DIR` has left.
"""

import json
import sys
import wave
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Match:
    """Where a sound was found: `offset_s` from the recording's first sample; `likeness` 1 means the same."""

    offset_s: float
    likeness: float


def read_wav(path: Path) -> tuple[NDArray[np.float64], int]:
    """Samples in −1…1 (channels averaged) and hertz of a 16-bit WAV file."""
    with wave.open(str(path), "rb") as file:
        assert file.getsampwidth() == 2
        raw = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64) / 32768
        return raw.reshape(-1, file.getnchannels()).mean(axis=1), file.getframerate()


def find_sound(recording: Path, sound: Path) -> Match:
    """The best normalised cross-correlation of a whole sound within a recording of the same sample rate."""
    heard, rate = read_wav(recording)
    wanted, wanted_rate = read_wav(sound)
    assert rate == wanted_rate, f"{rate} Hz recorded, {wanted_rate} Hz wanted"
    # The recording may end a few samples before the sound's faded end.
    heard = np.concatenate([heard, np.zeros(len(wanted))])
    size = 1 << (len(heard) + len(wanted) - 1).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    products = np.fft.irfft(spectrum, size)[: len(heard) - len(wanted) + 1]
    energy = np.concatenate([[0.0], np.cumsum(heard**2)])
    window = np.sqrt(np.maximum(energy[len(wanted) :] - energy[: -len(wanted)], 1e-12))
    likeness = products / (window * np.sqrt(np.sum(wanted**2)))
    best = int(np.argmax(likeness))
    return Match(best / rate, float(likeness[best]))


@dataclass(frozen=True, slots=True)
class Heard:
    """What one pole sounded: how like the clip, and how late after the planned instant, in seconds."""

    likeness: float
    late_s: float


def heard_at_poles(folder: Path) -> list[tuple[dict[str, Any], Heard]]:
    """Each delivery of a recorded demo, with what its pole's recording holds."""
    as_run = json.loads((folder / "as-run.json").read_text(encoding="utf-8"))
    planned = datetime.fromisoformat(as_run["planned_at"])
    heard = []
    for delivery in as_run["deliveries"]:
        match = find_sound(folder / f"{delivery['node']}.wav", folder / "clip.wav")
        opened = datetime.fromisoformat(delivery["recording_started_at"])
        heard.append((delivery, Heard(match.likeness, (opened - planned).total_seconds() + match.offset_s)))
    return heard


if __name__ == "__main__":
    for _delivery, _heard in heard_at_poles(Path(sys.argv[1])):
        sys.stdout.write(
            f"{_delivery['node']:<10} {_delivery['output']:<7} {_delivery['state']:<7} "
            f"likeness {_heard.likeness:.5f}, {_heard.late_s * 1000:+.1f} ms\n"
        )
