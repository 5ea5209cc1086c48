"""Putting sounds one after another, by pydub (its one door): soft edges, exact rests, 16 bits."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydub import AudioSegment

from tts.sound import to_pcm
from tts.speech import Speech

_FADE_MS = 5


def rested(speech: Speech, rest_ms: int) -> NDArray[np.int16]:
    """The sound with soft edges, followed by a rest; 16-bit samples at the sound's own rate."""
    return _samples(_segment(speech) + AudioSegment.silent(rest_ms, frame_rate=speech.sample_rate))


def joined(pieces: Sequence[NDArray[np.int16]]) -> NDArray[np.int16]:
    """Pieces of one sample rate, one after another."""
    return np.concatenate([*pieces, np.zeros(0, dtype=np.int16)])


def _segment(speech: Speech) -> AudioSegment:
    pcm = to_pcm(speech).astype("<i2").tobytes()
    segment = AudioSegment(pcm, sample_width=2, frame_rate=speech.sample_rate, channels=1)
    return segment.fade_in(_FADE_MS).fade_out(_FADE_MS) if len(segment) > 2 * _FADE_MS else segment


def _samples(segment: AudioSegment) -> NDArray[np.int16]:
    return np.frombuffer(segment.raw_data, dtype="<i2").astype(np.int16)
