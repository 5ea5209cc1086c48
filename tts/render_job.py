"""What is said to a renderer and what it answers: one JSON object per line, on its stdin and its stdout."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tts.chimes import Chime
from tts.spoken import Pause


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SentenceLine(_Line):
    """A sentence to say and the rest after it."""

    spoken: str
    pause: Pause = Pause.SENTENCE


class ClipLine(_Line):
    """A clip of the store to be put in here, and the rest after it."""

    clip: str = Field(pattern=r"^[0-9a-f]{64}$")
    pause: Pause = Pause.PARAGRAPH


class RenderJob(_Line):
    """To the renderer: make this clip and store it."""

    job: str
    """The caller's own name for the job; comes back in the answer."""
    sentences: tuple[SentenceLine | ClipLine, ...] = ()
    """None: the chime alone; with `closing_chime` the sound after the words alone."""
    voice: str
    chime: Chime | None = None
    closing_chime: bool = False
    tune: str = ""
    """Which of the chime's (`tts.chimes.TUNES`); what is none of them is the first."""
    twice: bool = False
    """Say it all a second time, after "xin nhắc lại"."""
    rate: float = Field(default=1.0, ge=0.5, le=2.0)

    @model_validator(mode="after")
    def _something_sounds(self) -> Self:
        if not self.sentences and self.chime is None:
            raise ValueError("a clip has words or a chime")
        return self


class WarmUp(_Line):
    """To the renderer: load this voice before it is needed; answered by `Ready`."""

    warm: str


class Ready(_Line):
    """From the renderer, at its start and after `WarmUp`: it takes jobs now, and who is loaded."""

    ready: bool = True
    engine: str | None = None
    voice: str | None = None
    fallback_reason: str | None = None


class Rendered(_Line):
    """From the renderer: the clip is in the store, on the disk."""

    job: str
    sha256: str
    size_bytes: int
    duration_ms: int
    engine: str
    voice: str
    fallback_reason: str | None = None
    """Why another voice than the chosen one spoke, in Vietnamese where a person can mend it; None if it did."""
    render_ms: int
    said_at: tuple[tuple[int, int, int], ...] = ()
    """Which passage is said from when to when, in milliseconds; said twice, its passages go on counting."""


class RenderFailed(_Line):
    """From the renderer: there is no clip."""

    job: str | None
    """None if the line was no job at all."""
    error: str
    is_disk_full: bool = False
    """It was the disk: with room again it can be done."""


Reply = Rendered | RenderFailed | Ready
"""What a renderer says, a line each."""
