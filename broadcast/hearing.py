"""Who may listen to a clip: whoever may see something that speaks it."""

from collections.abc import Sequence

from sqlmodel import Session, col, or_, select

from broadcast.bulletins import get_bulletin
from broadcast.errors import NotFound
from broadcast.models import (
    Broadcast,
    BroadcastPart,
    BroadcastRelay,
    BroadcastZone,
    Bulletin,
    BulletinPart,
    LiveAnnouncement,
    Recording,
    Rendering,
    User,
)
from broadcast.recordings import visible_to


def may_hear(session: Session, user: User, sha256: str) -> bool:
    """Whether a clip is this user's to hear.

    Recordings are heard by whom `broadcast.recordings` lets; what a bulletin or a broadcast speaks, by who may see one
    of those (a village head: his village's). What none speaks (a text tried out, a word of the lexicon) is heard by
    whoever was told its SHA-256.
    """
    if session.exec(visible_to(user).where(Recording.clip_sha256 == sha256)).first() is not None:
        return True
    keys = session.exec(select(Rendering.key).where(Rendering.clip_sha256 == sha256)).all()
    bulletins, broadcasts = _bulletins(session, keys, sha256), _broadcasts(session, keys, sha256)
    if not bulletins and not broadcasts:
        return session.exec(select(Recording.id).where(Recording.clip_sha256 == sha256)).first() is None
    return any(_sees(session, user, bulletin) for bulletin in bulletins) or _is_for(session, user, broadcasts)


def _bulletins(session: Session, keys: Sequence[str], sha256: str) -> Sequence[str]:
    of_texts = select(Bulletin.id).where(
        or_(col(Bulletin.rendering_key).in_(keys), col(Bulletin.programme_key).in_(keys))
    )
    of_parts = select(BulletinPart.bulletin_id).where(BulletinPart.clip_sha256 == sha256)
    return [*session.exec(of_texts), *session.exec(of_parts)]


def _broadcasts(session: Session, keys: Sequence[str], sha256: str) -> Sequence[str]:
    parts = or_(col(BroadcastPart.rendering_key).in_(keys), col(BroadcastPart.next_key).in_(keys))
    said_live = select(LiveAnnouncement.broadcast_id).where(LiveAnnouncement.clip_sha256 == sha256)
    instead = select(BroadcastRelay.broadcast_id).where(BroadcastRelay.fallback_sha256 == sha256)
    spoken = session.exec(select(Broadcast.id).join(BroadcastPart).where(parts).distinct())
    return [*spoken, *session.exec(said_live), *session.exec(instead)]


def _sees(session: Session, user: User, bulletin_id: str) -> bool:
    try:
        get_bulletin(session, bulletin_id, user)
    except NotFound:
        return False
    return True


def _is_for(session: Session, user: User, broadcasts: Sequence[str]) -> bool:
    if not broadcasts or user.zone_id is None:
        return bool(broadcasts)
    query = select(BroadcastZone.broadcast_id).where(
        col(BroadcastZone.broadcast_id).in_(broadcasts), BroadcastZone.zone_id == user.zone_id
    )
    return session.exec(query).first() is not None
