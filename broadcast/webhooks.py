"""The programs that the commune has told of its alarms: added, changed and removed by its administrator.

How they are told is `broadcast.notify`'s and `broadcast.notify_webhook`'s. Whether one may be on this machine or in an
inner network is for the settings (`notify.allow_inner`), not for who signs in.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
from sqlmodel import Session, col, delete, select

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import AlarmNotice, NoticeChannel, Webhook, row_id
from broadcast.typed_text import clean_line

MOST_WEBHOOKS = 10
MAX_URL = 500


@dataclass(frozen=True, slots=True)
class WebhookDraft:
    """A webhook as it is typed."""

    name: str
    url: str
    is_active: bool = True


def add_webhook(session: Session, draft: WebhookDraft, now: datetime, actor: str, *, allows_inner: bool) -> Webhook:
    """Have one more program told from now on, signed with a new secret.

    Raises:
        InvalidInput: the name or the address cannot be used.
        Conflict: there are `MOST_WEBHOOKS` already.
    """
    if len(list_webhooks(session)) >= MOST_WEBHOOKS:
        raise Conflict("too-many-webhooks", f"Chỉ đặt được {MOST_WEBHOOKS} webhook.")
    webhook = Webhook(
        commune_id=row_id(get_commune(session).id),
        name=clean_line(draft.name, "name"),
        url=check_url(draft.url, allows_inner=allows_inner),
        secret=_new_secret(),
        is_active=draft.is_active,
        created_at=now,
    )
    session.add(webhook)
    session.flush()
    record(session, now, actor, "add-webhook", webhook.name, {"host": httpx.URL(webhook.url).host})
    return webhook


def change_webhook(
    session: Session, webhook_id: int, draft: WebhookDraft, now: datetime, actor: str, *, allows_inner: bool
) -> Webhook:
    """Call it otherwise, tell another address, or stop and go on. What waited for one that is stopped is not sent.

    Raises:
        NotFound: there is no such webhook.
        InvalidInput: the name or the address cannot be used.
    """
    webhook = get_webhook(session, webhook_id)
    webhook.name = clean_line(draft.name, "name")
    webhook.url = check_url(draft.url, allows_inner=allows_inner)
    webhook.is_active = draft.is_active
    session.add(webhook)
    if not webhook.is_active:
        its_own = delete(AlarmNotice).where(col(AlarmNotice.webhook_id) == webhook.id)
        session.exec(its_own.where(col(AlarmNotice.done_at).is_(None)))
    said = {"host": httpx.URL(webhook.url).host, "is_active": webhook.is_active}
    record(session, now, actor, "change-webhook", webhook.name, said)
    return webhook


def renew_secret(session: Session, webhook_id: int, now: datetime, actor: str) -> Webhook:
    """Sign with a new secret from now on.

    Raises:
        NotFound: there is no such webhook.
    """
    webhook = get_webhook(session, webhook_id)
    webhook.secret = _new_secret()
    session.add(webhook)
    record(session, now, actor, "renew-webhook", webhook.name)
    return webhook


def remove_webhook(session: Session, webhook_id: int, now: datetime, actor: str) -> None:
    """Tell it no more, and forget what it was told.

    Raises:
        NotFound: there is no such webhook.
    """
    webhook = get_webhook(session, webhook_id)
    session.exec(delete(AlarmNotice).where(col(AlarmNotice.webhook_id) == webhook.id))
    session.delete(webhook)
    record(session, now, actor, "remove-webhook", webhook.name)


def get_webhook(session: Session, webhook_id: int) -> Webhook:
    """A webhook.

    Raises:
        NotFound: there is none of that number.
    """
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise NotFound("no-webhook", "Không có webhook này.")
    return webhook


def list_webhooks(session: Session) -> Sequence[Webhook]:
    """All of them, by name."""
    return session.exec(select(Webhook).order_by(col(Webhook.name), col(Webhook.id))).all()


def active_webhooks(session: Session) -> Sequence[Webhook]:
    """Those that are told."""
    return session.exec(select(Webhook).where(col(Webhook.is_active)).order_by(col(Webhook.id))).all()


def told_last(session: Session, webhook_id: int | None, most: int) -> Sequence[AlarmNotice]:
    """What a webhook (none: the settings' own) was told last or is still to be told, the latest first."""
    to_it = (
        AlarmNotice.channel == NoticeChannel.WEBHOOK,
        col(AlarmNotice.webhook_id).is_not_distinct_from(webhook_id),
    )
    return session.exec(select(AlarmNotice).where(*to_it).order_by(col(AlarmNotice.id).desc()).limit(most)).all()


def check_url(text: str, *, allows_inner: bool) -> str:
    """The address, if it can be one.

    Raises:
        InvalidInput: it is none, holds a password, or is not encrypted where it must be.
    """
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL as error:
        raise _bad_url(allows_inner=allows_inner) from error
    is_open = url.scheme == "http" and allows_inner
    if len(text) > MAX_URL or not url.host or url.userinfo or not (url.scheme == "https" or is_open):
        raise _bad_url(allows_inner=allows_inner)
    return str(url)


def _bad_url(*, allows_inner: bool) -> InvalidInput:
    begins = "https:// hoặc http://" if allows_inner else "https://"
    return InvalidInput("bad-webhook-url", f"Địa chỉ bắt đầu bằng {begins}, không kèm mật khẩu.", "url")


def _new_secret() -> str:
    return secrets.token_urlsafe(32)
