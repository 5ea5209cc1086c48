"""Where recordings are used: cutting one anew, or removing it, reaches into the bulletins that hold it."""

from datetime import datetime

from sqlmodel import Session, col, or_, select

from broadcast.audit import record
from broadcast.bulletins import begin_revision
from broadcast.communes import get_commune, local_zone
from broadcast.errors import Conflict
from broadcast.lifecycle import COMING
from broadcast.models import (
    Broadcast,
    BroadcastRelay,
    BroadcastState,
    Bulletin,
    BulletinPart,
    BulletinState,
    Clip,
    LiveAnnouncement,
    Placement,
    Programme,
    ProgrammePart,
    Recording,
    Rendering,
    User,
    row_id,
)
from broadcast.permissions import Action, may
from broadcast.recordings import get_recording, keep_clip, require_revision
from tts.record_job import Cut

_IN_HAND = frozenset({BulletinState.DRAFT, BulletinState.SUBMITTED, BulletinState.RETURNED})


def uses_of(session: Session, recording: Recording, now: datetime) -> list[Bulletin]:
    """The bulletins that are still to be aired with it, or to be decided on; not those that are over."""
    of_parts = select(BulletinPart.bulletin_id).where(BulletinPart.recording_id == recording.id)
    found = session.exec(select(Bulletin).where(col(Bulletin.id).in_(of_parts)).order_by(col(Bulletin.id))).all()
    return [bulletin for bulletin in found if bulletin.state in _IN_HAND or _is_coming(session, bulletin, now)]


def programmes_with(session: Session, recording: Recording) -> list[str]:
    """The names of the programmes that it is a part of. They keep the clip that was chosen, whatever is cut later."""
    of_parts = select(ProgrammePart.programme_id).where(ProgrammePart.recording_id == recording.id)
    return list(session.exec(select(Programme.name).where(col(Programme.id).in_(of_parts)).order_by(Programme.name)))


def trim_recording(
    session: Session, recording_id: str, user: User, revision: int, cut: Cut, now: datetime
) -> list[Bulletin]:
    """Air another stretch of it from now on; the bulletins that must be approved again because of that.

    Raises:
        NotFound: it is not for this user.
        Conflict: it was changed since that revision, or it is in a bulletin that this user may not send back.
    """
    recording = get_recording(session, recording_id, user)
    require_revision(recording, revision)
    uses = uses_of(session, recording, now)
    decided = [bulletin for bulletin in uses if bulletin.state in {BulletinState.SUBMITTED, BulletinState.APPROVED}]
    if decided and not may(user, Action.WRITE_BULLETIN):
        raise _in_use(decided[0], user)
    keep_clip(session, cut, now)
    old = recording.clip_sha256
    recording.start_ms, recording.end_ms, recording.clip_sha256 = cut.start_ms, cut.end_ms, cut.sha256
    recording.revision += 1
    recording.edited_at = now
    session.add(recording)
    again = []
    for bulletin in uses if cut.sha256 != old else ():
        _put_clip(session, bulletin, recording)
        if bulletin in decided:
            begin_revision(session, bulletin, user, now)
            again.append(bulletin)
    session.flush()
    said = {"from_ms": cut.start_ms, "to_ms": cut.end_ms, "clip": cut.sha256, "bulletins": [one.id for one in again]}
    record(session, now, user.username, "trim-recording", recording.id, said)
    return again


def remove_recording(session: Session, recording_id: str, user: User, now: datetime) -> None:
    """Forget a recording that no bulletin waits for. What was aired of it stays in the log, with its clip.

    Raises:
        NotFound: it is not for this user.
        Conflict: a bulletin that is not over, or a programme, holds it; it says which.
    """
    recording = get_recording(session, recording_id, user)
    uses = uses_of(session, recording, now)
    if uses:
        raise _in_use(uses[0], user)
    for name in programmes_with(session, recording):
        raise Conflict("recording-in-use", f"Bản ghi đang dùng trong chương trình «{name}».")
    recording.removed_at, recording.clip_sha256 = now, None
    recording.peaks = []
    session.add(recording)
    record(session, now, user.username, "remove-recording", recording.id, {"name": recording.name})


def forget_clip(session: Session, sha256: str) -> bool:
    """Let go of a clip that was cut and that nothing holds any more; whether its file may be removed."""
    held = (
        select(Recording.id).where(Recording.clip_sha256 == sha256),
        select(BulletinPart.bulletin_id).where(BulletinPart.clip_sha256 == sha256),
        select(ProgrammePart.programme_id).where(ProgrammePart.clip_sha256 == sha256),
        select(BroadcastRelay.broadcast_id).where(BroadcastRelay.fallback_sha256 == sha256),
        select(LiveAnnouncement.broadcast_id).where(LiveAnnouncement.clip_sha256 == sha256),
        select(Rendering.key).where(Rendering.clip_sha256 == sha256),
        # A listener's, or one that is not rendered yet.
        select(Rendering.key).where(col(Rendering.script).contains(sha256)),
    )
    if any(session.exec(query.limit(1)).first() is not None for query in held):
        return False
    clip = session.get(Clip, sha256)
    if clip is not None:
        session.delete(clip)
    return True


def _is_coming(session: Session, bulletin: Bulletin, now: datetime) -> bool:
    if bulletin.state is not BulletinState.APPROVED:
        return False
    sounding = select(Broadcast.id).where(
        Broadcast.bulletin_id == bulletin.id, col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR})
    )
    today = now.astimezone(local_zone(get_commune(session))).date()
    placed = select(Placement.id).where(
        Placement.bulletin_id == bulletin.id,
        or_(col(Placement.until_on).is_(None), col(Placement.until_on) >= today),
    )
    return session.exec(sounding).first() is not None or session.exec(placed).first() is not None


def _put_clip(session: Session, bulletin: Bulletin, recording: Recording) -> None:
    query = select(BulletinPart).where(
        BulletinPart.bulletin_id == bulletin.id, BulletinPart.recording_id == recording.id
    )
    for part in session.exec(query).all():
        part.clip_sha256 = recording.clip_sha256
        session.add(part)


def _in_use(bulletin: Bulletin, user: User) -> Conflict:
    is_hidden = bulletin.state is BulletinState.DRAFT and bulletin.author_id != row_id(user.id)
    where = "một bản nháp của người khác" if is_hidden else f"bản tin «{bulletin.title}»"
    return Conflict("recording-in-use", f"Bản ghi đang dùng trong {where}.")
