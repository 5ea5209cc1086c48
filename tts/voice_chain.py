"""A clip whatever happens: the chosen voice, else espeak-ng; for an emergency, at the very least its signal."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tts.chimes import Chime
from tts.clip_file import ClipFile, Framing, Passage, Recorded, Said, make_clip, make_signal
from tts.engine import SpeechEngine
from tts.errors import EngineError, TooSlow, TtsError, VoiceError
from tts.loudness import Level
from tts.reader import Reader
from tts.sentence_cache import SentenceCache
from tts.voice_record import record_stamp
from tts.voice_turns import VoiceTurns
from tts.voices import FALLBACK_VOICE, load_engine

_log = logging.getLogger(__name__)
_SILENT = (VoiceError, EngineError, MemoryError)
"""The ways in which a voice does not speak."""
_SIGNAL_TIMES = 3
_PATIENCE_S = 3.0
_SLOW_FOR_S = 300.0
"""How long a voice that was slower than real time is not tried again: all sentences of a text have one voice."""
_FIRST_WORDS = "Kính thưa toàn thể bà con nhân dân trong xã."


@dataclass(frozen=True, slots=True)
class ChainedClip:
    """A clip, and why another voice than the chosen one speaks in it (None if it does not), in Vietnamese."""

    clip: ClipFile
    fallback_reason: str | None = None
    fallback_log: str | None = None
    """The same in English."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A voice that was opened, and which installation of it."""

    voice: str
    stamp: tuple[int, int] | None
    reader: Reader


@dataclass(frozen=True, slots=True)
class _Slow:
    """A voice that took so long, and until when it is left alone; in seconds."""

    until: float
    took_s: float
    said_s: float


def _processor_seconds() -> float:
    """What this process would have taken with the machine to itself."""
    return time.process_time() / (os.cpu_count() or 1)


