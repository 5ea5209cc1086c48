"""A pole without hardware, clock or wire: `step` with a player that is a few lines long, in simulated time."""

import heapq
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from players.messages import (
    ClipRef,
    CuedBroadcast,
    NodeConfig,
    PlaybackReport,
    Reason,
    Rehearsed,
    Urgency,
    Window,
)
from players.node.airing import deadline, next_wake, waiting
from players.node.clock import Instant
from players.node.events import (
    Action,
    Answer,
    Began,
    Broke,
    Decode,
    Decoded,
    Discard,
    Ended,
    Event,
    Go,
    Hush,
    Lengthen,
    Prepare,
    Progress,
    Refuse,
    Silenced,
    Spread,
    StartAnew,
    Tell,
    Tick,
    Way,
    Woke,
)
from players.node.growing import count_ready, is_piecewise
from players.node.state import Abilities, NodeState, Phase, Track
from players.node.step import step
from players.node.windows import is_open
from tests.fakes.fake_server import COMMUNE
from tests.players.node.pieces import Pieces

DAWN = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
"""05:00 in Vietnam, when the windows open."""
HUSH_TAKES = timedelta(milliseconds=10)


def seconds(value: float) -> timedelta:
    return timedelta(milliseconds=round(value * 1000))


def clip(number: int, duration_s: float = 2.0) -> ClipRef:
    return ClipRef(sha256=f"{number:064x}", size_bytes=1000, duration_ms=round(duration_s * 1000))


def item(
    broadcast: str,
    starts_at: datetime,
    urgency: Urgency = Urgency.NORMAL,
    *,
    duration_s: float = 2.0,
    number: int = 1,
    stream: bool = False,
    join_within_s: float = 60,
    resume_within_s: float = 0,
) -> CuedBroadcast:
    return CuedBroadcast(
        broadcast=broadcast,
        urgency=urgency,
        starts_at=starts_at,
        clips=(clip(number, duration_s),),
        stream=f"/streams/{broadcast}" if stream else None,
        join_within_ms=round(join_within_s * 1000),
        resume_within_ms=round(resume_within_s * 1000),
    )


def config(version: int, *, opens: str = "05:00", closes: str = "21:00", **rules: Any) -> NodeConfig:
    return NodeConfig(
        commune=COMMUNE,
        version=version,
        issued_at=DAWN,
        node="dong-1",
        name="Đông 1",
        zones=("thon-dong", "thon-tay"),
        timezone="Asia/Ho_Chi_Minh",
        windows=(Window.model_validate({"opens": opens, "closes": closes}),),
        gain_db=0,
        heartbeat_s=5,
        **rules,
    )


@dataclass(frozen=True)
class Start:
    """Something began to sound."""

    broadcast: str
    urgency: Urgency
    at: datetime
    from_ms: int
    way: Way
    gain_db: float
    weight: tuple[int, int]
    """Its urgency, and of an emergency how bad it is: the more, the sooner it sounds."""


def weight_of(item: CuedBroadcast) -> tuple[int, int]:
    return item.urgency.rank, -1 if item.severity is None else item.severity.rank


