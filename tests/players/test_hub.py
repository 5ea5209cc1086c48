"""The server's end of the wire, at the broker in this process; nodes speak the real messages."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from players.errors import Distrusted, TransportClosed
from players.hub import Hub
from players.memory import MemoryBroker, MemoryTransport
from players.messages import (
    MAX_PUSHED_CLIP_BYTES,
    Heartbeat,
    NodeActivity,
    PlaybackReport,
    Presence,
    ReportAck,
    TimeReply,
    TimeRequest,
)
from players.presence import PresenceBoard, PresenceState
from players.signing import CommuneKey, open_order, open_signed
from players.transport import Connection, Incoming
from tests.players.samples import (
    CONFIG,
    EMERGENCIES,
    HEARTBEAT,
    NODE,
    NOW,
    PLAY,
    REPORT,
    STOP,
    TIMETABLE,
    TOPICS,
    ZONE,
)

KEY = CommuneKey.generate()
KEYS = [KEY.public_jwk()]


@dataclass
class Server:
    """A hub, and a database that remembers, and can be broken."""

    broker: MemoryBroker = field(default_factory=MemoryBroker)
    presence: PresenceBoard = field(default_factory=PresenceBoard)
    now: datetime = NOW
    commit_s: float = 0
    stored: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    refuses: Callable[[Sequence[PlaybackReport]], bool] = lambda _: False
    greeted: asyncio.Event = field(default_factory=asyncio.Event)
    greetings_to_fail: int = 0
    changes: list[str] = field(default_factory=list)
    may_store: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_store.set()
        self.hub = Hub(
            MemoryTransport(self.broker, "server"),
            TOPICS,
            KEY,
            self.presence,
            lambda: self.now,
            self._store,
            self._greet,
            self.changes.append,
        )

    async def _store(self, reports: Sequence[PlaybackReport]) -> None:
        await asyncio.sleep(self.commit_s)
        self.batches.append(len(reports))
        await self.may_store.wait()
        if self.refuses(reports):
            raise OSError("database is locked")
        self.stored += [report.report for report in reports]

    async def _greet(self) -> None:
        if self.greetings_to_fail:
            self.greetings_to_fail -= 1
            raise OSError("database is locked")
        await self.hub.publish_timetable(TIMETABLE)
        await self.hub.publish_config(CONFIG)
        await self.hub.publish_emergencies(EMERGENCIES)
        self.greeted.set()


@asynccontextmanager
async def running(server: Server | None = None) -> AsyncIterator[Server]:
    server = server or Server()
    task = asyncio.create_task(server.hub.run())
    try:
        yield server
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("players.hub.FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr("players.report_intake.FIRST_PAUSE_S", 0.01)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - the hub tells nobody of most of this
            await asyncio.sleep(0.001)


@asynccontextmanager
async def node(server: Server, name: str = NODE) -> AsyncIterator[Connection]:
    """A node's connection, once the hub listens."""
    await until(lambda: server.hub.connected)
    async with MemoryTransport(server.broker, name).connect() as connection:
        await connection.subscribe(*TOPICS.for_node(name), *TOPICS.for_zone(ZONE))
        yield connection


async def take(connection: Connection, topic: str, count: int = 1) -> list[Incoming]:
    """The next messages on a topic, leaving aside the others."""
    found: list[Incoming] = []
    async with asyncio.timeout(10):
        async for message in connection.messages():
            if message.topic == topic:
                found.append(message)
            if len(found) == count:
                break
    return found


def report(number: int, name: str = NODE) -> PlaybackReport:
    return REPORT.model_copy(update={"report": f"report-{number}", "node": name})


# Down


async def test_documents_are_kept_signed_for_their_topic() -> None:
    async with running() as server:
        await asyncio.wait_for(server.greeted.wait(), 5)
        for topic, document in (
            (TOPICS.timetable(ZONE), TIMETABLE),
            (TOPICS.config(NODE), CONFIG),
            (TOPICS.emergencies(ZONE), EMERGENCIES),
        ):
            kept = server.broker.retained(topic)
            assert kept is not None
            assert open_signed(kept, KEYS, type(document), topic) == document


async def test_documents_are_published_again_after_the_broker_came_back_empty() -> None:
    async with running() as server:
        await asyncio.wait_for(server.greeted.wait(), 5)
        server.broker.stop()
        assert server.broker.retained(TOPICS.timetable(ZONE)) is None
        await until(lambda: not server.hub.connected)
        server.greeted.clear()
        with pytest.raises(TransportClosed):
            await server.hub.publish_config(CONFIG)
        server.broker.start()
        await asyncio.wait_for(server.greeted.wait(), 5)
        assert server.broker.retained(TOPICS.timetable(ZONE)) is not None
        assert server.changes.count("broker") == 3


