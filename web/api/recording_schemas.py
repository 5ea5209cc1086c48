"""What programs send and get of recordings."""

from pydantic import AwareDatetime, BaseModel, Field

from web.api.schemas import Sent, ShortText

MAX_MS = 24 * 3600 * 1000


class RecordingChange(Sent):
    """A recording as it is to be named from now on, and the revision that was read."""

    name: ShortText
    language: str = Field(max_length=10)
    """ISO 639-3."""
    is_shared: bool
    revision: int


class Trim(Sent):
    """The stretch that is aired of it, and the revision that was read."""

    start_ms: int = Field(ge=0, le=MAX_MS)
    end_ms: int = Field(ge=0, le=MAX_MS)
    revision: int


class RecordingReply(BaseModel):
    """A recording. What is aired of it is its clip: `GET /clips/{clip_sha256}`, from `start_ms` to `end_ms`."""

    id: str
    name: str
    language: str
    """ISO 639-3."""
    is_shared: bool
    revision: int
    created_at: AwareDatetime
    length_ms: int
    start_ms: int
    end_ms: int
    clip_sha256: str
    warnings: list[str]
    """`clipped`: recorded too loud; `quiet`: too quietly."""
    original_sha256: str
    """Of the file as it was sent."""


class RecordingsReply(BaseModel):
    """Recordings, the last changed first."""

    recordings: list[RecordingReply]


class TrimReply(BaseModel):
    """The recording, and the bulletins that must be approved again."""

    recording: RecordingReply
    bulletins: list[str]
