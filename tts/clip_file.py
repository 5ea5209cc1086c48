"""Spoken text into a clip: chime, sentences and rests joined, levelled and encoded as they come."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tts.ahead import worked_ahead
from tts.chimes import Chime, closing_chime, opening_chime
from tts.errors import ClipError
from tts.joining import joined, rested
from tts.loudness import Level, LoudnessMeter, true_peak_dbtp
from tts.opus import DECODED_RATE, OpusWriter, set_output_gain
from tts.reader import Reader, amplified, calibrated_gain, header_gain_db
from tts.sound import MIX_RATE, to_pcm
from tts.speech import Speech
from tts.split import split_long
from tts.spoken import Pause, SpokenText

_AFTER_CHIME_MS = 400
_BEFORE_CLOSING_MS = 500
_BETWEEN_PIECES_MS = 120
_NOTHING = Speech(np.zeros(0, dtype=np.float32), MIX_RATE)
_PAUSE_MS = {Pause.CLAUSE: 250, Pause.SENTENCE: 500, Pause.PARAGRAPH: 1000}


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence to be said and the rest after it."""

    spoken: str
    pause: Pause = Pause.SENTENCE


@dataclass(frozen=True, slots=True)
class Recorded:
    """A sound that is there already, and the rest after it."""

    sound: Callable[[Level], Iterator[Speech]]
    """Gives it piece by piece, without a seam, at `MIX_RATE` and the level."""
    pause: Pause = Pause.PARAGRAPH


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A piece of a passage, said: its sound, without the rest that follows it."""

    passage: int
    """Which passage, counted from 0."""
    text: str
    """Empty for what was recorded."""
    speech: Speech
    rest_ms: int
    is_last: bool
    """Whether the passage ends with it."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What stands around the words."""

    chime: Chime | None = None
    closing: bool = False
    rate: float = 1.0
    tune: str = ""
    """Which of the chime's (`tts.chimes.TUNES`)."""


@dataclass(frozen=True, slots=True)
class SaidAt:
    """When a passage is said within its clip, without the rest after it."""

    passage: int
    """Which passage, counted from 0."""
    begins_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class ClipFile:
    """An encoded clip (Ogg Opus, mono), and who spoke it."""

    data: bytes
    sha256: str
    duration_ms: int
    engine: str
    voice: str
    said_at: tuple[SaidAt, ...] = ()
    """Of what is spoken, in order; of a passage with nothing to say there is none."""

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a clip's file says of itself."""

    duration_ms: int
    sample_rate: int
    channels: int


def passages_of(text: SpokenText) -> tuple[Passage, ...]:
    """The sentences of a normalised text, as a clip wants them."""
    return tuple(Passage(sentence.spoken, sentence.pause) for sentence in text.sentences)


def twice(passages: Sequence[Passage | Recorded]) -> tuple[Passage | Recorded, ...]:
    """The passages, and the passages again after "xin nhắc lại"."""
    if not passages:
        return ()
    first = (*passages[:-1], replace(passages[-1], pause=Pause.PARAGRAPH))
    return (*first, Passage("Xin nhắc lại.", Pause.PARAGRAPH), *passages)