async def test_documents_that_could_not_be_read_are_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async with running(Server(greetings_to_fail=3)) as server:
        await asyncio.wait_for(server.greeted.wait(), 5)
        assert server.hub.connected
    assert caplog.text.count("could not be published") == 3


async def test_one_order_goes_to_zones_and_nodes_and_cannot_be_moved_elsewhere() -> None:
    async with running() as server, node(server) as loa:
        await server.hub.send_order(PLAY, zones=[ZONE], nodes=[NODE])
        topics = (TOPICS.zone_orders(ZONE), TOPICS.node_orders(NODE))
        found = {}
        async with asyncio.timeout(5):
            async for message in loa.messages():
                if message.topic in topics:
                    found[message.topic] = message
                if len(found) == 2:
                    break
        for topic in topics:
            assert not found[topic].retained
            assert open_order(found[topic].payload, KEYS, topic) == PLAY
        with pytest.raises(Distrusted):
            open_order(found[topics[0]].payload, KEYS, topics[1])
        await server.hub.send_order(STOP, nodes=[NODE])
        (stop,) = await take(loa, topics[1])
        assert open_order(stop.payload, KEYS, topics[1]) == STOP


async def test_nothing_is_sent_without_a_connection() -> None:
    server = Server()
    assert not server.hub.connected
    for sending in (
        server.hub.send_order(PLAY, zones=[ZONE]),
        server.hub.publish_emergencies(EMERGENCIES),
        server.hub.push_clip([ZONE], hashlib.sha256(b"x").hexdigest(), b"x"),
    ):
        with pytest.raises(TransportClosed):
            await sending


async def test_a_clip_is_pushed_as_it_is() -> None:
    data = bytes(range(256)) * 100
    sha256 = hashlib.sha256(data).hexdigest()
    async with running() as server, node(server) as loa:
        await server.hub.push_clip([ZONE, "thon-tay"], sha256, data)
        (clip,) = await take(loa, TOPICS.clip(ZONE, sha256))
        assert clip.payload == data
        assert not clip.retained


async def test_a_clip_that_is_not_what_it_says_or_too_large_is_not_pushed() -> None:
    async with running() as server, node(server):
        with pytest.raises(ValueError, match="not the clip"):
            await server.hub.push_clip([ZONE], "00" * 32, b"x")
        huge = bytes(MAX_PUSHED_CLIP_BYTES + 1)
        with pytest.raises(ValueError, match="too large"):
            await server.hub.push_clip([ZONE], hashlib.sha256(huge).hexdigest(), huge)


async def test_what_is_kept_for_a_node_or_zone_that_is_no_more_is_forgotten() -> None:
    async with running() as server, node(server):
        await asyncio.wait_for(server.greeted.wait(), 5)
        await server.hub.forget_documents(zones=[ZONE], nodes=[NODE])
        topics = (TOPICS.timetable(ZONE), TOPICS.emergencies(ZONE), TOPICS.config(NODE), TOPICS.presence(NODE))
        assert [server.broker.retained(topic) for topic in topics] == [None] * 4
        assert server.hub.refusals == ()


# What comes up, reports


async def send_and_take_acks(server: Server, loa: Connection, reports: Sequence[PlaybackReport]) -> set[str]:
    for one in reports:
        await loa.publish(TOPICS.reports(one.node), one.to_json())
    acknowledged: set[str] = set()
    while acknowledged < {one.report for one in reports}:
        (ack,) = await take(loa, TOPICS.acks(NODE))
        acknowledged |= set(ReportAck.from_json(ack.payload).reports)
    return acknowledged


async def test_a_report_is_stored_and_then_acknowledged() -> None:
    async with running() as server, node(server) as loa:
        await loa.publish(TOPICS.reports(NODE), report(1).to_json())
        (ack,) = await take(loa, TOPICS.acks(NODE))
        assert ReportAck.from_json(ack.payload).reports == ("report-1",)
        assert server.stored == ["report-1"]
        assert "deliveries" in server.changes


async def test_a_report_that_could_not_be_stored_is_not_acknowledged_until_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(refuses=lambda _: True)
    async with running(server), node(server) as loa:
        await loa.publish(TOPICS.reports(NODE), report(1).to_json())
        await until(lambda: len(server.batches) == 1)
        await asyncio.sleep(0.05)
        assert server.batches == [1], "it is the node that sends again"
        server.refuses = lambda _: False
        assert await send_and_take_acks(server, loa, [report(1)]) == {"report-1"}
        assert server.stored == ["report-1"]
    assert "could not be stored" in caplog.text


