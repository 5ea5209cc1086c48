"""What a pole is told from its page: to start again, and what the page says came of it; or to be silent for ever."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.models import AuditEntry
from broadcast.restarting import BACK_WITHIN, RestartState, result_of_restart
from players.memory import MemoryTransport
from players.messages import Stop
from players.topics import Topics
from tests.fakes.fake_node import FakeNode
from tests.web.conftest import NOW, Browser, Clock, Commune, Programs, SignIn
from tests.web.test_alarm_pages import until_connected
from tests.web.test_node_page import beat, node_of, trust
from tests.web.test_nodes_door import add_node

PATH = "/cum-loa/dong-1"
BUTTON = f'button[formaction="{PATH}/khoi-dong-lai"]'


@pytest.fixture
async def pole(app: FastAPI, api: Programs, commune: Commune, clock: Clock) -> FakeNode:
    """One that is paired, and was just heard."""
    await add_node(api)
    trust(commune, "dong-1")
    await until_connected(app)
    station = app.state.station
    station.presence.heard(beat(clock, running_s=90_000), clock())
    transport = MemoryTransport(station.broker.broker, "dong-1")
    return FakeNode(transport, Topics("hoa-binh-an"), "dong-1", ["thon-dong"], [station.key.public_jwk()], clock)


def restarts_in_log(commune: Commune) -> list[tuple[str, str]]:
    with commune.work() as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.action == "restart-node"))
        return [(row.actor, row.subject) for row in rows]


def state_on(browser: Browser) -> str:
    return browser.attributes("[data-restart]")["data-restart"]


async def test_the_pole_gets_a_signed_order_and_the_page_says_what_came_of_it(
    app: FastAPI, pole: FakeNode, browse: SignIn, commune: Commune, clock: Clock
) -> None:
    admin = await browse("admin")
    await admin.get(PATH)
    assert "Chạy từ" in admin.text("main")
    assert admin.page.css_first("[data-restart]") is None
    async with pole.running():
        await admin.press(BUTTON)
        await pole.until(lambda pole: pole.restarts)
    (order,) = pole.restarts
    assert (order.node, order.issued_at, order.expires_at - NOW) == ("dong-1", NOW, timedelta(minutes=1))
    assert restarts_in_log(commune) == [("admin", "dong-1")]
    assert state_on(admin) == "asked"

    presence = app.state.station.presence
    clock.pass_time(timedelta(seconds=1))
    presence.heard(beat(clock, running_s=90_001, restarting=order.order), clock())
    await admin.get(f"{PATH}/khoi-dong-lai")
    assert state_on(admin) == "received"
    assert admin.attributes("[data-restart]")["hx-get"] == f"{PATH}/khoi-dong-lai"

    clock.pass_time(timedelta(seconds=8))
    presence.heard(beat(clock, running_s=3), clock())
    await admin.get(f"{PATH}/khoi-dong-lai")
    assert admin.text("#restart") == "Đã khởi động lại lúc 22/09/2026 10:00 ."
    assert "hx-get" not in admin.attributes("#restart")


async def test_a_pole_that_is_not_heard_is_not_ordered_and_nothing_is_written(
    pole: FakeNode, browse: SignIn, commune: Commune, clock: Clock
) -> None:
    admin = await browse("admin")
    await admin.get(PATH)
    clock.pass_time(timedelta(minutes=1))
    async with pole.running():
        await admin.press(BUTTON)
    assert (admin.answer.status_code, pole.restarts) == (409, [])
    assert "đang mất kết nối" in admin.text("main")
    assert restarts_in_log(commune) == []


async def test_only_the_administrator_sees_the_button_and_only_for_a_paired_pole(
    pole: FakeNode, browse: SignIn, api: Programs
) -> None:
    for who in ("officer", "leader", "head"):
        browser = await browse(who)
        await browser.get(PATH)
        assert browser.page.css_first(BUTTON) is None, who
    await add_node(api, "dong-2")
    admin = await browse("admin")
    await admin.get("/cum-loa/dong-2")
    assert admin.page.css_first('button[formaction$="/khoi-dong-lai"]') is None
    secret = admin.attributes('#act input[name="csrf"]')["value"]
    answer = await admin.http.post("/cum-loa/dong-2/khoi-dong-lai", data={"csrf": secret})
    assert (answer.status_code, "chưa được ghép" in answer.text) == (409, True)


async def test_a_revoked_pole_is_told_to_be_silent_before_it_is_shut_out(pole: FakeNode, api: Programs) -> None:
    async with pole.running():
        assert (await api("admin").post("/api/nodes/dong-1/revoke")).status_code == 204
        await pole.until(lambda pole: pole.orders)
    assert [config.windows for config in pole.configs][-1] == ()
    (stop,) = pole.orders
    assert isinstance(stop, Stop)
    assert stop.broadcast is None


@pytest.mark.parametrize(
    ("said", "after", "expected"),
    [
        ({"running_s": 90_000}, timedelta(seconds=5), RestartState.ASKED),
        ({"running_s": 90_000}, BACK_WITHIN, RestartState.UNANSWERED),
        ({"running_s": 90_000, "restarting": "r1"}, timedelta(seconds=5), RestartState.RECEIVED),
        ({"running_s": 90_000, "restarting": "r1"}, BACK_WITHIN, RestartState.NOT_BACK),
        ({"running_s": 4}, timedelta(seconds=5), RestartState.DONE),
        ({"running_s": 4}, timedelta(days=3), RestartState.DONE),
        ({"running_s": 4, "clock_trusted": False}, timedelta(seconds=5), RestartState.ASKED),
        ({}, BACK_WITHIN, RestartState.UNANSWERED),
    ],
)
async def test_what_came_of_it_by_what_the_pole_said_last(
    pole: FakeNode, commune: Commune, clock: Clock, said: dict[str, object], after: timedelta, expected: RestartState
) -> None:
    with commune.work() as session:
        node = node_of(session)
        assert result_of_restart(node, beat(clock), clock()) is None
        node.restart_asked_at = clock()
        clock.pass_time(timedelta(seconds=5))
        heard = beat(clock).model_copy(update=said)
        result = result_of_restart(node, heard, NOW + after)
    assert result is not None
    assert result.state is expected
