"""Alarms in the database: opened and ended by `broadcast.alarm_rules`, kept until somebody has acknowledged them."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, or_, select

from broadcast.alarm_rules import Fact, Judgement, Key
from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import NotAllowed, NotFound
from broadcast.models import Alarm, NoticeChannel, NoticeEvent, User, row_id
from broadcast.notify import queue_notice
from broadcast.permissions import Action, require
from broadcast.typed_text import clean_line
from broadcast.zones import zones_open_to

SEEN_EVERY = timedelta(seconds=10)
"""An alarm that goes on is written down this often, not with each heartbeat."""
MAX_NOTE = 300
KEPT = timedelta(days=90)
"""After it was over and acknowledged."""
_SHOWN_AT_MOST = 300
_MAX_TEXT = 500


def open_alarms(session: Session) -> dict[Key, Alarm]:
    """The alarms whose reason is still there."""
    found = session.exec(select(Alarm).where(col(Alarm.over_since).is_(None)))
    return {(alarm.kind, alarm.subject): alarm for alarm in found}


def is_news(judgement: Judgement, known: dict[Key, Alarm], now: datetime) -> bool:
    """Whether there is anything to write down."""
    is_stale = any(not _is_fresh(known[fact.key], now) for fact in judgement.holds)
    return bool(judgement.opens or judgement.ends or is_stale)


def apply_judgement(session: Session, judgement: Judgement, channels: Collection[NoticeChannel], now: datetime) -> bool:
    """Write down what opened, goes on and ended, and whom to tell; whether anything opened or ended.

    What comes back before anybody has acknowledged it is the same story: it is open again, and no mail is sent anew.
    """
    for fact in judgement.opens:
        _open(session, fact, channels, now)
    known = open_alarms(session)
    for fact in judgement.holds:
        alarm = known.get(fact.key)
        if alarm is not None and not _is_fresh(alarm, now):
            _describe(alarm, fact)
            alarm.last_seen_at = now
            session.add(alarm)
    for key, since in judgement.ends.items():
        if (alarm := known.get(key)) is not None:
            alarm.over_since = max(since, alarm.first_seen_at)
            session.add(alarm)
            queue_notice(session, channels, alarm, NoticeEvent.OVER, now)
    session.flush()
    return bool(judgement.opens or judgement.ends)


def acknowledge(
    session: Session, alarm_id: int, by: User, note: str, channels: Collection[NoticeChannel], now: datetime
) -> Alarm:
    """Somebody knows of it and has it in hand. Twice changes nothing: who was first stays.

    Raises:
        NotFound: there is no such alarm, or it is none of this user's.
        NotAllowed: a village head, of more than his village.
        InvalidInput: the note is too long.
    """
    require(by, Action.ACKNOWLEDGE_ALARMS)
    alarm = session.get(Alarm, alarm_id)
    if alarm is None or not _is_seen_by(session, alarm, by):
        raise NotFound("no-alarm", "Không có cảnh báo này.")
    if by.zone_id is not None and alarm.zones != _own_zones(session, by):
        raise NotAllowed("not-your-village", "Cảnh báo này không chỉ của thôn bạn: hãy báo cán bộ xã.")
    if alarm.acknowledged_at is not None:
        return alarm
    alarm.note = _clean_note(note)
    alarm.acknowledged_at, alarm.acknowledged_by_id = now, by.id
    session.add(alarm)
    detail = {"title": alarm.title, "note": alarm.note}
    record(session, now, by.username, "acknowledge-alarm", f"{alarm.kind}/{alarm.subject}", detail)
    queue_notice(session, frozenset(channels) - {NoticeChannel.MAIL}, alarm, NoticeEvent.ACKNOWLEDGED, now)
    session.flush()
    return alarm


def alarms_seen_by(session: Session, user: User) -> list[Alarm]:
    """What is wrong, and what was and nobody has acknowledged: the unacknowledged first, the worst and latest first."""
    return _ordered(alarm for alarm in _standing(session) if _is_seen_by(session, alarm, user))


def alarms_in(session: Session, scope: str | None) -> list[Alarm]:
    """The same for all who see one village (its slug), or the commune (none)."""
    return _ordered(alarm for alarm in _standing(session) if not alarm.zones or scope is None or scope in alarm.zones)


def past_alarms_seen_by(session: Session, user: User, since: datetime) -> list[Alarm]:
    """What is over and was acknowledged, the latest first."""
    query = select(Alarm).where(col(Alarm.over_since) >= since, col(Alarm.acknowledged_at).is_not(None))
    rows = session.exec(query.order_by(col(Alarm.over_since).desc(), col(Alarm.id)).limit(_SHOWN_AT_MOST))
    return [alarm for alarm in rows if _is_seen_by(session, alarm, user)]


def forget_old_alarms(session: Session, now: datetime) -> None:
    """Forget what was over and acknowledged long ago."""
    session.exec(delete(Alarm).where(col(Alarm.over_since) < now - KEPT, col(Alarm.acknowledged_at) < now - KEPT))


def _open(session: Session, fact: Fact, channels: Collection[NoticeChannel], now: datetime) -> None:
    query = select(Alarm).where(Alarm.kind == fact.kind, Alarm.subject == fact.subject)
    alarm = session.exec(query).first()
    is_same_story = alarm is not None and alarm.acknowledged_at is None
    if alarm is None:
        commune_id = row_id(get_commune(session).id)
        alarm = Alarm(
            commune_id=commune_id, kind=fact.kind, subject=fact.subject, is_bad=fact.is_bad, title="",
            first_seen_at=now, last_seen_at=now,
        )  # fmt: skip
    else:
        alarm.times += 1
    if not is_same_story:
        alarm.first_seen_at = now
    alarm.over_since, alarm.last_seen_at = None, now
    alarm.acknowledged_at, alarm.acknowledged_by_id, alarm.note = None, None, ""
    _describe(alarm, fact)
    session.add(alarm)
    session.flush()
    told = frozenset(channels) - {NoticeChannel.MAIL} if is_same_story else channels
    queue_notice(session, told, alarm, NoticeEvent.OPENED, now)


def _describe(alarm: Alarm, fact: Fact) -> None:
    alarm.is_bad, alarm.zones = fact.is_bad, list(fact.zones)
    alarm.title, alarm.detail = fact.title[:_MAX_TEXT], fact.detail[:_MAX_TEXT]


def _is_fresh(alarm: Alarm, now: datetime) -> bool:
    return timedelta() <= now - alarm.last_seen_at < SEEN_EVERY


def _standing(session: Session) -> list[Alarm]:
    stands = or_(col(Alarm.over_since).is_(None), col(Alarm.acknowledged_at).is_(None))
    rows = session.exec(select(Alarm).where(stands).order_by(col(Alarm.last_seen_at).desc()).limit(_SHOWN_AT_MOST))
    return list(rows)


def _ordered(alarms: Iterable[Alarm]) -> list[Alarm]:
    def rank(alarm: Alarm) -> tuple[bool, bool, bool, float]:
        is_over = alarm.over_since is not None
        return alarm.acknowledged_at is not None, is_over, not alarm.is_bad, -alarm.first_seen_at.timestamp()

    return sorted(alarms, key=rank)


def _is_seen_by(session: Session, alarm: Alarm, user: User) -> bool:
    return not alarm.zones or user.zone_id is None or bool(set(alarm.zones) & set(_own_zones(session, user)))


def _own_zones(session: Session, user: User) -> list[str]:
    return [zone.slug for zone in zones_open_to(session, user)]


def _clean_note(note: str) -> str:
    return clean_line(note, "note", max_chars=MAX_NOTE) if note.strip() else ""
