"""Has the clips of coming broadcasts in the store before their minute: nearest first, two at a time, jittered."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from players.messages import ClipRef, Reason
from players.node.airing import waiting
from players.node.cache import ClipStore
from players.node.clock import Instant, NodeClock
from players.node.errors import ClipRefused
from players.node.events import ClipStored, ClipTrouble, Event
from players.node.fetch import ClipFetcher, spread_s
from players.node.growing import is_piecewise
from players.node.shelves import Shelves
from players.node.state import NodeState, Phase, Track

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Of what is planned, and as many of what is urgent: one does not wait for the other."""
URGENT = timedelta(minutes=5)
"""What is to sound sooner than this is fetched in the time that is left, less `NEAR`."""
NEAR = timedelta(seconds=3)
"""What is to sound sooner than this is fetched without jitter."""
PUSH_PATIENCE_S = 1.0
"""What is pushed is waited for so long, and at most as long again: not all nodes ask for it at once."""
PACKS_SPREAD = 4
"""Packs are dozens of clips for every pole of a village at once: they are spread over so many times the jitter."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
_LOOK_AGAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A clip that is to be in the store, and when it is first needed."""

    clip: ClipRef
    needed_at: datetime
    is_on_its_way: bool = False
    """The words of an emergency are pushed to all its nodes: one that has waited in vain fetches them."""
    is_held_ready: bool = False
    """For an emergency that may never come."""
    is_urgent: bool = False
    """For one that is there, or for what rehearses it: it waits for no card."""


def wanted_clips(state: NodeState, now: Instant, ahead: timedelta | None) -> list[Wanted]:
    """The clips that are to be fetched: those of emergencies, what is held ready for emergencies, then the nearest."""
    tracks = _coming(state, now, ahead)
    found = [wanted for track in tracks if track.is_emergency for wanted in _of_track(track, now)]
    if state.rehearsal is not None:
        found.append(Wanted(state.rehearsal.clip, now.at, is_on_its_way=True, is_urgent=True))
    found += [Wanted(clip, now.at + URGENT, is_held_ready=True) for pack in state.packs.values() for clip in pack.clips]
    found += [wanted for track in tracks if not track.is_emergency for wanted in _of_track(track, now)]
    needed: dict[str, Wanted] = {}
    for wanted in found:
        if wanted.clip.sha256 not in state.clips:
            needed.setdefault(wanted.clip.sha256, wanted)
    return list(needed.values())


def _coming(state: NodeState, now: Instant, ahead: timedelta | None) -> list[Track]:
    """What still needs clips, the nearest first."""
    tracks = (*waiting(state), *(track for track in state.tracks.values() if track.is_sounding and track.is_open))
    until = None if ahead is None else now.at + ahead
    due = (
        track
        for track in tracks
        if track.listed and (track.is_emergency or (until is not None and track.item.starts_at <= until))
    )
    return sorted(due, key=lambda track: (-track.item.urgency.rank, track.item.starts_at))


def _of_track(track: Track, now: Instant) -> list[Wanted]:
    comes_in_pieces = is_piecewise(track.item)
    # An emergency waits for no clock, least of all for one that is wrong.
    needed_at = now.at if track.is_emergency else track.item.starts_at
    return [
        Wanted(clip, needed_at, is_on_its_way=comes_in_pieces and place > 0, is_urgent=track.is_emergency)
        for place, clip in enumerate(track.item.all_clips)
    ]


def kept_clips(state: NodeState, needed_at: datetime) -> tuple[frozenset[str], tuple[str, ...]]:
    """What may not make room for a clip that is needed then, and what may, the farthest first, if nothing else does.

    Untouched is what sounds, what is to sound sooner, and all that is held for emergencies.
    """
    first: dict[str, datetime] = {}
    for track in state.tracks.values():
        if track.phase is not Phase.DONE and track.listed:
            for clip in track.item.all_clips:
                at = needed_at if track.is_emergency or track.is_sounding else track.item.starts_at
                first[clip.sha256] = min(at, first.get(clip.sha256, at))
    rehearsed = frozenset() if state.rehearsal is None else frozenset({state.rehearsal.clip.sha256})
    kept = state.pack_clips | rehearsed | {name for name, at in first.items() if at <= needed_at}
    spare = sorted(first.keys() - kept, key=lambda name: first[name], reverse=True)
    return kept, tuple(spare)


def made_room(sha256: str) -> ClipTrouble:
    """A clip had to go."""
    log.warning("the disk is full: clip %s makes room for what is needed sooner", sha256[:12])
    return ClipTrouble(sha256, Reason.DISK_FULL, "the disk is full: it made room for what was needed sooner")


