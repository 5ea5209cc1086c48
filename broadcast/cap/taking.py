"""What becomes of a message: aired, put to the leader, into the inbox, or noted. Each message is taken once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.cap.judging import NOT_FOR_US, SEVERITY, Fate, Judged, judge
from broadcast.cap.model import Alert, BadCap, Info, MsgType, Status
from broadcast.cap.places import load_places, own_sender
from broadcast.cap.raising import named_by, raise_message, zones_meant
from broadcast.cap.speaking import places_of, said_when_cancelled, spoken_of, text_of, title_of
from broadcast.communes import get_commune, local_zone
from broadcast.errors import BroadcastError
from broadcast.inbox import take_item
from broadcast.models import CapMessage, CapOptions, CapState, Source, SourceItem, User, row_id
from broadcast.sources import Item
from broadcast.sources import Status as ItemStatus
from players.messages import Urgency

_SERVER = "loalang"
_CHANGES = frozenset({MsgType.UPDATE, MsgType.CANCEL})


@dataclass(frozen=True, slots=True)
class Proof:
    """How far it is known who sent a message."""

    is_signed: bool
    """By a certificate that is trusted."""
    is_sheltered: bool
    """It came by TLS from the source's own host, or lay in a folder of this machine."""

    @property
    def holds(self) -> bool:
        """Whether nobody on the way can have written it."""
        return self.is_signed or self.is_sheltered


def is_taken(session: Session, source: Source, alert: Alert) -> bool:
    """Whether a message of a source came before. Only reads."""
    return _known(session, source, alert) is not None


def take_alert(session: Session, source: Source, alert: Alert, proof: Proof, now: datetime) -> CapMessage:
    """Take a message; one that came before changes nothing.

    Args:
        session: a writing session.
        source: where it came from.
        alert: the message.
        proof: how far it is known who sent it.
        now: the present.

    Raises:
        BadCap: it must be signed by the source's setting, and is not.
    """
    known = _known(session, source, alert)
    if known is not None:
        return known
    options = session.get_one(CapOptions, source.id)
    if options.needs_signature and not proof.is_signed:
        raise BadCap("Tin không có chữ ký của chứng thư được tin; nguồn này bắt buộc có chữ ký.")
    commune, villages = load_places(session)
    judged = judge(alert, commune, villages, own_sender(session), now)
    row = _new_row(session, source, alert, judged, proof, now)
    may_air = judged.fate is Fate.AIR and options.airs_at_once and proof.holds
    before = _why_not_again(session, source, row, may_air=may_air)
    if before:
        row.state, row.reason = CapState.NOTED, before
    elif alert.msg_type is MsgType.CANCEL and judged.fate is not Fate.NOTE:
        _cancel(session, source, row, alert, proof, now)
    else:
        _place(session, source, row, judged, proof, now)
    session.add(row)
    session.flush()
    said = {"sender": row.sender, "identifier": row.identifier, "type": row.msg_type, "state": row.state.value}
    record(session, now, _SERVER, "take-cap", source.slug, said | {"signed": proof.is_signed, "reason": row.reason})
    return row


def _known(session: Session, source: Source, alert: Alert) -> CapMessage | None:
    query = select(CapMessage).where(CapMessage.source_id == source.id, CapMessage.sender == alert.sender)
    return session.exec(query.where(CapMessage.identifier == alert.identifier)).first()


