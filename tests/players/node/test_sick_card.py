"""A pole whose card is read-only, full, damaged or slow: it sounds what it can, and says what is wrong."""

import asyncio
import hashlib
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from players.memory import MemoryBroker
from players.messages import ClipRef, Emergencies, Play, Reason, Urgency
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.errors import ClipRefused
from players.node.events import ConfigCame, EmergenciesCame, Tick
from players.node.keeping import Keeper
from players.node.shelves import Shelves
from players.node.state import Phase
from players.node.store import NodeStore
from tests.fakes.fake_server import COMMUNE, FakeDoor, FakeServer
from tests.fakes.sick_card import frozen, mount_read_only, mounted_card, turn_read_only
from tests.players.node.command import Command, identity
from tests.players.node.conftest import NodeBox
from tests.players.node.pole import DAWN, Pole, config, item, seconds
from tests.players.node.test_state import fields, play, ready, stop, stored, timetable

MakeClip = Callable[..., ClipRef]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    with mounted_card(tmp_path / "card") as card:
        yield card


@pytest.fixture
def box(broker: MemoryBroker, door: FakeDoor, server: FakeServer, card: Path, tmp_path: Path) -> NodeBox:
    return NodeBox(broker, door, server.key, card / "node", memory=tmp_path / "memory")


def sound(seed: int, size: int = 1000) -> tuple[str, bytes]:
    data = hashlib.shake_256(bytes([seed])).digest(size)
    return hashlib.sha256(data).hexdigest(), data


def test_whatever_a_read_only_card_refuses_is_said_in_our_words(card: Path) -> None:
    store, (old, held), (new, came) = ClipStore(card / "clips", 1500), sound(1), sound(2)
    store.put(old, held)
    store.append(new, 0, came)
    (card / "clips" / ".left-by-a-crash.draft").write_bytes(b"x")
    store.path("rotten").write_bytes(b"x")
    turn_read_only(card)
    refused: list[Callable[[], object]] = [
        lambda: store.put(new, came),
        lambda: store.make_room(1400, ()),
        lambda: store.append(new, 1000, b"x"),
        lambda: store.complete(new),
        lambda: store.drop_part(new),
        store.prove,
    ]
    for call in refused:
        with pytest.raises(ClipRefused, match="cannot be written: Read-only file system"):
            call()
    assert store.scan() == {old, "rotten"}
    assert store.is_whole(old)
    assert not store.is_whole("rotten")
    store.drop(old)
    store.used_now(old)
    assert store.scan() == {old, "rotten"}, "nothing could be removed, and nothing broke"
    elsewhere = ClipStore(card / "other", 1500)
    assert elsewhere.scan() == frozenset()
    assert elsewhere.error == store.error == "the clip store cannot be written: Read-only file system"


def test_a_card_that_takes_something_again_is_well_again(tmp_path: Path) -> None:
    store, (name, data) = ClipStore(tmp_path / "clips", 1500), sound(1)
    store.path(name).mkdir()
    with pytest.raises(ClipRefused):
        store.put(name, data)
    assert store.error == "the clip store cannot be written: Is a directory"
    store.path(name).rmdir()
    store.put(name, data)
    assert store.error is None


def listed(*orders: Play) -> EmergenciesCame:
    return EmergenciesCame(
        Emergencies(commune=COMMUNE, version=3, issued_at=DAWN, zone="thon-dong", active=orders),
    )


class TestAPoleThatHasForgotten:
    """Its card lost what it had obeyed, or could not write it down, and it was started again."""

    def test_an_order_of_before_is_not_obeyed_and_one_of_now_is(self) -> None:
        pole = ready()
        before, later = pole.now, item("later", pole.now + seconds(90))
        pole.restart(30, has_forgotten=True)
        pole.feed(play("old", item("old", pole.now + seconds(5)), before, 600), stop("halt", before, "later"))
        pole.feed(play("new", later, pole.now)).run(100)
        assert pole.began() == ["later"]
        assert [refusal.what for refusal in pole.refused] == ["old", "halt"]

    @pytest.mark.parametrize("trusted", [True, False])
    def test_an_emergency_that_the_server_still_lists_is_obeyed(self, trusted: bool) -> None:
        pole, before = ready(), DAWN + seconds(60)
        flood, fire = (item(name, before, Urgency.EMERGENCY) for name in ("flood", "fire"))
        pole.restart(30, trusted=trusted, has_forgotten=True)
        pole.feed(listed(Play(**fields("o-flood", before, 600), item=flood)))
        pole.feed(play("o-fire", fire, before, 600))
        pole.trusted = True
        pole.feed(Tick()).run(60)
        assert pole.began() == ["flood"]
        assert [refusal.what for refusal in pole.refused] == ["o-fire"]

    def test_what_a_timetable_lists_of_before_this_start_does_not_sound_again(self) -> None:
        pole = Pole()
        at = pole.now + seconds(10)
        today, tomorrow = (item(name, at + seconds(later), number=1) for name, later in (("today", 0), ("next", 600)))
        today = today.model_copy(update={"late_within_ms": 1_800_000})
        pole.restart(60, has_forgotten=True).feed(ConfigCame(config(1)), stored(), timetable(1, today, tomorrow))
        pole.run(700)
        assert pole.began() == ["next"]
        assert pole.outcomes("today") == []