def speak(passages: Iterable[Passage | Recorded], reader: Reader, *, rate: float = 1.0) -> Iterator[Said]:
    """Say the passages piece by piece, each as soon as it is ready; what has nothing to say is left out.

    After the first piece, the next is begun while one is spoken.

    Raises:
        EngineError: the engine did not speak.
    """
    for turn, speech in worked_ahead(lambda turn: _read(turn, reader, rate), _turns(passages)):
        if isinstance(turn.passage, Recorded):
            yield from _play_back(turn.number, turn.passage, reader.level)
        elif len(speech.samples):
            rest_ms = _PAUSE_MS[turn.passage.pause] if turn.is_last else _BETWEEN_PIECES_MS
            yield Said(turn.number, turn.text, speech, round(rest_ms / rate), turn.is_last)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A piece of a passage, or all of a recorded one."""

    number: int
    passage: Passage | Recorded
    text: str
    is_last: bool


def _turns(passages: Iterable[Passage | Recorded]) -> Iterator[_Turn]:
    for number, passage in enumerate(passages):
        pieces = [""] if isinstance(passage, Recorded) else split_long(passage.spoken)
        for left, piece in zip(range(len(pieces) - 1, -1, -1), pieces, strict=True):
            yield _Turn(number, passage, piece, is_last=not left)


def _read(turn: _Turn, reader: Reader, rate: float) -> Speech:
    if isinstance(turn.passage, Recorded):
        return _NOTHING
    return reader.read(turn.text, rate=rate)


def _play_back(number: int, passage: Recorded, level: Level) -> Iterator[Said]:
    for piece in passage.sound(level):
        yield Said(number, "", piece, 0, is_last=False)
    yield Said(number, "", _NOTHING, _PAUSE_MS[passage.pause], is_last=True)


def make_clip(
    passages: Iterable[Passage | Recorded],
    reader: Reader,
    framing: Framing | None = None,
    on_said: Callable[[Said], None] | None = None,
) -> ClipFile:
    """Say the passages and give the clip.

    The same passages, voice, level and framing give the same bytes. Nothing longer than one piece is held as sound.

    Args:
        passages: what is said, in order.
        reader: who says it.
        framing: what stands around it; nothing if left out.
        on_said: called with each piece as soon as it is ready.

    Raises:
        EngineError: the engine did not speak.
        ClipError: there was nothing to say, or the encoder failed.
    """
    framing = framing or Framing()
    before, after = _framing_pieces(framing, reader.level)
    places = _Places(sum(len(piece) for piece in before))
    words = _told(speak(passages, reader, rate=framing.rate), places, on_said)
    first = next(words, None)
    if first is None:
        raise ClipError("nothing to say")
    data, count = encode_clip(chain(before, [first], words, after), reader.level)
    sha256 = hashlib.sha256(data).hexdigest()
    duration_ms = round(count * 1000 / MIX_RATE)
    return ClipFile(data, sha256, duration_ms, reader.engine.name, reader.engine.voice, places.said_at())


def make_signal(
    chime: Chime, *, times: int = 1, closing: bool = False, level: Level | None = None, tune: str = ""
) -> ClipFile:
    """A clip of the chime alone, for words that come in clips of their own or, of an emergency, never.

    Args:
        chime: of which kind.
        times: how often.
        closing: the sound after the words instead of the one before them.
        level: how loud; the house level if left out.
        tune: which of the chime's.

    Raises:
        ClipError: the encoder failed.
    """
    level = level or Level()
    sound = _closing_piece(chime, level, tune) if closing else _opening_piece(chime, level, tune)
    data, count = encode_clip([sound] * times, level)
    return ClipFile(data, hashlib.sha256(data).hexdigest(), round(count * 1000 / MIX_RATE), "chime", chime.value)


def make_rest(rest_ms: int, level: Level) -> ClipFile:
    """A clip in which nothing sounds, for a part of which the signal was given before.

    Raises:
        ClipError: the encoder failed.
    """
    data, count = encode_clip([rested(_NOTHING, rest_ms)], level)
    return ClipFile(data, hashlib.sha256(data).hexdigest(), round(count * 1000 / MIX_RATE), "chime", "rest")


def probe_clip(path: Path) -> ClipInfo:
    """Read what a clip's header and last page say.

    Raises:
        ClipError: not an Ogg Opus file, or an empty one.
    """
    try:
        info = soundfile.info(str(path))
    except (soundfile.SoundFileError, OSError) as error:
        raise ClipError(f"{path.name}: {error}") from error
    if info.format != "OGG" or info.subtype != "OPUS" or info.frames <= 0:
        raise ClipError(f"{path.name}: {info.format} {info.subtype} of {info.frames} samples is no clip")
    return ClipInfo(round(info.frames * 1000 / info.samplerate), info.samplerate, info.channels)


def decode_clip(source: Path | bytes) -> Speech:
    """The sound of a clip, mono at 48 kHz.

    Raises:
        ClipError: it cannot be decoded.
    """
    name = source.name if isinstance(source, Path) else "clip"
    try:
        file = str(source) if isinstance(source, Path) else io.BytesIO(source)
        samples, sample_rate = soundfile.read(file, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise ClipError(f"{name}: {error}") from error
    return Speech(np.ascontiguousarray(samples.mean(axis=1, dtype=np.float32)), sample_rate)


def join_clips(clips: Sequence[Path]) -> bytes:
    """Clips one after another as one Ogg Opus file.

    Raises:
        ClipError: one of them cannot be decoded, or the encoder failed.
    """
    sounds = [decode_clip(clip) for clip in clips]
    if len({sound.sample_rate for sound in sounds}) != 1:
        raise ClipError("clips of one sample rate are joined, and at least one")
    out = io.BytesIO()
    try:
        samples = np.concatenate([sound.samples for sound in sounds])
        soundfile.write(out, samples, sounds[0].sample_rate, format="OGG", subtype="OPUS")
    except soundfile.SoundFileError as error:
        raise ClipError(f"joined clips: {error}") from error
    return out.getvalue()


def write_wav(path: Path, speech: Speech) -> None:
    """Write 16-bit mono WAV.

    Raises:
        ClipError: the file cannot be written.
    """
    try:
        soundfile.write(str(path), np.clip(speech.samples, -1, 1), speech.sample_rate, format="WAV", subtype="PCM_16")
    except (soundfile.SoundFileError, OSError) as error:
        raise ClipError(f"{path.name}: {error}") from error


class _Places:
    """Where in a clip each passage is said, counted in samples while it is made."""

    def __init__(self, before: int) -> None:
        self._at = before
        self._found: dict[int, tuple[int, int]] = {}

    def add(self, said: Said, count: int) -> None:
        """A piece of so many samples, its rest counted in."""
        rest = round(said.rest_ms * MIX_RATE / 1000)
        begins, _ = self._found.get(said.passage, (self._at, 0))
        self._found[said.passage] = (begins, self._at + max(0, count - rest))
        self._at += count

    def said_at(self) -> tuple[SaidAt, ...]:
        return tuple(
            SaidAt(passage, round(begins * 1000 / MIX_RATE), round(ends * 1000 / MIX_RATE))
            for passage, (begins, ends) in self._found.items()
        )


def _told(
    spoken: Iterator[Said], places: _Places, on_said: Callable[[Said], None] | None
) -> Iterator[NDArray[np.int16]]:
    for said in spoken:
        if on_said:
            on_said(said)
        # What was recorded comes in pieces that belong together: no soft edges between them.
        piece = rested(said.speech, said.rest_ms) if said.text or said.is_last else to_pcm(said.speech)
        places.add(said, len(piece))
        yield piece


def _framing_pieces(framing: Framing, level: Level) -> tuple[list[NDArray[np.int16]], list[NDArray[np.int16]]]:
    if framing.chime is None:
        return [], []
    after = [_closing_piece(framing.chime, level, framing.tune)] if framing.closing else []
    return [_opening_piece(framing.chime, level, framing.tune)], after


def _opening_piece(chime: Chime, level: Level, tune: str) -> NDArray[np.int16]:
    return rested(_levelled(opening_chime(chime, MIX_RATE, tune), level), _AFTER_CHIME_MS)


def _closing_piece(chime: Chime, level: Level, tune: str) -> NDArray[np.int16]:
    closing = _levelled(closing_chime(chime, MIX_RATE, tune), level)
    return joined([rested(_NOTHING, _BEFORE_CLOSING_MS), rested(closing, 0)])


def _levelled(speech: Speech, level: Level) -> Speech:
    return amplified(speech, calibrated_gain([speech], level), level)


def encode_clip(pieces: Iterable[NDArray[np.int16]], level: Level) -> tuple[bytes, int]:
    """Encode each piece while the next is made, correct the level in the header, and count the samples."""
    # What Opus makes of a peak is only known when it is decoded.
    heard = _Heard()
    with ThreadPoolExecutor(1, "opus") as beside, ThreadPoolExecutor(1, "ear") as ear:
        writer = OpusWriter(MIX_RATE, heard.add, ear=ear)
        before: Future[None] | None = None
        for piece in pieces:
            if before:
                before.result()
            before = beside.submit(writer.write, piece)
        if before:
            before.result()
        data = writer.finish()
    gain_db = header_gain_db(level, heard.meter.loudness(), heard.peak_dbtp)
    return set_output_gain(data, gain_db), writer.sample_count


class _Heard:
    """Loudness (LUFS) and true peak (dBTP) of a clip as it is decoded, stretch by stretch."""

    def __init__(self) -> None:
        self.meter = LoudnessMeter(DECODED_RATE)
        self.peak_dbtp = float("-inf")

    def add(self, samples: NDArray[np.float32]) -> None:
        self.meter.add(samples)
        self.peak_dbtp = max(self.peak_dbtp, true_peak_dbtp(Speech(samples, DECODED_RATE)))