@dataclass
class Pole:
    """Keeps what was told and what sounded, and complains at once when something impossible happens."""

    now: datetime = DAWN
    trusted: bool = True
    pulls: bool = True
    streams: bool = False
    reports: list[PlaybackReport] = field(default_factory=list)
    refused: list[Refuse] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    silent_at: dict[tuple[str, datetime], datetime] = field(default_factory=dict)
    """When what began was silent again, by its broadcast and the instant at which it began."""
    rehearsed: list[Rehearsed] = field(default_factory=list)
    spread: list[str] = field(default_factory=list)
    starts_anew: list[str] = field(default_factory=list)
    """The orders by which it was to end and begin again."""
    prepare_fails: int = 0
    """How many of the next `Prepare`s fail."""
    breaks_after: timedelta | None = None
    """What begins next breaks off after this long."""

    def __post_init__(self) -> None:
        self.awake_since = self.now
        abilities = Abilities("record", "vlc" if self.streams else None, self.pulls)
        self.state = NodeState("dong-1", COMMUNE, ("thon-dong", "thon-tay"), abilities)
        self._prepared: dict[str, Prepare] = {}
        self._pieces: dict[str, Pieces] = {}
        self._failing: set[str] = set()
        self._sounding: dict[str, tuple[datetime, int]] = {}
        self._due: list[tuple[datetime, int, Event, int]] = []
        self._order = count()
        self._life = 0

    # What happens to it

    def feed(self, *events: Event) -> "Pole":
        for event in events:
            instant = Instant(self.now, self.trusted, self.awake_since)
            self.state, actions = step(self.state, event, instant)
            for action in actions:
                self._do(action)
            self._check()
        return self

    def run(self, for_s: float) -> "Pole":
        """Let time pass, with everything that then happens by itself."""
        until = self.now + seconds(for_s)
        for _ in range(10_000):
            wake = next_wake(self.state, Instant(self.now, self.trusted, self.awake_since))
            due = self._due[0][0] if self._due else None
            nearest = min((at for at in (wake, due) if at is not None), default=None)
            if nearest is None or nearest > until:
                self.now = until
                return self
            self.now = max(self.now, nearest)
            self._happen()
        raise AssertionError("it does not come to rest")

    def restart(self, down_s: float, *, trusted: bool = True, has_forgotten: bool = False) -> "Pole":
        """Power cut: what sounded is silent, what is on disk is left, but perhaps not which orders were obeyed."""
        self._life += 1
        progress = self._progress()
        for broadcast, (at, _) in self._sounding.items():
            self._silent(broadcast, at)
        self._prepared.clear()
        self._pieces.clear()
        self._failing.clear()
        self._sounding.clear()
        self.now += seconds(down_s)
        self.awake_since, self.trusted = self.now, trusted
        self.state = replace(self.state, held=(), trusted_since=None)
        if has_forgotten:
            known = {name: at for name, at in self.state.versions.items() if not name.startswith("emergencies/")}
            self.state = replace(self.state, orders={}, versions=known)
        return self.feed(Woke(self.state.clips, progress, has_forgotten))

    def _progress(self) -> Progress | None:
        """What was written down a second ago at most."""
        for broadcast, (at, serial) in self._sounding.items():
            if at <= self.now:
                written = at + timedelta(seconds=(self.now - at) // timedelta(seconds=1))
                return Progress(broadcast, serial, written)
        return None

    # What came of it

    def outcomes(self, broadcast: str) -> list[str]:
        return [report.outcome.value for report in self.reports if report.broadcast == broadcast]

    def final(self, broadcast: str) -> PlaybackReport:
        finals = [report for report in self.reports if report.broadcast == broadcast and report.outcome.is_final]
        assert len(finals) == 1, (broadcast, finals)
        return finals[0]

    def began(self) -> list[str]:
        return [start.broadcast for start in self.starts]

    # The player

    def _happen(self) -> None:
        event: Event = Tick()
        if self._due and self._due[0][0] <= self.now:
            _, _, event, life = heapq.heappop(self._due)
            if life != self._life or not self._is_true(event):
                return
            if isinstance(event, Ended | Broke) and event.started_at is not None:
                self._silent(event.broadcast, event.started_at)
        self.feed(event)

    def _is_true(self, event: Event) -> bool:
        """Whether the output would still say this: nothing begins or ends that was hushed. What broke stays broken."""
        pieces = self._pieces.get(event.broadcast) if isinstance(event, Ended | Broke) else None
        if pieces is not None and pieces.end is not None and pieces.end is not event:
            return False  # more has come since
        if pieces is not None or isinstance(event, Began | Ended):
            assert isinstance(event, Began | Ended | Broke)
            return self._sounding.get(event.broadcast, (None, None))[1] == event.serial
        return True

    def _later(self, at: datetime, event: Event) -> None:
        heapq.heappush(self._due, (at, next(self._order), event, self._life))

    def _do(self, action: Action) -> None:  # noqa: C901 - one case for each action
        match action:
            case Tell(report):
                self.reports.append(report)
            case Refuse():
                self.refused.append(action)
            case Prepare(planned):
                self._prepared[planned.broadcast] = action
                self._failing.discard(planned.broadcast)
                self._pieces.pop(planned.broadcast, None)
                if self.prepare_fails:
                    self.prepare_fails -= 1
                    self._failing.add(planned.broadcast)
                    self._later(
                        self.now + HUSH_TAKES,
                        Broke(planned.broadcast, action.serial, Reason.OUTPUT_FAILED, "no device"),
                    )
                elif (pieces := Pieces.prepared(action)) is not None:
                    self._pieces[planned.broadcast] = pieces
                    self._check_pieces(pieces, planned)
            case Decode(rehearsal):
                error = "no device" if self.prepare_fails else None
                self._later(self.now + HUSH_TAKES, Decoded(rehearsal.order, self.now + HUSH_TAKES, error))
            case Spread(signed):
                self.spread.append(signed)
            case Answer(message):
                self.rehearsed.append(message)
            case StartAnew(order):
                self.starts_anew.append(order)
            case Lengthen() if action.broadcast not in self._failing:
                self._lengthen(action)
            case Discard(broadcast):
                self._prepared.pop(broadcast, None)
                self._pieces.pop(broadcast, None)
                self._failing.discard(broadcast)
            case Go(broadcast, starts_at) if broadcast not in self._failing:
                self._go(broadcast, max(starts_at, self.now))
            case Hush(broadcast) if broadcast not in self._failing:
                self._hush(broadcast)

    def _go(self, broadcast: str, at: datetime) -> None:
        prepared = self._prepared.pop(broadcast)
        assert self.trusted or prepared.item.urgency is Urgency.EMERGENCY, "the time is not known"
        self._sounding[broadcast] = (at, prepared.serial)
        weight = weight_of(prepared.item)
        start = Start(broadcast, prepared.item.urgency, at, prepared.from_ms, prepared.way, prepared.gain_db, weight)
        self.starts.append(start)
        ends = at + timedelta(milliseconds=prepared.item.duration_ms - prepared.from_ms)
        serial = prepared.serial
        end: Event = Ended(broadcast, serial, at, ends)
        if (pieces := self._pieces.get(broadcast)) is not None:
            ends, end = pieces.begin(at)
        self._later(at, Began(broadcast, serial, at))
        if self.breaks_after is not None and at + self.breaks_after < ends:
            ends = at + self.breaks_after
            end = Broke(broadcast, serial, Reason.OUTPUT_FAILED, "pulled out", at, ends)
            self.breaks_after = None
            self._pieces.pop(broadcast, None)
        self._later(ends, end)

    def _lengthen(self, action: Lengthen) -> None:
        pieces = self._pieces.get(action.broadcast)
        if pieces is not None:
            told = pieces.lengthen(action, self.now)
            self._check_pieces(pieces, self.state.tracks[action.broadcast].item)
            if told is not None:
                self._later(*told)

    def _check_pieces(self, pieces: Pieces, planned: CuedBroadcast) -> None:
        assert tuple(pieces.clips) == planned.clips[: len(pieces.clips)], "in order, none left out, none twice"
        assert all(clip.sha256 in self.state.clips for clip in pieces.clips), "it has what it plays"
        assert pieces.clips, "it begins with something"
        is_whole = not planned.growing and len(pieces.clips) == len(planned.clips)
        assert pieces.is_open is not is_whole, "the last is the last, and nothing else is"

    def _hush(self, broadcast: str) -> None:
        at, serial = self._sounding.pop(broadcast)
        self._pieces.pop(broadcast, None)
        has_begun = at <= self.now
        self._silent(broadcast, at)
        silenced = Silenced(broadcast, serial, at if has_begun else None, self.now if has_begun else None)
        self._later(self.now + HUSH_TAKES, silenced)

    def _silent(self, broadcast: str, at: datetime) -> None:
        """What was to begin at that instant is silent from now on; perhaps it never began."""
        if at > self.now:
            self.starts = [start for start in self.starts if (start.broadcast, start.at) != (broadcast, at)]
        else:
            self.silent_at.setdefault((broadcast, at), self.now)

    # What must be so at every moment

    def _check(self) -> None:
        self._sounding = {
            name: value
            for name, value in self._sounding.items()
            if self.state.tracks[name].phase in {Phase.STARTING, Phase.PLAYING}
        }
        sounding = [track for track in self.state.tracks.values() if track.is_sounding]
        assert len(sounding) <= 1, sounding
        for track in sounding:
            if not track.is_emergency:
                at = max(self.now, track.item.starts_at)
                assert is_open(self.state.config, at, self.state.zones_of(track)), "quiet hours"
            for other in waiting(self.state):
                is_ready = (
                    self._can_begin(other)
                    and other.listed
                    and other.item.starts_at <= self.now
                    and (other.retry_at is None or other.retry_at <= self.now)
                    and (other.is_emergency or is_open(self.state.config, self.now, self.state.zones_of(other)))
                    and (self.trusted or (other.is_emergency and self.now < deadline(other)))
                )
                assert not (is_ready and weight_of(other.item) > weight_of(track.item)), (other, track)

    def _can_begin(self, track: Track) -> bool:
        is_begun = is_piecewise(track.item) and count_ready(self.state, track.item) > 0
        return is_begun or self.state.has_clips(track.item)
