"""`step`: the node as a pure function of its state and what happens to it."""

from dataclasses import replace
from datetime import datetime, timedelta

from players.messages import Outcome, Reason
from players.node.airing import SLACK, advance, put_off
from players.node.clock import Instant
from players.node.events import (
    Action,
    Began,
    Broke,
    ClipStored,
    ClipTrouble,
    ConfigCame,
    EmergenciesCame,
    Ended,
    Ending,
    Event,
    Leaving,
    OrderCame,
    Silenced,
    Tick,
    TimetableCame,
    Woke,
)
from players.node.obeying import (
    hush,
    laid_aside,
    release_held,
    take_config,
    take_emergencies,
    take_order,
    take_timetable,
)
from players.node.state import HISTORY, NodeState, Phase, Step, Track, finished, moved, tell

ORDER_SLACK = timedelta(hours=1)
"""Ids are remembered this much longer than their orders are valid, whatever the clock does meanwhile."""


def step(state: NodeState, event: Event, now: Instant) -> Step:
    """The state after an event, and what is to be done, in order.

    The caller stores the state and the reports among the actions together, then carries out the rest.
    """
    if now.trusted and state.trusted_since is None:
        state = replace(state, trusted_since=now.at)
    state, actions = _happened(state, event, now)
    state, released = release_held(state, now)
    state, further = advance(state, now)
    return _forgotten(state, now), (*actions, *released, *further)


def _happened(state: NodeState, event: Event, now: Instant) -> Step:  # noqa: C901 - one line for each event
    match event:
        case ConfigCame(document):
            return take_config(state, document, now)
        case TimetableCame(document):
            return take_timetable(state, document, now)
        case EmergenciesCame(document):
            return take_emergencies(state, document, now)
        case OrderCame(order):
            return take_order(state, order, now)
        case ClipStored(sha256):
            return replace(state, clips=state.clips | {sha256}), ()
        case ClipTrouble():
            return _clip_trouble(state, event), ()
        case Began() | Ended() | Broke() | Silenced():
            track = state.tracks.get(event.broadcast)
            is_late = track is None or track.serial != event.serial
            return (state, ()) if track is None or is_late else _heard(state, track, event, now)
        case Woke(clips):
            return _woken(state, clips, now)
        case Leaving():
            return _left(state)
        case Tick():
            return state, ()


def _clip_trouble(state: NodeState, event: ClipTrouble) -> NodeState:
    ending = Ending(Outcome.FAILED, event.reason, event.detail)
    for track in tuple(state.tracks.values()):
        is_concerned = any(clip.sha256 == event.sha256 for clip in track.item.clips)
        if is_concerned and track.phase in {Phase.WAITING, Phase.PREPARED}:
            state = state.with_track(replace(track, trouble=ending))
    return replace(state, clips=state.clips - {event.sha256})


def _heard(state: NodeState, track: Track, event: Began | Ended | Broke | Silenced, now: Instant) -> Step:
    """The output says what became of a broadcast. Word of one that is over, or that holds nothing, is late."""
    match event:
        case Began(_, _, started_at) if track.phase is Phase.STARTING:
            track = replace(moved(track, Phase.PLAYING), started_at=started_at)
            return state.with_track(track), (tell(state, track, Outcome.PLAYING, now),)
        case Ended() if track.is_sounding or track.phase is Phase.STOPPING:
            return _ended(state, replace(track, started_at=event.started_at), event, now)
        case Broke() if track.phase not in {Phase.WAITING, Phase.DONE}:
            return _broken(state, track, event, now)
        case Silenced() if track.phase is Phase.STOPPING:
            return _silenced(state, track, event.started_at, event.finished_at, now)
    return state, ()


def _ended(state: NodeState, track: Track, event: Ended, now: Instant) -> Step:
    """It sounded to its end: whole, unless it was joined so late that part of it had gone by."""
    if timedelta(milliseconds=track.from_ms) <= SLACK:
        return finished(state, track, Outcome.PLAYED, now, detail=event.detail, finished_at=event.finished_at)
    detail = f"joined late: its first {track.from_ms / 1000:.1f} s were not heard"
    return finished(
        state, track, Outcome.CUT, now, reason=Reason.TOO_LATE, detail=detail, finished_at=event.finished_at
    )