def _new_row(session: Session, source: Source, alert: Alert, judged: Judged, proof: Proof, now: datetime) -> CapMessage:
    info = judged.info or (alert.infos[0] if alert.infos else None)
    zone = local_zone(get_commune(session))
    row = CapMessage(
        source_id=row_id(source.id),
        sender=alert.sender,
        identifier=alert.identifier,
        sent=alert.sent,
        msg_type=alert.msg_type.value,
        names=[] if alert.status in NOT_FOR_US else [f"{one.sender},{one.identifier}" for one in alert.references],
        state=CapState.NOTED,
        reason=judged.reason,
        is_drill=alert.status is Status.EXERCISE,
        is_signed=proof.is_signed,
        severity=SEVERITY[info.severity] if info else SEVERITY[next(iter(SEVERITY))],
        title=title_of(info) if info else f"{alert.msg_type} {alert.identifier}"[:200],
        said=spoken_of(info, source.name, now, zone) if info and judged.speaks_vietnamese else "",
        text=text_of(info) if info else alert.note[:2000],
        language=info.language if info else "",
        places=places_of(info) if info else "",
        zones=list(judged.zones),
        expires_at=judged.expires_at,
        received_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _why_not_again(session: Session, source: Source, row: CapMessage, *, may_air: bool) -> str:
    """Whether a message has been overtaken: by its copy from another source, or by its own later word.

    Copies that only wait for a person do not keep one from sounding that may be aired by itself: it takes their place.
    """
    same = select(CapMessage).where(CapMessage.sender == row.sender, CapMessage.identifier == row.identifier)
    copies = session.exec(same.where(CapMessage.source_id != row.source_id, CapMessage.state != CapState.NOTED)).all()
    if may_air and all(copy.state is CapState.WAITING for copy in copies):
        for copy in copies:
            copy.state, copy.reason = CapState.REPLACED, f"Nguồn {source.name} đã gửi tin này và được phát ngay."
            session.add(copy)
    elif copies:
        return f"Đã nhận tin này từ nguồn {session.get_one(Source, copies[0].source_id).name}."
    name = f"{row.sender},{row.identifier}"
    own = select(CapMessage).where(CapMessage.source_id == row.source_id, col(CapMessage.msg_type).in_(_CHANGES))
    later = [one for one in session.exec(own).all() if name in one.names and one.is_drill == row.is_drill]
    return "Nguồn đã thay hoặc hủy tin này trước khi xã nhận được." if later else ""


def _place(session: Session, source: Source, row: CapMessage, judged: Judged, proof: Proof, now: datetime) -> None:
    """An Alert or an Update, where its urgency belongs."""
    if judged.fate in {Fate.AIR, Fate.ASK}:
        _put_away(session, source, row, now)
        row.state = CapState.WAITING
        may_air = session.get_one(CapOptions, source.id).airs_at_once and proof.holds
        if judged.fate is Fate.AIR and may_air:
            _air(session, source, row, now)
        return
    if row.msg_type == MsgType.UPDATE and proof.holds:
        # The danger has passed to others, or is none any more: what it was before is not to sound on here.
        _take_back(session, source, row, judged.info, now)
    if judged.fate is Fate.INBOX:
        _put_away(session, source, row, now)
        _into_inbox(session, source, row, judged.urgency, now)


def _cancel(session: Session, source: Source, row: CapMessage, alert: Alert, proof: Proof, now: datetime) -> None:
    """Take back what waits, what lies in the inbox, and what was aired: there it is said."""
    row.state, row.zones = CapState.NOTED, []
    if not named_by(session, row):
        row.reason = "Hủy một tin mà xã chưa nhận: không có gì phải dừng."
        return
    _put_away(session, source, row, now)
    vietnamese = [info for info in alert.infos if info.language.lower().startswith("vi")]
    _take_back(session, source, row, vietnamese[0] if vietnamese else None, now, holds=proof.holds)


def _take_back(
    session: Session, source: Source, row: CapMessage, info: Info | None, now: datetime, *, holds: bool = True
) -> None:
    """Have what was aired silenced, and said to be taken back. Where somebody could have forged that: by a person."""
    aired = [one for one in named_by(session, row) if one.state is CapState.RAISED and one.is_drill == row.is_drill]
    if not aired:
        return
    cancel = row if row.msg_type == MsgType.CANCEL else _cancel_of(session, row)
    worst = max(aired, key=lambda one: one.severity.rank)
    cancel.title = f"Hủy tin: {worst.title}"[:200]
    cancel.said = said_when_cancelled(worst.title, source.name, info)
    cancel.severity, cancel.language, cancel.expires_at = worst.severity, "vi", None
    cancel.state = CapState.WAITING
    cancel.zones = zones_meant(session, cancel)
    if holds:
        _air(session, source, cancel, now)
    else:
        cancel.reason = "Tin hủy không chứng minh được người gửi: hãy kiểm tra rồi mới dừng."


def _cancel_of(session: Session, row: CapMessage) -> CapMessage:
    """An Update that takes back: kept as the Cancel that it amounts to, beside itself."""
    cancel = CapMessage.model_validate(
        row.model_dump(exclude={"id"}) | {"identifier": f"{row.identifier}-huy"[:200], "msg_type": MsgType.CANCEL.value}
    )
    session.add(cancel)
    session.flush()
    return cancel


def _air(session: Session, source: Source, row: CapMessage, now: datetime) -> None:
    """Air it in the name of the source's leader; what stands in the way makes it wait for a person."""
    leader = session.get_one(User, source.leader_id)
    key = "cap-" + hashlib.sha256(f"{source.id}|{row.sender}|{row.identifier}".encode()).hexdigest()[:32]
    try:
        with session.begin_nested():
            raise_message(session, leader, row, zones_meant(session, row), row.said, now, key)
    except BroadcastError as error:
        row.state, row.reason = CapState.WAITING, f"Không tự phát được: {error.message}"


def _put_away(session: Session, source: Source, row: CapMessage, now: datetime) -> None:
    """What a later message names, of all that was not aired: it waits no more, and is in no programme."""
    state = CapState.CANCELLED if row.msg_type == MsgType.CANCEL else CapState.REPLACED
    for one in named_by(session, row):
        if one.is_drill != row.is_drill or one.state not in {CapState.WAITING, CapState.IN_INBOX}:
            continue
        if one.state is CapState.IN_INBOX:
            _withdraw_item(session, source, one, now)
        one.state, one.reason = state, f"Nguồn đã gửi tin {row.identifier}."[:1000]
        session.add(one)


def _into_inbox(session: Session, source: Source, row: CapMessage, urgency: Urgency, now: datetime) -> None:
    said = _item(row, urgency=urgency, title=row.title, text=row.text, zones=row.zones, expires_at=row.expires_at)
    row.state, row.item_id = CapState.IN_INBOX, take_item(session, source, said, now).id


def _withdraw_item(session: Session, source: Source, row: CapMessage, now: datetime) -> None:
    item = session.get(SourceItem, row.item_id)
    if item is not None:
        take_item(session, source, _item(row, status=ItemStatus.WITHDRAWN, revision=item.revision + 1), now)


def _item(row: CapMessage, **said: object) -> Item:
    """A message as an item of its source."""
    id_ = "cap-" + hashlib.sha256(f"{row.sender}|{row.identifier}".encode()).hexdigest()[:32]
    return Item.model_validate({"format": "loalang-item/1", "id": id_, **said})
