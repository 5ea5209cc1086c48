"""What is spoken, and the clips that were made of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from broadcast.models.states import RenderingState
from players.messages import Urgency


class Clip(SQLModel, table=True):
    """A sound in the clip store, by its content."""

    sha256: str = Field(primary_key=True, max_length=64)
    size_bytes: int
    duration_ms: int
    engine: str
    voice: str
    fallback_reason: str | None = None
    """Why another voice than the wanted one spoke."""
    created_at: datetime = Field(sa_type=UtcInstant)
    said_at: list[tuple[int, int, int]] | None = Field(default=None, sa_type=JSON)
    """Which of its passages is said from when to when, in milliseconds; none for what was made before this was kept."""


class Rendering(SQLModel, table=True):
    """A text that is wanted as a clip. Same text, reading, voice and chime are rendered once: `key` is their digest."""

    key: str = Field(primary_key=True, max_length=64)
    script: str | None = None
    """What was written; none for what was rendered before this was kept."""
    rules_sha256: str | None = Field(default=None, max_length=64)
    """Digest of the rules (`broadcast.reading_rules`) by which it was read last, always with this outcome."""
    spoken: str
    sentences: list[dict[str, Any]] = Field(sa_type=JSON)
    """`[{"spoken": "…", "pause": "sentence"}, {"clip": "…", "pause": "paragraph"}, …]`, as the renderer takes them."""
    voice: str
    chime: str | None = None
    """The chime before it (`tts.chimes.Chime`), if any."""
    tune: str = Field(default="", max_length=64)
    """Which of that chime's tunes (`tts.chimes.TUNES`); empty: the first."""
    has_closing_chime: bool = False
    is_read_twice: bool = False
    rate: float = 1.0
    """How fast it is read, against the voice's own speed."""
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=EnumText(Urgency))
    state: RenderingState = Field(default=RenderingState.WANTED, sa_type=EnumText(RenderingState), index=True)
    attempts: int = 0
    try_after: datetime | None = Field(default=None, sa_type=UtcInstant)
    """Not to be tried again before this instant."""
    error: str | None = None
    clip_sha256: str | None = Field(default=None, foreign_key="clip.sha256", index=True)
    wanted_at: datetime = Field(sa_type=UtcInstant)
    is_only_heard: bool = False
    """Nobody but who listens to a text beforehand has asked for it (see `broadcast.heard`)."""
    is_signal: bool = False
    """No voice could speak it: its clip stands in for the words (see `broadcast.stand_in`)."""
    rendered_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    render_ms: int | None = None
