"""The tables. They hold what is true; every stage of the flow reads its work from them and writes its result to them.

SQLModel's table classes do not validate: what comes from outside is checked by the functions beside this file.
All instants are aware and kept in UTC.
"""

from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import JSON, DateTime, Dialect, String, TypeDecorator, UniqueConstraint
from sqlmodel import Field, SQLModel

from players.messages import Urgency


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant; SQLite would drop its zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime, keep the others as UTC without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime is not an instant")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


class EnumText(TypeDecorator[StrEnum]):
    """A `StrEnum` kept as its value."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__(40)
        self.enum = enum

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """The value."""
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The member."""
        return None if value is None else self.enum(value)


def new_id() -> str:
    """An identifier that nobody can guess, 32 hexadecimal digits."""
    return uuid4().hex


def row_id(key: int | None) -> int:
    """A stored row's integer key.

    Raises:
        ValueError: the row has not been flushed.
    """
    if key is None:
        raise ValueError("the row has not been stored yet")
    return key


class Role(StrEnum):
    """What a user may do."""

    OFFICER = "officer"
    LEADER = "leader"
    VILLAGE_HEAD = "village-head"
    ADMINISTRATOR = "administrator"


class BulletinState(StrEnum):
    """Where a bulletin stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class RenderingState(StrEnum):
    """Where a rendering stands."""

    WANTED = "wanted"
    RENDERED = "rendered"
    FAILED = "failed"


class BroadcastState(StrEnum):
    """Where a broadcast stands."""

    PLANNED = "planned"
    CUED = "cued"
    ON_AIR = "on-air"
    AIRED = "aired"
    CUT = "cut"
    MISSED = "missed"
    CANCELLED = "cancelled"


class DeliveryState(StrEnum):
    """Where one broadcast stands at one node."""

    PENDING = "pending"
    CUED = "cued"
    PLAYING = "playing"
    PLAYED = "played"
    HEARD = "heard"
    CUT = "cut"
    FAILED = "failed"
    MISSED = "missed"
    CANCELLED = "cancelled"
    SILENT = "silent"


class Commune(SQLModel, table=True):
    """The commune (xã) and its house rules. They are settings, never constants."""

    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(unique=True, max_length=50)
    name: str
    timezone: str = "Asia/Ho_Chi_Minh"
    windows: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    """When anything but an emergency may sound: `[{"opens": "05:00", "closes": "20:00"}, …]`, local time."""
    voice: str = "vi_VN-vais1000-medium"
    gain_db: float = 0.0
    heartbeat_s: float = 5.0


class Zone(SQLModel, table=True):
    """A village (thôn)."""

    __table_args__ = (UniqueConstraint("commune_id", "slug"),)
    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    slug: str = Field(max_length=50)
    name: str


class Node(SQLModel, table=True):
    """A pole: a box with its horns. Known here before it is paired; trusted after."""

    __table_args__ = (UniqueConstraint("commune_id", "slug"),)
    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    slug: str = Field(max_length=50)
    name: str
    created_at: datetime = Field(sa_type=UtcInstant)
    pairing_code_hash: str | None = None
    pairing_expires_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    public_key: dict[str, str] | None = Field(default=None, sa_type=JSON)
    paired_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    last_seen_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    version: str | None = None


class NodeZone(SQLModel, table=True):
    """Which zones a node speaks for."""

    node_id: int = Field(foreign_key="node.id", primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", primary_key=True, index=True)


class User(SQLModel, table=True):
    """A person who signs in. `password_hash` is argon2id."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    username: str = Field(unique=True, max_length=50)
    name: str
    role: Role = Field(sa_type=EnumText(Role))
    zone_id: int | None = Field(default=None, foreign_key="zone.id")
    """The village of a village head."""
    password_hash: str = Field(repr=False)
    is_active: bool = True
    created_at: datetime = Field(sa_type=UtcInstant)


class UserSession(SQLModel, table=True):
    """A signed-in browser. The cookie's value is kept only as its SHA-256."""

    token_sha256: str = Field(primary_key=True, repr=False)
    user_id: int = Field(foreign_key="user.id", index=True)
    csrf: str = Field(repr=False)
    created_at: datetime = Field(sa_type=UtcInstant)
    expires_at: datetime = Field(sa_type=UtcInstant)


class ApiToken(SQLModel, table=True):
    """A program's bearer token, kept only as its SHA-256; it may what its user may, within its scopes."""

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    name: str
    token_sha256: str = Field(unique=True, repr=False)
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcInstant)
    expires_at: datetime = Field(sa_type=UtcInstant)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcInstant)


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


class Rendering(SQLModel, table=True):
    """A text that is wanted as a clip. The same text, voice and chime are rendered once: `key` is their digest."""

    key: str = Field(primary_key=True, max_length=64)
    spoken: str
    sentences: list[dict[str, Any]] = Field(sa_type=JSON)
    """`[{"spoken": "…", "pause": "sentence"}, …]`, as the renderer takes them."""
    voice: str
    chime: str | None = None
    """The chime before it (`tts.chimes.Chime`), if any."""
    has_closing_chime: bool = False
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=EnumText(Urgency))
    state: RenderingState = Field(default=RenderingState.WANTED, sa_type=EnumText(RenderingState), index=True)
    attempts: int = 0
    try_after: datetime | None = Field(default=None, sa_type=UtcInstant)
    """Not to be tried again before this instant."""
    error: str | None = None
    clip_sha256: str | None = Field(default=None, foreign_key="clip.sha256")
    wanted_at: datetime = Field(sa_type=UtcInstant)
    rendered_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    render_ms: int | None = None