async def test_an_acknowledged_report_that_comes_again_is_acknowledged_again() -> None:
    async with running() as server, node(server) as loa:
        await send_and_take_acks(server, loa, [report(1)])
        await send_and_take_acks(server, loa, [report(1)])


async def test_many_reports_are_stored_in_batches_each_once() -> None:
    async with running(Server(commit_s=0.005)) as server, node(server) as loa:
        reports = [report(number, f"loa-{number % 5}") for number in range(1000)]
        await asyncio.gather(*(loa.publish(TOPICS.reports(one.node), one.to_json()) for one in reports))
        await until(lambda: len(server.stored) >= 1000)
        assert sorted(server.stored) == sorted(one.report for one in reports)
        assert len(server.batches) < 50
        assert max(server.batches) <= 200


async def test_one_report_that_cannot_be_stored_does_not_hold_up_the_others() -> None:
    server = Server(refuses=lambda reports: any(one.report == "report-7" for one in reports))
    async with running(server), node(server) as loa:
        reports = [report(number) for number in range(50)]
        await asyncio.gather(*(loa.publish(TOPICS.reports(NODE), one.to_json()) for one in reports))
        await until(lambda: len(server.stored) >= 49)
        assert set(server.stored) == {one.report for one in reports} - {"report-7"}


async def test_each_node_is_told_of_its_own_reports_only() -> None:
    async with running() as server, node(server) as one, node(server, "loa-2") as two:
        await one.publish(TOPICS.reports(NODE), report(1).to_json())
        await two.publish(TOPICS.reports("loa-2"), report(2, "loa-2").to_json())
        (first,), (second,) = await take(one, TOPICS.acks(NODE)), await take(two, TOPICS.acks("loa-2"))
        assert ReportAck.from_json(first.payload).reports == ("report-1",)
        assert ReportAck.from_json(second.payload).reports == ("report-2",)


async def test_an_acknowledgement_lost_in_a_cut_is_given_when_the_report_comes_again() -> None:
    server = Server()
    server.may_store.clear()
    async with running(server):
        async with node(server) as loa:
            await loa.publish(TOPICS.reports(NODE), report(1).to_json())
            await until(lambda: server.batches == [1])
        server.broker.cut("server")
        await until(lambda: not server.hub.connected)
        server.may_store.set()
        await until(lambda: server.stored == ["report-1"])
        async with node(server) as loa:
            assert await send_and_take_acks(server, loa, [report(1)]) == {"report-1"}


async def test_copies_of_a_report_that_waits_are_stored_once() -> None:
    server = Server()
    server.may_store.clear()
    async with running(server), node(server) as loa:
        await loa.publish(TOPICS.reports(NODE), report(1).to_json())
        await until(lambda: server.batches == [1])
        for _ in range(3):
            await loa.publish(TOPICS.reports(NODE), report(2).to_json())
        await loa.publish(TOPICS.heartbeat(NODE), HEARTBEAT.to_json())
        await until(lambda: NODE in server.presence.snapshot(NOW))
        server.may_store.set()
        await until(lambda: len(server.stored) >= 2)
        assert server.stored == ["report-1", "report-2"]


# What comes up, what is refused


@pytest.mark.parametrize(
    ("kind", "payload", "why"),
    [
        ("reports", report(1, "loa-khac").to_json(), "in the name of 'loa-khac'"),
        ("heartbeat", HEARTBEAT.model_copy(update={"node": "loa-khac"}).to_json(), "in the name of"),
        ("presence", Presence(node="loa-khac", online=True).to_json(), "in the name of"),
        ("reports", b"{}", "Field required"),
        ("reports", b"not json", "Invalid JSON"),
        ("reports", HEARTBEAT.to_json(), "PlaybackReport"),
        ("reports", b" " * 10_000 + report(1).to_json(), "more than 8192"),
        ("heartbeat", b"{" * 700_000, "more than 614400"),
        ("heartbeat", b"[" * 500_000, "Invalid JSON"),
        ("time-request", b'{"nonce": "short"}', "nonce"),
        ("time-request", b'{"nonce": "Zk3vQ0p9y1RkT7aB", "x": 1}', "x: Extra inputs"),
    ],
)
async def test_refused_and_shown(kind: str, payload: bytes, why: str) -> None:
    async with running() as server, node(server) as loa:
        await loa.publish(f"{TOPICS.base}/nodes/{NODE}/{kind}", payload)
        await until(lambda: bool(server.hub.refusals))
        (refusal,) = server.hub.refusals
        assert (refusal.node, refusal.kind, refusal.at) == (NODE, kind, NOW)
        assert why in refusal.why
        assert "refusals" in server.changes
        assert await send_and_take_acks(server, loa, [report(1)]) == {"report-1"}
        assert server.presence.snapshot(NOW) == {}


