"""What a node knows: a frozen value. `step` makes the next one from an event and says what is to be done.

Nothing here reads a clock, a file or the wire; `now` is an argument. Decisions about what sounds are in `airing`,
about what is obeyed in `obeying`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from players.messages import (
    CuedBroadcast,
    NodeConfig,
    Order,
    Outcome,
    PlaybackReport,
    PreparedPack,
    Reason,
    Rehearse,
    Timetable,
)
from players.node.clock import Instant
from players.node.events import Action, Ending, Tell, Way

HISTORY = timedelta(hours=24)
"""How long a broadcast that is over stays known, so that nothing can make it play again."""


class Phase(StrEnum):
    """Where a broadcast stands on this node. All moves are in `MOVES`."""

    WAITING = "waiting"
    PREPARED = "prepared"
    STARTING = "starting"
    PLAYING = "playing"
    STOPPING = "stopping"
    DONE = "done"


MOVES: Mapping[Phase, frozenset[Phase]] = {
    Phase.WAITING: frozenset({Phase.PREPARED, Phase.DONE}),
    Phase.PREPARED: frozenset({Phase.WAITING, Phase.STARTING, Phase.DONE}),
    Phase.STARTING: frozenset({Phase.WAITING, Phase.PLAYING, Phase.STOPPING, Phase.DONE}),
    Phase.PLAYING: frozenset({Phase.WAITING, Phase.STOPPING, Phase.DONE}),
    Phase.STOPPING: frozenset({Phase.WAITING, Phase.STOPPING, Phase.DONE}),
    Phase.DONE: frozenset(),
}


class Origin(StrEnum):
    """Where a broadcast came from."""

    TIMETABLE = "timetable"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this node's output and settings allow; constant while the process runs."""

    output: str
    """What plays clips."""
    stream_output: str | None
    """What plays a stream from the server; none when nothing can."""
    pulls: bool
    """Planned clips are fetched into the store."""
    wake_lead: timedelta = timedelta()
    """What the amplifier needs from its relay's click to the first sample."""

    def output_of(self, way: Way | None) -> str:
        """The output that is used for a way of playing."""
        return self.stream_output or self.output if way is Way.STREAM else self.output


@dataclass(frozen=True, slots=True)
class Track:
    """One broadcast this node has accepted, until it is long over."""

    item: CuedBroadcast
    origin: Origin
    phase: Phase = Phase.WAITING
    expires_at: datetime | None = None
    """Of the order that brought it."""
    listed: bool = True
    """A timetable lists it, or an order brought it. What is not listed and has not begun is not to be played."""
    queued: bool = False
    """Something of at least the same urgency sounded at its minute: it plays whole afterwards."""
    told_cued: bool = False
    from_ms: int = 0
    way: Way | None = None
    serial: int = 0
    """How often it was prepared: tells what is said of this time from what is late."""
    attempts: int = 0
    """How often it was prepared in vain."""
    retry_at: datetime | None = None
    """Not to be prepared again before."""
    trouble: Ending | None = None
    """What stood in the way last."""
    started_at: datetime | None = None
    """When its first sample sounded, however often it was broken off since."""
    began_at: datetime | None = None
    """When it began to sound this time; none while it does not."""
    joined_ms: int = 0
    """Where in it its first sample was."""
    reached_ms: int = 0
    """How far in it what has sounded reached when it last fell silent."""
    broken_off: Ending | None = None
    """What broke it off; it waits to go on."""
    broken_at: datetime | None = None
    """When that was."""
    note: str | None = None
    """What is to be told of it besides, whatever its end."""
    local_order: str | None = None
    """The signed order that started it at a pole, without the server."""
    zones: tuple[str, ...] = ()
    """Where it counts as heard, once it was let sound."""
    ending: Ending | None = None
    """Why it is being silenced."""
    handed: int = 0
    """Of an emergency that is played clip by clip: how many of its clips the player has."""
    is_open: bool = False
    """The player waits for more of them."""

    @property
    def is_emergency(self) -> bool:
        """Whether it may sound at any hour."""
        return self.item.is_emergency

    @property
    def is_sounding(self) -> bool:
        """Whether it holds the output: it sounds, or was told to."""
        return self.phase in {Phase.STARTING, Phase.PLAYING}

    @property
    def ends_at(self) -> datetime:
        """When it would end, had it started on time."""
        return self.item.starts_at + timedelta(milliseconds=self.item.duration_ms)


