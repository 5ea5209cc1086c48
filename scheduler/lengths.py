"""How long what is planned will last: the real length of what is rendered, a guess for the rest."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from broadcast.models import BroadcastPart, Clip, Rendering, RenderingState
from broadcast.relays import relays_of, starts_of

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
    """The length of each of these broadcasts, relays as long as they are meant to be; without those of no parts."""
    query = (
        select(BroadcastPart.broadcast_id, Rendering.state, Clip.duration_ms, Rendering.spoken)
        .join(Rendering, col(Rendering.key) == col(BroadcastPart.rendering_key))
        .outerjoin(Clip, col(Clip.sha256) == col(Rendering.clip_sha256))
        .where(col(BroadcastPart.broadcast_id).in_(broadcast_ids))
        .order_by(col(BroadcastPart.position))
    )
    parts: defaultdict[str, list[int]] = defaultdict(list)
    guessed: set[str] = set()
    for broadcast_id, state, duration_ms, spoken in session.exec(query):
        if state is RenderingState.RENDERED and duration_ms is not None:
            parts[broadcast_id].append(duration_ms)
        else:
            parts[broadcast_id].append(guess_ms(spoken))
            guessed.add(broadcast_id)
    relays = relays_of(session, list(parts))
    return {
        id_: Length(timedelta(milliseconds=starts_of(relays.get(id_, ()), lengths)[1]), id_ in guessed)
        for id_, lengths in parts.items()
    }


def guess_ms(spoken: str) -> int:
    """How long these words take to be read, about, in milliseconds."""
    return len(spoken) * 1000 // CHARACTERS_PER_S
