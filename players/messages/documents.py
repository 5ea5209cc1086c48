"""What a node holds: its retained documents."""

from datetime import time
from typing import Annotated, Self

from pydantic import (
    AwareDatetime,
    Field,
    StringConstraints,
    model_validator,
)

from players.messages.orders import Play
from players.messages.parts import (
    MAX_CLIPS,
    MOST_CARDS,
    MOST_EMERGENCIES,
    MOST_NEIGHBOURS,
    MOST_PREPARED,
    ClipRef,
    CuedBroadcast,
    Message,
    Severity,
    Slug,
    Versioned,
)


class Timetable(Versioned):
    """Down, retained, `zones/<zone>/timetable`: all that the zone will air in the coming days.

    A broadcast that is no longer listed and has not begun is not to be played.
    """

    zone: Slug
    broadcasts: tuple[CuedBroadcast, ...] = Field(max_length=5000)


class Window(Message):
    """A part of the day in which a node may sound, in the commune's local time.

    `opens` comes before `closes`; a `closes` of 00:00 is the midnight that ends the day.
    """

    opens: time
    closes: time
    days: tuple[Annotated[int, Field(ge=0, le=6)], ...] = Field(default=(), max_length=7)
    """The weekdays on which it counts, 0 being Monday; none: all."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closes != time.min and self.opens >= self.closes:
            raise ValueError("a window opens before it closes")
        return self


class Volume(Window):
    """How loud a node is in a part of the day: added to its own `gain_db`. Emergencies do not heed it."""

    gain_db: float = Field(ge=-60, le=12)


class ZoneRules(Message):
    """How much a zone may hear a day of anything but emergencies; none means no limit."""

    zone: Slug
    windows: tuple[Window, ...] = Field(default=(), max_length=24)
    """The zone's own hours, inside the node's `windows`; empty: just those."""
    sessions_a_day: int | None = Field(default=None, ge=0, le=100)
    session_minutes: int | None = Field(default=None, ge=0, le=1440)
    day_minutes: int | None = Field(default=None, ge=0, le=1440)


class NodeConfig(Versioned):
    """Down, retained, `nodes/<node>/config`: how this node is to behave."""

    node: Slug
    name: str = Field(max_length=300)
    zones: tuple[Slug, ...] = Field(min_length=1, max_length=64)
    timezone: str = Field(max_length=64)
    windows: tuple[Window, ...] = Field(max_length=24)
    """When the node may sound anything but an emergency. Empty: never."""
    gain_db: float = Field(ge=-60, le=12)
    heartbeat_s: float = Field(gt=0, le=300)
    keys_version: int = Field(default=0, ge=0)
    """Of the last `CommuneKeys`: a node that holds an older one asks for them."""
    renewal: int = Field(default=0, ge=0)
    """A node whose `PairingReply` has a lower one renews its key and its password (`RenewalRequest`)."""
    rules: tuple[ZoneRules, ...] = Field(default=(), max_length=64)
    """The node's own copy of its zones' rules: it refuses by them, whatever the server says."""
    volumes: tuple[Volume, ...] = Field(default=(), max_length=24)
    """Volume by time of day; where several count, the first does."""
    delay_ms: int = Field(default=0, ge=-200, le=2000)
    """Everything sounds so much later here, or earlier: to be heard together with poles whose amplifiers are slower."""
    data_mb: int | None = Field(default=None, gt=0, le=10_000_000)
    """What the node's line may carry in a month of the commune's time, in megabytes; none: no limit."""


class Emergencies(Versioned):
    """Down, retained, `zones/<zone>/emergencies`: the whole list of emergencies still valid in a zone."""

    zone: Slug
    active: tuple[Play, ...] = Field(max_length=MOST_EMERGENCIES)


class PreparedMessage(Message):
    """A message that a node holds ready. `Play` names its clips when it is to sound."""

    key: Slug
    title: str = Field(max_length=100)
    severity: Severity
    clips: tuple[ClipRef, ...] = Field(min_length=1, max_length=MAX_CLIPS)
    """As an emergency: its chime, its words with nothing typed into them, its closing sound."""
    drill_clips: tuple[ClipRef, ...] = Field(min_length=1, max_length=MAX_CLIPS)
    """As a drill, said to be one before and after."""


PublicX = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""`x` of a public Ed25519 JWK (RFC 8037)."""


class PoleKey(Message):
    """A pole of a zone, by whose key its neighbours believe that its button was pressed."""

    pole: Slug
    key: PublicX


class OfflineCard(Message):
    """A card by which a person may start the zone's prepared messages at a pole, without the server."""

    number: int = Field(gt=0, le=MOST_CARDS)
    key: PublicX
    """Follows from the secret that is on the card (`players.offline`)."""
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    revoked: bool = False
    """It is listed until its end, so that a pole can say whose press it refused."""


class PreparedPack(Versioned):
    """Down, retained, `zones/<zone>/prepared`: what is fetched before all else and never makes room for anything."""

    zone: Slug
    messages: tuple[PreparedMessage, ...] = Field(max_length=MOST_PREPARED)
    button: Slug | None = None
    """Which of them the buttons of the zone's poles start; none: they start nothing."""
    poles: tuple[PoleKey, ...] = Field(default=(), max_length=MOST_NEIGHBOURS)
    cards: tuple[OfflineCard, ...] = Field(default=(), max_length=MOST_NEIGHBOURS)

    @property
    def clips(self) -> tuple[ClipRef, ...]:
        """All clips, each once, those of emergencies first."""
        listed = [clip for message in self.messages for clip in message.clips]
        listed += [clip for message in self.messages for clip in message.drill_clips]
        return tuple({clip.sha256: clip for clip in listed}.values())
