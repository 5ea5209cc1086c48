"""The audible forecast: what a pole will sound, one after the other, in one file, as loud as it sounds it.

Real time would be hours of silence: between two broadcasts there is a pause with two low tones instead. What an upper
radio will say nobody knows beforehand: as long as it is relayed there is silence, with a short high tone every 10 s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scheduler.forecast import Line, Relay
from tts.clip_file import decode_clip, write_wav
from tts.clip_store import ClipStore
from tts.errors import ClipError
from tts.speech import Speech

SAMPLE_RATE = 48_000
_TONE_HZ, _TONE_S, _REST_S, _LEVEL = 330.0, 0.18, 0.5, 0.1
_RELAY_HZ, _RELAY_EVERY_S = 880.0, 10


@dataclass(frozen=True, slots=True)
class Heard:
    """A broadcast in the file: where it begins there, and when it will really sound."""

    line: Line
    offset: timedelta
    sounds_at: datetime

    @property
    def relays(self) -> list[tuple[timedelta, Relay]]:
        """What cannot be heard beforehand, and where in the file something stands for it."""
        lasts = (self.line.ends_at or self.sounds_at) - self.sounds_at
        return [(self.offset + relay.begins, relay) for relay in self.line.relays if relay.begins < lasts]


def separator() -> NDArray[np.float32]:
    """A rest, two low tones, a rest."""
    rest = np.zeros(round(_REST_S * SAMPLE_RATE), np.float32)
    tone = _tone(_TONE_HZ)
    return np.concatenate([rest, tone, rest[: len(rest) // 4], tone, rest])


def stand_in(lasts: timedelta) -> NDArray[np.float32]:
    """What stands for a relay: silence of its length, a short high tone at its start and every ten seconds."""
    samples = np.zeros(_count(lasts), np.float32)
    tone = _tone(_RELAY_HZ)
    for start in range(0, len(samples), _RELAY_EVERY_S * SAMPLE_RATE):
        samples[start : start + len(tone)] = tone[: len(samples) - start]
    return samples


def write_forecast(path: Path, lines: Sequence[Line], store: ClipStore) -> list[Heard]:
    """Write what will sound as WAV, 48 kHz mono, each as loud as its line says; where in the file each is.

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
        pieces.append(_sound_of(line, store)[: _count(line.ends_at - line.sounds_at)])
    if not heard:
        raise ClipError("nothing will sound in that time")
    write_wav(path, Speech(np.concatenate(pieces), SAMPLE_RATE))
    return heard


def _sound_of(line: Line, store: ClipStore) -> NDArray[np.float32]:
    """The broadcast's clips one after the other, and what stands for its relays, each where it begins."""
    gain = np.float32(10 ** (line.gain_db / 20))
    found: list[NDArray[np.float32]] = []
    for piece in line.pieces:
        if isinstance(piece, Relay):
            wait = _count(piece.begins) - sum(map(len, found))
            found += [np.zeros(max(0, wait), np.float32), stand_in(piece.lasts)]
            continue
        speech = decode_clip(store.path_of(piece.sha256))
        if speech.sample_rate != SAMPLE_RATE:
            raise ClipError(f"{line.broadcast}: a clip is not at {SAMPLE_RATE} Hz")
        found.append(speech.samples * gain)
    return np.concatenate(found)


def _tone(hertz: float) -> NDArray[np.float32]:
    wave = np.sin(2 * np.pi * hertz * np.arange(round(_TONE_S * SAMPLE_RATE)) / SAMPLE_RATE)
    return (_LEVEL * wave).astype(np.float32)


def _count(lasts: timedelta) -> int:
    """Samples of that length."""
    return round(lasts.total_seconds() * SAMPLE_RATE)