class Bulletin(SQLModel, table=True):
    """What an officer typed (`script`), and what became of it. `revision` grows with every edit."""

    id: str = Field(default_factory=new_id, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    title: str
    script: str
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=EnumText(Urgency))
    state: BulletinState = Field(default=BulletinState.DRAFT, sa_type=EnumText(BulletinState), index=True)
    revision: int = 1
    author_id: int = Field(foreign_key="user.id")
    editor_id: int = Field(foreign_key="user.id")
    """Who changed it last; neither of the two approves it."""
    created_at: datetime = Field(sa_type=UtcInstant)
    edited_at: datetime = Field(sa_type=UtcInstant)
    submitted_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    decided_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    decided_by_id: int | None = Field(default=None, foreign_key="user.id")
    return_reason: str | None = None
    airs_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """The instant its author asks for; none with `airs_now`, or when it only goes into programmes."""
    airs_now: bool = False
    rendering_key: str | None = Field(default=None, foreign_key="rendering.key")
    """As it is aired by itself, with its chimes; set by the approval."""
    programme_key: str | None = Field(default=None, foreign_key="rendering.key")
    """As it is aired within a programme, without chimes; set when a programme first needs it."""


class BulletinZone(SQLModel, table=True):
    """The villages a bulletin is for."""

    bulletin_id: str = Field(foreign_key="bulletin.id", primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", primary_key=True)


class Programme(SQLModel, table=True):
    """A named frame: greeting, the day's bulletins, closing (chương trình)."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    name: str
    greeting: str = ""
    closing: str = ""


class TimetableEntry(SQLModel, table=True):
    """When a programme is aired: local time `airs_at`, on `weekdays` (0 = Monday), from a day to a day."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    programme_id: int = Field(foreign_key="programme.id")
    airs_at: time
    weekdays: list[int] = Field(sa_type=JSON)
    from_on: date
    until_on: date | None = None
    is_active: bool = True
    created_at: datetime = Field(sa_type=UtcInstant)
    planned_until: datetime | None = Field(default=None, sa_type=UtcInstant)
    """Every occurrence before this instant has its broadcast; what lies between it and now was slept through."""


class EntryZone(SQLModel, table=True):
    """The villages an entry is for."""

    entry_id: int = Field(foreign_key="timetableentry.id", primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", primary_key=True)


class Placement(SQLModel, table=True):
    """A bulletin goes into a programme, from a day to a day."""

    id: int | None = Field(default=None, primary_key=True)
    bulletin_id: str = Field(foreign_key="bulletin.id", index=True)
    programme_id: int = Field(foreign_key="programme.id", index=True)
    from_on: date
    until_on: date | None = None
    position: int = 0


class Broadcast(SQLModel, table=True):
    """One airing to some zones. Its id is deterministic, so that planning twice changes nothing."""

    id: str = Field(primary_key=True, max_length=100)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    title: str
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=EnumText(Urgency))
    state: BroadcastState = Field(default=BroadcastState.PLANNED, sa_type=EnumText(BroadcastState), index=True)
    reason: str | None = None
    """Why it was missed, cut or cancelled: a member of `lifecycle.WhyNot`, said in Vietnamese on the page."""
    bulletin_id: str | None = Field(default=None, foreign_key="bulletin.id", index=True)
    entry_id: int | None = Field(default=None, foreign_key="timetableentry.id", index=True)
    is_now: bool = False
    """Aired by a `Play` order as soon as its clip is there; `starts_at` is set then."""
    starts_at: datetime | None = Field(default=None, sa_type=UtcInstant, index=True)
    duration_ms: int | None = None
    created_at: datetime = Field(sa_type=UtcInstant)
    ended_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    made_by_id: int | None = Field(default=None, foreign_key="user.id")
    """Who approved it or raised it; none for what the timetable planned."""
    changed_by_id: int | None = Field(default=None, foreign_key="user.id")
    """Who cancelled or stopped it."""


class BroadcastZone(SQLModel, table=True):
    """The zones a broadcast is for."""

    broadcast_id: str = Field(foreign_key="broadcast.id", primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", primary_key=True)


class BroadcastPart(SQLModel, table=True):
    """What a broadcast is made of, in order."""

    broadcast_id: str = Field(foreign_key="broadcast.id", primary_key=True)
    position: int = Field(primary_key=True)
    rendering_key: str = Field(foreign_key="rendering.key", index=True)


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
    clip_sha256: str | None = None
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


class AuditEntry(SQLModel, table=True):
    """Who did what, appended only; `digest` chains each entry to the one before."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcInstant)
    actor: str
    action: str
    subject: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    digest: str