async def test_no_byte_is_fetched_that_a_read_only_card_would_refuse(
    box: NodeBox, server: FakeServer, door: FakeDoor, new_clip: MakeClip, card: Path
) -> None:
    here, later = new_clip(0.5), new_clip(10.0, seed=2)
    async with box.running(record=False):
        await server.configure()
        await server.schedule(server.item("early", [here], in_s=1))
        await server.until_final("early")
        (card / f"node/clips/{later.sha256}.part").write_bytes(door.clips[later.sha256][:10_000])
        turn_read_only(card)
        await server.schedule(server.item("here", [here], in_s=2), server.item("tomorrow", [later], in_s=3600))
        assert (await server.until_final("here")).outcome == "played"
        await server.until(lambda: "Read-only" in (server.heartbeats[-1].disk_error or ""))
    assert [request.path for request in door.served] == [f"/clips/{here.sha256}"]


@pytest.mark.parametrize("is_pushed", [True, False])
async def test_an_emergency_with_new_words_sounds_where_the_card_is_read_only_and_full(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, card: Path, is_pushed: bool
) -> None:
    long, words = new_clip(4.0), new_clip(1.0, 3)
    async with box.running(record=False):
        await server.configure()
        await server.schedule(server.item("dawn", [long], in_s=2, resume_within_ms=60_000))
        await server.until(lambda: "cued" in server.outcomes("dawn"))
        for number in range(40):  # sounds of last month, as a card that has been in use holds them
            try:
                (card / f"node/clips/{number:064x}.ogg").write_bytes(bytes(400_000))
            except OSError:
                break
        await server.until(lambda: "playing" in server.outcomes("dawn"))
        await asyncio.to_thread(turn_read_only, card)
        if is_pushed:
            await server.say_bytes(server.topics.clip("thon-dong", words.sha256), box.door.clips.pop(words.sha256))
        flood = server.item("flood", [words], in_s=0.5, urgency=Urgency.EMERGENCY)
        await server.order(Play(**server.fresh("o-flood", 60), item=flood))
        assert (await server.until_final("flood")).outcome == "played"
        assert (await server.until_final("dawn")).outcome == "played"
        await server.until(lambda: "Read-only" in (server.heartbeats[-1].disk_error or ""))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not condition():  # noqa: ASYNC110 - told by nobody
            await asyncio.sleep(0.02)


async def test_what_is_due_sounds_while_the_card_hangs_and_is_reported_afterwards(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, card: Path
) -> None:
    planned, words = new_clip(3.0), new_clip(1.0, 3)
    async with box.running(record=False) as agent:
        await server.configure()
        await server.schedule(server.item("dawn", [planned], in_s=4, resume_within_ms=60_000, late_within_ms=60_000))
        await server.until(lambda: "cued" in server.outcomes("dawn"))
        with frozen(card):
            await until(lambda: agent.state.tracks["dawn"].phase is Phase.PLAYING)
            await server.say_bytes(server.topics.clip("thon-dong", words.sha256), box.door.clips.pop(words.sha256))
            flood = server.item("flood", [words], in_s=0.5, urgency=Urgency.EMERGENCY)
            await server.order(Play(**server.fresh("o-flood", 60), item=flood))
            await until(lambda: "flood" in agent.state.tracks and agent.state.tracks["flood"].phase is Phase.DONE)
            assert "playing" not in server.outcomes("dawn"), "nothing is told that could be forgotten"
            await server.until(lambda: "has not answered" in (server.heartbeats[-1].disk_error or ""))
        assert (await server.until_final("flood")).outcome == "played"
        assert (await server.until_final("dawn")).outcome == "played"
        await server.until(lambda: server.heartbeats[-1].disk_error is None)


