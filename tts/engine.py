"""What a speech engine is. Engines stand beside this file: piper, espeak, tone."""

from typing import Protocol

from tts.speech import Speech


class SpeechEngine(Protocol):
    """Turns one spoken sentence into sound.

    An engine MUST give the same samples for the same sentence and settings, MUST raise `EngineError` (and nothing
    else) when it cannot speak, and MUST NOT change the loudness of one sentence against another.
    It MAY take long to construct; `speak` is called from one thread at a time.
    """

    name: str
    """The engine's own name, as the as-run log shows it: "piper", "espeak", "tone"."""
    voice: str
    """The voice's name, e.g. "vi_VN-vais1000-medium"."""
    sample_rate: int
    """Hertz of what `speak` gives."""

    def speak(self, sentence: str) -> Speech:
        """Read one sentence of spoken text (no digits, no symbols) aloud.

        Raises:
            EngineError: the sentence could not be spoken.
        """
        ...
