"""What can happen to a node, and what it then does: the two alphabets of `state.step`. All frozen, no I/O."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from players.messages import (
    ClipRef,
    CuedBroadcast,
    Emergencies,
    LocalOrder,
    NodeConfig,
    Order,
    Outcome,
    PlaybackReport,
    PreparedPack,
    Reason,
    Rehearse,
    Rehearsed,
    Sha256,
    Timetable,
)


class Way(StrEnum):
    """How a broadcast is played."""

    FILES = "files"
    """All its clips are in the store."""
    STREAM = "stream"
    """The server sends the sound."""


@dataclass(frozen=True, slots=True)
class ConfigCame:
    """A configuration whose signature is right."""

    document: NodeConfig


@dataclass(frozen=True, slots=True)
class TimetableCame:
    """A zone's timetable whose signature is right."""

    document: Timetable


@dataclass(frozen=True, slots=True)
class EmergenciesCame:
    """A zone's list of active emergencies whose signature is right."""

    document: Emergencies


@dataclass(frozen=True, slots=True)
class PackCame:
    """A zone's prepared messages whose signature is right."""

    document: PreparedPack


@dataclass(frozen=True, slots=True)
class OrderCame:
    """An order whose signature is right; whether it is fresh is not yet known."""

    order: Order


@dataclass(frozen=True, slots=True)
class LocalCame:
    """An order that was given at a pole without the server; its signature is right, by the key it names."""

    order: LocalOrder
    signed: str
    """As it travels, for neighbours and reports."""
    is_here: bool
    """It was given at this pole."""


@dataclass(frozen=True, slots=True)
class ClipStored:
    """A clip is in the store, whole and right."""

    sha256: Sha256


@dataclass(frozen=True, slots=True)
class ClipTrouble:
    """A clip is not in the store (or no longer): what stood in the way last."""

    sha256: Sha256
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but that time has passed, or that the clock has become trusted."""


@dataclass(frozen=True, slots=True)
class Began:
    """The first sample of a broadcast sounded at the output."""

    broadcast: str
    serial: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """The last sample of a broadcast sounded."""

    broadcast: str
    serial: int
    started_at: datetime
    finished_at: datetime
    detail: str | None = None
    reason: Reason | None = None
    """What was not as planned although it sounded to its end."""


@dataclass(frozen=True, slots=True)
class Broke:
    """A broadcast could not be prepared or started, or broke off by itself. `started_at` is none if nothing sounded."""

    broadcast: str
    serial: int
    reason: Reason
    detail: str
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Silenced:
    """A `Hush` was carried out. `started_at` is none if nothing had sounded."""

    broadcast: str
    serial: int
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A `Decode` was carried out; `error` says why it could not be."""

    order: str
    at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A broadcast sounds still: what is known of it after a power cut."""

    broadcast: str
    serial: int
    """Which time of it this is, see `Prepare`."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Woke:
    """The process has started, with the state that was on disk and these clips in its store."""

    clips: frozenset[str]
    progress: Progress | None = None
    """What was written down last of what sounded."""
    has_forgotten: bool = False
    """What was obeyed and played before may not all be known any more."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """The process was asked to end."""


Event = (
    ConfigCame
    | TimetableCame
    | EmergenciesCame
    | PackCame
    | OrderCame
    | LocalCame
    | ClipStored
    | ClipTrouble
    | Tick
    | Began
    | Ended
    | Broke
    | Silenced
    | Decoded
    | Woke
    | Leaving
)


@dataclass(frozen=True, slots=True)
class Tell:
    """Put a report into the outbox. It is stored together with the state that made it."""

    report: PlaybackReport


@dataclass(frozen=True, slots=True)
class Prepare:
    """Open the sound at a place in it, silently."""

    item: CuedBroadcast
    serial: int
    """Which time this is for the broadcast; what is said of an earlier time is late."""
    way: Way
    from_ms: int
    gain_db: float
    begin_with: int | None = None
    """So many of its clips are there; it is played clip by clip. None: all are there, and it is played as one."""
    is_open: bool = False
    """The others come by `Lengthen`."""


@dataclass(frozen=True, slots=True)
class Go:
    """Let what was prepared sound, its first sample at `starts_at`, or at once when that has passed."""

    broadcast: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Lengthen:
    """Let a broadcast that was prepared with clips to come go on with these."""

    broadcast: str
    clips: tuple[ClipRef, ...]
    is_last: bool
    """No more come."""


@dataclass(frozen=True, slots=True)
class Hush:
    """Silence a broadcast that was told to go; `Silenced`, `Ended` or `Broke` answers."""

    broadcast: str


@dataclass(frozen=True, slots=True)
class Discard:
    """Close what was prepared and not told to go."""

    broadcast: str


@dataclass(frozen=True, slots=True)
class Decode:
    """Open what an order rehearses as if it were to sound, close it again silently; `Decoded` answers."""

    rehearsal: Rehearse


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell the server what came of a rehearsal."""

    message: Rehearsed


@dataclass(frozen=True, slots=True)
class StartAnew:
    """End the process in order, as an order asks; its service starts it again."""

    order: str


@dataclass(frozen=True, slots=True)
class Spread:
    """Let the neighbours hear an order that was given here."""

    signed: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Something that came is not obeyed; for the log."""

    what: str
    why: str


Action = Tell | Prepare | Go | Lengthen | Hush | Discard | Decode | Answer | StartAnew | Spread | Refuse


@dataclass(frozen=True, slots=True)
class Ending:
    """Why something that sounds is being silenced."""

    outcome: Outcome
    reason: Reason
    detail: str | None = None
