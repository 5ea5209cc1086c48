"""What is said to `tts.recorder` and what it answers: one JSON object on its stdin, one on its stdout."""

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

RECORDED = "recording"
"""The engine of a clip that nobody synthesized."""


class Unfit(StrEnum):
    """Why a file cannot be a recording, or a stretch of one a clip."""

    NOT_AUDIO = "not-audio"
    """No sound that we know, whatever its name says."""
    VIDEO = "video"
    TOO_LONG = "too-long"
    TOO_SHORT = "too-short"
    SILENT = "silent"
    DISK_FULL = "disk-full"


class Flaw(StrEnum):
    """What is not good about a recording that can be used all the same."""

    CLIPPED = "clipped"
    """Recorded too loud: its tops are cut off."""
    QUIET = "quiet"
    """Recorded too quietly: what is made louder is its noise too."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Job(_Line):
    """What both jobs are told."""

    master: Path
    """The whole recording, as FLAC: written by `TakeJob`, read by `CutJob`."""
    store: Path
    """The folder of clips."""
    target_lufs: float


class TakeJob(Job):
    """Make a recording of a file that somebody sent."""

    source: Path
    max_length_s: int = Field(gt=0)


class CutJob(Job):
    """Make a clip of another stretch of a recording."""

    start_ms: int = Field(ge=0)
    end_ms: int = Field(gt=0)


class Cut(_Line):
    """The stretch as a clip, which is in the store."""

    start_ms: int
    end_ms: int
    sha256: str
    size_bytes: int
    duration_ms: int


class Taken(_Line):
    """The recording, and the clip of what is heard in it, without the silence at its ends."""

    original_sha256: str
    original_bytes: int
    original_format: str
    """As ffmpeg calls it, e.g. `mp3`."""
    channels: int
    """Of the original; the recording has one."""
    length_ms: int
    peaks: list[int]
    """The loudest sample in each of at most 1,000 equally long stretches, in percent of full scale."""
    flaws: list[Flaw]
    cut: Cut


class Refused(_Line):
    """It cannot be used."""

    why: Unfit
