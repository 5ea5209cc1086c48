"""A clip whatever happens: the chosen voice, else espeak-ng; for an emergency, at the very least its signal."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tts.chimes import Chime
from tts.clip_file import ClipFile, Framing, Passage, make_clip, make_signal
from tts.errors import EngineError, VoiceError
from tts.loudness import Level
from tts.reader import Reader
from tts.voices import FALLBACK_VOICE, load_engine

_log = logging.getLogger(__name__)
_SIGNAL_TIMES = 3


@dataclass(frozen=True, slots=True)
class ChainedClip:
    """A clip, and why another voice than the chosen one speaks in it (None if it does not)."""

    clip: ClipFile
    fallback_reason: str | None


class VoiceChain:
    """Keeps the last chosen voice and the fallback loaded, and speaks with the first that can."""

    def __init__(self, voices_dir: Path, level: Level | None = None) -> None:
        """Speak with the voices installed in a folder, at one level."""
        self._voices_dir = voices_dir
        self._level = level or Level()
        self._chosen: tuple[str, Reader] | None = None
        self._fallback: Reader | None = None

    def warm(self, voice: str) -> tuple[Reader, str | None]:
        """Load the voice, or the fallback; give the reader and the reason for falling back.

        Raises:
            VoiceError, EngineError: not even the fallback can be loaded.
        """
        try:
            return self._reader(voice), None
        except (VoiceError, EngineError) as error:
            _log.warning("voice %s cannot be used: %s", voice, error)
            return self._reader(FALLBACK_VOICE), str(error)

    def make_clip(self, passages: Sequence[Passage], voice: str, framing: Framing) -> ChainedClip:
        """Say the passages with the voice, with the fallback voice, or give the emergency's signal alone.

        Raises:
            ClipError: there was nothing to say, or the encoder failed.
            VoiceError, EngineError: no voice could speak, and this is no emergency.
        """
        try:
            return ChainedClip(make_clip(passages, self._reader(voice), framing), None)
        except (VoiceError, EngineError) as error:
            _log.warning("voice %s did not speak: %s", voice, error)
            reason = str(error)
            if self._chosen and self._chosen[0] == voice:
                self._chosen = None  # loaded again at the next clip, in case its memory was the trouble
        try:
            return ChainedClip(make_clip(passages, self._reader(FALLBACK_VOICE), framing), reason)
        except (VoiceError, EngineError) as error:
            if framing.chime is not Chime.EMERGENCY:
                raise
            _log.exception("no voice can speak; the emergency's signal is given alone")
            signal = make_signal(Chime.EMERGENCY, times=_SIGNAL_TIMES, level=self._level)
            return ChainedClip(signal, f"{reason}; {error}")

    def _reader(self, voice: str) -> Reader:
        if voice == FALLBACK_VOICE:
            if self._fallback is None:
                self._fallback = Reader(load_engine(voice, self._voices_dir), self._level)
            return self._fallback
        if self._chosen is None or self._chosen[0] != voice:
            self._chosen = None  # two models at once would not fit in a renderer's memory
            self._chosen = (voice, Reader(load_engine(voice, self._voices_dir), self._level))
        return self._chosen[1]
