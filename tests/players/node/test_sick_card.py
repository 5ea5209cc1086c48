"""A pole whose card is read-only, full, damaged or slow: it sounds what it can, and says what is wrong."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from players.memory import MemoryBroker
from players.messages import ClipRef
from players.node.cache import ClipStore
from players.node.errors import ClipRefused
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.fakes.sick_card import mounted_card, turn_read_only
from tests.fakes.sounds import write_clip
from tests.players.node.conftest import NodeBox

MakeClip = Callable[..., ClipRef]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    with mounted_card(tmp_path / "card") as card:
        yield card


@pytest.fixture
def box(broker: MemoryBroker, door: FakeDoor, server: FakeServer, card: Path) -> NodeBox:
    return NodeBox(broker, door, server.key, card / "node")


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


async def test_words_pushed_to_a_read_only_card_full_of_old_sounds_leave_the_pole_playing(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, card: Path, tmp_path: Path
) -> None:
    long = new_clip(5.0)
    words, pushed = write_clip(tmp_path, 1.0, 3)
    async with box.running(record=False):
        await server.configure()
        await server.schedule(server.item("dawn", [long], in_s=2))
        await server.until(lambda: "cued" in server.outcomes("dawn"))
        for number in range(40):
            try:
                (card / f"node/clips/{number:064x}.ogg").write_bytes(bytes(400_000))
            except OSError:
                break
        await server.until(lambda: "playing" in server.outcomes("dawn"))
        await asyncio.to_thread(turn_read_only, card)
        await server.say_bytes(server.topics.clip("thon-dong", pushed.sha256), words)
        assert (await server.until_final("dawn")).outcome == "played"
