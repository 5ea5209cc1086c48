"""What sounds for words of an emergency that no voice can speak: once in a broadcast, and never another's sign."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from broadcast.communes import tunes_of
from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, BroadcastPart, BroadcastState, Follows, Rendering, RenderingState
from tts.chimes import Chime

if TYPE_CHECKING:
    from tts.clip_file import ClipFile

SIGNAL = "chime"
"""The engine that `tts.clip_file.make_signal` names."""
_ALARM_TIMES = 3
_REST_MS = 300
_OVER = frozenset({Follows.ALL_CLEAR, Follows.CORRECTION})


class StandIn(StrEnum):
    """What may sound."""

    ALARM = "alarm"
    """The emergency's horn, three times."""
    OVER = "over"
    """The sound after an emergency: of an all-clear or a correction, which must never raise the alarm."""
    DRILL = "drill"
    """The tones of a drill."""
    REST = "rest"
    """A rest: other words of the broadcast have their signal already."""


@dataclass(frozen=True, slots=True)
class Instead:
    """A sound to be made: of which chime, in which of the commune's tunes; none: a rest."""

    chime: Chime | None
    tune: str = ""
    closing: bool = False
    times: int = 1


def instead_of(session: Session, key: str) -> Instead:
    """What to make instead of a rendering: of a chime alone, itself. Only reads."""
    rendering = session.get_one(Rendering, key)
    if rendering.chime is not None and not rendering.sentences:
        return Instead(Chime(rendering.chime), rendering.tune, rendering.has_closing_chime)
    tune = tunes_of(session).get(Chime.EMERGENCY, "")
    match _kind_for(session, rendering):
        case StandIn.ALARM:
            return Instead(Chime.EMERGENCY, tune, times=_ALARM_TIMES)
        case StandIn.OVER:
            return Instead(Chime.EMERGENCY, tune, closing=True)
        case StandIn.DRILL:
            return Instead(Chime.DRILL)
        case StandIn.REST:
            return Instead(None)


def make_instead(instead: Instead, target_lufs: float) -> "ClipFile":
    """The clip, as loud as the house is.

    Raises:
        ClipError: the encoder failed.
    """
    # Imported where it is used: the server makes sound only when nobody else can.
    from tts.clip_file import make_rest, make_signal  # noqa: PLC0415
    from tts.loudness import Level  # noqa: PLC0415

    level = Level(target_lufs=target_lufs)
    if instead.chime is None:
        return make_rest(_REST_MS, level)
    return make_signal(instead.chime, times=instead.times, closing=instead.closing, level=level, tune=instead.tune)


def _kind_for(session: Session, rendering: Rendering) -> StandIn:
    """By the broadcasts that a rendering is for now; of several the gravest."""
    holds = select(Broadcast).join(BroadcastPart).where(BroadcastPart.rendering_key == rendering.key)
    open_ones = session.exec(holds.where(col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR}))).all()
    if not open_ones:
        return StandIn.DRILL if rendering.chime == Chime.DRILL else StandIn.ALARM
    kinds = {one.id: _kind_of(one) for one in open_ones}
    gravest = min(kinds.values(), key=list(StandIn).index)
    ids = {id_ for id_, kind in kinds.items() if kind is gravest}
    is_given = (col(Rendering.is_signal), Rendering.state == RenderingState.RENDERED)
    given = select(BroadcastPart.broadcast_id).join(Rendering).where(*is_given)
    return StandIn.REST if ids <= set(session.exec(given.where(col(BroadcastPart.broadcast_id).in_(ids)))) else gravest


def _kind_of(broadcast: Broadcast) -> StandIn:
    if broadcast.is_drill:
        return StandIn.DRILL
    return StandIn.OVER if broadcast.follows_as in _OVER else StandIn.ALARM
