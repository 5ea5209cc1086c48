"""A chime as the browser plays it: what sounds before the words and what sounds after them, a moment apart."""

import io
import wave

import numpy as np

from tts.chimes import Chime, closing_chime, opening_chime

SAMPLE_RATE = 16_000
_BETWEEN_S = 0.8


def chime_wav(chime: Chime, tune: str) -> bytes:
    """16-bit mono WAV. On the air both are levelled with the words; here they are as they were computed."""
    rest = np.zeros(round(_BETWEEN_S * SAMPLE_RATE), dtype=np.float32)
    opening, closing = opening_chime(chime, SAMPLE_RATE, tune), closing_chime(chime, SAMPLE_RATE, tune)
    samples = np.concatenate([opening.samples, rest, closing.samples])
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()
