"""Fetching a voice from where its card says, over a line that may be slow, cut or wrong.

What has come is kept and continued (Range); what is not byte for byte the card's file is thrown away; a voice is
installed whole or not at all.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from tts.errors import VoiceDownloadError, VoiceUnusable
from tts.voice_install import LARGEST_MODEL_BYTES, check_digest, put_in_place, staging
from tts.voice_record import InstalledVoice
from tts.voices import VoiceCard, VoiceFile, check_voice_name

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes there will be, of model and config together."""

_PARTS = ".parts"
_SPARE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before giving up; the whole may take as long as it takes."""

    connect_s: float = 10.0
    stall_s: float = 20.0
    """Seconds without a byte."""
    tries_without_progress: int = 2
    """A cut after new bytes is always tried again; this many in a row without any is the end."""


class _CutError(Exception):
    """The line broke before the file was whole; what came is kept."""


def download_voice(
    card: VoiceCard,
    voices_dir: Path,
    *,
    now: datetime,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> InstalledVoice:
    """Fetch the card's two files, check them and install the voice. Called again, it goes on where it was cut.

    Whatever `progress` raises ends it there.

    Raises:
        VoiceDownloadError: the files could not be fetched whole, or are not the card's; nothing was installed.
        VoiceUnusable: they came whole and cannot read Vietnamese; nothing was installed.
        VoiceError: the disk refused.
    """
    patience = patience or Patience()
    timeout = httpx.Timeout(patience.stall_s, connect=patience.connect_s)
    files = ((card.config, f"{card.name}.onnx.json"), (card.model, f"{card.name}.onnx"))
    total = sum(file.size_bytes for file, _ in files)
    parts = voices_dir / _PARTS / card.name
    _make_room(parts, total)
    with _alone(parts), httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=5) as client:
        before = 0
        for file, name in files:
            _fetch_whole(client, file, parts / f"{name}.part", patience, _Counter(progress, before, total))
            before += file.size_bytes
        with staging(voices_dir) as stage:
            for _, name in files:
                (parts / f"{name}.part").rename(stage / name)
            installed = put_in_place(stage, voices_dir, origin="download", now=now)
        shutil.rmtree(parts)
        return installed


def discard_parts(name: str, voices_dir: Path) -> None:
    """Keep nothing of a voice that was not fetched whole."""
    shutil.rmtree(voices_dir / _PARTS / check_voice_name(name), ignore_errors=True)


@contextmanager
def _alone(parts: Path) -> Iterator[None]:
    """No other process fetches the same voice meanwhile."""
    with (parts / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise VoiceDownloadError("fetched-elsewhere", name=parts.name) from error
        yield


@dataclass(frozen=True, slots=True)
class _Counter:
    """Reports one file's bytes as part of the whole."""

    progress: Progress | None
    before: int
    total: int

    def __call__(self, here: int) -> None:
        if self.progress:
            self.progress(self.before + here, self.total)


def _make_room(parts: Path, total: int) -> None:
    try:
        parts.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(parts).free
    except OSError as error:
        raise VoiceDownloadError("cannot-write", why=error) from error
    if free < total + _SPARE_BYTES:
        raise VoiceDownloadError("no-room", free_mb=free >> 20, needed_mb=total + _SPARE_BYTES >> 20)


def _fetch_whole(client: httpx.Client, file: VoiceFile, part: Path, patience: Patience, here: _Counter) -> None:
    """Fetch one file, going on with what is there; what is there may be wrong, so that a bad end is begun anew once."""
    continued = _size(part) > 0
    try:
        _fetch_all(client, file, part, patience, here)
        if continued and _is_wrong(part, file):
            part.unlink()
            _fetch_all(client, file, part, patience, here)
        check_digest(part, file)
    except VoiceUnusable as error:
        part.unlink()
        raise VoiceDownloadError("fetched-wrong", why=error) from error
    except OSError as error:
        raise VoiceDownloadError("cannot-write", why=error) from error
    here(file.size_bytes)


def _is_wrong(part: Path, file: VoiceFile) -> bool:
    try:
        check_digest(part, file)
    except VoiceUnusable:
        return True
    return False


def _fetch_all(client: httpx.Client, file: VoiceFile, part: Path, patience: Patience, here: _Counter) -> None:
    idle_tries = 0
    while _size(part) < file.size_bytes:
        had = _size(part)
        try:
            _fetch_rest(client, file, part, here)
        except _CutError as cut:
            idle_tries = 0 if _size(part) > had else idle_tries + 1
            unreachable = isinstance(cut.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
            if unreachable or idle_tries >= patience.tries_without_progress:
                raise VoiceDownloadError("fetch-incomplete", file=part.stem, why=cut) from cut


def _fetch_rest(client: httpx.Client, file: VoiceFile, part: Path, here: _Counter) -> None:
    """Ask for what is missing and append it.

    Raises:
        _CutError: the line broke, or the server ended early.
        VoiceDownloadError: the server answered with something else than the file.
    """
    had = _size(part)
    # Compressed on the way, a file has other offsets than ours.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
    try:
        with client.stream("GET", file.url, headers=headers) as response:
            start = _start_of(response, had, file, part)
            with part.open("r+b" if start else "wb") as out:
                out.seek(start)
                # As it comes: with a block size, httpx would drop what it holds when the line breaks.
                for block in response.iter_raw():
                    if out.tell() + len(block) > min(file.size_bytes, LARGEST_MODEL_BYTES):
                        raise VoiceDownloadError("sent-too-much", file=part.stem, size=file.size_bytes)
                    out.write(block)
                    here(out.tell())
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise _CutError(f"{type(error).__name__} {error}".strip()) from error
    if _size(part) < file.size_bytes:
        raise _CutError("the server stopped in the middle")


def _start_of(response: httpx.Response, had: int, file: VoiceFile, part: Path) -> int:
    """Where in the file the answer begins: behind what is here, or at 0 if the server does not continue."""
    if response.status_code == httpx.codes.OK:
        length = response.headers.get("Content-Length", str(file.size_bytes))
        if length != str(file.size_bytes):
            raise VoiceDownloadError("sent-another", length=length, expected=file.size_bytes)
        return 0
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        if response.headers.get("Content-Range", "") == f"bytes {had}-{file.size_bytes - 1}/{file.size_bytes}":
            return had
        raise VoiceDownloadError("sent-wrong-range", file=part.stem)
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink()
        raise _CutError("the server could not go on, from the beginning again")
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise _CutError(f"the server answered {response.status_code}")
    raise VoiceDownloadError("server-refused", status=response.status_code, file=part.stem)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
