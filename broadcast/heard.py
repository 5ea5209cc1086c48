"""Clips that somebody only listened to beforehand ("nghe thử"): few are kept, and not for long.

Whatever else wants the same text makes the rendering everybody's (`broadcast.renderings`), and then it stays.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, or_, select

from broadcast.models import BroadcastPart, Bulletin, Clip, Delivery, Rendering, RenderingState
from broadcast.recording_uses import forget_clip
from tts.clip_store import ClipStore

HEARD_KEPT = timedelta(days=2)
MOST_HEARD_BYTES = 256 << 20
"""Of what was heard within those days; the oldest goes first."""
STILL_HEARD = timedelta(hours=1)
"""Whoever listens may take so long, and a renderer that found the same sound in the store is done by then."""


def find_heard(session: Session, now: datetime, *, most_bytes: int = MOST_HEARD_BYTES) -> list[str]:
    """The keys of what may be forgotten, as far as can be seen now. Only reads: much is looked through."""
    return [rendering.key for rendering in _over(session, now, most_bytes) if not _is_held(session, rendering)]


def forget_heard(session: Session, clips: ClipStore, keys: Iterable[str], now: datetime) -> int:
    """Forget clips that were only listened to, of those that `find_heard` found; how many renderings.

    What a broadcast, a delivery, a bulletin, a recording or a prepared message holds by now is not touched.
    """
    forgotten = 0
    for key in keys:
        rendering = session.get(Rendering, key)
        if rendering is None or not rendering.is_only_heard or rendering.state is RenderingState.WANTED:
            continue
        sha256 = rendering.clip_sha256
        if _is_held(session, rendering) or (sha256 and _is_fresh(clips, sha256, now)):
            continue
        session.delete(rendering)
        session.flush()
        forgotten += 1
        if sha256 and forget_clip(session, sha256):
            clips.remove(sha256)
    return forgotten


def _over(session: Session, now: datetime, most_bytes: int) -> Iterator[Rendering]:
    """What is too old, or too much, the newest first."""
    heard = (
        select(Rendering, Clip.size_bytes)
        .join(Clip, isouter=True)
        .where(Rendering.is_only_heard, Rendering.state != RenderingState.WANTED)
        .where(Rendering.wanted_at < now - STILL_HEARD)
        .order_by(col(Rendering.wanted_at).desc(), col(Rendering.key))
    )
    total = 0
    for rendering, size_bytes in session.exec(heard).all():
        total += size_bytes or 0
        if total > most_bytes or rendering.wanted_at < now - HEARD_KEPT:
            yield rendering


def _is_held(session: Session, rendering: Rendering) -> bool:
    key, sha256 = rendering.key, rendering.clip_sha256
    holders = [
        select(BroadcastPart.broadcast_id).where(
            or_(BroadcastPart.rendering_key == key, BroadcastPart.next_key == key)
        ),
        select(Bulletin.id).where(or_(Bulletin.rendering_key == key, Bulletin.programme_key == key)),
    ]
    if sha256:
        holders.append(select(Delivery.broadcast_id).where(Delivery.clip_sha256 == sha256))
    return any(session.exec(query.limit(1)).first() is not None for query in holders)


def _is_fresh(clips: ClipStore, sha256: str, now: datetime) -> bool:
    added_at = clips.added_at(sha256)
    return added_at is not None and datetime.fromtimestamp(added_at, UTC) > now - STILL_HEARD
