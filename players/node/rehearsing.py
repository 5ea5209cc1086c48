"""Rehearsals: an order whose clip is fetched and decoded as an emergency's is, and that sounds nothing. Pure."""

from dataclasses import replace

from players.messages import Rehearse, Rehearsed
from players.node.clock import Instant
from players.node.events import Answer, Decode, Decoded, Way
from players.node.state import NodeState, Step


def rehearse(state: NodeState, order: Rehearse) -> NodeState:
    """Take a rehearsal on; one that was under way is given up."""
    return replace(state, rehearsal=order, is_decoding=False)


def go_on_rehearsing(state: NodeState, now: Instant) -> Step:
    """Decode what is rehearsed as soon as its clip is there; give up what has expired."""
    rehearsal = state.rehearsal
    if rehearsal is None or state.is_decoding:
        return state, ()
    if rehearsal.expires_at <= now.at:
        return replace(state, rehearsal=None), ()
    if rehearsal.clip.sha256 not in state.clips or state.leaving:
        return state, ()
    return replace(state, is_decoding=True), (Decode(rehearsal),)


def decoded(state: NodeState, event: Decoded) -> Step:
    """The output says what came of it; word of a rehearsal that was given up is late."""
    if state.rehearsal is None or state.rehearsal.order != event.order or not state.is_decoding:
        return state, ()
    said = Rehearsed(
        node=state.node,
        order=event.order,
        at=event.at,
        output=state.abilities.output_of(Way.FILES),
        error=None if event.error is None else event.error[:300],
    )
    return replace(state, rehearsal=None, is_decoding=False), (Answer(said),)
