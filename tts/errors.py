"""What can go wrong between a text and a clip.

TtsError
├── VoiceError
│   ├── UnknownVoice        no voice of that name is installed
│   ├── VoiceUnusable       installed, but its model or its config cannot speak Vietnamese
│   └── VoiceDownloadError  the voice could not be fetched whole
├── EngineError             the engine was asked to speak and did not
│   └── TooSlow             it would, but not in time for an emergency
├── ClipError               a clip could not be made, read or stored
│   └── StoreFull           there is no room for it
├── RecordingUnfit          what was sent cannot be a recording; it says why
├── LexiconError            an entry of the commune's lexicon cannot be used
└── DocumentRefused(code)   a document, scan or photo cannot be read; `message` is Vietnamese
"""

from tts.record_job import Unfit
from tts.voice_troubles import VOICE_TROUBLES


class TtsError(Exception):
    """Anything this package raises on purpose. Its text is English, for terminals and logs."""

    message = "Bộ tạo âm thanh gặp lỗi."
    """For pages, in Vietnamese."""


class VoiceError(TtsError):
    """A voice that is not there or not usable. `code` is stable; `facts` fill what `VOICE_TROUBLES` says of it."""

    def __init__(self, code: str, **facts: object) -> None:
        english, vietnamese = VOICE_TROUBLES[code]
        super().__init__(english.format_map(facts))
        self.code = code
        self.facts = facts
        self.message = vietnamese.format_map(facts)


class UnknownVoice(VoiceError):
    """No voice of that name is installed."""


class VoiceUnusable(VoiceError):
    """The voice's files are there and cannot be used."""


class VoiceDownloadError(VoiceError):
    """The voice could not be fetched whole; nothing of it was installed."""


class EngineError(TtsError):
    """The speech engine did not speak."""

    message = "Giọng đọc gặp lỗi khi đọc câu này."


class TooSlow(EngineError):
    """The voice takes longer to speak than to be listened to."""

    def __init__(self, took_s: float, said_s: float) -> None:
        super().__init__(f"{took_s:.0f} s for {said_s:.0f} s of speech: slower than real time")
        self.took_s, self.said_s = took_s, said_s
        self.message = f"đọc chậm hơn nói: {took_s:.0f} giây cho {said_s:.0f} giây lời"


class ClipError(TtsError):
    """A clip could not be made, read or stored."""


class StoreFull(ClipError):
    """There is no room for the clip; with room it can be stored."""


class RecordingUnfit(TtsError):
    """What was sent cannot be a recording, or a stretch of it not a clip."""

    def __init__(self, why: Unfit, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why = why


class LexiconError(TtsError):
    """An entry of the commune's lexicon cannot be used; the message is for the officer, in Vietnamese."""


class DocumentRefused(TtsError):
    """A document cannot be read: `code` is stable, the text is English, `message` is for its sender, in Vietnamese."""

    def __init__(self, code: str, english: str, message: str) -> None:
        super().__init__(f"{code}: {english}")
        self.code = code
        self.english = english
        self.message = message
