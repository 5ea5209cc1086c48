"""Will it sound? Every reason why a coming broadcast cannot, as things stand now."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.airings import clips_of, states_of_each
from broadcast.hours import Hours
from broadcast.lifecycle import WhyNot
from broadcast.models import Broadcast, RenderingState
from players.messages import Urgency


def why_not(session: Session, broadcast: Broadcast, hours: Hours, starts_at: datetime | None) -> WhyNot | None:
    """What would keep it from sounding if it began at `starts_at`; none when nothing stands in its way.

    A clip that is still being rendered is no reason yet. Only an emergency may sound in quiet hours, or on a day
    of mourning.
    """
    states = states_of_each(session, [broadcast.id]).get(broadcast.id, ())
    return why_not_with(states, broadcast, hours, starts_at)


def why_not_with(
    states: Collection[RenderingState], broadcast: Broadcast, hours: Hours, starts_at: datetime | None
) -> WhyNot | None:
    """`why_not` of a broadcast whose renderings are in these states."""
    if not states:
        return WhyNot.NOTHING_TO_AIR
    if RenderingState.FAILED in states:
        return WhyNot.RENDERING_FAILED
    return None if starts_at is None else why_quiet(broadcast, hours, starts_at)


def why_quiet(broadcast: Broadcast, hours: Hours, starts_at: datetime) -> WhyNot | None:
    """What the hours, the days of mourning and the rules have against it; nothing against an emergency."""
    if broadcast.urgency is Urgency.EMERGENCY:
        return None
    lasts = timedelta(milliseconds=broadcast.duration_ms or 0)
    return hours.why_closed(starts_at, lasts) or (WhyNot(broadcast.over_rule) if broadcast.over_rule else None)


def is_ready(session: Session, broadcast: Broadcast) -> bool:
    """Whether all its clips are there."""
    return clips_of(session, broadcast.id) is not None
