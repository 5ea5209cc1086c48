"""Sentences said before, on the disk: a changed word costs one sentence, and a repeated formula nothing."""

import contextlib
import hashlib
import io
import os
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tts.sound import MIX_RATE

_DIGEST_BYTES = 32
_ROOM_AFTER_SWEEP = 0.9
_SWEEP_EVERY = 64


class SentenceCache:
    """A folder of sounds (FLAC at `MIX_RATE`, 16 bits) and small texts by key, the least used thrown out first.

    It is a convenience: a disk that refuses, or a damaged file, is a sentence that was not there.
    Several processes may use one folder.
    """

    def __init__(self, root: Path, largest_bytes: int = 256 << 20) -> None:
        """Use this folder, up to this size (FLAC takes about 25 kB a second: 256 MB are some three hours)."""
        self._root = root
        self._largest_bytes = largest_bytes
        self._puts = 0

    def sound(self, key: str) -> NDArray[np.int16] | None:
        """The sound kept under the key."""
        flac = self._get(key)
        if flac is None:
            return None
        try:
            samples, sample_rate = soundfile.read(io.BytesIO(flac), dtype="int16")
        except soundfile.SoundFileError:
            return None
        return samples if sample_rate == MIX_RATE and samples.ndim == 1 else None

    def keep_sound(self, key: str, samples: NDArray[np.int16]) -> None:
        """Keep a sound for next time."""
        flac = io.BytesIO()
        soundfile.write(flac, samples, MIX_RATE, format="FLAC", subtype="PCM_16", compression_level=0.0)
        self._put(key, flac.getvalue())

    def text(self, key: str) -> str | None:
        """The text kept under the key."""
        content = self._get(key)
        return None if content is None else content.decode()

    def keep_text(self, key: str, text: str) -> None:
        """Keep a text for next time."""
        self._put(key, text.encode())

    def sweep(self) -> None:
        """Throw out what was used longest ago until there is room again."""
        found = []
        for path in self._root.glob("*/*"):
            try:
                state = path.stat()
            except OSError:
                continue
            found.append((state.st_mtime_ns, state.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self._largest_bytes:
            return
        for _, size, path in sorted(found):
            _forget(path)
            total -= size
            if total <= self._largest_bytes * _ROOM_AFTER_SWEEP:
                return

    def _path_of(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._root / name[:2] / name

    def _get(self, key: str) -> bytes | None:
        path = self._path_of(key)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        # Written without fsync: after a power cut a file may be there and hold anything.
        return body if hashlib.sha256(body).digest() == digest else None

    def _put(self, key: str, body: bytes) -> None:
        path = self._path_of(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix="new-")
        except OSError:
            return
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(body).digest() + body)
            Path(name).replace(path)
        except OSError:
            _forget(Path(name))
        self._puts += 1
        if self._puts % _SWEEP_EVERY == 1:
            self.sweep()


def _forget(path: Path) -> None:
    """Throw a file away; where the disk does not let it, it is left to the next sweep."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
