"""Where bulletins come from outside the commune, and what came."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from players.messages import Urgency


class SourceKind(StrEnum):
    """How a source is read."""

    FOLDER = "folder"
    HTTP = "http"
    CAP_FOLDER = "cap-folder"
    CAP_HTTP = "cap-http"

    @property
    def is_cap(self) -> bool:
        """Whether it speaks the Common Alerting Protocol (`broadcast.cap`)."""
        return self in {SourceKind.CAP_FOLDER, SourceKind.CAP_HTTP}


class ItemState(StrEnum):
    """What became of an item."""

    WAITING = "waiting"
    """In the inbox, for a person."""
    CHOSEN = "chosen"
    """A person made a draft of it."""
    PUT_IN = "put-in"
    """Of priority: a bulletin was made of it by itself."""
    RAISED = "raised"
    """An emergency: it was aired at once."""
    SET_ASIDE = "set-aside"
    """By a person, with a reason."""
    WITHDRAWN = "withdrawn"
    """By the source."""
    BAD = "bad"
    """It could not be read."""


class ClashOrder(StrEnum):
    """Of an item of priority and the commune's own: which comes first."""

    ASKED = "asked"
    """Nobody has decided: the commune's own comes first."""
    OWN_FIRST = "own-first"
    SOURCE_FIRST = "source-first"


class Source(SQLModel, table=True):
    """A source of bulletins. Its secrets are in a file of its own (`broadcast.sources_kept`)."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    slug: str = Field(unique=True, max_length=50)
    name: str
    kind: SourceKind = Field(sa_type=EnumText(SourceKind))
    address: str
    """A folder's absolute path, or an address of http or https."""
    every_s: int
    """So often it is asked."""
    follows_inner: bool = False
    """A redirect may lead to an address that is not public."""
    officer_id: int = Field(foreign_key="user.id")
    """In whose name bulletins of priority are written."""
    leader_id: int = Field(foreign_key="user.id")
    """In whose name emergencies are raised."""
    programme_id: int | None = Field(default=None, foreign_key="programme.id")
    """Into which items of priority are put; none: each is a broadcast of its own."""
    needs_approval: bool = True
    """Of items of priority."""
    is_active: bool = True
    asked_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    answered_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    error: str | None = None
    """Why it could not be read the last time, in Vietnamese."""


class SourceItem(SQLModel, table=True):
    """One item of a source, as it was received last."""

    __table_args__ = (UniqueConstraint("source_id", "item"),)
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", index=True)
    item: str = Field(max_length=100)
    """Its id at the source; of one that cannot be read, a digest of it."""
    revision: int
    state: ItemState = Field(sa_type=EnumText(ItemState), index=True)
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=EnumText(Urgency))
    title: str
    text: str
    zones: list[str] = Field(default_factory=list, sa_type=JSON)
    """Slugs; none: all villages."""
    expires_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    received_at: datetime = Field(sa_type=UtcInstant)
    reason: str = ""
    """Why it is where it is, in Vietnamese."""
    bulletin_id: str | None = Field(default=None, foreign_key="bulletin.id", index=True)
    """What was made of it last."""
    broadcast_id: str | None = Field(default=None, foreign_key="broadcast.id")
    """Of an emergency."""
    rival_id: str | None = Field(default=None, foreign_key="bulletin.id")
    """The commune's own bulletin of priority with which it clashes."""
    order: ClashOrder | None = Field(default=None, sa_type=EnumText(ClashOrder))
    decided_by_id: int | None = Field(default=None, foreign_key="user.id")
    """Who chose it, or set it aside."""
