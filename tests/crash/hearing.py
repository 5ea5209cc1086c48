"""What an output really got: where the words of a clip are in its recordings, how often and how much of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts.chimes import Chime, closing_chime, opening_chime

Samples = NDArray[np.float64]

RATE = 8000
_BAND_HZ = 1800.0
"""Only what is below is compared: a shift by part of a sample must not matter."""
PIECE_S = 0.5
_SAME = 0.8
"""Likeness of a piece and what was heard; different words stay far below, an MP3 of the same far above."""
_APART_S = 0.12
"""Pieces that belong to one sounding agree on its beginning to this; a decoder's clock may differ a little."""
_LOUD = 0.3
"""Pieces softer than this part of the loudest are mostly rests."""
_FEWEST = 2
_WAV_HEADER_BYTES = 44
_FRAME_BYTES = 2
_RECORDED_RATE = 48000


@dataclass(frozen=True, slots=True)
class Sounding:
    """One time that a clip sounded: when it would have begun, and which part of its words was there."""

    begun_at: datetime
    part: float

    @property
    def is_whole(self) -> bool:
        """Whether all its words were heard; the very last piece may be lost in the closing fade."""
        return self.part >= 0.9


@dataclass(frozen=True, slots=True)
class Recording:
    """A stretch of what an output got: at 8 kHz, from an instant on."""

    samples: Samples
    begins_at: datetime


def load_recordings(paths: Iterable[Path], since: datetime, until: datetime) -> list[Recording]:
    """The stretches of WAV files (48 kHz, mono, 16 bits) that lie between two instants."""
    found = []
    for path in paths:
        sidecar = path.with_name(f"{path.name}.json")
        if not sidecar.exists():
            continue
        begun_at = datetime.fromisoformat(json.loads(sidecar.read_text())["recording_started_at"])
        first = max(0, int((since - begun_at).total_seconds())) * _RECORDED_RATE
        last = int((until - begun_at).total_seconds()) * _RECORDED_RATE
        if last <= first:
            continue
        with path.open("rb") as file:
            file.seek(_WAV_HEADER_BYTES + first * _FRAME_BYTES)
            raw = file.read((last - first) * _FRAME_BYTES)
        pcm = np.frombuffer(raw[: len(raw) // _FRAME_BYTES * _FRAME_BYTES], dtype="<i2")
        if len(pcm) > _RECORDED_RATE // 10:
            samples = resampled(pcm.astype(np.float64) / 32768, _RECORDED_RATE)
            found.append(Recording(samples, begun_at + timedelta(seconds=first / _RECORDED_RATE)))
    return found


def resampled(samples: Samples, rate: int) -> Samples:
    """The same at 8 kHz and without its highest tones, by its spectrum."""
    count = round(len(samples) * RATE / rate)
    spectrum = np.fft.rfft(samples)[: count // 2 + 1]
    spectrum[int(_BAND_HZ * len(samples) / rate) :] = 0
    return np.asarray(np.fft.irfft(spectrum, count) * (count / len(samples)))


def words_of(clip: Samples, rate: int, chime: Chime) -> tuple[Samples, float]:
    """A clip without its chimes, at 8 kHz, and how many seconds after its beginning it begins.

    The chimes are left out because every clip of that urgency has them.
    """
    opening = len(opening_chime(chime, rate).samples) / rate
    closing = len(closing_chime(chime, rate).samples) / rate
    words = clip[round(opening * rate) : max(0, len(clip) - round(closing * rate))]
    return resampled(words, rate), opening


def find_soundings(recordings: Iterable[Recording], words: Samples, offset_s: float) -> list[Sounding]:
    """Every time that these words, or some of them, are heard in the recordings, in order."""
    pieces = _pieces(words)
    found = []
    for recording in recordings:
        listener = _Listener(recording.samples, round(PIECE_S * RATE))
        votes = [
            (position / RATE - at_s - offset_s, number)
            for number, (at_s, piece) in enumerate(pieces)
            for position in listener.places(piece)
        ]
        for begun_s, numbers in _agreed(votes):
            if len(numbers) >= min(_FEWEST, len(pieces)):
                begun_at = recording.begins_at + timedelta(seconds=begun_s)
                found.append(Sounding(begun_at, len(numbers) / len(pieces)))
    return sorted(found, key=lambda sounding: sounding.begun_at)


def _pieces(words: Samples) -> list[tuple[float, Samples]]:
    """The loud pieces of the words, each with its place in seconds."""
    size = round(PIECE_S * RATE)
    starts = range(0, len(words) - size + 1, size)
    cut = [(start / RATE, words[start : start + size]) for start in starts]
    loudness = [float(np.sqrt(np.mean(piece**2))) for _, piece in cut]
    return [one for one, loud in zip(cut, loudness, strict=True) if loud > _LOUD * max(loudness)]


class _Listener:
    """Finds pieces of one length in what was heard, by their normalised cross-correlation."""

    def __init__(self, heard: Samples, length: int) -> None:
        heard = np.concatenate([heard, np.zeros(length)])
        self._count = len(heard) - length + 1
        self._size = 1 << (len(heard) + length).bit_length()
        self._spectrum = np.fft.rfft(heard.astype(np.float32), self._size)  # twice as fast, and as good here
        energy = np.concatenate([[0.0], np.cumsum(heard**2)])
        self._loudness = np.sqrt(np.maximum(energy[length:] - energy[:-length], 1e-3))

    def places(self, piece: Samples) -> list[int]:
        """Where it is heard."""
        spectrum = np.conj(np.fft.rfft(piece.astype(np.float32), self._size))
        products = np.fft.irfft(self._spectrum * spectrum, self._size)[: self._count]
        likeness = products / (self._loudness * np.sqrt(np.sum(piece**2)))
        places: list[int] = []
        for position in np.flatnonzero(likeness > _SAME):
            if places and position - places[-1] < _APART_S * RATE:
                if likeness[position] > likeness[places[-1]]:
                    places[-1] = int(position)
            else:
                places.append(int(position))
        return places


def _agreed(votes: Sequence[tuple[float, int]]) -> list[tuple[float, set[int]]]:
    """Votes for a beginning that agree, each with the pieces that say so."""
    groups: list[tuple[float, set[int]]] = []
    last = None
    for begun_s, number in sorted(votes):
        if last is None or begun_s - last > _APART_S:
            groups.append((begun_s, set()))
        groups[-1][1].add(number)
        last = begun_s
    return groups
