"""An engine without a voice: every word a tone of its own. For tests, and to try poles without a model."""

import zlib

import numpy as np

from tts.engine import check_rate, has_words, plain
from tts.speech import Speech

_SAMPLE_RATE = 22050
_AMPLITUDE = 0.3
_LOWEST_HZ = 250.0
_STEPS = 48  # quarter tones over two octaves, each word takes one
_BASE_S = 0.10
_PER_LETTER_S = 0.03
_GAP_S = 0.05
_EDGE_S = 0.005


def word_hz(word: str) -> float:
    """The pitch a word is given, in hertz."""
    step = zlib.crc32(word.lower().encode()) % _STEPS
    return float(_LOWEST_HZ * 2.0 ** (step / 24.0))


class ToneEngine:
    """Says each word as a sine of the word's own pitch and of a length that grows with its letters."""

    name = "tone"
    voice = "tone"
    sample_rate = _SAMPLE_RATE
    fingerprint = "tone-1"

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        """See `SpeechEngine.speak`."""
        check_rate(rate)
        words = [word for word in plain(sentence).split() if has_words(word)]
        if not words:
            return Speech(np.zeros(0, dtype=np.float32), self.sample_rate)
        gap = np.zeros(round(_GAP_S / rate * self.sample_rate), dtype=np.float32)
        pieces = [piece for word in words for piece in (self._tone(word, rate), gap)]
        return Speech(np.concatenate(pieces), self.sample_rate)

    def _tone(self, word: str, rate: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        count = round((_BASE_S + _PER_LETTER_S * len(word)) / rate * self.sample_rate)
        at_s = np.arange(count) / self.sample_rate
        edge = np.minimum(1.0, np.minimum(at_s, at_s[::-1]) / _EDGE_S)
        tone = _AMPLITUDE * edge * np.sin(2 * np.pi * word_hz(word) * at_s)
        return tone.astype(np.float32)
