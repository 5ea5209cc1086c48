"""Sends what waits in the queue of notices, and tries again what did not go out."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from broadcast.communes import get_commune, local_zone
from broadcast.db import reading, session_of
from broadcast.models import Alarm, AlarmKind, AlarmNotice, NoticeChannel, NoticeEvent, Webhook, row_id
from broadcast.notify import (
    NotifyFailed,
    compute_pause,
    document_of,
    due_notices,
    last_sent_at,
    mail_is_due,
    note_failed,
    note_sent,
)
from broadcast.notify_mail import MailOptions, send_mail, write_mail
from broadcast.notify_webhook import WebhookOptions, send_webhook
from broadcast.webhooks import active_webhooks, get_webhook

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """Who is told, and how. Alarms that come within `gather` are one mail; the next comes after `pause`."""

    webhook: WebhookOptions | None = None
    mail: MailOptions | None = None
    gather: timedelta = timedelta(seconds=20)
    pause: timedelta = timedelta(minutes=5)
    allows_inner: bool = False
    """Whether the commune's own webhooks may be on this machine or in an inner network."""


@dataclass(slots=True)
class _Rest:
    """How long a webhook that did not take what it was told is left alone."""

    failed_in_a_row: int = 0
    until: datetime | None = None


class Notifier:
    """Tells people and programs of alarms."""

    def __init__(self, engine: Engine, options: NotifyOptions, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._options = options
        self._clock = clock
        self._rests: dict[int | None, _Rest] = {}
        """By the webhook's id; none: the settings' own."""

    @property
    def channels(self) -> frozenset[NoticeChannel]:
        """The ways that the settings name."""
        found = {NoticeChannel.WEBHOOK: self._options.webhook, NoticeChannel.MAIL: self._options.mail}
        return frozenset(channel for channel, options in found.items() if options is not None)

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            try:
                await self.send_due()
            # What waits is in the database: whatever went wrong with one notice, the next look tries again.
            except Exception:
                log.exception("notices could not be sent")
            await asyncio.sleep(LOOK_EVERY_S)

    async def send_due(self) -> None:
        """Send all that is due now."""
        await asyncio.gather(self._send_webhooks(), self._send_mail())

    async def try_out(self, channel: NoticeChannel) -> None:
        """Send a test, now.

        Raises:
            NotifyFailed: it did not go out, or the channel is not set up.
        """
        document = await asyncio.to_thread(self._test_document)
        if channel is NoticeChannel.WEBHOOK and self._options.webhook is not None:
            await send_webhook(self._options.webhook, document, "test", self._clock())
        elif channel is NoticeChannel.MAIL and self._options.mail is not None:
            await asyncio.to_thread(self._mail, [document])
        else:
            raise NotifyFailed(f"{channel} is not set up")

    async def try_webhook(self, webhook_id: int) -> None:
        """Send a test to one of the commune's own webhooks, now.

        Raises:
            NotFound: there is no such webhook.
            NotifyFailed: it did not go out.
        """
        webhook, document = await asyncio.to_thread(self._own_webhook, webhook_id)
        await send_webhook(webhook, document, "test", self._clock())

    async def _send_webhooks(self) -> None:
        targets = await asyncio.to_thread(self._webhooks)
        await asyncio.gather(*(self._send_to(webhook_id, webhook) for webhook_id, webhook in targets.items()))

    async def _send_to(self, webhook_id: int | None, webhook: WebhookOptions) -> None:
        """Tell one webhook what waits for it; one that does not answer holds up no other."""
        rest = self._rests.setdefault(webhook_id, _Rest())
        if rest.until is not None and self._clock() < rest.until:
            return
        for notice in await asyncio.to_thread(self._due, NoticeChannel.WEBHOOK, webhook_id):
            try:
                await send_webhook(webhook, notice.document, str(notice.id), self._clock())
            except NotifyFailed as error:
                # The others would fare alike; but one that is never taken must not hold them up for ever.
                rest.failed_in_a_row += 1
                rest.until = self._clock() + compute_pause(rest.failed_in_a_row)
                await asyncio.to_thread(self._note_failed, [notice], error)
                return
            rest.failed_in_a_row = 0
            await asyncio.to_thread(self._note_sent, [notice])

    async def _send_mail(self) -> None:
        if self._options.mail is not None:
            await asyncio.to_thread(self._send_digest)

    def _send_digest(self) -> None:
        notices = self._due(NoticeChannel.MAIL)
        with reading(self._engine) as session:
            last = last_sent_at(session, NoticeChannel.MAIL)
        now = self._clock()
        if not mail_is_due(notices, last, now, gather=self._options.gather, pause=self._options.pause):
            return
        try:
            self._mail([notice.document for notice in notices])
        except NotifyFailed as error:
            self._note_failed(notices, error)
        else:
            self._note_sent(notices)

    def _mail(self, documents: Sequence[dict[str, Any]]) -> None:
        options = self._options.mail
        assert options is not None  # noqa: S101 - asked by the callers
        with reading(self._engine) as session:
            commune = get_commune(session)
        send_mail(options, write_mail(options, commune.name, documents, local_zone(commune), self._clock()))

    def _webhooks(self) -> dict[int | None, WebhookOptions]:
        found: dict[int | None, WebhookOptions] = {}
        if self._options.webhook is not None:
            found[None] = self._options.webhook
        with reading(self._engine) as session:
            return found | {row_id(one.id): self._as_options(one) for one in active_webhooks(session)}

    def _own_webhook(self, webhook_id: int) -> tuple[WebhookOptions, dict[str, Any]]:
        with reading(self._engine) as session:
            webhook = self._as_options(get_webhook(session, webhook_id))
        return webhook, self._test_document()

    def _as_options(self, webhook: Webhook) -> WebhookOptions:
        return WebhookOptions(webhook.url, webhook.secret, self._options.allows_inner)

    def _due(self, channel: NoticeChannel, webhook_id: int | None = None) -> list[AlarmNotice]:
        with reading(self._engine) as session:
            return due_notices(session, channel, self._clock(), webhook_id)

    def _note_sent(self, notices: Collection[AlarmNotice]) -> None:
        with session_of(self._engine) as session:
            note_sent(session, [row_id(notice.id) for notice in notices], self._clock())

    def _note_failed(self, notices: Collection[AlarmNotice], error: NotifyFailed) -> None:
        log.warning("%d notices were not sent: %s", len(notices), error)
        with session_of(self._engine) as session:
            note_failed(session, [row_id(notice.id) for notice in notices], str(error), self._clock())

    def _test_document(self) -> dict[str, Any]:
        now = self._clock()
        with reading(self._engine) as session:
            commune = get_commune(session)
        test = Alarm(
            commune_id=row_id(commune.id),
            kind=AlarmKind.NOTIFY_FAILED,
            subject="test",
            is_bad=False,
            title="Đây là tin thử, không có gì hỏng",
            first_seen_at=now,
            last_seen_at=now,
        )
        return document_of(test, NoticeEvent.OPENED, commune.slug, now) | {"is_test": True}
