"""What becomes of an item of a source, by its urgency (Circular 39/2020/TT-BTTTT).

Normal: into the inbox, to be chosen. Priority: put in, see `broadcast.inbox_priority`. Emergency: aired at once.
An item is taken once; a higher revision replaces it, a withdrawal takes back what was made of it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.bulletins import withdraw_bulletin, write_bulletin
from broadcast.emergency import raise_emergency
from broadcast.errors import BroadcastError, Conflict, NotFound
from broadcast.inbox_priority import put_in
from broadcast.lifecycle import COMING
from broadcast.models import (
    Broadcast,
    BroadcastState,
    Bulletin,
    BulletinState,
    ItemState,
    Source,
    SourceItem,
    User,
    row_id,
)
from broadcast.permissions import Action, require
from broadcast.sources import Item, Status, has_expired
from broadcast.stopping import stop_broadcast
from broadcast.typed_text import MAX_REASON, clean_text
from broadcast.zones import list_zones, zones_by_slug
from players.messages import Urgency

LISTED_AT_MOST = 200
_SERVER = "loalang"


def is_known(session: Session, source: Source, item: Item) -> bool:
    """Whether this revision of an item, or a later one, was taken."""
    known = _known(session, source, item.id)
    return known is not None and item.revision <= known.revision


def take_item(session: Session, source: Source, item: Item, now: datetime) -> SourceItem:
    """Take an item as the source has it now; what is known already, or newer here, changes nothing.

    What cannot be done by itself waits in the inbox with the reason.

    Raises:
        InvalidInput: it names a village that is not there.
    """
    known = _known(session, source, item.id)
    if known is not None and item.revision <= known.revision:
        return known
    if item.zones:
        zones_by_slug(session, item.zones)
    row = known or _new_row(source, item, now)
    is_withdrawn = item.status is Status.WITHDRAWN
    # A draft that a person made of the revision before is theirs to replace.
    problem = "" if row.state is ItemState.CHOSEN and not is_withdrawn else _take_back(session, source, row, now)
    row.revision, row.received_at, row.decided_by_id = item.revision, now, None
    row.rival_id = row.order = None
    if is_withdrawn:
        row.state, row.reason = ItemState.WITHDRAWN, f"Nguồn đã rút tin này. {problem}".strip()
    else:
        row.urgency, row.title, row.text = item.urgency, item.title, item.text
        row.zones, row.expires_at = list(item.zones), item.expires_at
        _place(session, source, row, problem, now)
    session.add(row)
    session.flush()
    said = {"item": item.id, "revision": item.revision, "urgency": item.urgency.value, "state": row.state.value}
    record(session, now, _SERVER, "take-item", source.slug, said)
    return row


def note_bad(session: Session, source: Source, name: str, problem: str, now: datetime) -> None:
    """Set a bad item aside with its reason; the same one once."""
    if _known(session, source, name) is not None:
        return
    row = SourceItem(
        source_id=row_id(source.id), item=name, revision=0, state=ItemState.BAD, title="", text="", received_at=now,
        reason=problem[:MAX_REASON],
    )  # fmt: skip
    session.add(row)
    session.flush()
    record(session, now, _SERVER, "bad-item", source.slug, {"item": name, "reason": problem[:MAX_REASON]})


def list_items(session: Session, states: Sequence[ItemState]) -> list[tuple[SourceItem, Source]]:
    """Items in these states with their sources, the last received first."""
    query = select(SourceItem, Source).join(Source).where(col(SourceItem.state).in_(states))
    ordered = query.order_by(col(SourceItem.received_at).desc(), col(SourceItem.id).desc())
    return list(session.exec(ordered.limit(LISTED_AT_MOST)).all())


def source_of_bulletin(session: Session, bulletin_id: str) -> tuple[SourceItem, Source] | None:
    """From which item of which source a bulletin was made."""
    query = select(SourceItem, Source).join(Source).where(SourceItem.bulletin_id == bulletin_id)
    return session.exec(query).first()


def choose_item(session: Session, item_id: int, user: User, now: datetime) -> Bulletin:
    """Make a draft of an item that waits; it goes the way of every bulletin.

    Raises:
        NotFound, NotAllowed: there is none, or the user writes no bulletins.
        Conflict: it does not wait any more, or is too old.
    """
    row, source = _waiting(session, item_id, user)
    if has_expired(row.expires_at, now):
        raise Conflict("expired", "Tin đã hết hạn.")
    if row.bulletin_id is not None:
        _withdraw(session, row.bulletin_id, now)
    slugs = row.zones or [zone.slug for zone in list_zones(session)]
    urgency = _as_written(row.urgency)
    bulletin = write_bulletin(session, user, title=row.title, script=row.text, zones=slugs, urgency=urgency, now=now)
    row.state, row.bulletin_id, row.decided_by_id = ItemState.CHOSEN, bulletin.id, user.id
    session.add(row)
    session.flush()
    record(session, now, user.username, "choose-item", source.slug, {"item": row.item, "bulletin": bulletin.id})
    return bulletin


def set_aside(session: Session, item_id: int, reason: str, user: User, now: datetime) -> SourceItem:
    """Put an item that waits aside, saying why; another revision of it waits again.

    Raises:
        NotFound, NotAllowed: there is none, or the user writes no bulletins.
        Conflict: it does not wait any more.
        InvalidInput: the reason is empty or too long.
    """
    row, source = _waiting(session, item_id, user)
    row.reason = clean_text(reason, "reason", max_chars=MAX_REASON)
    row.state, row.decided_by_id = ItemState.SET_ASIDE, user.id
    session.add(row)
    session.flush()
    record(session, now, user.username, "set-item-aside", source.slug, {"item": row.item, "reason": row.reason})
    return row


def _known(session: Session, source: Source, item: str) -> SourceItem | None:
    query = select(SourceItem).where(SourceItem.source_id == source.id, SourceItem.item == item)
    return session.exec(query).first()


def _new_row(source: Source, item: Item, now: datetime) -> SourceItem:
    return SourceItem(
        source_id=row_id(source.id), item=item.id, revision=0, state=ItemState.WAITING, urgency=item.urgency, title="",
        text="", received_at=now,
    )  # fmt: skip


def _place(session: Session, source: Source, row: SourceItem, problem: str, now: datetime) -> None:
    """Send it where its urgency belongs."""
    if has_expired(row.expires_at, now):
        problem = "Tin đã hết hạn khi nhận."
    elif not problem and row.urgency is Urgency.EMERGENCY:
        problem = _tried(session, lambda: _raise(session, source, row, now))
    elif not problem and row.urgency is Urgency.PRIORITY:
        problem = _tried(session, lambda: put_in(session, source, row, now))
    elif row.bulletin_id is not None:
        problem = "Bản mới của tin đã chọn trước đây; chọn bản này thì bản trước được rút."
    if problem or row.urgency is Urgency.NORMAL:
        row.state = ItemState.WAITING
    row.reason = problem


def _tried(session: Session, step: Callable[[], object]) -> str:
    """Do a step whole or not at all; why it could not be done."""
    try:
        with session.begin_nested():
            step()
            session.flush()
    except BroadcastError as error:
        return f"Không tự xử lý được: {error.message}"
    return ""


def _raise(session: Session, source: Source, row: SourceItem, now: datetime) -> None:
    leader = session.get_one(User, source.leader_id)
    slugs = row.zones or [zone.slug for zone in list_zones(session)]
    key = f"source-{source.id}-{row.revision}-{row.item}"[:100]
    row.broadcast_id = raise_emergency(session, leader, slugs, row.text, now, key).id
    row.state = ItemState.RAISED


def _take_back(session: Session, source: Source, row: SourceItem, now: datetime) -> str:
    """Another revision or a withdrawal has come: what was made of it before is not to be aired. What is in the way."""
    problem = ""
    if row.broadcast_id is not None:
        broadcast = session.get_one(Broadcast, row.broadcast_id)
        leader = session.get_one(User, source.leader_id)
        if broadcast.state in {*COMING, BroadcastState.ON_AIR}:
            problem = _tried(session, lambda: stop_broadcast(session, broadcast.id, leader, now))
        row.broadcast_id = None
    if row.bulletin_id is not None:
        _withdraw(session, row.bulletin_id, now)
    return problem


def _withdraw(session: Session, bulletin_id: str, now: datetime) -> None:
    bulletin = session.get_one(Bulletin, bulletin_id)
    if bulletin.state is not BulletinState.WITHDRAWN:
        withdraw_bulletin(session, bulletin.id, session.get_one(User, bulletin.author_id), now)


def _waiting(session: Session, item_id: int, user: User) -> tuple[SourceItem, Source]:
    require(user, Action.WRITE_BULLETIN)
    row = session.get(SourceItem, item_id)
    if row is None:
        raise NotFound("no-item", "Không có tin này trong hộp thư.")
    if row.state is not ItemState.WAITING:
        raise Conflict("not-waiting", "Tin này đã được xử lý.")
    return row, session.get_one(Source, row.source_id)


def _as_written(urgency: Urgency) -> Urgency:
    """An emergency that could not be raised by itself is written as one of priority: a person raises it elsewhere."""
    return Urgency.NORMAL if urgency is Urgency.NORMAL else Urgency.PRIORITY
