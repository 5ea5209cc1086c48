"""Hub, broker and node, the broker being a real Mosquitto that is killed."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from players.broker import MosquittoBroker
from players.broker_config import MAX_MESSAGE_BYTES
from players.child import Pauses
from players.errors import TransportClosed
from players.hub import Hub
from players.messages import MAX_PUSHED_CLIP_BYTES, PlaybackReport, ReportAck, Timetable
from players.mqtt import MqttTransport
from players.presence import PresenceBoard
from players.signing import CommuneKey, NodeKey, open_signed
from players.transport import Connection
from tests.players.samples import CONFIG, NODE, REPORT, TIMETABLE, TOPICS, ZONE


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class Commune:
    """A broker, a hub, and what the hub was given to store."""

    broker: MosquittoBroker
    key: CommuneKey = field(default_factory=CommuneKey.generate)
    stored: list[str] = field(default_factory=list)
    greetings: int = 0

    def hub(self) -> Hub:
        self.it = Hub(
            self.broker.hub_transport(),
            TOPICS,
            self.key,
            PresenceBoard(),
            clock,
            self._store,
            self._greet,
            lambda _: None,
        )
        return self.it

    async def _store(self, reports: Sequence[PlaybackReport]) -> None:
        self.stored += [report.report for report in reports]

    async def _greet(self) -> None:
        await self.it.publish_timetable(TIMETABLE)
        await self.it.publish_config(CONFIG)
        self.greetings += 1


@asynccontextmanager
async def commune(folder: Path) -> AsyncIterator[Commune]:
    broker = MosquittoBroker(folder / "broker", TOPICS, clock=clock, pauses=Pauses(first_s=0.05))
    await broker.start()
    made = Commune(broker)
    task = asyncio.create_task(made.hub().run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait({task})
        await broker.stop()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - another process's doings
            await asyncio.sleep(0.01)


async def take(connection: Connection, topic: str) -> bytes:
    async with asyncio.timeout(20):
        async for message in connection.messages():
            if message.topic == topic:
                return message.payload
    raise AssertionError(topic)


async def test_a_broker_killed_comes_back_with_credentials_documents_and_acknowledgements(open_folder: Path) -> None:
    key = NodeKey.generate()
    async with commune(open_folder) as made:
        password = made.broker.node_password(NODE, key.kid)
        await made.broker.admin().add_node(NODE, password, [ZONE])
        loa = MqttTransport(made.broker.host, made.broker.port, NODE, NODE, password)
        await until(lambda: made.greetings == 1)
        for crash in range(1, 3):
            pid = made.broker.state.pid
            assert pid is not None
            async with loa.connect() as connection:
                os.kill(pid, signal.SIGKILL)
                with pytest.raises(TransportClosed):
                    await take(connection, "nothing comes")
            # What it had kept is lost, too; only the rules stay.
            (made.broker._directory / "retained.db").unlink(missing_ok=True)
            await until(lambda: made.greetings > len(made.stored) + 1)
            async with loa.connect() as connection:
                await connection.subscribe(*TOPICS.for_zone(ZONE), *TOPICS.for_node(NODE))
                keys, topic = [made.key.public_jwk()], TOPICS.timetable(ZONE)
                assert open_signed(await take(connection, topic), keys, Timetable, topic) == TIMETABLE
                report = REPORT.model_copy(update={"report": f"report-{crash}"})
                await connection.publish(TOPICS.reports(NODE), report.to_json())
                ack = ReportAck.from_json(await take(connection, TOPICS.acks(NODE)))
                assert ack.reports == (f"report-{crash}",)
        assert made.stored == ["report-1", "report-2"]


async def test_the_largest_document_and_the_largest_clip_reach_a_node(open_folder: Path) -> None:
    one = TIMETABLE.broadcasts[0].model_copy(update={"clips": TIMETABLE.broadcasts[0].clips[:1], "stream": None})
    many = tuple(one.model_copy(update={"broadcast": f"entry-{n}"}) for n in range(5000))
    largest = TIMETABLE.model_copy(update={"broadcasts": many, "version": TIMETABLE.version + 1})
    async with commune(open_folder) as made:
        await made.broker.admin().add_node(NODE, "password", [ZONE])
        await until(lambda: made.greetings == 1)
        async with MqttTransport(made.broker.host, made.broker.port, NODE, NODE, "password").connect() as connection:
            await made.it.publish_timetable(largest)
            await connection.subscribe(*TOPICS.for_zone(ZONE))
            topic = TOPICS.timetable(ZONE)
            payload = await take(connection, topic)
            assert MAX_PUSHED_CLIP_BYTES < len(payload) <= MAX_MESSAGE_BYTES
            assert open_signed(payload, [made.key.public_jwk()], Timetable, topic) == largest
            clip = os.urandom(MAX_PUSHED_CLIP_BYTES)
            sha256 = hashlib.sha256(clip).hexdigest()
            await made.it.push_clip([ZONE], sha256, clip)
            assert await take(connection, TOPICS.clip(ZONE, sha256)) == clip