@dataclass(frozen=True, slots=True)
class NodeState:
    """Everything the node decides by. Mappings are replaced, never changed."""

    node: str
    commune: str
    zones: tuple[str, ...]
    abilities: Abilities
    config: NodeConfig | None = None
    timetables: Mapping[str, Timetable] = field(default_factory=dict)
    packs: Mapping[str, PreparedPack] = field(default_factory=dict)
    """The prepared messages of its zones."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """The highest version accepted of each kind of document, by `config`, `timetable/<zone>`, `prepared/<zone>` …"""
    orders: Mapping[str, datetime] = field(default_factory=dict)
    """Ids of orders that were taken, with their expiry."""
    stopped: Mapping[str, datetime] = field(default_factory=dict)
    """Broadcasts stopped by name, with the time of the stop."""
    tracks: Mapping[str, Track] = field(default_factory=dict)
    clips: frozenset[str] = frozenset()
    """What is in the store; found again on disk at every start."""
    held: tuple[Order, ...] = ()
    """Orders that came before the clock could be trusted; not kept over a restart."""
    rehearsal: Rehearse | None = None
    """What is rehearsed without a sound; not kept over a restart."""
    is_decoding: bool = False
    """Its clip is there and being decoded."""
    trusted_since: datetime | None = None
    spares_data: bool = False
    """What is left of the month's data is for emergencies; found again at every start."""
    has_forgotten: bool = False
    """What it obeyed and played before this start may not all be known; not kept over a restart."""
    active: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The orders in each zone's list of emergencies, as it came last; not kept over a restart."""
    leaving: bool = False
    """The process is ending: nothing is begun any more."""

    @property
    def sounding(self) -> Track | None:
        """What holds the output."""
        return next((track for track in self.tracks.values() if track.is_sounding), None)

    def zones_of(self, track: Track) -> tuple[str, ...]:
        """The zones whose rules a broadcast keeps: those that list it; all of the node's for what an order brought."""
        if track.zones:
            return track.zones
        name = track.item.broadcast
        listing = (
            zone
            for zone, timetable in self.timetables.items()
            if any(item.broadcast == name for item in timetable.broadcasts)
        )
        return tuple(listing) or self.zones

    @property
    def pack_clips(self) -> frozenset[str]:
        """What is held ready for emergencies."""
        return frozenset(clip.sha256 for pack in self.packs.values() for clip in pack.clips)

    @property
    def has_pack(self) -> bool:
        """Whether all of that is in the store."""
        return bool(self.packs) and self.pack_clips <= self.clips

    def has_clips(self, item: CuedBroadcast) -> bool:
        """Whether all clips of a broadcast are in the store."""
        return all(clip.sha256 in self.clips for clip in item.clips)

    def with_track(self, track: Track) -> "NodeState":
        """With one broadcast changed or added."""
        return replace(self, tracks={**self.tracks, track.item.broadcast: track})


Step = tuple[NodeState, tuple[Action, ...]]


def moved(track: Track, phase: Phase, **changes: Any) -> Track:
    """A track in another phase, and what changes with that.

    Raises:
        ValueError: the table of moves does not allow it: a mistake in this package.
    """
    if phase not in MOVES[track.phase]:
        raise ValueError(f"{track.item.broadcast}: no way from {track.phase} to {phase}")
    return replace(track, phase=phase, **changes)


def report_id(node: str, broadcast: str, outcome: Outcome) -> str:
    """The same for the same fact, also after a restart; a broadcast has at most one report of each outcome."""
    return "r-" + sha256(f"{node}|{broadcast}|{outcome}".encode()).hexdigest()[:32]


def tell(
    state: NodeState,
    track: Track,
    outcome: Outcome,
    now: Instant,
    *,
    reason: Reason | None = None,
    detail: str | None = None,
    finished_at: datetime | None = None,
) -> Tell:
    """The report of what became of a track."""
    started = track.started_at
    detail = "; ".join(said for said in (detail, track.note) if said) or None
    if started is not None and finished_at is not None:
        finished_at = max(started, finished_at)
    by_files = track.way is Way.FILES and started is not None
    return Tell(
        PlaybackReport(
            report=report_id(state.node, track.item.broadcast, outcome),
            node=state.node,
            broadcast=track.item.broadcast,
            outcome=outcome,
            at=now.at,
            started_at=started,
            finished_at=finished_at,
            clip_sha256=track.item.clips[0].sha256 if by_files else None,
            output=state.abilities.output_of(track.way),
            reason=reason,
            detail=None if detail is None else detail[:500],
            local_order=track.local_order,
        )
    )


def fallen_silent(track: Track, at: datetime | None) -> Track:
    """A track that does not sound any more since an instant; none: it is not known since when."""
    if track.began_at is None:
        return track
    heard_ms = 0 if at is None else max(0, round((at - track.began_at) / timedelta(milliseconds=1)))
    reached_ms = min(track.item.duration_ms, track.from_ms + heard_ms)
    return replace(track, began_at=None, reached_ms=reached_ms)


def finished(
    state: NodeState,
    track: Track,
    outcome: Outcome,
    now: Instant,
    *,
    reason: Reason | None = None,
    detail: str | None = None,
    finished_at: datetime | None = None,
) -> Step:
    """The one way a broadcast ends here: it is done, and its final report goes out with that.

    What has sounded before is cut, whatever kept it from going on.
    """
    if track.started_at is not None and outcome in {Outcome.MISSED, Outcome.FAILED}:
        outcome, finished_at = Outcome.CUT, finished_at or track.broken_at
    track = fallen_silent(track, finished_at)
    report = tell(state, track, outcome, now, reason=reason, detail=detail, finished_at=finished_at)
    return state.with_track(moved(track, Phase.DONE)), (report,)
