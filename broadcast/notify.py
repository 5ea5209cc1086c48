"""Whom an alarm is told to: a queue in the database, so that nothing is lost when the server or the line goes down."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete, func, select
from sqlmodel.sql.expression import SelectOfScalar

from broadcast.communes import get_commune
from broadcast.models import Alarm, AlarmKind, AlarmNotice, NoticeChannel, NoticeEvent, Webhook

MAX_WAITING = 1000
"""Notices that wait for one channel; beyond it the oldest is given up."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=30)
AT_ONCE = 200
_FAILING_FROM = 3
"""After so many tries in vain the page says so."""


class NotifyFailed(Exception):
    """Nobody could be told just now; the text says why, in English."""


def document_of(alarm: Alarm, event: NoticeEvent, commune: str, now: datetime) -> dict[str, Any]:
    """What the outside is told of an alarm: JSON, instants in UTC."""
    return {
        "event": event.value,
        "at": _said(now),
        "commune": commune,
        "alarm": alarm.id,
        "kind": alarm.kind.value,
        "subject": alarm.subject,
        "severity": "bad" if alarm.is_bad else "warn",
        "title": alarm.title,
        "detail": alarm.detail,
        "zones": list(alarm.zones),
        "first_seen_at": _said(alarm.first_seen_at),
        "over_since": None if alarm.over_since is None else _said(alarm.over_since),
        "note": alarm.note,
    }


def queue_notice(
    session: Session, channels: Collection[NoticeChannel], alarm: Alarm, event: NoticeEvent, now: datetime
) -> None:
    """Have it told, in the same unit of work as what happened. That telling fails is told on the page only.

    By the channels that the settings name, and to each webhook that the commune has added itself.
    """
    if alarm.kind is AlarmKind.NOTIFY_FAILED:
        return
    ways: list[tuple[NoticeChannel, int | None]] = [(channel, None) for channel in sorted(channels)]
    own = session.exec(select(Webhook.id).where(col(Webhook.is_active)).order_by(col(Webhook.id)))
    ways += [(NoticeChannel.WEBHOOK, webhook_id) for webhook_id in own]
    document = document_of(alarm, event, get_commune(session).slug, now) if ways else {}
    for channel, webhook_id in ways:
        notice = AlarmNotice(channel=channel, webhook_id=webhook_id, event=event, document=document, created_at=now)
        session.add(notice)
        session.flush()
        _give_up_beyond(session, channel, webhook_id, now)


def due_notices(
    session: Session, channel: NoticeChannel, now: datetime, webhook_id: int | None = None
) -> list[AlarmNotice]:
    """What is to be sent now, the oldest first; to one of the commune's own webhooks when it is named."""
    rows = session.exec(_waiting(channel, webhook_id).order_by(col(AlarmNotice.id)).limit(AT_ONCE))
    return [row for row in rows if row.try_after is None or row.try_after <= now]


def mail_is_due(
    notices: Sequence[AlarmNotice], last_sent_at: datetime | None, now: datetime, *, gather: timedelta, pause: timedelta
) -> bool:
    """Whether it is time for a mail: alarms that come together are gathered, and the next mail waits. Pure.

    Args:
        notices: what waits for a mail and may be tried.
        last_sent_at: when the last mail went out.
        now: the present.
        gather: how long the first of them waits for others.
        pause: how long after a mail the next one goes out.
    """
    if not notices or (last_sent_at is not None and timedelta() <= now - last_sent_at < pause):
        return False
    return now - min(notice.created_at for notice in notices) >= gather


def last_sent_at(session: Session, channel: NoticeChannel) -> datetime | None:
    """When something last went out."""
    sent = (AlarmNotice.channel == channel, col(AlarmNotice.done_at).is_not(None), col(AlarmNotice.error).is_(None))
    return session.exec(select(func.max(AlarmNotice.done_at)).where(*sent)).one()


def note_sent(session: Session, ids: Collection[int], now: datetime) -> None:
    """These went out."""
    for notice in _by_id(session, ids):
        notice.attempts, notice.done_at, notice.error = notice.attempts + 1, now, None
        session.add(notice)


def note_failed(session: Session, ids: Collection[int], why: str, now: datetime) -> None:
    """These did not: they are tried again after a growing pause, and given up after days."""
    for notice in _by_id(session, ids):
        notice.attempts += 1
        notice.error = why[:300]
        notice.try_after = now + compute_pause(notice.attempts)
        if now - notice.created_at >= GIVE_UP_AFTER:
            notice.done_at = now
        session.add(notice)


def compute_pause(attempts: int) -> timedelta:
    """How long to wait after that many tries in vain: doubled each time."""
    doubled: int = 2 ** min(attempts - 1, 20)
    return min(LONGEST_PAUSE, FIRST_PAUSE * doubled)


def failing_channels(session: Session) -> dict[NoticeChannel, str]:
    """The channels that have failed several times in a row, with the last reason."""
    query = select(AlarmNotice).where(col(AlarmNotice.done_at).is_(None), AlarmNotice.attempts >= _FAILING_FROM)
    return {notice.channel: notice.error or "" for notice in session.exec(query)}


def forget_old_notices(session: Session, now: datetime) -> None:
    """Forget what was sent or given up long ago."""
    session.exec(delete(AlarmNotice).where(col(AlarmNotice.done_at) < now - KEPT))


def _give_up_beyond(session: Session, channel: NoticeChannel, webhook_id: int | None, now: datetime) -> None:
    count = session.exec(select(func.count()).select_from(_waiting(channel, webhook_id).subquery())).one()
    if count > MAX_WAITING:
        oldest = _waiting(channel, webhook_id).order_by(col(AlarmNotice.id)).limit(count - MAX_WAITING)
        for notice in session.exec(oldest):
            notice.done_at, notice.error = now, "too many waited"
            session.add(notice)
        session.flush()


def _waiting(channel: NoticeChannel, webhook_id: int | None) -> SelectOfScalar[AlarmNotice]:
    to_it = (AlarmNotice.channel == channel, col(AlarmNotice.webhook_id).is_not_distinct_from(webhook_id))
    return select(AlarmNotice).where(*to_it, col(AlarmNotice.done_at).is_(None))


def _by_id(session: Session, ids: Collection[int]) -> Sequence[AlarmNotice]:
    return session.exec(select(AlarmNotice).where(col(AlarmNotice.id).in_(ids))).all()


def _said(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
