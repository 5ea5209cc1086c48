"""The programs that are told of alarms (administrator): added, changed, tried, and what they were told last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import anyio.from_thread
from fastapi import APIRouter, Depends, Path, Response

from broadcast.errors import BroadcastError, NotFound
from broadcast.models import AlarmNotice, Webhook
from broadcast.notify import NotifyFailed
from broadcast.permissions import Action
from broadcast.typed_text import MAX_NAME
from broadcast.webhooks import (
    MAX_URL,
    WebhookDraft,
    add_webhook,
    change_webhook,
    get_webhook,
    list_webhooks,
    remove_webhook,
    renew_secret,
    told_last,
)
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page

router = APIRouter(prefix="/webhook", include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_USERS))]
WebhookId = Annotated[int, Path(ge=1, le=2**53)]
SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class WebhooksPage(Page):
    """All webhooks, each with what it was told last, and the form of a new one."""

    template: ClassVar[str] = "webhooks.html"
    webhooks: Sequence[tuple[Webhook, AlarmNotice | None]]
    of_settings: str
    """Address of the one that the settings name; empty: none."""
    told_of_settings: Sequence[AlarmNotice]
    allows_inner: bool
    name: str = ""
    url: str = ""
    max_name: int = MAX_NAME
    max_url: int = MAX_URL
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookPage(Page):
    """One webhook; its secret when that was just made (shown once)."""

    template: ClassVar[str] = "webhook.html"
    webhook: Webhook
    told: Sequence[AlarmNotice]
    name: str
    url: str
    is_active: bool
    secret: str = ""
    max_name: int = MAX_NAME
    max_url: int = MAX_URL
    problem: Refusal | None = None


@router.get("")
def show_webhooks(door: Administrator) -> Response:
    """The page."""
    return _show(door)


@router.post("")
def add(form: PostedForm, door: Administrator) -> Response:
    """Add one, and show its secret."""
    try:
        with door.work() as session:
            webhook = add_webhook(session, _draft_in(form), door.now, door.user.username, allows_inner=_inner(door))
    except BroadcastError as error:
        return _show(door, form, refusal_of(error))
    return _show_one(door, webhook.id or 0, secret=webhook.secret)


@router.get("/{webhook_id}")
def show_webhook(webhook_id: WebhookId, door: Administrator) -> Response:
    """One of them."""
    return _show_one(door, webhook_id)


@router.post("/{webhook_id}")
def change(webhook_id: WebhookId, form: PostedForm, door: Administrator) -> Response:
    """Keep its name, address, and whether it is told."""
    draft = _draft_in(form, is_active=bool(form.text("is_active")))
    try:
        with door.work() as session:
            change_webhook(session, webhook_id, draft, door.now, door.user.username, allows_inner=_inner(door))
    except NotFound:
        raise
    except BroadcastError as error:
        return _show_one(door, webhook_id, draft=draft, problem=refusal_of(error))
    return door.go(f"/webhook/{webhook_id}", "da-luu-webhook")


@router.post("/{webhook_id}/thu")
def try_out(webhook_id: WebhookId, door: Administrator) -> Response:
    """Send a test, and say whether it went out."""
    try:
        anyio.from_thread.run(door.station.notifier.try_webhook, webhook_id)
    except NotifyFailed as error:
        return _show_one(door, webhook_id, problem=Refusal(502, "not-sent", f"Không gửi được: {error}"))
    return door.go(f"/webhook/{webhook_id}", "da-thu-webhook")


@router.post("/{webhook_id}/khoa-moi")
def renew(webhook_id: WebhookId, door: Administrator) -> Response:
    """Give it a new secret, and show that."""
    with door.work() as session:
        secret = renew_secret(session, webhook_id, door.now, door.user.username).secret
    return _show_one(door, webhook_id, secret=secret)


@router.post("/{webhook_id}/bo")
def remove(webhook_id: WebhookId, door: Administrator) -> Response:
    """Tell it no more."""
    with door.work() as session:
        remove_webhook(session, webhook_id, door.now, door.user.username)
    return door.go("/webhook", "da-bo-webhook")


def _inner(door: Door) -> bool:
    return door.station.settings.notify.allow_inner


def _draft_in(form: Fields, *, is_active: bool = True) -> WebhookDraft:
    return WebhookDraft(form.text("name"), form.text("url"), is_active)


def _show(door: Door, form: Fields | None = None, problem: Refusal | None = None) -> Response:
    of_settings = door.station.settings.notify.webhook_url or ""
    with door.read() as session:
        rows = [(one, next(iter(told_last(session, one.id, 1)), None)) for one in list_webhooks(session)]
        told = told_last(session, None, SHOWN) if of_settings else ()
    page = WebhooksPage(
        webhooks=rows,
        of_settings=of_settings,
        told_of_settings=told,
        allows_inner=_inner(door),
        name=form.text("name") if form else "",
        url=form.text("url") if form else "",
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)


def _show_one(
    door: Door, webhook_id: int, *, draft: WebhookDraft | None = None, secret: str = "", problem: Refusal | None = None
) -> Response:
    with door.read() as session:
        webhook = get_webhook(session, webhook_id)
        told = told_last(session, webhook_id, SHOWN)
    typed = draft or WebhookDraft(webhook.name, webhook.url, webhook.is_active)
    page = WebhookPage(
        webhook=webhook,
        told=told,
        name=typed.name,
        url=typed.url,
        is_active=typed.is_active,
        secret=secret,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)
