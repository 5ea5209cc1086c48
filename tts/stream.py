"""Stored clips as one running MP3, for a player whose own store lacks them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from tts.errors import ClipError
from tts.opus import DECODED_RATE

STREAM_TYPE = "audio/mpeg"
"""The media type of what `stream_clips` gives."""

_BIT_RATE = 96_000
_BLOCK = DECODED_RATE // 4


def stream_clips(paths: Sequence[Path], offset_ms: int = 0) -> Iterator[bytes]:
    """Give clips one after another as MP3 (48 kHz mono, 96 kbit/s), a quarter of a second at a time.

    Nothing is read ahead of what the listener takes, and no block waits for the next clip.

    Args:
        paths: Ogg Opus clips as `tts.clip_file` makes them.
        offset_ms: where to begin, counted over all clips together; at or after the end, the stream is empty.

    Raises:
        ClipError: on the first `next`, if a clip is missing or broken.
    """
    encoder = _encoder()
    for block in _blocks(paths, offset_ms):
        frame = av.AudioFrame.from_ndarray(block[np.newaxis, :], format="s16p", layout="mono")
        frame.sample_rate = DECODED_RATE
        yield from (data for packet in encoder.encode(frame) if (data := bytes(packet)))
    if encoder.is_open:
        yield from (data for packet in encoder.encode(None) if (data := bytes(packet)))


def _encoder() -> AudioCodecContext:
    encoder = av.CodecContext.create("libmp3lame", "w")
    assert isinstance(encoder, AudioCodecContext)  # noqa: S101 - what an audio codec's context is
    encoder.sample_rate = DECODED_RATE
    encoder.layout = "mono"
    encoder.format = "s16p"
    encoder.bit_rate = _BIT_RATE
    encoder.time_base = Fraction(1, DECODED_RATE)
    # Frames that stand alone: a listener may join anywhere, and none waits for bits of the next.
    encoder.options = {"reservoir": "0"}
    return encoder


def _blocks(paths: Sequence[Path], offset_ms: int) -> Iterator[NDArray[np.int16]]:
    to_skip = max(0, offset_ms) * DECODED_RATE // 1000
    for path in paths:
        try:
            with soundfile.SoundFile(str(path)) as clip:
                if (clip.samplerate, clip.channels) != (DECODED_RATE, 1):
                    raise ClipError(f"{path.name}: {clip.samplerate} Hz, {clip.channels} channels is no clip of ours")
                if to_skip >= clip.frames:
                    to_skip -= clip.frames
                    continue
                clip.seek(to_skip)
                to_skip = 0
                while len(block := clip.read(_BLOCK, dtype="int16")):
                    yield block
        except (soundfile.SoundFileError, OSError) as error:
            raise ClipError(f"{path.name}: {error}") from error
