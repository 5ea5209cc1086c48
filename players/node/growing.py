"""Emergencies whose clips come while they sound: what lengthens them, and what of them is handed on. Pure.

An emergency begins as soon as its first clip, the chime, is there. Its order may come again with more (`growing`);
each is handed to the player as soon as it is in the store and all before it are.
"""

from dataclasses import replace

from players.messages import CuedBroadcast, Play
from players.node.events import Action, Lengthen
from players.node.state import NodeState, Phase, Step, Track

_OPENED = frozenset({Phase.PREPARED, Phase.STARTING, Phase.PLAYING})


def is_piecewise(item: CuedBroadcast) -> bool:
    """Whether it may begin before all its clips are there."""
    return item.is_emergency and not item.relays


def count_ready(state: NodeState, item: CuedBroadcast) -> int:
    """How many of its first clips are in the store."""
    missing = (place for place, clip in enumerate(item.clips) if clip.sha256 not in state.clips)
    return next(missing, len(item.clips))


def lengthened(held: CuedBroadcast, come: CuedBroadcast) -> CuedBroadcast | None:
    """A growing broadcast with what its order brings when it comes again; none when that is nothing new."""
    known = len(held.clips)
    if not held.growing or come.broadcast != held.broadcast or come.clips[:known] != held.clips:
        return None
    if come.growing and len(come.clips) == known:
        return None
    return held.model_copy(update={"clips": come.clips, "growing": come.growing})


def take_more(state: NodeState, order: Play) -> NodeState:
    """An order that was taken before has come again: what it brings besides."""
    track = state.tracks.get(order.item.broadcast)
    item = None if track is None or track.phase is Phase.DONE else lengthened(track.item, order.item)
    return state if track is None or item is None else state.with_track(replace(track, item=item))


def begun_with(state: NodeState, track: Track) -> Track:
    """A track that is being prepared, with the count of clips it begins with."""
    if not is_piecewise(track.item):
        return track
    ready = count_ready(state, track.item)
    return replace(track, handed=ready, is_open=track.item.growing or ready < len(track.item.clips))


def hand_on(state: NodeState) -> Step:
    """Give the player what has come of emergencies that it has opened."""
    actions: tuple[Action, ...] = ()
    for track in tuple(state.tracks.values()):
        if not track.is_open or track.phase not in _OPENED:
            continue
        ready = count_ready(state, track.item)
        is_last = not track.item.growing and ready == len(track.item.clips)
        if ready > track.handed or is_last:
            actions += (Lengthen(track.item.broadcast, track.item.clips[track.handed : ready], is_last),)
            state = state.with_track(replace(track, handed=ready, is_open=not is_last))
    return state, actions
