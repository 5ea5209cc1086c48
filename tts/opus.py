"""Ogg Opus, written as the sound comes. The one door to the encoder (PyAV's libopus).

The bytes depend on the sound alone: no random serial number, no date. The last correction of the level goes into
the output gain of the Opus header (RFC 7845, section 5.1), so that encoding never waits for the end.
"""

import io
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from tts.errors import ClipError

DECODED_RATE = 48_000
"""Hertz at which every Opus decoder gives the sound back, and what the header of our clips says."""

_BIT_RATE = 24_000  # about 29 kbit/s of speech as it comes out
_COMPLEXITY = 5
_SERIAL = 0x4C4F41
_GAIN_LIMIT_DB = 24.0
_FIRST_PAGE = struct.Struct("<4sBBqIIIBB8sBBHIhB")


class OpusWriter:
    """Takes 16-bit mono sound piece by piece; `finish` gives the whole file."""

    def __init__(
        self, sample_rate: int, on_decoded: Callable[[NDArray[np.float32]], None] | None = None, *, ear: Executor
    ) -> None:
        """Open an encoder.

        Args:
            sample_rate: of what is written: 8, 12, 16, 24 or 48 kHz.
            on_decoded: called with each stretch as players will hear it, mono at `DECODED_RATE`, without the gain.
            ear: where that is done, one stretch at a time, while the next one is encoded.
        """
        self._sample_rate = sample_rate
        self._on_decoded = on_decoded
        self._ear = ear
        self._hearing: list[Future[None]] = []
        self._decoder = _open_decoder()
        self._file = io.BytesIO()
        options = {"fflags": "+bitexact", "serial_offset": str(_SERIAL)}
        self._container = av.open(self._file, "w", format="ogg", options=options)
        stream = self._container.add_stream("libopus", rate=sample_rate, layout="mono")
        assert isinstance(stream, AudioStream)  # noqa: S101 - what add_stream gives for an audio codec
        stream.bit_rate = _BIT_RATE
        stream.options = {"compression_level": str(_COMPLEXITY), "application": "audio", "vbr": "on"}
        self._stream = stream
        self._count = 0

    @property
    def sample_count(self) -> int:
        """Samples written so far."""
        return self._count

    def write(self, samples: NDArray[np.int16]) -> None:
        """Encode the next piece, of any length.

        Raises:
            ClipError: the encoder failed.
        """
        for start in range(0, len(samples), self._sample_rate):
            self._write(samples[start : start + self._sample_rate])

    def _write(self, samples: NDArray[np.int16]) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = self._sample_rate
        frame.pts = self._count
        self._count += len(samples)
        self._encode(frame)

    def finish(self) -> bytes:
        """Close the file and give it, with no output gain yet.

        Raises:
            ClipError: nothing was written, or the encoder failed.
        """
        if self._count == 0:
            raise ClipError("a clip without a sample")
        try:
            self._encode(None)
            for heard in self._hearing:
                heard.result()
        finally:
            self._container.close()
        return self._file.getvalue()

    def _encode(self, frame: av.AudioFrame | None) -> None:
        try:
            packets = self._stream.encode(frame)
            if self._on_decoded and packets:
                self._decoder.extradata = self._decoder.extradata or self._stream.codec_context.extradata
                self._hearing.append(self._ear.submit(self._hear, packets, self._on_decoded))
            self._container.mux(packets)
        except av.FFmpegError as error:
            raise ClipError(f"the Opus encoder failed: {error}") from error

    def _hear(
        self, packets: "Sequence[av.Packet[AudioStream]]", on_decoded: Callable[[NDArray[np.float32]], None]
    ) -> None:
        try:
            frames = [frame for packet in packets for frame in self._decoder.decode(packet)]
        except av.FFmpegError as error:
            raise ClipError(f"the Opus decoder failed: {error}") from error
        on_decoded(np.concatenate([frame.to_ndarray()[0] for frame in frames]))


def _open_decoder() -> AudioCodecContext:
    decoder = av.CodecContext.create("opus", "r")
    assert isinstance(decoder, AudioCodecContext)  # noqa: S101 - what an audio codec's context is
    decoder.sample_rate = DECODED_RATE
    decoder.layout = "mono"
    decoder.format = "fltp"
    return decoder


def set_output_gain(file: bytes, gain_db: float) -> bytes:
    """The Ogg Opus file with another output gain in its header, to be applied by whoever decodes it.

    The header's original rate becomes 48 kHz too, so that every decoder gives that.

    Raises:
        ClipError: not an Ogg Opus file as `OpusWriter` writes it, or the gain is beyond ±24 dB.
    """
    if abs(gain_db) > _GAIN_LIMIT_DB:
        raise ClipError(f"a gain of {gain_db:.1f} dB is no correction")
    if len(file) < _FIRST_PAGE.size:
        raise ClipError("not an Ogg Opus file")
    fields = list(_FIRST_PAGE.unpack_from(file))
    if fields[0] != b"OggS" or fields[7:10] != [1, 19, b"OpusHead"]:
        raise ClipError("not an Ogg Opus file")
    fields[6] = 0  # the checksum, counted as zero while it is computed
    fields[13] = DECODED_RATE
    fields[14] = round(gain_db * 256)
    fields[6] = _ogg_checksum(_FIRST_PAGE.pack(*fields))
    return _FIRST_PAGE.pack(*fields) + file[_FIRST_PAGE.size :]


def _ogg_checksum(page: bytes) -> int:
    """The CRC-32 of RFC 3533 (polynomial 0x04c11db7, no reflection, start and end with zero)."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
