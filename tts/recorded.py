"""Recordings: how long, how loud and how good they are, and clips cut from them. Some seconds in memory at a time."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from tts.clip_file import ClipFile, encode_clip
from tts.errors import ClipError, RecordingUnfit
from tts.loudness import SILENCE_LUFS, Level, LoudnessMeter, to_gain
from tts.reader import amplified
from tts.record_job import RECORDED, Flaw, Unfit
from tts.sound import MIX_RATE, from_pcm, to_pcm
from tts.speech import Speech

SHORTEST_MS = 300
_QUIETEST_LUFS = -55.0
_QUIET_LUFS = -40.0
_FULL_SCALE = 0.985
_CLIPPED_SHARE = 0.0005
_PEAKS = 1000
_WINDOW_MS = 10
_SILENT_DB = -40.0
_BREATH_MS = 150
_FADE_MS = 5
_BLOCK = 10 * MIX_RATE
_MARGIN = 2048
_ROUNDS = 6
_CLOSE_ENOUGH_LU = 0.05
Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a recording is like."""

    length_ms: int
    peaks: list[int]
    flaws: list[Flaw]
    start_ms: int
    """Where its sound begins, with a breath before it."""
    end_ms: int


def measure_recording(master: Path) -> Measured:
    """Listen to all of it once.

    Raises:
        RecordingUnfit: it is too short, or nothing can be heard.
        ClipError: it cannot be read.
    """
    meter, loudest, full, count = LoudnessMeter(MIX_RATE), [np.zeros(0, dtype=np.float32)], 0, 0
    window = MIX_RATE * _WINDOW_MS // 1000
    for block in read_blocks(master):
        meter.add(block)
        full += int(np.count_nonzero(np.abs(block) >= _FULL_SCALE))
        count += len(block)
        loudest.append(_maxima(block, window))
    length_ms = count * 1000 // MIX_RATE
    if length_ms < SHORTEST_MS:
        raise RecordingUnfit(Unfit.TOO_SHORT)
    if meter.loudness() < _QUIETEST_LUFS:
        raise RecordingUnfit(Unfit.SILENT)
    windows = np.concatenate(loudest)
    start_ms, end_ms = _sounding(windows, length_ms)
    flaws = [Flaw.CLIPPED] if full > count * _CLIPPED_SHARE else []
    flaws += [Flaw.QUIET] if meter.loudness() < _QUIET_LUFS else []
    per_peak = -(-len(windows) // _PEAKS)
    peaks = [round(float(peak) * 100) for peak in _maxima(windows, per_peak)]
    return Measured(length_ms, peaks, flaws, start_ms, end_ms)


def cut_clip(master: Path, start_ms: int, end_ms: int, level: Level) -> ClipFile:
    """A stretch of a recording as a clip at the house level, its edges soft.

    Raises:
        RecordingUnfit: the stretch is too short, or nothing can be heard in it.
        ClipError: the recording cannot be read, or the encoder failed.
    """
    if end_ms - start_ms < SHORTEST_MS:
        raise RecordingUnfit(Unfit.TOO_SHORT)
    gain = _gain_of(master, start_ms, end_ms, level)
    pieces = (to_pcm(piece) for piece in _levelled(_soft_edged(read_blocks(master, start_ms, end_ms)), gain, level))
    data, count = encode_clip(pieces, level)
    return ClipFile(data, hashlib.sha256(data).hexdigest(), round(count * 1000 / MIX_RATE), RECORDED, "")


def clip_sound(path: Path, level: Level) -> Iterator[Speech]:
    """The sound of a clip as it goes into another one: at `MIX_RATE`, its peaks under the mixing ceiling.

    Raises:
        ClipError: it is not there or cannot be decoded.
    """
    return _levelled(_resampled(path), 1.0, level)


def read_blocks(path: Path, start_ms: int = 0, end_ms: int | None = None) -> Iterator[Samples]:
    """The samples of a mono file, some seconds at a time.

    Raises:
        ClipError: it cannot be read.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            end = file.frames if end_ms is None else min(file.frames, end_ms * file.samplerate // 1000)
            start = min(start_ms * file.samplerate // 1000, end)
            file.seek(start)
            for place in range(start, end, _BLOCK):
                yield file.read(min(_BLOCK, end - place), dtype="float32")
    except (soundfile.SoundFileError, OSError) as error:
        raise ClipError(f"{path.name}: {error}") from error


def _resampled(path: Path) -> Iterator[Samples]:
    """A clip's sound at `MIX_RATE`, without a seam between blocks."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=MIX_RATE)
    for block in read_blocks(path):
        frame = av.AudioFrame.from_ndarray(to_pcm(Speech(block, MIX_RATE))[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = 2 * MIX_RATE
        yield from (_floats(out) for out in resampler.resample(frame))
    yield from (_floats(out) for out in resampler.resample(None))


def _floats(frame: av.AudioFrame) -> Samples:
    return from_pcm(frame.to_ndarray()[0], MIX_RATE).samples


def _gain_of(master: Path, start_ms: int, end_ms: int, level: Level) -> float:
    """The gain that brings the stretch to the target; found in a few rounds, as holding peaks down costs loudness."""
    gain_db = 0.0
    for _ in range(_ROUNDS):
        meter = LoudnessMeter(MIX_RATE)
        for piece in _levelled(read_blocks(master, start_ms, end_ms), to_gain(gain_db), level):
            meter.add(piece.samples)
        loudness = meter.loudness()
        if loudness <= SILENCE_LUFS or (gain_db == 0.0 and loudness < _QUIETEST_LUFS):
            raise RecordingUnfit(Unfit.SILENT)
        gain_db += level.target_lufs - loudness
        if abs(level.target_lufs - loudness) < _CLOSE_ENOUGH_LU:
            break
    return to_gain(gain_db)


def _levelled(blocks: Iterable[Samples], gain: float, level: Level) -> Iterator[Speech]:
    """The blocks amplified as if they were one sound: each is limited together with the margins of its neighbours."""
    before = np.zeros(0, dtype=np.float32)
    left = iter(blocks)
    block = next(left, None)
    while block is not None:
        following = next(left, None)
        after = before[:0] if following is None else following[:_MARGIN]
        louder = amplified(Speech(np.concatenate([before, block, after]), MIX_RATE), gain, level)
        yield Speech(louder.samples[len(before) : len(before) + len(block)], MIX_RATE)
        before = np.concatenate([before, block])[-_MARGIN:]
        block = following


def _soft_edged(blocks: Iterator[Samples]) -> Iterator[Samples]:
    ramp = np.linspace(0, 1, MIX_RATE * _FADE_MS // 1000, dtype=np.float32)
    block = next(blocks, None)
    if block is None:
        return
    block[: len(ramp)] *= ramp[: len(block)]
    for following in blocks:
        yield block
        block = following
    block[-len(ramp) :] *= ramp[::-1][-len(block) :]
    yield block


def _maxima(samples: Samples, width: int) -> Samples:
    """The largest absolute value in each stretch of `width`; the last stretch may be shorter."""
    padded = np.pad(np.abs(samples), (0, -len(samples) % width))
    return np.asarray(padded.reshape(-1, width).max(axis=1), dtype=np.float32)


def _sounding(windows: Samples, length_ms: int) -> tuple[int, int]:
    """From where to where something sounds, in milliseconds."""
    heard = np.flatnonzero(windows > float(windows.max()) * to_gain(_SILENT_DB))
    start = max(0, int(heard[0]) * _WINDOW_MS - _BREATH_MS)
    return start, min(length_ms, (int(heard[-1]) + 1) * _WINDOW_MS + _BREATH_MS)