def _broken(state: NodeState, track: Track, event: Broke, now: Instant) -> Step:
    if track.phase is Phase.STOPPING:
        return _silenced(state, track, event.started_at, event.finished_at, now)
    started_at = event.started_at or track.started_at
    if started_at is None:
        trouble = Ending(Outcome.FAILED, event.reason, event.detail)
        return state.with_track(put_off(track, trouble, now)), ()
    track = replace(track, started_at=started_at)
    return finished(
        state, track, Outcome.CUT, now, reason=event.reason, detail=event.detail, finished_at=event.finished_at
    )


def _silenced(
    state: NodeState, track: Track, started_at: datetime | None, finished_at: datetime | None, now: Instant
) -> Step:
    """What was to be silenced is silent: cut, or never begun."""
    started_at = started_at or track.started_at
    ending = track.ending or Ending(Outcome.CUT, Reason.STOPPED)
    if started_at is None and ending.reason is Reason.PREEMPTED:
        waits = replace(moved(track, Phase.WAITING), queued=True, ending=None, way=None, from_ms=0)
        return state.with_track(waits), ()
    track = replace(track, started_at=started_at)
    outcome = Outcome.MISSED if started_at is None else ending.outcome
    return finished(state, track, outcome, now, reason=ending.reason, detail=ending.detail, finished_at=finished_at)


def _woken(state: NodeState, clips: frozenset[str], now: Instant) -> Step:
    """After a restart: what sounded, or was about to, is reported cut and never begun again."""
    state = replace(state, clips=clips, held=(), trusted_since=now.at if now.trusted else None, leaving=False)
    actions: tuple[Action, ...] = ()
    for track in tuple(state.tracks.values()):
        more: tuple[Action, ...] = ()
        if track.is_sounding:
            state, more = finished(state, track, Outcome.CUT, now, reason=Reason.RESTARTED)
        elif track.phase is Phase.STOPPING:
            # Whether it had begun is not known any more: it is not begun again.
            ending = track.ending or Ending(Outcome.CUT, Reason.RESTARTED)
            state, more = finished(state, track, Outcome.CUT, now, reason=ending.reason, detail=ending.detail)
        elif track.phase is Phase.PREPARED:
            state = state.with_track(laid_aside(track)[0])
        actions += more
    return state, actions


def _left(state: NodeState) -> Step:
    actions: tuple[Action, ...] = ()
    for track in tuple(state.tracks.values()):
        more: tuple[Action, ...] = ()
        if track.is_sounding:
            state, more = hush(state, track, Ending(Outcome.CUT, Reason.SHUT_DOWN))
        elif track.phase is Phase.PREPARED:
            track, more = laid_aside(track)  # noqa: PLW2901
            state = state.with_track(track)
        actions += more
    return replace(state, leaving=True), actions


def _forgotten(state: NodeState, now: Instant) -> NodeState:
    """Without what is long over and no longer listed."""
    if not now.trusted:
        return state
    listed = {item.broadcast for timetable in state.timetables.values() for item in timetable.broadcasts}
    tracks = {
        name: track
        for name, track in state.tracks.items()
        if track.phase is not Phase.DONE or name in listed or _over_at(track) > now.at - HISTORY
    }
    orders = {name: at for name, at in state.orders.items() if at > now.at - ORDER_SLACK}
    stopped = {name: at for name, at in state.stopped.items() if at > now.at - HISTORY}
    if (len(tracks), len(orders), len(stopped)) == (len(state.tracks), len(state.orders), len(state.stopped)):
        return state
    return replace(state, tracks=tracks, orders=orders, stopped=stopped)


def _over_at(track: Track) -> datetime:
    return max(track.ends_at, track.expires_at or track.ends_at)
