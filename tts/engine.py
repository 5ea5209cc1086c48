"""What a speech engine is. Engines stand beside this file: piper, espeak, tone."""

import re
import unicodedata
from typing import Protocol

from tts.errors import EngineError
from tts.speech import Speech

SLOWEST_RATE = 0.5
FASTEST_RATE = 2.0

_NOT_SPOKEN = re.compile(r"[\[\]<>{}|\\\s\x00-\x1f\x7f]+")


class SpeechEngine(Protocol):
    """Turns one spoken sentence into sound.

    An engine MUST give the same samples for the same sentence, rate and settings, MUST raise `EngineError` (and
    nothing else) when it cannot speak, MUST NOT change the loudness of one sentence against another, and MUST give
    an empty `Speech` for a sentence with nothing to say.
    It MAY take long to construct. Two threads may call `speak` at once.
    """

    name: str
    """The engine's own name, as the as-run log shows it: "piper", "espeak", "tone"."""
    voice: str
    """The voice's name, e.g. "vi_VN-vais1000-medium"."""
    sample_rate: int
    """Hertz of what `speak` gives."""
    fingerprint: str
    """Another whenever the engine would say the same sentence otherwise (another model, program or setting)."""

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        """Read one sentence of spoken text (no digits, no symbols) aloud.

        Args:
            sentence: what is to be said.
            rate: speed against the voice's own, 0.5 (half as fast) to 2.0.

        Raises:
            EngineError: the sentence could not be spoken.
        """
        ...


def plain(sentence: str) -> str:
    """The sentence without what an engine would take for a command (phoneme brackets, markup, control characters)."""
    return _NOT_SPOKEN.sub(" ", unicodedata.normalize("NFC", sentence)).strip()


def has_words(sentence: str) -> bool:
    """Whether there is anything to say in it: punctuation alone is not."""
    return any(char.isalnum() for char in sentence)


def check_rate(rate: float) -> None:
    """Refuse a speed no listener can follow.

    Raises:
        EngineError: outside 0.5…2.0.
    """
    if not SLOWEST_RATE <= rate <= FASTEST_RATE:
        raise EngineError(f"rate {rate} is outside {SLOWEST_RATE}…{FASTEST_RATE}")
