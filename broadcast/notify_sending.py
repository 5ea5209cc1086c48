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
from broadcast.models import Alarm, AlarmKind, AlarmNotice, NoticeChannel, NoticeEvent, row_id
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

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """Who is told, and how. Alarms that come within `gather` are one mail; the next comes after `pause`."""

    webhook: WebhookOptions | None = None
    mail: MailOptions | None = None
    gather: timedelta = timedelta(seconds=20)
    pause: timedelta = timedelta(minutes=5)


class Notifier:
    """Tells people and programs of alarms."""

    def __init__(self, engine: Engine, options: NotifyOptions, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._options = options
        self._clock = clock
        self._failed_in_a_row = 0
        self._rests_until: datetime | None = None

    @property
    def channels(self) -> frozenset[NoticeChannel]:
        """The ways that are set up."""
        found = {NoticeChannel.WEBHOOK: self._options.webhook, NoticeChannel.MAIL: self._options.mail}
        return frozenset(channel for channel, options in found.items() if options is not None)

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while self.channels:
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

    async def _send_webhooks(self) -> None:
        webhook = self._options.webhook
        if webhook is None or (self._rests_until is not None and self._clock() < self._rests_until):
            return
        for notice in await asyncio.to_thread(self._due, NoticeChannel.WEBHOOK):
            try:
                await send_webhook(webhook, notice.document, str(notice.id), self._clock())
            except NotifyFailed as error:
                # The others would fare alike; but one that is never taken must not hold them up for ever.
                self._failed_in_a_row += 1
                self._rests_until = self._clock() + compute_pause(self._failed_in_a_row)
                await asyncio.to_thread(self._note_failed, [notice], error)
                return
            self._failed_in_a_row = 0
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

    def _due(self, channel: NoticeChannel) -> list[AlarmNotice]:
        with reading(self._engine) as session:
            return due_notices(session, channel, self._clock())

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
