"""What residents see without signing in, and what they say: off until the administrator opens it.

Only what was aired to its end is shown; never a draft, never what was cut, missed or is still to come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from broadcast.airings import clips_of_each, renderings_of
from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Broadcast, BroadcastState, Feedback, FeedbackKind, Node, User
from broadcast.permissions import Action, require
from broadcast.renderings import SAID_OF_CLIP
from broadcast.said_script import ClipMark, split_said
from broadcast.typed_text import clean_text
from broadcast.views import BroadcastRow, broadcast_rows
from players.messages import ClipRef

SHOWN_FOR = timedelta(days=14)
SHOWN_AT_MOST = 60
MAX_WORDS = 500
A_DAY_AT_MOST = 300
"""Words of residents that are kept in a day: more is somebody's program."""


@dataclass(frozen=True, slots=True)
class Aired:
    """What was aired: its words as they were written, and its sound."""

    row: BroadcastRow
    is_drill: bool
    text: str
    clips: tuple[ClipRef, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What a resident said, and of what."""

    row: Feedback
    about: str


def set_public(session: Session, now: datetime, actor: str, *, is_public: bool) -> None:
    """Open the page to residents, or shut it."""
    commune = get_commune(session)
    if commune.is_public != is_public:
        commune.is_public = is_public
        session.add(commune)
        record(session, now, actor, "set-public", commune.slug, {"is_public": is_public})


def require_public(session: Session) -> None:
    """Let pass when residents may look.

    Raises:
        NotFound: the page is shut.
    """
    if not get_commune(session).is_public:
        raise NotFound("not-public", "Xã chưa mở trang công khai.")


def aired_lately(session: Session, now: datetime) -> list[Aired]:
    """What was aired to its end in the last days, the latest first; not what only one pole was tried out with."""
    broadcasts = list(session.exec(_shown(now)).all())
    clips = clips_of_each(session, [one.id for one in broadcasts])
    return [
        Aired(row, one.is_drill, _text_of(session, one.id), tuple(dict.fromkeys(clips.get(one.id, ()))))
        for row, one in zip(broadcast_rows(session, broadcasts), broadcasts, strict=True)
    ]


def is_heard_by_residents(session: Session, sha256: str, now: datetime) -> bool:
    """Whether a clip is part of what residents are shown."""
    ids = [one.id for one in session.exec(_shown(now))]
    return any(clip.sha256 == sha256 for clips in clips_of_each(session, ids).values() for clip in clips)


def say(session: Session, kind: FeedbackKind, words: str, node: str, broadcast: str, now: datetime) -> Feedback:
    """Keep what a resident says of a pole (its slug), of a broadcast (its id), of both or of neither.

    Raises:
        InvalidInput: the words are too long, or there is no such pole or broadcast.
        Conflict: so much was said today that it cannot be people.
    """
    today = select(func.count()).select_from(Feedback).where(col(Feedback.at) > now - timedelta(days=1))
    if session.exec(today).one() >= A_DAY_AT_MOST:
        raise Conflict("too-much-said", "Hôm nay đã có quá nhiều góp ý. Xin gọi cho cán bộ văn hóa xã.")
    node_id = session.exec(select(Node.id).where(Node.slug == node, col(Node.revoked_at).is_(None))).first()
    if node and node_id is None:
        raise InvalidInput("unknown-node", "Không có cụm loa này.", "loa")
    if broadcast and broadcast not in {one.id for one in session.exec(_shown(now))}:
        raise InvalidInput("unknown-broadcast", "Không có bản tin này.", "luot")
    kept = clean_text(words, "words", max_chars=MAX_WORDS) if words.strip() else ""
    if kind is FeedbackKind.OTHER and not kept:
        raise InvalidInput("empty", "Hãy viết điều bạn muốn nói.", "words")
    said = Feedback(at=now, kind=kind, words=kept, node_id=node_id, broadcast_id=broadcast or None)
    session.add(said)
    session.flush()
    return said


def answer(session: Session, feedback_id: int, user: User, words: str, now: datetime) -> None:
    """Answer a resident; from then on everybody reads both.

    Raises:
        NotAllowed: the user's role may not.
        NotFound: nobody said that.
        InvalidInput: the answer is empty or too long.
    """
    require(user, Action.ANSWER_RESIDENTS)
    said = session.get(Feedback, feedback_id)
    if said is None:
        raise NotFound("no-feedback", "Không có góp ý này.")
    said.answer = clean_text(words, "words", max_chars=MAX_WORDS)
    said.answered_at, said.answered_by_id = now, user.id
    session.add(said)
    record(session, now, user.username, "answer-resident", str(feedback_id))


def said_lately(session: Session, since: datetime, *, answered_only: bool) -> Sequence[Said]:
    """What residents said, the latest first."""
    query = select(Feedback, Node.name, Broadcast.title).outerjoin(Node, col(Node.id) == col(Feedback.node_id))
    query = query.outerjoin(Broadcast, col(Broadcast.id) == col(Feedback.broadcast_id)).where(col(Feedback.at) >= since)
    if answered_only:
        query = query.where(col(Feedback.answer).is_not(None))
    rows = session.exec(query.order_by(col(Feedback.at).desc(), col(Feedback.id).desc()).limit(200)).all()
    return [Said(row, " · ".join(part for part in (node, title) if part)) for row, node, title in rows]


def _shown(now: datetime) -> SelectOfScalar[Broadcast]:
    query = select(Broadcast).where(Broadcast.state == BroadcastState.AIRED, col(Broadcast.only_node_id).is_(None))
    query = query.where(col(Broadcast.starts_at) >= now - SHOWN_FOR, col(Broadcast.starts_at) <= now)
    return query.order_by(col(Broadcast.starts_at).desc(), col(Broadcast.id)).limit(SHOWN_AT_MOST)


def _text_of(session: Session, broadcast_id: str) -> str:
    said = []
    for rendering in renderings_of(session, broadcast_id):
        parts = split_said(rendering.script or "")
        said.append("".join(SAID_OF_CLIP if isinstance(part, ClipMark) else part for part in parts))
    return "\n\n".join(dict.fromkeys(text for text in said if text))
