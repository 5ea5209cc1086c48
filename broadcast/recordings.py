"""Recordings: sound that people recorded themselves. Kept, named, shared; who hears what.

A recording that is not shared is its owner's alone. A shared one is for officers, leaders and administrators; a village
head keeps to his own.
"""

from datetime import datetime

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from broadcast.audit import record
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.languages import check_language
from broadcast.models import Clip, Recording, Role, User, new_id, row_id
from broadcast.permissions import Action, require
from broadcast.typed_text import clean_line
from tts.record_job import RECORDED, Cut, Taken, Unfit

MAX_RECORDINGS = 500
"""Of one user."""
UNFIT_TEXTS = {
    Unfit.NOT_AUDIO: "Tệp này không phải là âm thanh đọc được. Hãy gửi tệp mp3, wav, m4a, ogg hoặc flac.",
    Unfit.VIDEO: "Đây là tệp phim. Hãy lấy riêng phần tiếng thành tệp mp3, wav, m4a, ogg hoặc flac rồi gửi lại.",
    Unfit.TOO_SHORT: "Đoạn âm thanh quá ngắn.",
    Unfit.SILENT: "Không nghe thấy gì trong đoạn âm thanh này. Hãy kiểm tra micrô hoặc chọn đoạn khác.",
}


def require_fit(session: Session, user: User, name: str, language: str) -> None:
    """Refuse before any work is done on a file.

    Raises:
        NotAllowed: the user keeps no recordings.
        InvalidInput: the name or the language cannot be used.
        Conflict: the user has too many.
    """
    require(user, Action.KEEP_RECORDINGS)
    clean_line(name, "name")
    check_language(language)
    own = select(Recording.id).where(Recording.owner_id == user.id, col(Recording.removed_at).is_(None))
    if len(session.exec(own.limit(MAX_RECORDINGS)).all()) >= MAX_RECORDINGS:
        raise Conflict("too-many-recordings", f"Bạn đã có {MAX_RECORDINGS} bản ghi. Hãy xóa bớt bản không dùng nữa.")


def add_recording(
    session: Session,
    user: User,
    taken: Taken,
    *,
    name: str,
    language: str,
    is_shared: bool,
    now: datetime,
    recording_id: str | None = None,
) -> Recording:
    """Keep what the recorder took; its clip is in the store, its whole in the folder of recordings under the id.

    Raises:
        NotAllowed, InvalidInput, Conflict: as `require_fit`.
    """
    require_fit(session, user, name, language)
    keep_clip(session, taken.cut, now)
    recording = Recording(
        id=recording_id or new_id(),
        commune_id=user.commune_id,
        owner_id=row_id(user.id),
        name=clean_line(name, "name"),
        language=language,
        is_shared=is_shared,
        created_at=now,
        edited_at=now,
        original_sha256=taken.original_sha256,
        original_bytes=taken.original_bytes,
        original_format=taken.original_format,
        length_ms=taken.length_ms,
        peaks=taken.peaks,
        warnings=[flaw.value for flaw in taken.flaws],
        start_ms=taken.cut.start_ms,
        end_ms=taken.cut.end_ms,
        clip_sha256=taken.cut.sha256,
    )
    session.add(recording)
    session.flush()
    said = {"name": recording.name, "language": language, "original": taken.original_sha256, "clip": taken.cut.sha256}
    record(session, now, user.username, "add-recording", recording.id, said)
    return recording


def keep_clip(session: Session, cut: Cut, now: datetime) -> None:
    """Know the clip that was cut."""
    if session.get(Clip, cut.sha256) is None:
        session.add(
            Clip(
                sha256=cut.sha256,
                size_bytes=cut.size_bytes,
                duration_ms=cut.duration_ms,
                engine=RECORDED,
                voice="",
                created_at=now,
            )
        )
        session.flush()


def list_recordings(session: Session, user: User) -> list[Recording]:
    """The recordings a user may hear, the last changed first."""
    query = visible_to(user).order_by(col(Recording.edited_at).desc(), col(Recording.id))
    return list(session.exec(query.limit(MAX_RECORDINGS)))


def get_recording(session: Session, recording_id: str, user: User) -> Recording:
    """A recording that this user may hear.

    Raises:
        NotFound: there is none, or it is not for this user.
    """
    found = session.exec(visible_to(user).where(Recording.id == recording_id)).first()
    if found is None:
        raise NotFound("no-recording", "Không có bản ghi này.")
    return found


def change_recording(
    session: Session,
    recording_id: str,
    user: User,
    revision: int,
    *,
    name: str,
    language: str,
    is_shared: bool,
    now: datetime,
) -> Recording:
    """Name it, say its language, share it or take it back.

    Raises:
        NotFound: it is not for this user.
        NotAllowed: only its owner takes it back from the others.
        InvalidInput: the name or the language cannot be used.
        Conflict: it was changed since that revision.
    """
    recording = get_recording(session, recording_id, user)
    require_revision(recording, revision)
    if recording.is_shared and not is_shared and recording.owner_id != user.id:
        raise NotAllowed("not-yours", "Chỉ người gửi bản ghi được thôi dùng chung.")
    recording.name = clean_line(name, "name")
    recording.language = check_language(language)
    recording.is_shared = is_shared
    recording.revision += 1
    recording.edited_at = now
    session.add(recording)
    said = {"name": recording.name, "language": language, "shared": is_shared}
    record(session, now, user.username, "change-recording", recording.id, said)
    return recording


def require_revision(recording: Recording, revision: int) -> None:
    """Refuse a change of what was changed meanwhile.

    Raises:
        Conflict: it was.
    """
    if recording.revision != revision:
        raise Conflict("edited-since", "Bản ghi đã được sửa sau khi bạn mở. Hãy tải lại trang.")


def refusal_text(why: Unfit, max_length_s: int) -> InvalidInput:
    """What the sender of an unfit file is told."""
    if why is Unfit.TOO_LONG:
        return InvalidInput(why.value, f"Bản ghi quá dài: tối đa {max_length_s // 60} phút.", "file")
    return InvalidInput(why.value, UNFIT_TEXTS[why], "file")


def visible_to(user: User) -> SelectOfScalar[Recording]:
    """The recordings a user may hear."""
    query = select(Recording).where(Recording.commune_id == user.commune_id, col(Recording.removed_at).is_(None))
    own = col(Recording.owner_id) == user.id
    return query.where(own if user.role is Role.VILLAGE_HEAD else or_(own, col(Recording.is_shared)))
