"""Documents that were sent: waiting, read one at a time, and become the drafts of who sent them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from sqlmodel import Session, col, delete, func, select

from broadcast.bulletins import begin_draft
from broadcast.errors import BroadcastError, NotFound
from broadcast.models import DocumentImport, ImportState, User, row_id
from broadcast.permissions import Action, require
from tts.errors import DocumentRefused
from tts.import_document import AsideKind, Draft, SetAside
from tts.import_document.refusals import Refused, refusal

OPEN = (ImportState.WAITING, ImportState.READING)
MAX_ATTEMPTS = 2
"""A document whose reading the server did not survive is tried once more, not for ever."""
KEPT_FAILURES = timedelta(days=7)
_MAX_NAME = 120


class TooManyWaiting(BroadcastError):
    """No more documents can wait."""


def add_import(
    session: Session, user: User, *, file_name: str, upload: str, max_waiting: int, now: datetime
) -> DocumentImport:
    """Let a document wait for being read.

    Args:
        session: A unit of work.
        user: Who sent it, and whose draft it becomes.
        file_name: What its sender calls it.
        upload: Its name in the folder of documents that wait.
        max_waiting: As many as may wait or be read.
        now: The present.

    Raises:
        NotAllowed: the user does not write bulletins.
        TooManyWaiting: as many wait as may.
    """
    require(user, Action.WRITE_BULLETIN)
    waiting = session.exec(select(func.count()).where(col(DocumentImport.state).in_(OPEN))).one()
    if waiting >= max_waiting:
        raise TooManyWaiting("too-many-waiting", "Đang có nhiều tài liệu chờ đọc. Hãy gửi lại sau ít phút.")
    found = DocumentImport(
        commune_id=user.commune_id,
        user_id=row_id(user.id),
        file_name=clean_file_name(file_name),
        upload=upload,
        created_at=now,
    )
    session.add(found)
    session.exec(
        delete(DocumentImport).where(
            col(DocumentImport.state) == ImportState.FAILED, col(DocumentImport.finished_at) < now - KEPT_FAILURES
        )
    )
    return found


def clean_file_name(name: str) -> str:
    """A file's name as it may be shown: no folders, no signs that hide or turn text."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(char for char in unicodedata.normalize("NFC", last) if unicodedata.category(char)[0] != "C")
    return " ".join(shown.split())[:_MAX_NAME] or "tài liệu"


def get_import(session: Session, import_id: str, user: User) -> DocumentImport:
    """A document that this user sent.

    Raises:
        NotFound: there is none, or it is another's.
    """
    found = session.get(DocumentImport, import_id)
    if found is None or found.user_id != user.id:
        raise NotFound("no-import", "Không có tài liệu này, hoặc tài liệu do người khác gửi.")
    return found


def import_of_bulletin(session: Session, bulletin_id: str) -> DocumentImport | None:
    """The document that became this bulletin."""
    return session.exec(select(DocumentImport).where(DocumentImport.bulletin_id == bulletin_id)).first()


def waiting_before(session: Session, document: DocumentImport) -> int:
    """How many documents are read before this one."""
    earlier = select(func.count()).where(
        col(DocumentImport.state).in_(OPEN), col(DocumentImport.created_at) < document.created_at
    )
    return session.exec(earlier).one() if document.state is ImportState.WAITING else 0


def begin_next(session: Session) -> DocumentImport | None:
    """The document that has waited longest, marked as being read."""
    query = select(DocumentImport).where(DocumentImport.state == ImportState.WAITING)
    found = session.exec(query.order_by(col(DocumentImport.created_at), DocumentImport.id).limit(1)).first()
    if found is not None:
        found.state, found.attempts, found.page = ImportState.READING, found.attempts + 1, 0
        session.add(found)
    return found


def put_back(session: Session, import_id: str) -> None:
    """It could not be begun, through no fault of its own: it waits, and that was no attempt."""
    document = session.get(DocumentImport, import_id)
    if document is not None and document.state is ImportState.READING:
        document.state, document.attempts = ImportState.WAITING, document.attempts - 1
        session.add(document)


def wait_again(session: Session, now: datetime) -> Sequence[DocumentImport]:
    """After a restart: what was being read waits again, unless it was begun too often. All that wait."""
    waiting = []
    for document in session.exec(select(DocumentImport).where(col(DocumentImport.state).in_(OPEN))).all():
        if document.attempts < MAX_ATTEMPTS:
            document.state = ImportState.WAITING
            session.add(document)
            waiting.append(document)
        else:
            fail(session, document, refusal(Refused.READER_ENDED), now)
    return waiting


def finish(session: Session, document: DocumentImport, draft: Draft, now: datetime) -> None:
    """Make it a draft of who sent it.

    Raises:
        NotAllowed: that user may not write bulletins any more.
        InvalidInput: the text holds what no bulletin may.
    """
    author = session.get(User, document.user_id)
    if author is None:
        raise NotFound("no-user", "Không còn người dùng này.")
    title = draft.title or document.file_name
    bulletin = begin_draft(session, author, title, draft.text, now)
    document.state, document.finished_at, document.bulletin_id = ImportState.DONE, now, bulletin.id
    document.page = document.pages = draft.pages
    document.text = draft.text
    document.set_aside = [asdict(part) for part in draft.set_aside]
    document.warnings = [asdict(warned) for warned in draft.warnings]
    session.add(document)


def fail(session: Session, document: DocumentImport, why: DocumentRefused | BroadcastError, now: datetime) -> None:
    """Nothing came of it; its sender is told why."""
    document.state, document.finished_at = ImportState.FAILED, now
    document.error_code, document.error_message = why.code, why.message
    session.add(document)


def parts_of(document: DocumentImport) -> list[SetAside]:
    """What was set aside in it, in order."""
    return [
        SetAside(AsideKind(part["kind"]), part["text"], part["page"], part["offset"]) for part in document.set_aside
    ]
