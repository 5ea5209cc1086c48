"""The commune's own webhooks: what an administrator adds is told, each by itself, to real HTTP servers."""

import hashlib
import hmac

import pytest
from sqlmodel import Session, select

from broadcast.db import session_of
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import AuditEntry, Webhook, row_id
from broadcast.notify import NotifyFailed
from broadcast.notify_sending import Notifier, NotifyOptions
from broadcast.webhooks import (
    MOST_WEBHOOKS,
    WebhookDraft,
    add_webhook,
    change_webhook,
    check_url,
    list_webhooks,
    remove_webhook,
    renew_secret,
    told_last,
)
from tests.broadcast.conftest import NOW, House
from tests.broadcast.test_notify_sending import Bench, Receiver, bench, fact, inner, receiving  # noqa: F401 - a fixture


def added(bench: Bench, receiver: Receiver, name: str = "Trực ban") -> Webhook:  # noqa: F811
    with session_of(bench.engine) as session:
        return add_webhook(session, WebhookDraft(name, receiver.url), NOW, "quantri", allows_inner=True)


def notifier(bench: Bench, *, allows_inner: bool = True) -> Notifier:  # noqa: F811
    return Notifier(bench.engine, NotifyOptions(allows_inner=allows_inner), lambda: bench.now)


def last_told(bench: Bench, webhook: Webhook) -> list[tuple[str, bool, str | None]]:  # noqa: F811
    with session_of(bench.engine) as session:
        told = told_last(session, row_id(webhook.id), 20)
    return [(one.document["subject"], one.done_at is not None, one.error) for one in told]


async def test_an_added_webhook_is_told_signed_with_its_own_secret(bench: Bench) -> None:  # noqa: F811
    with receiving() as receiver:
        webhook, sender = added(bench, receiver), notifier(bench)
        bench.opens(sender, fact("dong-1"))
        await sender.send_due()
        await sender.send_due()  # what was told is not told again
    ((headers, body),) = receiver.got
    stamp = headers["loalang-signature"].removeprefix("t=").partition(",")[0]
    expected = hmac.new(webhook.secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["loalang-signature"] == f"t={stamp},v1={expected}"
    assert last_told(bench, webhook) == [("dong-1", True, None)]


async def test_one_that_does_not_take_it_holds_up_no_other(bench: Bench) -> None:  # noqa: F811
    with receiving() as broken, receiving() as well, receiving() as of_settings:
        broken.answers = [500]
        bad, good = added(bench, broken, "Hỏng"), added(bench, well, "Lành")
        options = NotifyOptions(inner(of_settings), allows_inner=True)
        sender = Notifier(bench.engine, options, lambda: bench.now)
        bench.opens(sender, fact("dong-1"), fact("dong-2"))
        await sender.send_due()
        assert (len(broken.got), len(well.got), len(of_settings.got)) == (1, 2, 2)
        waiting = ("dong-1", False, "the receiver answered 500")
        assert last_told(bench, bad) == [("dong-2", False, None), waiting]
        assert [done for _, done, _ in last_told(bench, good)] == [True, True]
        bench.pass_time(3600)
        await sender.send_due()
        assert [done for _, done, _ in last_told(bench, bad)] == [True, True]


async def test_one_that_is_stopped_is_told_nothing_not_even_what_waited(bench: Bench) -> None:  # noqa: F811
    with receiving() as receiver:
        webhook, sender = added(bench, receiver), notifier(bench)
        bench.opens(sender, fact("dong-1"))
        off = WebhookDraft("Trực ban", receiver.url, is_active=False)
        with session_of(bench.engine) as session:
            change_webhook(session, row_id(webhook.id), off, NOW, "quantri", allows_inner=True)
        bench.opens(sender, fact("dong-2"))
        await sender.send_due()
        assert receiver.got == []
        assert last_told(bench, webhook) == []


async def test_a_test_goes_out_also_to_one_that_is_stopped(bench: Bench) -> None:  # noqa: F811
    with receiving() as receiver:
        webhook = added(bench, receiver)
        await notifier(bench).try_webhook(row_id(webhook.id))
        assert b'"is_test": true' in receiver.got[0][1]
        with pytest.raises(NotifyFailed, match="inner address"):
            await notifier(bench, allows_inner=False).try_webhook(row_id(webhook.id))
        with pytest.raises(NotFound):
            await notifier(bench).try_webhook(999)


def test_its_secret_is_renewed_and_it_is_removed_with_what_it_was_told(bench: Bench) -> None:  # noqa: F811
    with receiving() as receiver:
        webhook = added(bench, receiver)
    bench.opens(notifier(bench), fact("dong-1"))
    with session_of(bench.engine) as session:
        assert renew_secret(session, row_id(webhook.id), NOW, "quantri").secret != webhook.secret
        remove_webhook(session, row_id(webhook.id), NOW, "quantri")
        assert list_webhooks(session) == []
    assert bench.waiting() == []
    with session_of(bench.engine) as session:
        written = [entry.action for entry in session.exec(select(AuditEntry)) if "webhook" in entry.action]
    assert written == ["add-webhook", "renew-webhook", "remove-webhook"]


@pytest.mark.parametrize(
    "url",
    ["", "bao-dong", "ftp://a.example/x", "http://a.example/x", "https://", "https://u:p@a.example/", "https://a:b/",
     "https://" + "a" * 600 + ".example/", "javascript:alert(1)", "file:///etc/passwd"],
)  # fmt: skip
def test_an_address_that_cannot_be_told_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_url(url, allows_inner=False)
    assert refused.value.field == "url"


def test_an_address_keeps_its_path_and_only_the_settings_allow_plain_text() -> None:
    assert check_url(" https://truc.example/bao?a=1 ", allows_inner=False) == "https://truc.example/bao?a=1"
    assert check_url("http://10.0.0.5:8080/x", allows_inner=True) == "http://10.0.0.5:8080/x"


def test_there_are_only_so_many(unit: Session, house: House) -> None:
    draft = WebhookDraft("Một", "https://truc.example/")
    for _ in range(MOST_WEBHOOKS):
        add_webhook(unit, draft, NOW, "quantri", allows_inner=False)
    with pytest.raises(Conflict):
        add_webhook(unit, draft, NOW, "quantri", allows_inner=False)
