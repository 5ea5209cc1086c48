"""What a node plays on: an interface. `portaudio`, `vlc`, `record` and `silent` stand beside it.

Instants are seconds of the node's monotonic clock and mean the moment at which a sample leaves the output, as exactly
as the output can tell. One sound at a time: the player starts the next when the last is silent.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

SAMPLE_RATE: Final = 48_000
"""Hertz. Clips are mono Opus at this rate."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What is to be played: files one after the other, or a stream."""

    paths: tuple[Path, ...] = ()
    url: str | None = None
    """Of a stream, which already begins at the right place."""
    from_ms: int = 0
    """Where in the files to begin."""
    gain_db: float = 0.0
    expected_ms: int | None = None
    """How long it should sound from there: a stream that ends much sooner broke off."""

    is_live: bool = False
    """Of a stream that is made while it sounds: it is opened when it is to start, and is never behind by much."""

    def __post_init__(self) -> None:
        if bool(self.paths) == (self.url is not None):
            raise ValueError("a sound is files or a stream")


@dataclass(frozen=True, slots=True)
class Sounded:
    """When the first and the last sample sounded; none when none did."""

    started: float | None
    finished: float | None


class Playing(Protocol):
    """One sound, opened. Every method may be called once; `stop` at any time."""

    @property
    def note(self) -> str | None:
        """What was not quite right without breaking it (underruns), for the report."""
        ...

    def start(self, at: float) -> None:
        """Let it sound, the first sample at `at`, or as soon as it can when that is not possible any more.

        MUST NOT wait.
        """
        ...

    async def started(self) -> float:
        """When the first sample really sounded; returns then.

        Raises:
            OutputFailed: it did not begin.
        """
        ...

    async def finished(self) -> float:
        """When the last sample sounded; returns then.

        Raises:
            OutputFailed: it broke off.
        """
        ...

    async def stop(self) -> Sounded:
        """Silence it. MUST be silent within 100 ms, and says what had sounded. Releases what was opened."""
        ...


class AudioOutput(Protocol):
    """An output. `open` comes first, `close` last; both once."""

    name: str

    @property
    def plays_streams(self) -> bool:
        """Whether `prepare` takes a stream."""
        ...

    @property
    def error(self) -> str | None:
        """What is wrong with the output just now, for the heartbeat."""
        ...

    async def open(self) -> None:
        """Take the device.

        A device that may come later MAY be missing: then `error` says so, and `prepare` looks for it again.

        Raises:
            OutputMissing: there is no such output.
        """
        ...

    async def prepare(self, sound: Sound) -> Playing:
        """Open a sound, silently: its first samples are decoded (a stream: buffered) when this returns.

        Raises:
            ClipUnavailable: a file cannot be decoded.
            OutputMissing: the device is not there (any more).
            OutputFailed: the stream does not come.
        """
        ...

    async def close(self) -> None:
        """Give the device back. What sounds is silenced."""
        ...
