"""`step`: the node as a pure function of its state and what happens to it."""

from dataclasses import replace
from datetime import datetime, timedelta

from players.messages import Outcome, Reason
from players.node.airing import advance, put_off
from players.node.breaking import broken_off, going_on, whole
from players.node.clock import Instant
from players.node.events import (
    Action,
    Began,
    Broke,
    ClipStored,
    ClipTrouble,
    ConfigCame,
    Decoded,
    EmergenciesCame,
    Ended,
    Ending,
    Event,
    Leaving,
    LocalCame,
    OrderCame,
    PackCame,
    Progress,
    Silenced,
    Tick,
    TimetableCame,
    Woke,
)
from players.node.local_orders import take_local
from players.node.obeying import (
    hush,
    laid_aside,
    release_held,
    take_config,
    take_emergencies,
    take_order,
    take_pack,
    take_timetable,
)
from players.node.rehearsing import decoded, go_on_rehearsing
from players.node.state import HISTORY, NodeState, Phase, Step, Track, finished, moved, tell

ORDER_SLACK = timedelta(hours=1)
"""Ids are remembered this much longer than their orders are valid, whatever the clock does meanwhile."""


def step(state: NodeState, event: Event, now: Instant) -> Step:
    """The state after an event, and what is to be done, in order.

    The caller stores the state and the reports among the actions together, then carries out the rest.
    """
    if now.trusted is not (state.trusted_since is not None):
        state = replace(state, trusted_since=now.at if now.trusted else None)
    state, actions = _happened(state, event, now)
    state, released = release_held(state, now)
    state, further = advance(state, now)
    state, rehearsed = go_on_rehearsing(state, now)
    if isinstance(event, Tick | TimetableCame):  # not with what is to sound at once
        state = _forgotten(state, now)
    return state, (*actions, *released, *further, *rehearsed)


def _happened(state: NodeState, event: Event, now: Instant) -> Step:  # noqa: C901 - one line for each event
    match event:
        case ConfigCame(document):
            return take_config(state, document, now)
        case TimetableCame(document):
            return take_timetable(state, document, now)
        case EmergenciesCame(document):
            return take_emergencies(state, document, now)
        case PackCame(document):
            return take_pack(state, document, now)
        case OrderCame(order):
            return take_order(state, order, now)
        case LocalCame():
            return take_local(state, event, now)
        case ClipStored(sha256):
            return replace(state, clips=state.clips | {sha256}), ()
        case ClipTrouble():
            return _clip_trouble(state, event), ()
        case Began() | Ended() | Broke() | Silenced():
            track = state.tracks.get(event.broadcast)
            is_late = track is None or track.serial != event.serial
            return (state, ()) if track is None or is_late else _heard(state, track, event, now)
        case Decoded():
            return decoded(state, event)
        case Woke():
            return _woken(state, event, now)
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
            return _began(state, track, started_at, now)
        case Ended() if track.is_sounding or track.phase is Phase.STOPPING:
            track = _sounding_since(track, event.started_at)
            return whole(state, track, now, event.detail, event.finished_at, event.reason)
        case Broke() if track.phase not in {Phase.WAITING, Phase.DONE}:
            return _broken(state, track, event, now)
        case Silenced() if track.phase is Phase.STOPPING:
            return _silenced(state, track, event.started_at, event.finished_at, now)
    return state, ()


def _began(state: NodeState, track: Track, started_at: datetime, now: Instant) -> Step:
    is_first = track.started_at is None
    track = going_on(_sounding_since(moved(track, Phase.PLAYING), started_at), now)
    told = (tell(state, track, Outcome.PLAYING, now),) if is_first else ()
    return state.with_track(track), told


def _sounding_since(track: Track, began_at: datetime) -> Track:
    if track.started_at is None:
        track = replace(track, started_at=began_at, joined_ms=track.from_ms)
    return replace(track, began_at=began_at)


def _broken(state: NodeState, track: Track, event: Broke, now: Instant) -> Step:
    if track.phase is Phase.STOPPING:
        return _silenced(state, track, event.started_at, event.finished_at, now)
    began_at = event.started_at or track.began_at
    if began_at is None:
        trouble = Ending(Outcome.FAILED, event.reason, event.detail)
        return state.with_track(put_off(track, trouble, now)), ()
    ending = Ending(Outcome.CUT, event.reason, event.detail)
    return broken_off(state, _sounding_since(track, began_at), ending, event.finished_at, now)


def _silenced(
    state: NodeState, track: Track, began_at: datetime | None, finished_at: datetime | None, now: Instant
) -> Step:
    """What was to be silenced is silent: broken off, or never begun."""
    began_at = began_at or track.began_at
    ending = track.ending or Ending(Outcome.CUT, Reason.STOPPED)
    if began_at is not None:
        return broken_off(state, _sounding_since(track, began_at), ending, finished_at, now)
    if ending.reason is Reason.PREEMPTED or (track.broken_off is not None and ending.reason is Reason.SHUT_DOWN):
        is_whole = track.broken_off is None
        waits = moved(track, Phase.WAITING, queued=is_whole, ending=None, way=None, from_ms=0)
        return state.with_track(waits), ()
    return finished(
        state, track, Outcome.MISSED, now, reason=ending.reason, detail=ending.detail, finished_at=finished_at
    )


def _woken(state: NodeState, woke: Woke, now: Instant) -> Step:
    """After a restart: what sounded, or was about to, goes on by its own rule, or is reported cut."""
    trusted_since = now.at if now.trusted else None
    state = replace(state, clips=woke.clips, held=(), rehearsal=None, is_decoding=False, active={})
    state = replace(state, trusted_since=trusted_since, has_forgotten=woke.has_forgotten, leaving=False)
    actions: tuple[Action, ...] = ()
    for track in tuple(state.tracks.values()):
        more: tuple[Action, ...] = ()
        if track.is_sounding or track.phase is Phase.STOPPING:
            # Where it was only about to sound or to end, whether it did is not known any more.
            ending = track.ending or Ending(Outcome.CUT, Reason.RESTARTED)
            state, more = broken_off(state, track, ending, _last_known(track, woke.progress), now)
        elif track.phase is Phase.PREPARED:
            state = state.with_track(laid_aside(track)[0])
        actions += more
    return state, actions


def _last_known(track: Track, progress: Progress | None) -> datetime | None:
    """Until when it is known to have sounded."""
    if progress is None or (progress.broadcast, progress.serial) != (track.item.broadcast, track.serial):
        return None
    return progress.at


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
