"""What a node obeys: which documents and orders it takes, and what they change. Pure; signatures are checked before.

A retained document counts only when its version is higher than any before. An order counts once, while it is fresh,
and only when the server has told this process the time: until then it is held.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from players.messages import (
    CuedBroadcast,
    Emergencies,
    NodeConfig,
    Order,
    Outcome,
    Play,
    PreparedPack,
    Reason,
    Rehearse,
    Restart,
    Stop,
    Timetable,
)
from players.node.clock import Instant
from players.node.events import Action, Discard, Ending, Hush, Refuse, StartAnew
from players.node.growing import lengthened, take_more
from players.node.rehearsing import rehearse
from players.node.state import (
    HISTORY,
    NodeState,
    Origin,
    Phase,
    Step,
    Track,
    finished,
    moved,
    tell,
)
from players.versions import VersionVerdict, judge_version

FUTURE = timedelta(seconds=60)
"""An order issued later than this from now was not issued by the server that tells us the time."""
MAX_HELD = 64


def take_config(state: NodeState, document: NodeConfig, now: Instant) -> Step:
    """A new configuration; zones the node has left lose their timetables."""
    if document.commune != state.commune or document.node != state.node:
        return state, (Refuse("config", "for another node"),)
    try:
        ZoneInfo(document.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return state, (Refuse("config", f"unknown time zone {document.timezone!r}"),)
    verdict, state, refusal = _judged(state, "config", document.version)
    if verdict is not VersionVerdict.NEW:
        return state, refusal
    kept = {zone: timetable for zone, timetable in state.timetables.items() if zone in document.zones}
    packs = {zone: pack for zone, pack in state.packs.items() if zone in document.zones}
    state = replace(state, config=document, zones=document.zones, timetables=kept, packs=packs)
    return _relisted(state, now, ())


def take_timetable(state: NodeState, document: Timetable, now: Instant) -> Step:
    """A zone's new timetable: it adds, changes and withdraws broadcasts that have not begun."""
    if document.commune != state.commune or document.zone not in state.zones:
        return state, (Refuse("timetable", f"for zone {document.zone!r}, which is not ours"),)
    verdict, state, refusal = _judged(state, f"timetable/{document.zone}", document.version)
    if verdict is not VersionVerdict.NEW:
        return state, refusal
    state = replace(state, timetables={**state.timetables, document.zone: document})
    return _relisted(state, now, document.broadcasts)


def take_emergencies(state: NodeState, document: Emergencies, now: Instant) -> Step:
    """The emergencies still valid in a zone, each an order; those already taken are nothing new."""
    if document.commune != state.commune or document.zone not in state.zones:
        return state, (Refuse("emergencies", f"for zone {document.zone!r}, which is not ours"),)
    verdict, state, refusal = _judged(state, f"emergencies/{document.zone}", document.version)
    if verdict is not VersionVerdict.NEW:
        return state, refusal
    active = frozenset(order.order for order in document.active)
    state = replace(state, active={**state.active, document.zone: active})
    actions: tuple[Action, ...] = ()
    for order in document.active:
        state, more = take_order(state, order, now)
        actions += more
    return state, actions


def take_pack(state: NodeState, document: PreparedPack, now: Instant) -> Step:  # noqa: ARG001 - of one shape
    """What a zone has ready for emergencies: its clips are fetched first and kept."""
    if document.commune != state.commune or document.zone not in state.zones:
        return state, (Refuse("prepared", f"for zone {document.zone!r}, which is not ours"),)
    verdict, state, refusal = _judged(state, f"prepared/{document.zone}", document.version)
    if verdict is not VersionVerdict.NEW:
        return state, refusal
    return replace(state, packs={**state.packs, document.zone: document}), ()


def take_order(state: NodeState, order: Order, now: Instant) -> Step:
    """An order, once, while it is fresh."""
    if order.commune != state.commune:
        return state, (Refuse(order.order, f"for commune {order.commune!r}"),)
    if order.order in state.orders:
        return (take_more(state, order) if isinstance(order, Play) and order.expires_at > now.at else state), ()
    if any(held.order == order.order for held in state.held):
        return _held_longer(state, order), ()
    if not now.trusted:
        if len(state.held) >= MAX_HELD:
            return state, (Refuse(order.order, "too many orders while the time is unknown"),)
        return replace(state, held=(*state.held, order)), ()
    if order.issued_at > now.at + FUTURE:
        return state, (Refuse(order.order, "issued in the future"),)
    if _may_be_known(state, order, now):
        return state, (Refuse(order.order, "issued before this start, and what was obeyed before is not known"),)
    if order.expires_at <= now.at:
        return _came_too_late(state, order, now)
    state = replace(state, orders={**state.orders, order.order: order.expires_at})
    return _carried_out(state, order, now)


def _may_be_known(state: NodeState, order: Order, now: Instant) -> bool:
    """Whether it may have been obeyed already. What the server still lists as an emergency is obeyed anyway."""
    is_active = any(order.order in orders for orders in state.active.values())
    return state.has_forgotten and order.issued_at < now.awake_since and not is_active


def _held_longer(state: NodeState, order: Order) -> NodeState:
    """An order that is held has come again: one that brings more takes its place."""
    if not isinstance(order, Play):
        return state
    held = tuple(
        order if isinstance(one, Play) and one.order == order.order and lengthened(one.item, order.item) else one
        for one in state.held
    )
    return replace(state, held=held)


def release_held(state: NodeState, now: Instant) -> Step:
    """Judge what was held, once the time is known."""
    if not now.trusted or not state.held:
        return state, ()
    held, state = state.held, replace(state, held=())
    actions: tuple[Action, ...] = ()
    for order in held:
        state, more = take_order(state, order, now)
        actions += more
    return state, actions


