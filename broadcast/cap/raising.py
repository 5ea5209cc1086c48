"""Airing what a message says, in the name of a person: by itself where the source's setting lets it, or at a press."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.emergency import Reported, raise_reported
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Broadcast, CapMessage, CapState, Source, User, row_id
from broadcast.orders import zones_of
from broadcast.permissions import Action, require
from broadcast.typed_text import MAX_REASON, clean_text

CANCEL = "Cancel"


def get_message(session: Session, message_id: str | int) -> CapMessage:
    """A message.

    Raises:
        NotFound: there is none.
    """
    # An id of SQLite has 64 bits; longer ones come from addresses that somebody made up.
    is_id = str(message_id).isdecimal() and len(str(message_id)) < 18
    message = session.get(CapMessage, int(message_id)) if is_id else None
    if message is None:
        raise NotFound("no-cap-message", "Không có tin CAP này.")
    return message


def messages_in(
    session: Session, states: Sequence[CapState], source_id: int | None = None, most: int = 50
) -> list[tuple[CapMessage, Source]]:
    """Messages in these states with their sources, the last received first; of one source, if it is named."""
    query = select(CapMessage, Source).join(Source).where(col(CapMessage.state).in_(states))
    if source_id is not None:
        query = query.where(col(CapMessage.source_id) == source_id)
    return list(session.exec(query.order_by(col(CapMessage.received_at).desc(), col(CapMessage.id).desc()).limit(most)))


def named_by(session: Session, message: CapMessage) -> list[CapMessage]:
    """The messages of the same source that one updates or cancels, as far as they came."""
    query = select(CapMessage).where(CapMessage.source_id == message.source_id).order_by(col(CapMessage.id))
    rows = session.exec(query.where(col(CapMessage.identifier).in_([name.partition(",")[2] for name in message.names])))
    return [row for row in rows if f"{row.sender},{row.identifier}" in message.names and row.id != message.id]


def source_of_broadcast(session: Session, broadcast_id: str) -> tuple[CapMessage, Source] | None:
    """Whose words an emergency says, when they are not the commune's own."""
    query = select(CapMessage, Source).join(Source).where(CapMessage.broadcast_id == broadcast_id)
    return session.exec(query).first()


def zones_meant(session: Session, message: CapMessage, typed: Sequence[str] = ()) -> list[str]:
    """Where a message goes: what a person chose, or where the message itself goes; what takes back, where that was."""
    if message.msg_type != CANCEL:
        return list(typed) or list(message.zones)
    ended = [zone.slug for one in _aired(session, message) for zone in zones_of(session, one.broadcast_id or "")]
    return list(dict.fromkeys(ended))


def words_meant(message: CapMessage, typed: str = "") -> str:
    """What is said of a message: what a person typed, or what the template makes of it.

    Raises:
        InvalidInput: it has no Vietnamese words yet.
    """
    if not (typed.strip() or message.said):
        raise InvalidInput("no-words", "Tin này chưa có lời tiếng Việt: hãy gõ lời sẽ đọc.", "text")
    return typed if typed.strip() else message.said


def check_waiting(message: CapMessage, press: str, now: datetime) -> None:
    """Whether a message may still be raised; a press that raised it may come again.

    Raises:
        Conflict: somebody has decided, its source has, or it has expired.
    """
    if message.broadcast_id == press:
        return
    if message.state is not CapState.WAITING:
        raise Conflict("not-waiting", "Tin này đã được xử lý.")
    if message.expires_at is not None and message.expires_at <= now:
        raise Conflict("expired", "Tin đã hết hạn.")


def raise_message(
    session: Session, user: User, message: CapMessage, zones: Sequence[str], text: str, now: datetime, press_key: str
) -> Broadcast:
    """Have it aired, and what it takes the place of silenced.

    Raises:
        NotAllowed, InvalidInput, Conflict: as `broadcast.emergency.raise_reported`.
    """
    source = session.get_one(Source, message.source_id)
    ended = _aired(session, message)
    said = Reported(
        # Every list and log of what was aired says its title: there whose words they are is seen.
        title=f"{message.title} ({source.name})",
        text=text,
        source={"source": source.slug, "sender": message.sender, "identifier": message.identifier},
        severity=message.severity,
        is_drill=message.is_drill,
        valid_until=message.expires_at,
        ends=[session.get_one(Broadcast, one.broadcast_id) for one in ended if one.broadcast_id],
        is_over=message.msg_type == CANCEL,
    )
    broadcast = raise_reported(session, user, zones, said, now, press_key)
    for one in ended:
        one.state = CapState.CANCELLED if said.is_over else CapState.REPLACED
        session.add(one)
    message.state, message.broadcast_id, message.reason = CapState.RAISED, broadcast.id, ""
    message.decided_by_id = user.id
    session.add(message)
    session.flush()
    return broadcast


def set_message_aside(session: Session, message_id: str | int, reason: str, user: User, now: datetime) -> CapMessage:
    """Have a message that waits not aired, saying why.

    Raises:
        NotFound, NotAllowed: there is none, or the user raises no emergencies.
        Conflict: it does not wait any more.
        InvalidInput: the reason is empty or too long.
    """
    require(user, Action.RAISE_EMERGENCY)
    message = get_message(session, message_id)
    if message.state is not CapState.WAITING:
        raise Conflict("not-waiting", "Tin này đã được xử lý.")
    message.reason = clean_text(reason, "reason", max_chars=MAX_REASON)
    message.state, message.decided_by_id = CapState.SET_ASIDE, user.id
    session.add(message)
    session.flush()
    record(session, now, user.username, "set-cap-aside", str(row_id(message.id)), {"reason": message.reason})
    return message


def _aired(session: Session, message: CapMessage) -> list[CapMessage]:
    """What a message takes the place of, of all that was aired."""
    return [one for one in named_by(session, message) if one.state is CapState.RAISED and _is_alike(one, message)]


def _is_alike(one: CapMessage, other: CapMessage) -> bool:
    """An exercise ends nothing real, and the other way round."""
    return one.is_drill == other.is_drill and one.broadcast_id is not None and one.msg_type != CANCEL
