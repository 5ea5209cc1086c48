"""The commune, its villages and the poles that stand in them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcast.models.columns import UtcInstant


class Commune(SQLModel, table=True):
    """The commune (xã) and its house rules. They are settings, never constants."""

    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(unique=True, max_length=50)
    name: str
    timezone: str = "Asia/Ho_Chi_Minh"
    windows: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    """When anything but an emergency may sound: `[{"opens": "05:00", "closes": "20:00"}, …]`, local time."""
    sessions_a_day: int | None = None
    """How often anything but an emergency may sound; none: no limit (see `broadcast.budget`)."""
    session_minutes: int | None = None
    day_minutes: int | None = None
    voice: str = "vi_VN-vais1000-medium"
    emergency_voice: str | None = None
    """Who speaks emergencies and drills; none: the same voice."""
    rate: float = 1.0
    """How fast it reads, against the voice's own speed."""
    gain_db: float = 0.0
    heartbeat_s: float = 15.0
    """Between two signs of life of a pole: less than what makes it late, and as much as a SIM card can bear."""
    reading_style: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """How it likes numbers said (`tts.normalize.ReadingStyle`); what is not there is as in the north."""
    keys_version: int = Field(default=0, sa_type=BigInteger)
    """Of the last word on the commune's keys (`players.keyring`): poles that hold an older one ask for it."""
    renewal: int = 0
    """Grows when every pole is to take a new key of its own and a new password at the broker."""
    map_ground: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """A picture to lie under the map: `{"sha256", "type", "south", "west", "north", "east"}`, degrees; empty: none."""
    chimes: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """Its tune for each kind of chime (`tts.chimes.TUNES`) where it is not the first."""
    is_public: bool = False
    """Whether residents see, without signing in, what was aired."""


class Zone(SQLModel, table=True):
    """A village (thôn)."""

    __table_args__ = (UniqueConstraint("commune_id", "slug"),)
    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    slug: str = Field(max_length=50)
    name: str
    windows: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    """Its own, inside the commune's; none: the commune's."""
    volumes: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    """How loud its poles are by time of day: windows with `gain_db`, added to the commune's."""
    sessions_a_day: int | None = None
    session_minutes: int | None = None
    day_minutes: int | None = None
    outline: list[list[float]] = Field(default_factory=list, sa_type=JSON)
    """Its border on the map: `[[longitude, latitude], …]` in degrees (WGS 84), not closed; empty: not drawn."""
    button_key: str | None = Field(default=None, max_length=50)
    """The prepared message that the buttons of its poles start without the server; none: they start nothing."""


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
    keys_version: int = Field(default=0, sa_type=BigInteger)
    """Of the word on the commune's keys that it says it holds."""
    renewal: int = 0
    """The renewal at which it got its key and its password."""
    volumes: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    """Its own, in place of its villages'."""
    delay_ms: int = 0
    """Its sound begins so much later (or, below zero, earlier) than that of the others: for slow amplifiers."""
    data_mb: int | None = None
    """What its SIM card may take in a month, in megabytes; none: as much as it likes."""
    latitude: float | None = None
    longitude: float | None = None
    """Where it stands, in degrees (WGS 84); both or none."""
    restart_asked_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """When somebody last asked for its player to start again."""


class NodeZone(SQLModel, table=True):
    """Which zones a node speaks for."""

    node_id: int = Field(foreign_key="node.id", primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", primary_key=True, index=True)