def hush(state: NodeState, track: Track, ending: Ending) -> Step:
    """Silence what holds the output."""
    return state.with_track(moved(track, Phase.STOPPING, ending=ending)), (Hush(track.item.broadcast),)


def laid_aside(track: Track) -> tuple[Track, tuple[Action, ...]]:
    """A track that has not begun, with nothing prepared."""
    if track.phase is not Phase.PREPARED:
        return track, ()
    return moved(track, Phase.WAITING, from_ms=0, way=None), (Discard(track.item.broadcast),)


def _judged(state: NodeState, key: str, version: int) -> tuple[VersionVerdict, NodeState, tuple[Action, ...]]:
    held = state.versions.get(key)
    verdict = judge_version(held, version)
    if verdict is VersionVerdict.OLD:
        return verdict, state, (Refuse(key, f"version {version} is older than {held}"),)
    if verdict is VersionVerdict.NEW:
        state = replace(state, versions={**state.versions, key: version})
    return verdict, state, ()


def _carried_out(state: NodeState, order: Order, now: Instant) -> Step:
    if isinstance(order, Stop):
        return stopped_by_name(state, order, now)
    if isinstance(order, Rehearse):
        return rehearse(state, order), ()
    if isinstance(order, Restart):
        return _start_anew(state, order, now)
    if isinstance(order, Play):
        known = state.tracks.get(order.item.broadcast)
        if known is None:
            return accepted(state, Track(order.item, Origin.ORDER, expires_at=order.expires_at), now)
        if known.phase in {Phase.WAITING, Phase.PREPARED}:
            known, actions = laid_aside(known)
            brought = replace(known, item=order.item, origin=Origin.ORDER, listed=True, expires_at=order.expires_at)
            return state.with_track(brought), actions
    return state, ()


def _start_anew(state: NodeState, order: Restart, now: Instant) -> Step:
    """End and begin again; once, also where a card that cannot be written has not kept the order's id."""
    if order.node != state.node:
        return state, (Refuse(order.order, f"for node {order.node!r}"),)
    if order.issued_at < now.awake_since:
        return state, (Refuse(order.order, "issued before this start"),)
    return state, (StartAnew(order.order),)


def _came_too_late(state: NodeState, order: Order, now: Instant) -> Step:
    """An order that expired on its way is not obeyed; the server learns why its broadcast did not sound here."""
    refusal = Refuse(order.order, "expired")
    is_recent = order.expires_at > now.at - HISTORY
    if not isinstance(order, Play) or order.item.broadcast in state.tracks or not is_recent:
        return state, (refusal,)
    state = replace(state, orders={**state.orders, order.order: order.expires_at})
    track = Track(order.item, Origin.ORDER, expires_at=order.expires_at)
    state, actions = finished(
        state, track, Outcome.MISSED, now, reason=Reason.TOO_LATE, detail="the order came after it had expired"
    )
    return state, (refusal, *actions)


def accepted(state: NodeState, track: Track, now: Instant) -> Step:
    """A broadcast this node was told of for the first time."""
    state, received = state.with_track(track), tell(state, track, Outcome.RECEIVED, now)
    if track.item.broadcast not in state.stopped:
        return state, (received,)
    state, final = finished(state, track, Outcome.MISSED, now, reason=Reason.STOPPED)
    return state, (received, *final)


def stopped_by_name(state: NodeState, order: Stop, now: Instant) -> Step:
    """Silence what an order names, or whatever sounds; what has not begun does not begin."""
    if order.broadcast is None:
        track = state.sounding
    else:
        state = replace(state, stopped={**state.stopped, order.broadcast: now.at})
        track = state.tracks.get(order.broadcast)
    ending = Ending(Outcome.CUT, Reason.STOPPED)
    if track is None or track.phase is Phase.DONE:
        return state, ()
    if track.is_sounding:
        return hush(state, track, ending)
    if track.phase is Phase.STOPPING:
        return state.with_track(replace(track, ending=ending)), ()
    track, discarded = laid_aside(track)
    state, final = finished(state, track, Outcome.MISSED, now, reason=Reason.STOPPED)
    return state, (*discarded, *final)


def _relisted(state: NodeState, now: Instant, items: Iterable[CuedBroadcast]) -> Step:
    """Bring the tracks in line with the timetables held, `items` being what the newest of them lists."""
    actions: tuple[Action, ...] = ()
    for item in items:
        known = state.tracks.get(item.broadcast)
        # A date that nobody has confirmed (a board in 2040) makes nothing old: this version is never read again.
        since = now.awake_since if state.has_forgotten else now.at - HISTORY  # what may have sounded does not again
        if known is None and (not now.trusted or item.starts_at > since):
            state, more = accepted(state, Track(item, Origin.TIMETABLE), now)
            actions += more
        elif known is not None and known.origin is Origin.TIMETABLE and known.item != item:
            state, more = _changed(state, known, item)
            actions += more
    listed = {item.broadcast for timetable in state.timetables.values() for item in timetable.broadcasts}
    for track in tuple(state.tracks.values()):
        is_listed = track.item.broadcast in listed
        if track.origin is Origin.TIMETABLE and track.listed != is_listed and track.phase is not Phase.DONE:
            track, more = (track, ()) if is_listed else laid_aside(track)  # noqa: PLW2901
            state = state.with_track(replace(track, listed=is_listed))
            actions += more
    return state, actions


def _changed(state: NodeState, track: Track, item: CuedBroadcast) -> Step:
    """The officer has moved or rewritten a coming broadcast; one that has begun goes on as it was."""
    if track.phase not in {Phase.WAITING, Phase.PREPARED} or track.started_at is not None:
        return state, ()
    track, actions = laid_aside(track)
    return state.with_track(replace(track, item=item, queued=False, told_cued=False)), actions
