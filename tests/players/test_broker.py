"""A real Mosquitto with our rules: strangers, other nodes, wildcards, stolen names, too much at once, and crashes."""

import asyncio
import json
import os
import pwd
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from players.broker import MosquittoBroker
from players.broker_admin import BrokerAdmin, GrantedAccess, NodeAccess
from players.broker_config import (
    ADMIN,
    CONTROL_TOPIC,
    MAX_MESSAGE_BYTES,
    SERVER,
    BrokerLimits,
    BrokerSecrets,
    rules_path,
)
from players.broker_watch import DoorEvent
from players.child import ChildPhase, Pauses
from players.errors import BrokerError, CredentialRefused, SubscriptionRefused, TransportClosed
from players.mqtt import MqttTransport
from players.topics import Topics
from players.transport import Connection, Incoming

TOPICS = Topics("hoa-binh-an")
LOA1, LOA2 = "loa-dinh-lang", "loa-cong-chao"
EAST, WEST = "thon-dong", "thon-tay"


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def broker(open_folder: Path) -> AsyncIterator[MosquittoBroker]:
    broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock, pauses=Pauses(first_s=0.05))
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@pytest.fixture
async def admin(broker: MosquittoBroker) -> BrokerAdmin:
    """An administrator, and two nodes in two villages."""
    admin = broker.admin()
    await admin.add_node(LOA1, "password-1", [EAST])
    await admin.add_node(LOA2, "password-2", [WEST])
    return admin


def node(broker: MosquittoBroker, name: str, password: str, client_id: str | None = None) -> MqttTransport:
    return MqttTransport(broker.host, broker.port, client_id or name, name, password)


async def heard(connection: Connection, count: int = 1) -> list[Incoming]:
    found: list[Incoming] = []
    async with asyncio.timeout(10):
        async for message in connection.messages():
            found.append(message)
            if len(found) == count:
                break
    return found


