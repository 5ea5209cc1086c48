"""A pole whose surroundings fail: a mute broker, a cut line, a read-only card, documents of other times."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from players.errors import TransportClosed
from players.memory import MemoryBroker
from players.messages import ClipRef, Play, Stop, Timetable, Urgency
from players.mqtt import MqttTransport
from players.signing import sign
from tests.fakes.fake_server import COMMUNE, FakeDoor, FakeServer
from tests.fakes.line import line_to
from tests.fakes.sick_card import mounted_card, turn_read_only
from tests.players.node.command import Command, identity
from tests.players.node.conftest import NodeBox

MakeClip = Callable[..., ClipRef]


async def until_event(box: NodeBox, name: str, limit_s: float = 30) -> None:
    async with asyncio.timeout(limit_s):
        while not any(event["event"] == name for event in box.events):  # noqa: ASYNC110 - told by nobody
            await asyncio.sleep(0.05)


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    with mounted_card(tmp_path / "card") as card:
        yield card


async def test_a_card_that_turns_read_only_is_played_on_from_and_told(
    broker: MemoryBroker, door: FakeDoor, server: FakeServer, new_clip: MakeClip, card: Path
) -> None:
    box, here = NodeBox(broker, door, server.key, card), new_clip(0.5)
    async with box.running(record=False):
        await server.configure()
        await server.schedule(server.item("early", [here], in_s=1))
        await server.until_final("early")
        await server.until(lambda: server.heartbeats[-1].outbox == 0)
        await asyncio.to_thread(turn_read_only, card)
        await server.schedule(server.item("later", [here], in_s=2))
        assert (await server.until_final("later")).outcome == "played"
        await server.until(lambda: bool(server.heartbeats[-1].disk_error))
    assert server.outcomes("later") == ["received", "cued", "playing", "played"]


@asynccontextmanager
async def mute_broker() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """It takes every connection, and says nothing."""
    knocked = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        knocked.set()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], knocked
        for writer in writers:
            writer.close()


async def test_a_broker_that_says_nothing_keeps_nothing_from_sounding(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with box.running(record=False):
        await server.configure()
        await server.until(lambda: any(beat.clock_trusted for beat in server.heartbeats))
        await server.schedule(server.item("alone", [new_clip(0.5)], in_s=4))
        await server.until(lambda: "cued" in server.outcomes("alone"))
        async with mute_broker() as (port, knocked):
            mute = MqttTransport("127.0.0.1", port, "dong-1", None, None)
            monkeypatch.setattr("players.memory.MemoryTransport.connect", lambda _: mute.connect())
            box.broker.cut("dong-1")
            await asyncio.wait_for(knocked.wait(), 20)
            await until_event(box, "played")
            with pytest.raises(TransportClosed):
                async with mute.connect():
                    raise AssertionError("it said nothing")
        monkeypatch.undo()
        assert (await server.until_final("alone", limit_s=40)).outcome == "played"


async def test_a_retained_message_of_last_year_changes_nothing(
    box: NodeBox, server: FakeServer, new_clip: MakeClip
) -> None:
    """All that a broker can have kept of a year ago, truly signed then: nothing sounds, and it is told."""
    last_year = timedelta(days=365)
    server._version = 100
    async with box.running(record=False):
        await server.configure()
        await server.schedule(server.item("today", [new_clip(0.5)], in_s=3600))
        await server.until(lambda: "cued" in server.outcomes("today"))
        server.skew, version = -last_year, server._version
        server._version = 0
        order = Play(**server.fresh("old", 600), item=server.item("old", [new_clip(0.5)], 1, urgency=Urgency.EMERGENCY))
        await server.declare(order)
        await server.schedule(server.item("old-item", [new_clip(0.5)], in_s=1))
        server.skew, server._version = timedelta(), version
        await server.until(lambda: server.heartbeats[-1].refused >= 2)
        assert server.outcomes("old-item") == []
        assert server.outcomes("old") == []
        assert not any(event["event"] == "playing" for event in box.events)


async def test_timetables_of_the_past_and_of_the_far_future_make_no_sound_and_do_no_harm(
    box: NodeBox, server: FakeServer, new_clip: MakeClip
) -> None:
    clip, day_s = new_clip(0.5), 86400.0
    async with box.running(record=False):
        await server.configure()
        await server.until(lambda: any(beat.clock_trusted for beat in server.heartbeats))
        items = [server.item(f"past-{days}", [clip], in_s=-days * day_s) for days in (2, 400)]
        items += [server.item("an-hour-ago", [clip], in_s=-3600), server.item("in-2100", [clip], in_s=27_000 * day_s)]
        await server.schedule(*items, server.item("now", [clip], in_s=2))
        assert (await server.until_final("now")).started_at is not None
        gone = await server.until_final("an-hour-ago")
        assert (gone.outcome, gone.reason) == ("missed", "too-late")
        assert [server.outcomes(f"past-{days}") for days in (2, 400)] == [[], []]
        assert server.outcomes("in-2100")[0] == "received"
        assert [event["broadcast"] for event in box.events if event["event"] == "playing"] == ["now"]


async def test_a_timetable_signed_by_another_commune_changes_nothing(
    box: NodeBox, server: FakeServer, new_clip: MakeClip
) -> None:
    stranger = FakeServer(server.transport)
    async with box.running(record=False):
        await server.configure()
        await server.schedule(server.item("ours", [new_clip(0.5)], in_s=3))
        await server.until(lambda: "cued" in server.outcomes("ours"))
        topic = server.topics.timetable("thon-dong")
        from_elsewhere = stranger.item("theirs", [new_clip(0.5)], in_s=1)
        document = Timetable(
            commune=COMMUNE, version=10**15, issued_at=server.now(), zone="thon-dong", broadcasts=(from_elsewhere,)
        )
        await server.say_bytes(topic, sign(document, stranger.key, topic), retain=True)
        assert (await server.until_final("ours")).started_at is not None
        await server.until(lambda: server.heartbeats[-1].refused == 1)
        assert server.outcomes("theirs") == []


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto")
async def test_when_the_line_returns_what_should_sound_does_within_two_seconds(
    door: FakeDoor, port: int, wired: FakeServer, new_clip: MakeClip, tmp_path: Path
) -> None:
    """Two of at most five tries count: this machine may be busy with other things."""
    node = Command(tmp_path / "node")
    web_port = int(door.url.rsplit(":", 1)[1])
    async with line_to(port) as broker_line, line_to(web_port) as web_line:
        door.codes["ABCD2345"] = lambda: identity(broker_line.port, wired.key)
        url = f"http://127.0.0.1:{web_line.port}"
        arguments = ("--server", url, "--code", "ABCD2345", "--data", str(node.data), "--output", "silent")
        assert (await node.once("pair", *arguments))[0] == 0
        await wired.configure()
        await node.start()
        await wired.until(lambda: any(beat.clock_trusted for beat in wired.heartbeats), 40)
        took_s = []
        for number in range(5):
            name = f"item-{number}"
            await web_line.cut()
            await wired.schedule(wired.item(name, [new_clip(30.0, seed=number)], in_s=2, join_within_ms=60_000))
            await wired.until(lambda name=name: "received" in wired.outcomes(name))  # type: ignore[misc]
            await broker_line.cut()
            await asyncio.sleep(5)
            await web_line.mend()
            await broker_line.mend()
            returned_at = wired.now()
            await wired.until(lambda name=name: "playing" in wired.outcomes(name), 40)  # type: ignore[misc]
            playing = next(one for one in wired.reports if (one.broadcast, one.outcome) == (name, "playing"))
            assert playing.started_at is not None
            took_s.append((playing.started_at - returned_at).total_seconds())
            await wired.order(Stop(**wired.fresh(f"stop-{number}"), broadcast=name))
            await wired.until_final(name)
            if (quick := [took for took in took_s if took < 2])[1:]:
                break
        await node.end(signal.SIGTERM)
    assert len(quick) >= 2, took_s
