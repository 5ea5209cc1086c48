"""What is aired, and what each pole said of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from broadcast.models.states import BroadcastState, DeliveryState, Follows
from players.messages import Severity, Urgency


class Broadcast(SQLModel, table=True):
    """One airing to some zones. Its id is deterministic, so that planning twice changes nothing."""

    id: str = Field(primary_key=True, max_length=100)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    title: str
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=EnumText(Urgency))
    state: BroadcastState = Field(default=BroadcastState.PLANNED, sa_type=EnumText(BroadcastState), index=True)
    reason: str | None = None
    """Why it was missed, cut or cancelled: a member of `lifecycle.WhyNot`, said in Vietnamese on the page."""
    over_rule: str | None = Field(default=None, max_length=40)
    """Which rule of commune or village it would break (`broadcast.rules`): a member of `lifecycle.WhyNot`."""
    bulletin_id: str | None = Field(default=None, foreign_key="bulletin.id", index=True)
    entry_id: int | None = Field(default=None, foreign_key="timetableentry.id", index=True)
    is_now: bool = False
    """Aired by a `Play` order as soon as its clip is there; `starts_at` is set then."""
    starts_at: datetime | None = Field(default=None, sa_type=UtcInstant, index=True)
    duration_ms: int | None = None
    late_until: datetime | None = Field(default=None, sa_type=UtcInstant)
    """Until then it may still begin, by its entry; none: at its instant or not at all."""
    due_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """When it was to begin, of one that is aired late."""
    created_at: datetime = Field(sa_type=UtcInstant)
    ended_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    made_by_id: int | None = Field(default=None, foreign_key="user.id")
    """Who approved it or raised it; none for what the timetable planned."""
    changed_by_id: int | None = Field(default=None, foreign_key="user.id")
    """Who cancelled or stopped it."""
    severity: Severity | None = Field(default=None, sa_type=EnumText(Severity))
    """Of an emergency: how bad it is."""
    is_drill: bool = False
    """An exercise: said as such before and after its words, and counted apart."""
    prepared_key: str | None = Field(default=None, max_length=50)
    """The prepared message it says, if it says one."""
    follows_id: str | None = Field(default=None, max_length=100, index=True)
    """The first airing of the emergency that it repeats, corrects or ends."""
    follows_as: Follows | None = Field(default=None, sa_type=EnumText(Follows))
    started_at_node_id: int | None = Field(default=None, foreign_key="node.id")
    """The pole at which it was started without the server: by its button, or by a card."""
    started_by_token_id: int | None = Field(default=None, foreign_key="offlinetoken.id")
    """The card by which it was started there; none: the button."""
    only_node_id: int | None = Field(default=None, foreign_key="node.id")
    """The one pole of its villages that it is for: somebody tries that pole out."""
    valid_until: datetime | None = Field(default=None, sa_type=UtcInstant)
    """Of an emergency that says until when it holds: nothing of it begins after that, anywhere."""


class BroadcastZone(SQLModel, table=True):
    """The zones a broadcast is for."""

    broadcast_id: str = Field(foreign_key="broadcast.id", primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", primary_key=True)


class BroadcastPart(SQLModel, table=True):
    """What a broadcast is made of, in order."""

    broadcast_id: str = Field(foreign_key="broadcast.id", primary_key=True)
    position: int = Field(primary_key=True)
    rendering_key: str = Field(foreign_key="rendering.key", index=True)
    next_key: str | None = Field(default=None, max_length=64, index=True)
    """The rendering of the same text read otherwise: it takes the part's place as soon as it is rendered."""


class IssuedOrder(SQLModel, table=True):
    """An order that was decided on; it goes out once the broker is there, again after a crash, never once expired."""

    id: str = Field(primary_key=True, max_length=100)
    broadcast_id: str = Field(foreign_key="broadcast.id", index=True)
    document: dict[str, Any] = Field(sa_type=JSON)
    """The `Play` or `Stop`, as its JSON."""
    zones: list[str] = Field(default_factory=list, sa_type=JSON)
    nodes: list[str] = Field(default_factory=list, sa_type=JSON)
    issued_at: datetime = Field(sa_type=UtcInstant)
    expires_at: datetime = Field(sa_type=UtcInstant)
    sent_at: datetime | None = Field(default=None, sa_type=UtcInstant, index=True)


class Delivery(SQLModel, table=True):
    """One broadcast at one node: one row whatever happens."""

    __table_args__ = (UniqueConstraint("broadcast_id", "node_id"),)
    id: int | None = Field(default=None, primary_key=True)
    broadcast_id: str = Field(foreign_key="broadcast.id", index=True)
    node_id: int = Field(foreign_key="node.id", index=True)
    state: DeliveryState = Field(default=DeliveryState.PENDING, sa_type=EnumText(DeliveryState), index=True)
    reason: str | None = None
    detail: str | None = None
    output: str | None = None
    clip_sha256: str | None = Field(default=None, index=True)
    received_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    started_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """By the node's own clock: when its first sample sounded."""
    finished_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    reported_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """When the server stored the node's last report of it."""
    final_report: str | None = Field(default=None, max_length=100)
    """The node's report that ended it. None: what stands here is the server's conclusion and yields to the node's."""


class StoredReport(SQLModel, table=True):
    """A report that has been counted; a second copy of it changes nothing. Its id is the node's own, no other's."""

    node_id: int = Field(foreign_key="node.id", primary_key=True)
    report: str = Field(primary_key=True, max_length=100)
    broadcast_id: str
    outcome: str
    stored_at: datetime = Field(sa_type=UtcInstant)


class WireVersion(SQLModel, table=True):
    """The last version given to a retained document, by its topic below the commune."""

    topic: str = Field(primary_key=True)
    version: int
    digest: str
    """SHA-256 of its content without version and time: an unchanged document is not published anew."""
