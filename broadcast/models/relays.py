"""What is aired while it is made: relays of upper radios, and people who speak."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from players.messages import OnFailure


class BroadcastRelay(SQLModel, table=True):
    """A relay within a broadcast."""

    broadcast_id: str = Field(foreign_key="broadcast.id", primary_key=True)
    position: int = Field(primary_key=True)
    after_parts: int
    """So many of the broadcast's parts sound before it."""
    name: str
    url: str = ""
    """Of the upper radio, which the server fetches. Of a microphone: where poles hear it, empty for the server."""
    is_live: bool = False
    """Somebody speaks into a microphone: it is over when they say so."""
    lasts_ms: int
    starts_after_ms: int | None = None
    """Not before this long after the broadcast's start; none: as soon as what comes before it is over."""
    on_failure: OnFailure = Field(sa_type=EnumText(OnFailure))
    fallback_sha256: str | None = Field(default=None, foreign_key="clip.sha256", index=True)
    failed_at: datetime | None = Field(default=None, sa_type=UtcInstant, index=True)
    """When the server itself found that nothing (more) came."""
    failure: str | None = None
    """What it found: a member of `broadcast.relay_source.Trouble`."""


class LiveAnnouncement(SQLModel, table=True):
    """Somebody who speaks from every pole of some villages: what is kept of it beside its broadcast."""

    broadcast_id: str = Field(foreign_key="broadcast.id", primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    opened_at: datetime = Field(sa_type=UtcInstant)
    ended_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    clip_sha256: str | None = Field(default=None, foreign_key="clip.sha256", index=True)
    """What was said, once it is over."""