async def test_a_node_gone_mad_is_shown_once_and_does_not_hold_up_the_others() -> None:
    async with running(Server(commit_s=0.001)) as server, node(server) as mad, node(server, "loa-2") as calm:
        await asyncio.gather(*(mad.publish(TOPICS.reports(NODE), report(number).to_json()) for number in range(3000)))
        await calm.publish(TOPICS.reports("loa-2"), report(9999, "loa-2").to_json())
        (ack,) = await take(calm, TOPICS.acks("loa-2"))
        assert ReportAck.from_json(ack.payload).reports == ("report-9999",)
        assert [(refusal.node, refusal.why) for refusal in server.hub.refusals] == [(NODE, "too many messages")]
        assert 400 <= len(server.stored) < 1000


async def test_only_the_last_refusals_are_kept() -> None:
    async with running() as server, node(server) as loa:
        for number in range(60):
            await loa.publish(TOPICS.reports(NODE), str(number).encode())
        await until(lambda: len(server.hub.refusals) == 50)


# What comes up, the time


async def test_the_time_is_signed_over_the_nonce() -> None:
    async with running() as server, node(server) as loa:
        server.now = NOW + timedelta(seconds=7)
        await loa.publish(TOPICS.time_request(NODE), TimeRequest(nonce="Zk3vQ0p9y1RkT7aB").to_json())
        (reply,) = await take(loa, TOPICS.time(NODE))
        answer = open_signed(reply.payload, KEYS, TimeReply, TOPICS.time(NODE))
        assert answer.nonce == "Zk3vQ0p9y1RkT7aB"
        assert answer.server_at == NOW + timedelta(seconds=7)
        with pytest.raises(Distrusted):
            open_signed(reply.payload, KEYS, TimeReply, TOPICS.time("loa-khac"))


# What comes up, presence


def beat(**changes: object) -> Heartbeat:
    return HEARTBEAT.model_copy(update=changes)


async def test_a_heartbeat_shows_on_the_board_and_is_news_only_when_something_changed() -> None:
    async with running() as server, node(server) as loa:
        for number in range(5):
            await loa.publish(TOPICS.heartbeat(NODE), beat(disk_free_bytes=number).to_json())
        await until(lambda: server.presence.row_of(NODE, NOW).heartbeat == beat(disk_free_bytes=4))
        assert server.changes.count("presence") == 1
        idle = beat(activity=NodeActivity.IDLE, broadcast=None)
        await loa.publish(TOPICS.heartbeat(NODE), idle.to_json())
        await until(lambda: server.changes.count("presence") == 2)
        assert server.presence.row_of(NODE, NOW).heartbeat == idle


async def test_a_node_that_says_it_lives_is_there_but_what_was_kept_of_it_proves_nothing() -> None:
    alive = Presence(node=NODE, online=True).to_json()
    async with running() as server, node(server) as loa:
        await loa.publish(TOPICS.presence(NODE), alive, retain=True)
        await until(lambda: server.presence.state_of(NODE, NOW) is PresenceState.ONLINE)
        broker = server.broker
    async with running(Server(broker=broker)) as anew:
        await until(lambda: NODE in anew.presence.snapshot(NOW))
        assert anew.presence.state_of(NODE, NOW) is PresenceState.OFFLINE


async def test_an_empty_heartbeat_proves_that_a_node_lives_and_changes_nothing_that_it_said() -> None:
    async with running() as server, node(server) as loa:
        await loa.publish(TOPICS.heartbeat(NODE), HEARTBEAT.to_json())
        await loa.publish(TOPICS.presence(NODE), Presence(node=NODE, online=False).to_json(), retain=True)
        await until(lambda: server.presence.state_of(NODE, NOW) is PresenceState.LATE)
        await loa.publish(TOPICS.heartbeat(NODE), b"")
        await until(lambda: server.presence.state_of(NODE, NOW) is PresenceState.ONLINE)
        assert server.presence.row_of(NODE, NOW).heartbeat == HEARTBEAT
        assert not server.hub.refusals


async def test_a_will_makes_a_node_late() -> None:
    async with running() as server, node(server) as loa:
        await loa.publish(TOPICS.heartbeat(NODE), HEARTBEAT.to_json())
        await loa.publish(TOPICS.presence(NODE), Presence(node=NODE, online=False).to_json(), retain=True)
        await until(lambda: server.presence.state_of(NODE, NOW) is PresenceState.LATE)