class VoiceChain:
    """Keeps the last chosen voice and the fallback loaded, and speaks with the first that can.

    Several threads may make clips at once; those that want another voice wait for their turn.
    """

    def __init__(
        self,
        voices_dir: Path,
        level: Level | None = None,
        cache: SentenceCache | None = None,
        *,
        open_voice: Callable[[str, Path], SpeechEngine] = load_engine,
        seconds: Callable[[], float] = time.monotonic,
        work_seconds: Callable[[], float] = _processor_seconds,
    ) -> None:
        """Speak with the voices installed in a folder.

        Args:
            voices_dir: the folder.
            level: how loud; the house level if left out.
            cache: remembers sentences.
            open_voice: gives the engine of a voice in the folder.
            seconds: a clock that only goes forward; emergencies are judged by it.
            work_seconds: the same for what has time, which may wait for a processor that others use.
        """
        self._voices_dir = voices_dir
        self._level = level or Level()
        self._cache = cache
        self._open_voice = open_voice
        self._seconds = seconds
        self._work_seconds = work_seconds
        self._chosen: _Loaded | None = None
        self._slow: dict[str, _Slow] = {}
        self._fallback: Reader | None = None
        self._turns = VoiceTurns()
        self._opening = threading.Lock()

    def warm(self, voice: str) -> tuple[Reader, str | None]:
        """Load the voice, or the fallback, have it speak once; give the reader and (in Vietnamese) why the fallback.

        Raises:
            VoiceError, EngineError: not even the fallback can be loaded.
        """
        self._slow.pop(voice, None)
        try:
            reader = self._reader(voice)
            reader.engine.speak(_FIRST_WORDS)  # the first sentence of a model takes its memory, and twice the time
        except _SILENT as error:
            _log.warning("voice %s cannot be used: %s", voice, error)
            return self._reader(FALLBACK_VOICE), _why(error)
        return reader, None

    def make_chime(self, chime: Chime, *, closing: bool = False, tune: str = "") -> ChainedClip:
        """A chime alone, at the level of the words that are spoken here."""
        return ChainedClip(make_signal(chime, closing=closing, level=self._level, tune=tune))

    def make_clip(
        self,
        passages: Sequence[Passage | Recorded],
        voice: str,
        framing: Framing,
        on_said: Callable[[Said], None] | None = None,
    ) -> ChainedClip:
        """Say the passages with the voice, with the fallback voice, or give the emergency's signal alone.

        `on_said` is called with each piece as it is ready; when the voice is changed, from the beginning again.

        Raises:
            ClipError: there was nothing to say, or the encoder failed.
            VoiceError, EngineError: no voice could speak, and this is no emergency.
        """
        with self._turns.taken(voice):
            return self._spoken(passages, voice, framing, on_said)

    def _spoken(
        self,
        passages: Sequence[Passage | Recorded],
        voice: str,
        framing: Framing,
        on_said: Callable[[Said], None] | None,
    ) -> ChainedClip:
        urgent = framing.chime is Chime.EMERGENCY
        watch = _hurried(on_said, self._seconds) if urgent else self._watched(on_said)
        try:
            self._check_pace(voice)
            return ChainedClip(make_clip(passages, self._reader(voice), framing, watch))
        except _SILENT as error:
            _log.warning("voice %s did not speak: %s", voice, error)
            reason, log = _why(error), str(error)
            if isinstance(error, TooSlow):
                self._slow.setdefault(voice, _Slow(self._seconds() + _SLOW_FOR_S, error.took_s, error.said_s))
            elif (chosen := self._chosen) and chosen.voice == voice:
                self._chosen = None  # loaded again at the next clip, in case its memory was the trouble
        try:
            return ChainedClip(make_clip(passages, self._reader(FALLBACK_VOICE), framing, on_said), reason, log)
        except _SILENT as error:
            if not urgent:
                raise
            _log.exception("no voice can speak; the emergency's signal is given alone")
            signal = make_signal(Chime.EMERGENCY, times=_SIGNAL_TIMES, level=self._level, tune=framing.tune)
            return ChainedClip(signal, f"{reason}; {_why(error)}", f"{log}; {error}")

    def _watched(self, on_said: Callable[[Said], None] | None) -> Callable[[Said], None]:
        return _hurried(on_said, self._work_seconds, lambda: self._turns.speaking)

    def _reader(self, voice: str) -> Reader:
        with self._opening:
            return self._open_reader(voice)

    def _open_reader(self, voice: str) -> Reader:
        if voice == FALLBACK_VOICE:
            if self._fallback is None:
                self._fallback = Reader(self._open_voice(voice, self._voices_dir), self._level, self._cache)
            return self._fallback
        stamp = record_stamp(self._voices_dir / voice)
        if self._chosen is None or (self._chosen.voice, self._chosen.stamp) != (voice, stamp):
            self._chosen = None  # two models at once would not fit in a renderer's memory
            reader = Reader(self._open_voice(voice, self._voices_dir), self._level, self._cache)
            self._chosen = _Loaded(voice, stamp, reader)
        return self._chosen.reader

    def _check_pace(self, voice: str) -> None:
        """Raises: TooSlow: the voice was too slow just now."""
        slow = self._slow.get(voice)
        if slow is not None and self._seconds() < slow.until:
            raise TooSlow(slow.took_s, slow.said_s)
        self._slow.pop(voice, None)


def _why(error: Exception) -> str:
    """For pages, in Vietnamese."""
    return error.message if isinstance(error, TtsError) else "máy chủ hết bộ nhớ"


def _hurried(
    on_said: Callable[[Said], None] | None, seconds: Callable[[], float], sharers: Callable[[], int] = lambda: 1
) -> Callable[[Said], None]:
    """Watches a text being said, and gives up a voice that takes longer to speak than to be listened to.

    `sharers` tells among how many texts the seconds are shared out.
    """
    before = seconds()
    took_s = said_s = 0.0

    def watch(said: Said) -> None:
        nonlocal before, took_s, said_s
        now = seconds()
        took_s += (now - before) / sharers()
        before = now
        said_s += said.speech.duration_s
        if took_s > max(said_s, _PATIENCE_S):
            raise TooSlow(took_s, said_s)
        if on_said:
            on_said(said)

    return watch