async def test_a_node_hears_its_zone_and_itself_and_is_heard(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    async with broker.hub_transport().connect() as hub, node(broker, LOA1, "password-1").connect() as loa:
        await hub.subscribe(*TOPICS.from_nodes())
        await loa.subscribe(*TOPICS.for_zone(EAST), *TOPICS.for_node(LOA1))
        down = [
            *(topic.replace("+", "3f" * 32) for topic in TOPICS.for_zone(EAST)),
            *TOPICS.for_node(LOA1),
        ]
        for topic in down:
            await hub.publish(topic, b"down")
        assert sorted(message.topic for message in await heard(loa, len(down))) == sorted(down)
        for topic in TOPICS.from_node(LOA1):
            await loa.publish(topic, b"up")
        assert sorted(m.topic for m in await heard(hub, len(TOPICS.from_node(LOA1)))) == sorted(TOPICS.from_node(LOA1))


@pytest.mark.parametrize(
    ("username", "password", "client_id"),
    [
        (LOA1, "password-2", LOA1),
        (LOA1, "", LOA1),
        (LOA1, None, LOA1),
        (None, None, LOA1),
        ("loa-la", "password-1", "loa-la"),
        (LOA1, "password-1", LOA2),
        (LOA2, "password-2", LOA1),
        (LOA1, "password-1", "something-else"),
        (LOA1, "password-1", SERVER),
        (SERVER, "password-1", SERVER),
        (ADMIN, "", ADMIN),
    ],
)
async def test_nobody_gets_in_with_anothers_name(
    broker: MosquittoBroker, admin: BrokerAdmin, username: str | None, password: str | None, client_id: str
) -> None:
    async with node(broker, LOA1, "password-1").connect() as loa:
        await loa.subscribe(TOPICS.node_orders(LOA1))
        with pytest.raises(CredentialRefused):
            async with MqttTransport(broker.host, broker.port, client_id, username, password).connect():
                pass
        # And the attempt has not thrown out the one whose name it was.
        async with broker.hub_transport().connect() as hub:
            await hub.publish(TOPICS.node_orders(LOA1), b"still there")
        assert (await heard(loa))[0].payload == b"still there"


FOREIGN = [
    "#",
    "+/#",
    "loalang/#",
    "loalang/v1/+/zones/+/orders",
    f"{TOPICS.base}/#",
    f"{TOPICS.base}/zones/#",
    f"{TOPICS.base}/zones/+/timetable",
    f"{TOPICS.base}/nodes/+/config",
    f"{TOPICS.base}/nodes/#",
    f"{TOPICS.base}/zones/{EAST}/#",
    f"{TOPICS.base}/zones/{EAST}/+",
    TOPICS.zone_orders(WEST),
    TOPICS.config(LOA2),
    TOPICS.reports(LOA2),
    TOPICS.reports(LOA1),
    "$SYS/#",
    "$CONTROL/#",
    f"{CONTROL_TOPIC}/response",
    f"$share/group/{TOPICS.zone_orders(WEST)}",
]


@pytest.mark.parametrize("pattern", FOREIGN)
async def test_a_node_cannot_listen_elsewhere(broker: MosquittoBroker, admin: BrokerAdmin, pattern: str) -> None:
    async with node(broker, LOA1, "password-1").connect() as loa:
        with pytest.raises(SubscriptionRefused):
            await loa.subscribe(pattern)


@pytest.mark.parametrize(
    "topic",
    [
        TOPICS.reports(LOA2),
        TOPICS.heartbeat(LOA2),
        TOPICS.config(LOA1),
        TOPICS.node_orders(LOA1),
        TOPICS.node_orders(LOA2),
        TOPICS.acks(LOA1),
        TOPICS.time(LOA1),
        TOPICS.zone_orders(EAST),
        TOPICS.timetable(EAST),
        TOPICS.clip(EAST, "3f" * 32),
        Topics("xa-khac").zone_orders(EAST),
    ],
)
async def test_a_node_cannot_speak_elsewhere(broker: MosquittoBroker, admin: BrokerAdmin, topic: str) -> None:
    async with broker.hub_transport().connect() as hub, node(broker, LOA1, "password-1").connect() as loa:
        await hub.subscribe(f"{TOPICS.base}/#")
        await loa.publish(topic, b"forged", retain=True)
        await loa.publish(TOPICS.heartbeat(LOA1), b"after it")
        assert [(m.topic, m.payload) for m in await heard(hub)] == [(TOPICS.heartbeat(LOA1), b"after it")]


async def test_a_node_cannot_administer_the_broker(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    command = {"commands": [{"command": "disableClient", "username": LOA2}]}
    async with node(broker, LOA1, "password-1").connect() as loa:
        await loa.publish(CONTROL_TOPIC, json.dumps(command).encode())
        await loa.publish(TOPICS.heartbeat(LOA1), b"x")
    assert (await admin.granted())[LOA2].is_enabled


async def test_the_hub_cannot_administer_the_broker_nor_the_administrator_speak(
    broker: MosquittoBroker, admin: BrokerAdmin
) -> None:
    async with broker.hub_transport().connect() as hub:
        with pytest.raises(SubscriptionRefused):
            await hub.subscribe(f"{CONTROL_TOPIC}/response")
        await hub.publish(
            CONTROL_TOPIC, json.dumps({"commands": [{"command": "deleteClient", "username": LOA1}]}).encode()
        )
    assert LOA1 in await admin.granted()
    secrets = json.loads((broker._directory / "server.json").read_text())
    administrator = MqttTransport(broker.host, broker.port, ADMIN, ADMIN, secrets["admin"])
    async with administrator.connect() as connection:
        with pytest.raises(SubscriptionRefused):
            await connection.subscribe(f"{TOPICS.base}/#")


async def test_a_message_that_is_too_large_ends_the_connection_of_who_sent_it(
    broker: MosquittoBroker, admin: BrokerAdmin
) -> None:
    async with broker.hub_transport().connect() as hub, node(broker, LOA2, "password-2").connect() as other:
        await hub.subscribe(TOPICS.heartbeat("+"))
        async with node(broker, LOA1, "password-1").connect() as loa:
            with pytest.raises(TransportClosed):
                await loa.publish(TOPICS.heartbeat(LOA1), b"a" * (MAX_MESSAGE_BYTES + 2000))
        await other.publish(TOPICS.heartbeat(LOA2), b"well")
        assert (await heard(hub))[0].payload == b"well"


async def test_the_largest_message_of_ours_goes_through(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    async with broker.hub_transport().connect() as hub, node(broker, LOA1, "password-1").connect() as loa:
        await loa.subscribe(TOPICS.timetable(EAST))
        await hub.publish(TOPICS.timetable(EAST), b"a" * MAX_MESSAGE_BYTES, retain=True)
        assert len((await heard(loa))[0].payload) == MAX_MESSAGE_BYTES


async def closed(connection: Connection) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(TransportClosed):
            async for _ in connection.messages():
                pass


async def test_a_revoked_node_is_thrown_out_at_once_and_stays_out(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    async with node(broker, LOA1, "password-1").connect() as loa, node(broker, LOA2, "password-2").connect() as other:
        await admin.revoke(LOA1)
        await closed(loa)
        await other.publish(TOPICS.heartbeat(LOA2), b"the other is not disturbed")
    with pytest.raises(CredentialRefused):
        async with node(broker, LOA1, "password-1").connect():
            pass
    assert await admin.granted() == {
        LOA1: GrantedAccess((EAST,), is_enabled=False),
        LOA2: GrantedAccess((WEST,), is_enabled=True),
    }


async def test_a_node_paired_again_gets_in_with_the_new_password_only(
    broker: MosquittoBroker, admin: BrokerAdmin
) -> None:
    await admin.revoke(LOA1)
    await admin.add_node(LOA1, "password-3", [WEST])
    async with node(broker, LOA1, "password-3").connect() as loa:
        await loa.subscribe(*TOPICS.for_zone(WEST), *TOPICS.for_node(LOA1))
        with pytest.raises(SubscriptionRefused):
            await loa.subscribe(*TOPICS.for_zone(EAST))
    with pytest.raises(CredentialRefused):
        async with node(broker, LOA1, "password-1").connect():
            pass


async def test_a_node_moved_to_another_zone_hears_that_one_only(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    async with node(broker, LOA1, "password-1").connect() as loa:
        await loa.subscribe(*TOPICS.for_zone(EAST))
        await admin.set_zones(LOA1, [WEST, "thon-bac"])
        await closed(loa)
    async with broker.hub_transport().connect() as hub, node(broker, LOA1, "password-1").connect() as loa:
        with pytest.raises(SubscriptionRefused):
            await loa.subscribe(TOPICS.timetable(EAST))
        await loa.subscribe(*TOPICS.for_zone(WEST), *TOPICS.for_zone("thon-bac"))
        await hub.publish(TOPICS.zone_orders("thon-bac"), b"order")
        assert (await heard(loa))[0].topic == TOPICS.zone_orders("thon-bac")


async def test_what_cannot_be_done_is_said(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    with pytest.raises(BrokerError, match="Client not found"):
        await admin.revoke("loa-la")
    with pytest.raises(BrokerError, match="Client not found"):
        await admin.set_zones("loa-la", [EAST])
    await broker.stop()
    with pytest.raises(BrokerError, match="cannot be administered"):
        await admin.revoke(LOA1)


async def test_reconciling_touches_only_what_differs(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    await admin.add_node("loa-cu", "password-3", [EAST])
    async with (
        node(broker, LOA1, "password-1").connect() as same,
        node(broker, LOA2, "password-2").connect() as moved,
        node(broker, "loa-cu", "password-3").connect() as removed,
    ):
        await same.subscribe(*TOPICS.for_zone(EAST))
        await admin.reconcile(
            {
                LOA1: NodeAccess("password-1", (EAST,)),
                LOA2: NodeAccess("password-2", (WEST, EAST)),
                "loa-moi": NodeAccess("password-4", (WEST,)),
            }
        )
        await closed(moved)
        await closed(removed)
        async with broker.hub_transport().connect() as hub:
            await hub.publish(TOPICS.zone_orders(EAST), b"never left")
        assert (await heard(same))[0].payload == b"never left"
    assert await admin.granted() == {
        LOA1: GrantedAccess((EAST,), is_enabled=True),
        LOA2: GrantedAccess((EAST, WEST), is_enabled=True),
        "loa-moi": GrantedAccess((WEST,), is_enabled=True),
    }
    async with node(broker, "loa-moi", "password-4").connect():
        pass


async def test_hundreds_of_nodes_are_let_in_by_one_reconciliation(broker: MosquittoBroker) -> None:
    wanted = {f"loa-{n}": NodeAccess(f"password-{n}", (f"thon-{n % 20}",)) for n in range(300)}
    await broker.admin().reconcile(wanted)
    assert len(await broker.admin().granted()) == 300
    async with node(broker, "loa-299", "password-299").connect() as loa:
        await loa.subscribe(*TOPICS.for_zone("thon-19"))


async def test_several_administrators_at_once_do_not_disturb_each_other(broker: MosquittoBroker) -> None:
    await asyncio.gather(*(broker.admin().add_node(f"loa-{n}", f"password-{n}", [EAST]) for n in range(10)))
    assert sorted(await broker.admin().granted()) == [f"loa-{n}" for n in range(10)]


async def test_killed_it_comes_back_with_its_credentials(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    pid = broker.state.pid
    assert pid is not None
    async with node(broker, LOA1, "password-1").connect() as loa:
        os.kill(pid, signal.SIGKILL)
        await closed(loa)
    port = broker.port
    async with asyncio.timeout(20):
        while True:
            try:
                async with node(broker, LOA1, "password-1").connect() as loa:
                    await loa.subscribe(*TOPICS.for_zone(EAST))
                    break
            except TransportClosed:
                await asyncio.sleep(0.05)
    assert broker.port == port
    assert broker.state.phase is ChildPhase.RUNNING
    assert broker.state.restarts >= 1
    assert broker.state.pid != pid


async def test_started_again_it_keeps_credentials_and_retained_messages(open_folder: Path) -> None:
    for round_number in range(2):
        broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
        await broker.start()
        try:
            if round_number == 0:
                await broker.admin().add_node(LOA1, "password-1", [EAST])
                async with broker.hub_transport().connect() as hub:
                    await hub.publish(TOPICS.timetable(EAST), b"kept", retain=True)
            async with node(broker, LOA1, "password-1").connect() as loa:
                await loa.subscribe(TOPICS.timetable(EAST))
                assert await heard(loa) == [Incoming(TOPICS.timetable(EAST), b"kept", True)]
        finally:
            await broker.stop()


async def gone(pid: int) -> None:
    def is_gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    await until(is_gone)


SERVER_PROCESS = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from players.broker import MosquittoBroker
from players.topics import Topics

async def main():
    broker = MosquittoBroker(
        Path(sys.argv[1]), Topics("hoa-binh-an"), clock=lambda: datetime.now(UTC), port=int(sys.argv[2])
    )
    await broker.start()
    print(broker.state.pid, broker.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_server_killed_leaves_no_broker_behind_and_gets_its_port_back(open_folder: Path) -> None:
    root, port = Path(__file__).parents[2], 0
    for _ in range(3):
        server = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SERVER_PROCESS,
            str(open_folder / "broker"),
            str(port),
            cwd=root,
            stdout=asyncio.subprocess.PIPE,
        )
        assert server.stdout is not None
        async with asyncio.timeout(30):
            pid, port = (int(number) for number in (await server.stdout.readline()).split())
        assert psutil.Process(pid).name() == "mosquitto"
        server.kill()
        await server.wait()
        await gone(pid)


async def test_rules_of_an_older_version_or_of_somebody_else_do_not_last(open_folder: Path) -> None:
    first = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
    await first.start()
    await first.admin().add_node(LOA1, "password-1", [EAST])
    await first.stop()
    path = rules_path(open_folder / "broker")
    rules = json.loads(path.read_text())
    everything = [{"acltype": kind, "topic": "#", "allow": True} for kind in ("subscribePattern", "publishClientSend")]
    for role in rules["roles"]:
        role["acls"] = everything
    rules["roles"].append({"rolename": "stranger", "acls": everything})
    rules["clients"][0]["roles"].append({"rolename": "stranger", "priority": 9})
    rules["defaultACLAccess"]["subscribe"] = True
    path.write_text(json.dumps(rules))
    second = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
    await second.start()
    try:
        async with node(second, LOA1, "password-1").connect() as loa:
            await loa.subscribe(*TOPICS.for_zone(EAST), *TOPICS.for_node(LOA1))
            for pattern in ("#", TOPICS.timetable(WEST)):
                with pytest.raises(SubscriptionRefused):
                    await loa.subscribe(pattern)
    finally:
        await second.stop()


async def test_rotated_secrets_void_every_password_of_before(open_folder: Path) -> None:
    broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
    await broker.start()
    port, old = broker.port, broker.node_password(LOA1, "kid")
    try:
        await broker.admin().add_node(LOA1, old, [EAST])
        async with node(broker, LOA1, old).connect():
            pass
        BrokerSecrets.rotate(open_folder / "broker" / "server.json")
        await broker.stop()
        broker.reload_secrets()
        await broker.start()
        new = broker.node_password(LOA1, "kid")
        assert (broker.port, new == old) == (port, False)
        with pytest.raises(CredentialRefused):
            async with node(broker, LOA1, old).connect():
                pass
        await broker.admin().reconcile({LOA1: NodeAccess(new, (EAST,))})
        with pytest.raises(CredentialRefused):
            async with node(broker, LOA1, old).connect():
                pass
        async with node(broker, LOA1, new).connect() as loa:
            await loa.subscribe(*TOPICS.for_zone(EAST))
        # Only a rotation voids them, not a further start.
        await broker.stop()
        await broker.start()
        assert list(await broker.admin().granted()) == [LOA1]
    finally:
        await broker.stop()


async def test_with_new_secrets_the_server_still_gets_in_and_nodes_stay(open_folder: Path) -> None:
    broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
    await broker.start()
    await broker.admin().add_node(LOA1, "password-1", [EAST])
    await broker.stop()
    (open_folder / "broker" / "server.json").unlink()
    again = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
    await again.start()
    try:
        assert list(await again.admin().granted()) == [LOA1]
    finally:
        await again.stop()


async def test_its_files_are_its_own_and_it_is_not_root(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    directory = broker._directory
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert broker.state.pid is not None
    process = psutil.Process(broker.state.pid)
    expected = pwd.getpwnam("mosquitto").pw_uid if os.geteuid() == 0 else os.geteuid()
    assert set(process.uids()) == {expected}
    assert "password-1" not in rules_path(directory).read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives the broker a closed folder")
async def test_where_its_user_cannot_go_it_runs_as_root_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    broker = MosquittoBroker(tmp_path / "home" / "broker", TOPICS, clock=clock)
    await broker.start()
    await broker.stop()
    assert any("the broker runs as root" in message for message in caplog.messages)


async def test_a_port_that_is_taken_is_said(open_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock, port=taken.getsockname()[1])
        with pytest.raises(BrokerError, match="Address already in use"):
            await broker.start()
        assert broker.state.phase is ChildPhase.STOPPED


@pytest.mark.parametrize("name", ["dynamic-security.json", "server.json"])
async def test_a_damaged_file_is_named(open_folder: Path, name: str) -> None:
    (open_folder / "broker").mkdir()
    (open_folder / "broker" / name).write_text('{"clients": [')
    with pytest.raises(BrokerError, match=name):
        await MosquittoBroker(open_folder / "broker", TOPICS, clock=clock).start()


async def test_more_connections_than_allowed_are_refused_and_shown(open_folder: Path) -> None:
    limits = BrokerLimits(max_connections=8)
    broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock, limits=limits)
    await broker.start()
    try:
        strangers = [await asyncio.open_connection(broker.host, broker.port) for _ in range(12)]
        await until(lambda: [note.event for note in broker.watch.notes(clock())] == [DoorEvent.FULL])
        for _, writer in strangers:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(10):
            await broker.admin().granted()
    finally:
        await broker.stop()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - another process's doings
            await asyncio.sleep(0.01)


def connect_packet(client: str, password: str) -> bytes:
    """MQTT 3.1.1 CONNECT with user name and password, clean session."""
    fields = b"".join(len(text).to_bytes(2, "big") + text.encode() for text in (client, client, password))
    body = b"\x00\x04MQTT\x04\xc2\x00\x0a" + fields
    return bytes((0x10, len(body))) + body


async def knock(broker: MosquittoBroker, number: int) -> bytes:
    """A stranger tries a password; what the broker says to it."""
    reader, writer = await asyncio.open_connection(broker.host, broker.port)
    writer.write(connect_packet(f"loa-{number}", "guess"))
    try:
        return await reader.read(100)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_a_flood_of_strangers_is_refused_and_shown_and_orders_still_pass(
    broker: MosquittoBroker, admin: BrokerAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    async with broker.hub_transport().connect() as hub, node(broker, LOA1, "password-1").connect() as loa:
        await loa.subscribe(TOPICS.zone_orders(EAST))
        with caplog.at_level("INFO"):
            begun = loop.time()
            flood = asyncio.gather(*(knock(broker, number) for number in range(1500)))
            while not flood.done():
                sent = loop.time()
                await hub.publish(TOPICS.zone_orders(EAST), b"order")
                await heard(loa)
                latencies.append(loop.time() - sent)
            answers = await flood
            took = loop.time() - begun
        await until(lambda: sum(note.count for note in broker.watch.notes(clock())) >= 1500)
    assert set(answers) == {b"\x20\x02\x00\x05"}, "every one of them was told: not authorised"
    assert {note.event for note in broker.watch.notes(clock())} == {DoorEvent.REFUSED}
    assert max(latencies) < 5, f"while {1500 / took:.0f} strangers a second knocked"
    assert len([record for record in caplog.records if record.name.startswith("players.")]) < 50


async def test_two_boxes_with_one_identity_are_noticed(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    for _ in range(4):
        async with node(broker, LOA1, "password-1").connect(), node(broker, LOA1, "password-1").connect():
            pass
    async with node(broker, LOA2, "password-2").connect(), node(broker, LOA2, "password-2").connect():
        pass
    await until(lambda: broker.watch.doubles(clock()) == (LOA1,))


async def test_noise_and_a_message_too_large_are_noticed(broker: MosquittoBroker, admin: BrokerAdmin) -> None:
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\x7f" + bytes(64)):
        reader, writer = await asyncio.open_connection(broker.host, broker.port)
        writer.write(noise)
        with suppress(ConnectionResetError):
            async with asyncio.timeout(10):
                assert await reader.read(100) == b""
        writer.close()
    async with node(broker, LOA1, "password-1").connect() as loa:
        with pytest.raises(TransportClosed):
            await loa.publish(TOPICS.heartbeat(LOA1), b"a" * (MAX_MESSAGE_BYTES + 2000))
    await until(lambda: len(broker.watch.notes(clock())) == 2)
    notes = {note.event: note for note in broker.watch.notes(clock())}
    assert set(notes) == {DoorEvent.NOISE, DoorEvent.OVERSIZE}
    assert LOA1 in notes[DoorEvent.OVERSIZE].clients


def test_secrets_do_not_show(open_folder: Path) -> None:
    broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
    first = broker.node_password(LOA1, "kid-1")
    values: Sequence[str] = list(json.loads((open_folder / "broker" / "server.json").read_text()).values())
    shown = f"{broker!r} {vars(broker)!r} {broker.hub_transport()!r} {broker.admin()!r} {NodeAccess(first, ())!r}"
    assert len(values) == 3
    assert not any(value in shown for value in (*values, first))


def test_a_nodes_password_is_its_own_and_its_keys(open_folder: Path) -> None:
    broker = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
    passwords = {broker.node_password(name, kid) for name in (LOA1, LOA2) for kid in ("kid-1", "kid-2")}
    assert len(passwords) == 4
    again = MosquittoBroker(open_folder / "broker", TOPICS, clock=clock)
    assert again.node_password(LOA1, "kid-1") in passwords
