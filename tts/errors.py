"""What can go wrong between a text and a clip.

TtsError
├── VoiceError
│   ├── UnknownVoice        no voice of that name is installed
│   ├── VoiceUnusable       installed, but its model or its config cannot speak Vietnamese
│   └── VoiceDownloadError  the voice could not be fetched whole
├── EngineError             the engine was asked to speak and did not
├── ClipError               a clip could not be made, read or stored
├── RecordingUnfit          what was sent cannot be a recording; it says why
└── LexiconError            an entry of the commune's lexicon cannot be used
"""

from tts.record_job import Unfit


class TtsError(Exception):
    """Anything this package raises on purpose."""


class VoiceError(TtsError):
    """A voice that is not there or not usable."""


class UnknownVoice(VoiceError):
    """No voice of that name is installed."""


class VoiceUnusable(VoiceError):
    """The voice's files are there and cannot be used."""


class VoiceDownloadError(VoiceError):
    """The voice could not be fetched whole; nothing of it was installed."""


class EngineError(TtsError):
    """The speech engine did not speak."""


class ClipError(TtsError):
    """A clip could not be made, read or stored."""


class RecordingUnfit(TtsError):
    """What was sent cannot be a recording, or a stretch of it not a clip."""

    def __init__(self, why: Unfit, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why = why


class LexiconError(TtsError):
    """An entry of the commune's lexicon cannot be used; the message is for the officer, in Vietnamese."""
