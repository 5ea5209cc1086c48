"""Writes what would sound, in real time, to a WAV file: mono, 16 bits, 48 kHz, from the moment it opened."""

import json
import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from players.errors import OutputFailed, OutputMissing
from players.node.feed import Samples
from players.node.output import SAMPLE_RATE

_HEADER_BYTES = 44
_MOST_BYTES = 0xFFFFFFFF - _HEADER_BYTES
"""A WAV file holds no more: 12 hours."""
_FRAME_BYTES = 2


def wav_header(data_bytes: int) -> bytes:
    """The header of a mono 16-bit WAV file at 48 kHz (RIFF, `fmt ` of 16 bytes, `data`)."""
    rate = SAMPLE_RATE * _FRAME_BYTES
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLE_RATE, rate, _FRAME_BYTES, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + data_bytes, b"WAVE") + form + struct.pack("<4sI", b"data", data_bytes)


class WavTimeline:
    """A `Sink`: a WAV file whose header is right after every write, so that a kill -9 leaves a file that plays.

    Beside it lies `<file>.json` with `recording_started_at`, the instant of its first sample.

    Args:
        path: overwritten.
        at: the date of a monotonic instant, by the best clock there is when the recording begins.
    """

    def __init__(self, path: Path, at: Callable[[float], datetime]) -> None:
        self._path = path
        self._at = at
        self._descriptor: int | None = None
        self._opened = 0.0
        self._frames = 0

    def open(self, opened: float) -> None:
        """See `Sink`."""
        self._opened = opened
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            os.pwrite(self._descriptor, wav_header(0), 0)
        except OSError as error:
            raise OutputMissing(f"{self._path}: {error.strerror}") from error
        self.write_sidecar()

    def write_sidecar(self) -> None:
        """Say when the recording began; again when the clock has become better.

        Raises:
            OutputMissing: it cannot be written.
        """
        started_at = self._at(self._opened).astimezone(UTC)
        sidecar = self._path.with_name(self._path.name + ".json")
        draft = sidecar.with_name(sidecar.name + ".draft")
        try:
            draft.write_text(json.dumps({"recording_started_at": started_at.isoformat()}) + "\n", "utf-8")
            draft.replace(sidecar)
        except OSError as error:
            raise OutputMissing(f"{sidecar}: {error.strerror}") from error

    def write(self, position: int, samples: Samples) -> None:
        """See `Sink`. Silence takes no room: the file is only made longer."""
        if self._descriptor is None:
            return
        frames = max(self._frames, position + len(samples))
        if frames * _FRAME_BYTES > _MOST_BYTES:
            raise OutputFailed("the recording is full")
        try:
            if samples.any():
                pcm = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")
                _write_whole(self._descriptor, pcm.tobytes(), _HEADER_BYTES + position * _FRAME_BYTES)
            else:
                os.ftruncate(self._descriptor, _HEADER_BYTES + frames * _FRAME_BYTES)
            os.pwrite(self._descriptor, wav_header(frames * _FRAME_BYTES), 0)
        except OSError as error:
            raise OutputFailed(f"{self._path}: {error.strerror}") from error
        self._frames = frames

    def close(self) -> None:
        """See `Sink`."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _write_whole(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
