"""How long what is planned will last: the real length of what is rendered, a guess for the rest."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from broadcast.models import BroadcastPart, Clip, Rendering, RenderingState

CHARACTERS_PER_S = 14
"""How fast Vietnamese is read aloud by the voices at hand, spaces counted; only for guesses."""
UNKNOWN_LASTS = timedelta(minutes=5)
"""What is taken for a time of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long something lasts; `is_estimate` when some of it is not rendered yet."""

    lasts: timedelta
    is_estimate: bool


def lengths_of(session: Session, broadcast_ids: Collection[str]) -> dict[str, Length]:
    """The length of each of these broadcasts; one that has no parts is left out."""
    query = (
        select(BroadcastPart.broadcast_id, Rendering.state, Clip.duration_ms, Rendering.spoken)
        .join(Rendering, col(Rendering.key) == col(BroadcastPart.rendering_key))
        .outerjoin(Clip, col(Clip.sha256) == col(Rendering.clip_sha256))
        .where(col(BroadcastPart.broadcast_id).in_(broadcast_ids))
    )
    found: defaultdict[str, Length] = defaultdict(lambda: Length(timedelta(), is_estimate=False))
    for broadcast_id, state, duration_ms, spoken in session.exec(query):
        is_rendered = state is RenderingState.RENDERED and duration_ms is not None
        lasts = timedelta(milliseconds=duration_ms) if is_rendered else guess_length(spoken)
        known = found[broadcast_id]
        found[broadcast_id] = Length(known.lasts + lasts, known.is_estimate or not is_rendered)
    return dict(found)


def guess_length(spoken: str) -> timedelta:
    """How long these words take to be read, about."""
    return timedelta(seconds=len(spoken) / CHARACTERS_PER_S)
