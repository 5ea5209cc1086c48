"""What a bulletin is made of: one text, or several parts, some of them recorded."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, delete, select

from broadcast.errors import InvalidInput, NotFound
from broadcast.models import Bulletin, BulletinPart, Clip, PartKind, Recording, User
from broadcast.recordings import get_recording
from broadcast.said_script import ClipMark, join_said
from broadcast.typed_text import MAX_SCRIPT, clean_text

MAX_PARTS = 20


@dataclass(frozen=True, slots=True)
class PartDraft:
    """A part as it is chosen: a text, or a recording by its id."""

    script: str = ""
    recording: str | None = None

    @property
    def kind(self) -> PartKind:
        """Which of the two it is."""
        return PartKind.TEXT if self.recording is None else PartKind.RECORDED


@dataclass(frozen=True, slots=True)
class PartView:
    """A part as it is shown; a text has no clip of its own."""

    kind: PartKind
    script: str = ""
    recording: str = ""
    name: str = ""
    language: str = ""
    clip: str = ""
    duration_ms: int = 0


def parts_in(
    session: Session, bulletin: Bulletin, user: User, script: str, parts: Sequence[PartDraft]
) -> list[BulletinPart]:
    """What the bulletin is to be made of: `parts`, or without any the one text; for `store_parts`.

    `Bulletin.script` becomes all that is written in it. A part holds the very clip that its recording has now.

    Raises:
        InvalidInput: a text or a recording cannot be used, or there is too much.
    """
    drafts = parts or (PartDraft(script),)
    if len(drafts) > MAX_PARTS:
        raise InvalidInput("too-many-parts", f"Bản tin có tối đa {MAX_PARTS} phần.", "parts")
    known = {part.recording_id for part in _rows(session, bulletin.id)}
    rows = [
        _row(session, bulletin, user, position, draft, known, field="parts" if parts else "script")
        for position, draft in enumerate(drafts)
    ]
    bulletin.script = "\n\n".join(row.script for row in rows if row.kind is PartKind.TEXT)
    if len(bulletin.script) > MAX_SCRIPT:
        raise InvalidInput("too-long", f"Nội dung quá dài: tối đa {MAX_SCRIPT} ký tự.", "script")
    return rows


def store_parts(session: Session, bulletin: Bulletin, rows: Sequence[BulletinPart]) -> None:
    """Keep these parts of a stored bulletin, and no others; one text needs none."""
    session.exec(delete(BulletinPart).where(col(BulletinPart.bulletin_id) == bulletin.id))
    if [row.kind for row in rows] != [PartKind.TEXT]:
        session.add_all(rows)
    session.flush()


def parts_of_bulletin(session: Session, bulletin: Bulletin) -> list[PartView]:
    """All its parts in order; of a bulletin of one text, that."""
    query = select(BulletinPart, Recording, Clip).select_from(BulletinPart)
    query = query.outerjoin(Recording, col(Recording.id) == BulletinPart.recording_id)
    query = query.outerjoin(Clip, col(Clip.sha256) == BulletinPart.clip_sha256)
    rows = session.exec(query.where(BulletinPart.bulletin_id == bulletin.id).order_by(col(BulletinPart.position))).all()
    if not rows:
        return [PartView(PartKind.TEXT, bulletin.script)]
    return [
        PartView(part.kind, part.script)
        if recording is None
        else PartView(
            part.kind,
            recording=recording.id,
            name=recording.name,
            language=recording.language,
            clip=part.clip_sha256 or "",
            duration_ms=clip.duration_ms if clip else 0,
        )
        for part, recording, clip in rows
    ]


def drafts_of(session: Session, bulletin: Bulletin) -> tuple[PartDraft, ...]:
    """Its parts as they were chosen; none for a bulletin of one text."""
    return tuple(
        PartDraft(part.script) if part.kind is PartKind.TEXT else PartDraft(recording=part.recording_id)
        for part in _rows(session, bulletin.id)
    )


def said_of(session: Session, bulletin: Bulletin) -> str:
    """What is rendered of it (see `broadcast.said_script`)."""
    rows = _rows(session, bulletin.id)
    if not rows:
        return bulletin.script
    return join_said(part.script if part.clip_sha256 is None else ClipMark(part.clip_sha256) for part in rows)


def said_of_each(session: Session, bulletins: Sequence[Bulletin]) -> dict[str, str]:
    """`said_of` of several, by id: most are one text, which one statement tells of all."""
    query = select(BulletinPart.bulletin_id).where(col(BulletinPart.bulletin_id).in_([one.id for one in bulletins]))
    have_parts = set(session.exec(query.distinct()))
    return {one.id: said_of(session, one) if one.id in have_parts else one.script for one in bulletins}


def said_of_drafts(session: Session, user: User, parts: Sequence[PartDraft], bulletin: Bulletin | None = None) -> str:
    """What would be rendered of parts that are not stored yet, of a new bulletin or a changed one.

    Raises:
        InvalidInput: a recording cannot be used.
    """
    known = {part.recording_id for part in _rows(session, bulletin.id)} if bulletin else set()
    return join_said(
        clean_text(part.script, "parts", max_chars=MAX_SCRIPT)
        if part.recording is None
        else ClipMark(_clip_of(session, user, part.recording, known))
        for part in parts
    )


def _rows(session: Session, bulletin_id: str) -> list[BulletinPart]:
    query = select(BulletinPart).where(BulletinPart.bulletin_id == bulletin_id)
    return list(session.exec(query.order_by(col(BulletinPart.position))))


def _row(
    session: Session,
    bulletin: Bulletin,
    user: User,
    position: int,
    draft: PartDraft,
    known: set[str | None],
    *,
    field: str,
) -> BulletinPart:
    part = BulletinPart(bulletin_id=bulletin.id, position=position, kind=draft.kind)
    if draft.recording is None:
        part.script = clean_text(draft.script, field, max_chars=MAX_SCRIPT)
    else:
        part.recording_id = draft.recording
        part.clip_sha256 = _clip_of(session, user, draft.recording, known)
    return part


def _clip_of(session: Session, user: User, recording_id: str, known: set[str | None]) -> str:
    """The recording's present clip. Whoever edits a bulletin keeps what its author put in."""
    try:
        found = session.get(Recording, recording_id) if recording_id in known else None
        recording = found or get_recording(session, recording_id, user)
    except NotFound as error:
        raise InvalidInput(error.code, error.message, "parts") from error
    if recording.clip_sha256 is None:
        raise InvalidInput("no-recording", "Không có bản ghi này.", "parts")
    return recording.clip_sha256