async def test_a_report_is_not_sent_again_that_a_sick_card_does_not_forget(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, card: Path
) -> None:
    async with box.running(record=False) as agent:
        await server.configure()
        server.acknowledges = False
        await server.schedule(server.item("early", [new_clip(0.5)], in_s=1))
        await server.until_final("early")
        await asyncio.to_thread(turn_read_only, card)
        server.acknowledges = True
        await server.schedule(server.item("next", [new_clip(0.5)], in_s=1))
        await server.until_final("next")
        await server.until(lambda: server.heartbeats[-1].outbox == 0)
        assert await agent.pending_reports() == []


async def test_what_the_server_has_is_forgotten_when_the_disk_lets_it(tmp_path: Path) -> None:
    pole, told = ready(), list[str]()
    pole.feed(timetable(1, item("a", pole.now + seconds(3)))).run(20)
    reports, store = list(pole.reports), NodeStore(tmp_path / "state.sqlite3")
    keeper = Keeper(store, NodeClock(), lambda: pole.state, lambda new: told.extend(one.report for one in new))
    running = asyncio.create_task(keeper.run())
    try:
        keeper.save(pole.state, reports)
        assert await keeper.stored()
        store._connection.execute("PRAGMA query_only = ON")
        keeper.acknowledged([report.report for report in reports[:3]])
        assert await keeper.pending() == reports[3:]
        assert await keeper.waiting() == 1
        assert store.pending(10)[1] == 4
        store._connection.execute("PRAGMA query_only = OFF")
        keeper.acknowledged([])
        assert await keeper.stored()
        assert (store.pending(10), await keeper.waiting()) == ((reports[3:], 1), 1)
        assert told == [report.report for report in reports], "each is told once"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        keeper.close()
        store.close()


def test_what_is_urgent_is_had_in_memory_and_then_put_on_the_card(tmp_path: Path) -> None:
    card, memory = ClipStore(tmp_path / "card", 1 << 20), ClipStore(tmp_path / "memory", 1500)
    shelves, (words, data), (more, others) = Shelves(card, memory), sound(1), sound(2)
    assert shelves.put(words, data, (), ()) == frozenset()
    assert (card.scan(), shelves.scan(), shelves.path(words)) == (frozenset(), frozenset({words}), memory.path(words))
    assert shelves.settle(words, (), ()) == frozenset()
    assert card.is_whole(words)
    assert shelves.put(more, others, (), ()) == frozenset(), "what made room in memory is still on the card"
    assert (memory.scan(), shelves.scan(), shelves.path(words)) == (
        frozenset({more}),
        frozenset({words, more}),
        card.path(words),
    )
    shelves.drop(words)
    assert shelves.scan() == {more}
    memory.drop(more)
    assert shelves.settle(more, (), ()) == frozenset()
    assert not shelves.is_whole(more)


def test_what_is_planned_or_too_large_for_memory_is_had_on_the_card(tmp_path: Path) -> None:
    card, memory = ClipStore(tmp_path / "card", 5000), ClipStore(tmp_path / "memory", 1500)
    shelves, (large, data), (wrong, _) = Shelves(card, memory), sound(1, 3000), sound(2)
    assert shelves.room_for(1000, (), (), is_urgent=False) == (card, frozenset())
    assert shelves.room_for(1000, (), (), is_urgent=True) == (memory, frozenset())
    assert shelves.room_for(3000, (), (), is_urgent=True) == (card, frozenset())
    shelves.put(large, data, (), ())
    assert (card.scan(), memory.scan()) == (frozenset({large}), frozenset())
    assert shelves.room_for(4000, (), (), is_urgent=True) == (card, frozenset({large}))
    with pytest.raises(ClipRefused) as refused:
        shelves.put(wrong, data, (), ())
    assert refused.value.reason is Reason.CLIP_CORRUPT
    with pytest.raises(ClipRefused):
        shelves.room_for(9000, (), (), is_urgent=True)


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto")
async def test_a_card_that_is_read_only_at_the_start_is_played_from_and_told(
    door: FakeDoor, port: int, wired: FakeServer, new_clip: MakeClip, card: Path
) -> None:
    node, clip = Command(card / "node"), new_clip(0.5)
    door.codes["ABCD2345"] = lambda: identity(port, wired.key)
    assert (await node.pair(door, "--output", "silent"))[0] == 0
    await wired.configure()
    await node.start()
    await wired.schedule(wired.item("dawn", [clip], in_s=12, late_within_ms=120_000))
    await wired.until(lambda: "cued" in wired.outcomes("dawn"))
    await node.end(signal.SIGTERM)
    await asyncio.to_thread(mount_read_only, card)
    await node.start()
    try:
        assert (await wired.until_final("dawn")).outcome == "played"
        await wired.until(lambda: "Read-only" in (wired.heartbeats[-1].disk_error or ""))
    finally:
        status = await node.end(signal.SIGTERM)
    assert status == 0
