"""The audible forecast: what a pole will sound, one after the other, in one file.

Real time would be hours of silence: between two broadcasts there is a pause with two low tones instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scheduler.forecast import Line
from tts.clip_file import decode_clip, write_wav
from tts.clip_store import ClipStore
from tts.errors import ClipError
from tts.speech import Speech

SAMPLE_RATE = 48_000
_TONE_HZ, _TONE_S, _REST_S, _LEVEL = 330.0, 0.18, 0.5, 0.1


@dataclass(frozen=True, slots=True)
class Heard:
    """A broadcast in the file: where it begins there, and when it will really sound."""

    line: Line
    offset: timedelta
    sounds_at: datetime


def separator() -> NDArray[np.float32]:
    """A rest, two low tones, a rest."""
    tone = _LEVEL * np.sin(2 * np.pi * _TONE_HZ * np.arange(round(_TONE_S * SAMPLE_RATE)) / SAMPLE_RATE)
    rest = np.zeros(round(_REST_S * SAMPLE_RATE))
    return np.concatenate([rest, tone, rest[: len(rest) // 4], tone, rest]).astype(np.float32)


def write_forecast(path: Path, lines: Sequence[Line], store: ClipStore, gain_db: float) -> list[Heard]:
    """Write what will sound as WAV, 48 kHz mono, at the poles' gain; where in the file each is.

    Raises:
        ClipError: nothing will sound, a clip is gone, or the file cannot be written.
    """
    pieces: list[NDArray[np.float32]] = []
    heard: list[Heard] = []
    for line in lines:
        if line.sounds_at is None or line.ends_at is None:
            continue
        if pieces:
            pieces.append(separator())
        offset = timedelta(seconds=sum(map(len, pieces)) / SAMPLE_RATE)
        heard.append(Heard(line, offset, line.sounds_at))
        pieces.append(_sound_of(line, line.ends_at - line.sounds_at, store))
    if not heard:
        raise ClipError("nothing will sound in that time")
    samples = np.concatenate(pieces) * np.float32(10 ** (gain_db / 20))
    write_wav(path, Speech(samples, SAMPLE_RATE))
    return heard


def _sound_of(line: Line, lasts: timedelta, store: ClipStore) -> NDArray[np.float32]:
    """The broadcast's clips one after the other, as far as it sounds."""
    decoded = [decode_clip(store.path_of(clip.sha256)) for clip in line.clips]
    if any(speech.sample_rate != SAMPLE_RATE for speech in decoded):
        raise ClipError(f"{line.broadcast}: a clip is not at {SAMPLE_RATE} Hz")
    samples = np.concatenate([speech.samples for speech in decoded])
    return samples[: round(lasts.total_seconds() * SAMPLE_RATE)]