class Cueing:
    """Fetches for as long as it runs.

    Args:
        fetcher, clips, clock: as elsewhere.
        look: the state of now.
        emit: takes `ClipStored` and `ClipTrouble`.
        ahead: how long before its minute a clip is fetched, just now; none: only those of emergencies are.
        jitter_s: over how many seconds fetches that have time are spread.
    """

    def __init__(
        self,
        fetcher: ClipFetcher,
        clips: Shelves,
        clock: NodeClock,
        look: Callable[[], NodeState],
        emit: Callable[[Event], None],
        *,
        ahead: Callable[[], timedelta | None],
        jitter_s: float,
    ) -> None:
        self._fetcher = fetcher
        self._clips = clips
        self._clock = clock
        self._look = look
        self._emit = emit
        self._ahead = ahead
        self._jitter_s = jitter_s
        self._changed = asyncio.Event()
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._running: dict[str, tuple[Wanted, asyncio.Task[None]]] = {}
        self._unsettled: asyncio.Queue[str] = asyncio.Queue()

    def nudge(self, *, try_again: bool = False) -> None:
        """The state has changed; `try_again` also what failed, because the server is back."""
        if try_again:
            self._not_before.clear()
            self._failures.clear()
        self._changed.set()

    def settle(self, sha256: str) -> None:
        """Have a clip that was had in memory put on the card, where it outlasts a power cut."""
        self._unsettled.put_nowait(sha256)

    async def run(self) -> None:
        """Fetch what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settle(), name="settling")
            tasks.create_task(self._fetch_due(), name="fetching")

    async def _settle(self) -> None:
        while True:
            sha256 = await self._unsettled.get()
            keep, spare = kept_clips(self._look(), self._clock.now().at)
            try:
                for removed in await asyncio.to_thread(self._clips.settle, sha256, keep, spare):
                    self._emit(made_room(removed))
            except ClipRefused as error:
                log.warning("clip %s stays in memory only: %s", sha256[:12], error.detail)

    async def _fetch_due(self) -> None:
        try:
            while True:
                pause_s = self._begin_due()
                try:
                    # wait_for swallows a cancellation that comes together with the event (Python 3.11).
                    async with asyncio.timeout(pause_s):
                        await self._changed.wait()
                except TimeoutError:
                    continue
                finally:
                    self._changed.clear()
        finally:
            for _, task in self._running.values():
                task.cancel()

    def _begin_due(self) -> float:
        """Begin fetches; returns after how many seconds to look again."""
        state, now, monotonic = self._look(), self._clock.now(), self._clock.monotonic()
        pause_s = _LOOK_AGAIN_S
        # A pole that plays what is planned as a stream has no less need of what emergencies are made of.
        wanted = wanted_clips(state, now, self._ahead() if state.abilities.pulls else None)
        self._forget_all_but({one.clip.sha256 for one in wanted})
        for one in wanted:
            clip = one.clip
            if clip.sha256 in self._running:
                continue
            wait_s = self._wait_s(state.node, one, one.needed_at - now.at, monotonic)
            if wait_s > 0:
                pause_s = min(pause_s, wait_s)
            elif sum(other.is_urgent is one.is_urgent for other, _ in self._running.values()) < AT_ONCE:
                task = asyncio.create_task(self._fetch(one), name=f"fetch {clip.sha256[:12]}")
                self._running[clip.sha256] = one, task
        return pause_s

    def _forget_all_but(self, wanted: set[str]) -> None:
        """A pole runs for years: what is kept of clips is kept of those that are still to be fetched."""
        self._not_before = {name: at for name, at in self._not_before.items() if name in wanted}
        self._failures = {name: count for name, count in self._failures.items() if name in wanted}

    def _wait_s(self, node: str, wanted: Wanted, left: timedelta, monotonic: float) -> float:
        sha256 = wanted.clip.sha256
        if wanted.is_on_its_way:
            jitter_s = PUSH_PATIENCE_S + spread_s(node, sha256, PUSH_PATIENCE_S)
        elif left >= URGENT:
            jitter_s = spread_s(node, sha256, self._jitter_s * (PACKS_SPREAD if wanted.is_held_ready else 1))
        else:
            jitter_s = spread_s(node, sha256, min(self._jitter_s, max(0.0, (left - NEAR).total_seconds())))
        not_before = self._not_before.setdefault(sha256, monotonic + jitter_s)
        if left < URGENT and sha256 not in self._failures:
            # It may have been wanted before, with more time than there is now.
            not_before = self._not_before[sha256] = min(not_before, monotonic + jitter_s)
        return not_before - monotonic

    async def _fetch(self, wanted: Wanted) -> None:
        clip, is_stored = wanted.clip, False
        try:
            store, removed = await asyncio.to_thread(self._room_for, wanted)
            for name in removed:
                self._emit(made_room(name))
            await self._fetcher.fetch(clip, store)
            is_stored = True
            self._emit(ClipStored(clip.sha256))
            if wanted.is_urgent:
                self.settle(clip.sha256)
        except ClipRefused as error:
            log.warning("clip %s: %s", clip.sha256[:12], error.detail)
            self._emit(ClipTrouble(clip.sha256, error.reason, error.detail))
        finally:
            if is_stored:
                self._failures.pop(clip.sha256, None)
            else:  # also after what nobody thought of: nothing is fetched again and again without a pause
                self._put_off(clip.sha256)
            del self._running[clip.sha256]
            self._changed.set()

    def _room_for(self, wanted: Wanted) -> tuple[ClipStore, frozenset[str]]:
        keep, spare = kept_clips(self._look(), wanted.needed_at)
        return self._clips.room_for(wanted.clip.size_bytes, keep, spare, is_urgent=wanted.is_urgent)

    def _put_off(self, sha256: str) -> None:
        failures = self._failures[sha256] = self._failures.get(sha256, 0) + 1
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**failures)
        self._not_before[sha256] = self._clock.monotonic() + pause_s
