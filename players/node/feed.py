"""Decoded samples, ahead of time: the door to soundfile (libsndfile), which decodes Ogg Opus.

A thread of its own decodes, so that neither the event loop nor an audio callback ever waits for a file.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Condition, Thread

import numpy as np
import soundfile
from numpy.typing import NDArray

from players.messages import Reason
from players.node.errors import ClipRefused
from players.node.output import SAMPLE_RATE

Samples = NDArray[np.float32]

_BLOCK_FRAMES = SAMPLE_RATE // 10
_AHEAD_FRAMES = SAMPLE_RATE
"""One second decoded ahead: as much as a busy disk may keep us waiting."""


def fill_from(blocks: deque[Samples], out: Samples) -> int:
    """Move samples from the front of a queue of blocks to the beginning of `out`; returns how many."""
    done = 0
    while done < len(out) and blocks:
        block = blocks[0]
        part = min(len(block), len(out) - done)
        out[done : done + part] = block[:part]
        done += part
        if part == len(block):
            blocks.popleft()
        else:
            blocks[0] = block[part:]
    return done


class Feed:
    """Files as one row of mono samples, `from_ms` skipped, with a gain.

    Args:
        paths: Ogg Opus (or any format of libsndfile) at 48 kHz, any number of channels.
    """

    def __init__(self, paths: tuple[Path, ...], from_ms: int, gain_db: float) -> None:
        self._paths = paths
        self._skip = from_ms * SAMPLE_RATE // 1000
        self._gain = np.float32(10 ** (gain_db / 20))
        self._blocks: deque[Samples] = deque()
        self._ready = 0
        self._at_end = False
        self._failure: str | None = None
        self._closed = False
        self._changed = Condition()
        self._thread = Thread(target=self._decode_all, name="decode", daemon=True)

    def open(self) -> None:
        """Start decoding; returns when the first samples are there. Blocks.

        Raises:
            ClipRefused: a file is missing or cannot be decoded.
        """
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._at_end or self._failure, timeout=10)
            if self._failure is None and not self._ready:
                self._failure = "nothing to play in it"
            if self._failure is not None:
                self._closed = True
                raise ClipRefused(Reason.CLIP_CORRUPT, self._failure)

    def take(self, out: Samples) -> tuple[int, bool]:
        """Fill `out` from its beginning. Does not wait.

        Returns:
            How many samples were written, and whether more will come.
        """
        with self._changed:
            done = fill_from(self._blocks, out)
            self._ready -= done
            self._changed.notify()
            return done, bool(self._blocks) or not (self._at_end or self._failure)

    def read(self, frames: int) -> Samples:
        """The next samples, at most so many; waits for them. None are left when it returns an empty row."""
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._at_end or self._closed)
        out = np.zeros(frames, np.float32)
        count, _ = self.take(out)
        return out[:count]

    @property
    def failure(self) -> str | None:
        """Why decoding broke off, if it did."""
        with self._changed:
            return self._failure

    def close(self) -> None:
        """Stop decoding."""
        with self._changed:
            self._closed = True
            self._blocks.clear()
            self._ready = 0
            self._changed.notify()

    def _decode_all(self) -> None:
        try:
            for block in self._decoded():
                if not self._handed_over(block):
                    return
        except (soundfile.LibsndfileError, OSError, ValueError, RuntimeError) as error:
            with self._changed:
                self._failure = str(error)
        with self._changed:
            self._at_end = True
            self._changed.notify()

    def _handed_over(self, block: Samples) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._ready < _AHEAD_FRAMES)
            if self._closed:
                return False
            self._blocks.append(block)
            self._ready += len(block)
            self._changed.notify()
            return True

    def _decoded(self) -> Iterator[Samples]:
        skip = self._skip
        for path in self._paths:
            with soundfile.SoundFile(path) as file:
                if file.samplerate != SAMPLE_RATE:
                    raise ValueError(f"{path.name}: {file.samplerate} Hz instead of {SAMPLE_RATE}")
                if skip >= file.frames:
                    skip -= file.frames
                    continue
                file.seek(skip)
                skip = 0
                for block in file.blocks(_BLOCK_FRAMES, dtype="float32", always_2d=True):
                    yield np.clip(block.mean(axis=1) * self._gain, -1.0, 1.0).astype(np.float32)
