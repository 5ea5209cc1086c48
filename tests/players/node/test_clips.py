"""The clip store and its filling: whole and right, or not there."""

import asyncio
import hashlib
import os
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from players.messages import ClipRef, PreparedMessage, PreparedPack, Reason, Severity, Urgency
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.cueing import Cueing, kept_clips, wanted_clips
from players.node.errors import ClipRefused
from players.node.events import ClipStored, ConfigCame, Event, PackCame
from players.node.fetch import ClipFetcher, spread_s
from players.node.shelves import Shelves
from players.signing import NodeKey
from players.tickets import make_ticket
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.fakes.small_disk import small_disk
from tests.players.node.conftest import NodeBox
from tests.players.node.pole import Pole, clip, config, item
from tests.players.node.test_state import play, ready, timetable

MakeClip = Callable[..., ClipRef]


def blob(size: int, seed: int = 0) -> tuple[bytes, ClipRef]:
    data = hashlib.shake_256(bytes([seed])).digest(size)
    return data, ClipRef(sha256=hashlib.sha256(data).hexdigest(), size_bytes=size, duration_ms=1000)


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "clips", 1 << 24)


@pytest.fixture
async def fetcher(door: FakeDoor) -> AsyncIterator[ClipFetcher]:
    key = NodeKey.generate()
    door.keys["dong-1"] = key.public_jwk()
    async with httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=5) as client:
        yield ClipFetcher(client, lambda path: make_ticket(key, "dong-1", path, datetime.now(UTC)))


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A disk that is full, as far as a process can be told so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_broken_connection_is_resumed_where_it_broke(
    store: ClipStore, fetcher: ClipFetcher, door: FakeDoor
) -> None:
    data, clip = blob(700_000)
    door.clips[clip.sha256] = data
    door.breaks_after = [300_000, 100_000]
    for _ in range(2):
        with pytest.raises(ClipRefused) as broke:
            await fetcher.fetch(clip, store)
        assert broke.value.reason is Reason.CLIP_UNAVAILABLE
    await fetcher.fetch(clip, store)
    assert store.path(clip.sha256).read_bytes() == data
    ranges = [request.range for request in door.served]
    assert ranges[0] is None
    starts = [int(text.removeprefix("bytes=").rstrip("-")) for text in ranges[1:] if text]
    assert 0 < starts[0] <= 300_000
    assert starts[0] < starts[1] <= 400_000


async def test_a_server_that_ignores_the_range_is_read_from_the_beginning(
    store: ClipStore, fetcher: ClipFetcher, door: FakeDoor
) -> None:
    data, clip = blob(50_000)
    door.clips[clip.sha256] = data
    door.breaks_after = [20_000]
    with pytest.raises(ClipRefused):
        await fetcher.fetch(clip, store)
    door.ignores_range = True
    await fetcher.fetch(clip, store)
    assert store.path(clip.sha256).read_bytes() == data


async def test_wrong_bytes_never_get_the_clips_name(store: ClipStore, fetcher: ClipFetcher, door: FakeDoor) -> None:
    data, clip = blob(50_000)
    door.clips[clip.sha256] = data
    door.corrupts.add(clip.sha256)
    with pytest.raises(ClipRefused) as refused:
        await fetcher.fetch(clip, store)
    assert refused.value.reason is Reason.CLIP_CORRUPT
    assert store.scan() == frozenset()
    assert store.part_size(clip.sha256) == 0
    door.corrupts.clear()
    await fetcher.fetch(clip, store)
    assert store.scan() == {clip.sha256}


async def test_more_than_announced_is_not_taken(store: ClipStore, fetcher: ClipFetcher, door: FakeDoor) -> None:
    data, clip = blob(200_000)
    door.clips[clip.sha256] = data
    with pytest.raises(ClipRefused, match="larger than announced"):
        await fetcher.fetch(clip.model_copy(update={"size_bytes": 1000}), store)
    assert store.part_size(clip.sha256) == 0


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_a_refusal_says_what_the_server_said(
    store: ClipStore, fetcher: ClipFetcher, door: FakeDoor, status: int
) -> None:
    _, clip = blob(10)
    door.refuses_with = status
    with pytest.raises(ClipRefused, match=f"answered {status}"):
        await fetcher.fetch(clip, store)


async def test_a_full_disk_is_named_and_leaves_nothing_false(
    store: ClipStore, fetcher: ClipFetcher, door: FakeDoor
) -> None:
    data, clip = blob(400_000)
    door.clips[clip.sha256] = data
    with files_no_larger_than(100_000):
        with pytest.raises(ClipRefused) as fetched:
            await fetcher.fetch(clip, store)
        with pytest.raises(ClipRefused) as pushed:
            store.put(clip.sha256, data)
    assert (fetched.value.reason, pushed.value.reason) == (Reason.DISK_FULL, Reason.DISK_FULL)
    assert store.scan() == frozenset()
    await fetcher.fetch(clip, store)
    assert store.path(clip.sha256).read_bytes() == data


def test_pushed_bytes_must_be_what_their_topic_says(store: ClipStore) -> None:
    data, clip = blob(1000)
    with pytest.raises(ClipRefused) as refused:
        store.put(clip.sha256, data[:-1])
    assert refused.value.reason is Reason.CLIP_CORRUPT
    store.put(clip.sha256, data)
    assert store.scan() == {clip.sha256}


def test_a_clip_that_has_rotted_is_thrown_away(store: ClipStore) -> None:
    data, clip = blob(1000)
    store.put(clip.sha256, data)
    assert store.is_whole(clip.sha256)
    store.path(clip.sha256).write_bytes(b"x" + data[1:])
    assert not store.is_whole(clip.sha256)
    assert store.scan() == frozenset()


def test_room_is_made_by_what_was_not_used_longest_and_is_not_wanted(tmp_path: Path) -> None:
    store = ClipStore(tmp_path, 3500)
    blobs = [blob(1000, seed) for seed in range(4)]
    for age, (data, one) in enumerate(blobs[:3]):
        store.put(one.sha256, data)
        os.utime(store.path(one.sha256), (age, age))
    oldest, second = blobs[0][1].sha256, blobs[1][1].sha256
    assert store.put(blobs[3][1].sha256, blobs[3][0], keep={oldest}) == {second}
    everything = store.scan()
    assert oldest in everything
    with pytest.raises(ClipRefused) as full:
        store.put(blob(1000, 9)[1].sha256, blob(1000, 9)[0], keep=everything)
    assert full.value.reason is Reason.DISK_FULL


def test_what_was_played_goes_later_than_what_was_not(tmp_path: Path) -> None:
    store = ClipStore(tmp_path, 2500)
    (first, old), (second, newer), (third, new) = (blob(1000, seed) for seed in range(3))
    for age, (data, one) in enumerate(((first, old), (second, newer))):
        store.put(one.sha256, data)
        os.utime(store.path(one.sha256), (age, age))
    store.used_now(old.sha256)
    store.used_now("never had")
    assert store.put(new.sha256, third) == {newer.sha256}


def test_a_full_disk_drops_what_is_needed_last_first_and_nothing_that_is_needed_sooner() -> None:
    pole = ready()
    at = pole.now + timedelta(hours=1)
    days = [item(f"day-{day}", at + timedelta(days=day), number=day) for day in (1, 2, 3, 4)]
    pole.feed(timetable(1, *days), play("o", item("flood", at, Urgency.EMERGENCY, number=9), pole.now))
    keep, spare = kept_clips(pole.state, at + timedelta(days=2))
    assert keep == {clip(number).sha256 for number in (1, 2, 9)}
    assert spare == (clip(4).sha256, clip(3).sha256)


def test_what_is_needed_later_goes_after_what_nobody_needs_and_the_farthest_first(tmp_path: Path) -> None:
    store = ClipStore(tmp_path, 3500)
    blobs = [blob(1000, seed) for seed in range(5)]
    for age, (data, one) in enumerate(blobs[:3]):
        store.put(one.sha256, data)
        os.utime(store.path(one.sha256), (age, age))
    far, near, unused = (one.sha256 for _, one in blobs[:3])
    assert store.put(blobs[3][1].sha256, blobs[3][0], spare=(far, near)) == {unused}
    kept = {blobs[3][1].sha256}
    assert store.put(blobs[4][1].sha256, blobs[4][0], keep=kept, spare=(far, near)) == {far}


def test_a_disk_that_others_fill_is_reckoned_with(tmp_path: Path) -> None:
    with small_disk(tmp_path / "card", 1024) as card:
        store = ClipStore(card / "clips", 1 << 30)
        (card / "others").write_bytes(bytes(600 * 1024))
        first, second = blob(200 * 1024, 1), blob(300 * 1024, 2)
        store.put(first[1].sha256, first[0])
        assert store.put(second[1].sha256, second[0]) == {first[1].sha256}


def test_room_is_made_while_other_fetches_finish_and_begin(tmp_path: Path) -> None:
    store = ClipStore(tmp_path, 1500)
    (tmp_path / "gone.part").symlink_to(tmp_path / "finished meanwhile")
    begun = tmp_path / ".begun.draft"
    begun.write_bytes(b"x" * 400)
    (first, old), (second, new) = blob(1000, 1), blob(1000, 2)
    store.put(old.sha256, first)
    assert store.put(new.sha256, second) == {old.sha256}
    assert begun.exists()


def test_fetches_are_spread_evenly_and_the_same_each_time() -> None:
    waits = [spread_s(f"cum-{number}", "0" * 64, 30) for number in range(300)]
    assert waits == [spread_s(f"cum-{number}", "0" * 64, 30) for number in range(300)]
    assert all(0 <= wait < 30 for wait in waits)
    counts = [sum(third <= wait < third + 10 for wait in waits) for third in (0, 10, 20)]
    assert min(counts) > 70


async def test_a_corrupted_clip_is_fetched_again_and_joined_late(
    box: NodeBox, server: FakeServer, door: FakeDoor, new_clip: MakeClip
) -> None:
    clip = new_clip(5.0, seed=8)
    door.corrupts.add(clip.sha256)
    async with box.running():
        await server.configure()
        item = server.item("a", [clip], in_s=1)
        await server.schedule(item)
        await server.until(lambda: len([request for request in door.served if request.status == 200]) >= 2)
        door.corrupts.clear()
        final = await server.until_final("a")
    assert (final.outcome, final.reason) == ("cut", "too-late")
    assert final.started_at is not None
    assert final.finished_at is not None
    assert abs((final.finished_at - item.starts_at).total_seconds() - 5.0) < 0.1, "it ended with the others"


async def test_a_clip_that_stays_corrupted_fails_with_that_reason(
    box: NodeBox, server: FakeServer, door: FakeDoor, new_clip: MakeClip
) -> None:
    clip = new_clip(1.0, seed=9)
    door.corrupts.add(clip.sha256)
    async with box.running():
        await server.configure()
        await server.schedule(server.item("a", [clip], in_s=1))
        final = await server.until_final("a")
    assert (final.outcome, final.reason, final.started_at) == ("failed", "clip-corrupt", None)


async def test_a_pole_that_streams_what_is_planned_fetches_what_emergencies_are_made_of(
    fetcher: ClipFetcher, store: ClipStore, door: FakeDoor
) -> None:
    planned, urgent = (blob(2000, seed) for seed in (1, 2))
    door.clips = {ref.sha256: data for data, ref in (planned, urgent)}
    pole = Pole(streams=True, pulls=False).feed(ConfigCame(config(1))).run(60)
    later = item("tin", pole.now + timedelta(seconds=30)).model_copy(update={"clips": (planned[1],)})
    alarm = item("lu", pole.now, Urgency.EMERGENCY).model_copy(update={"clips": (urgent[1],)})
    pole.feed(timetable(1, later), play("o-1", alarm, pole.now))
    came: asyncio.Queue[Event] = asyncio.Queue()
    cueing = Cueing(
        fetcher,
        Shelves(store),
        NodeClock(max_error_s=2.0),
        lambda: pole.state,
        came.put_nowait,
        ahead=lambda: timedelta(days=400),
        jitter_s=0,
    )
    running = asyncio.create_task(cueing.run())
    try:
        async with asyncio.timeout(20):
            assert await came.get() == ClipStored(urgent[1].sha256)
            pole.feed(ClipStored(urgent[1].sha256))
            cueing.nudge()
            await asyncio.sleep(0.2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert came.empty()
    assert [served.path for served in door.served] == [f"/clips/{urgent[1].sha256}"]


async def test_what_is_held_ready_for_emergencies_is_fetched_with_more_time_than_others(
    fetcher: ClipFetcher, store: ClipStore, door: FakeDoor
) -> None:
    jitter_s = 1.0
    pole = Pole().feed(ConfigCame(config(1))).run(60)
    blobs = (blob(2000, seed) for seed in range(200))
    held, planned = [one for one in blobs if 0.4 < spread_s(pole.state.node, one[1].sha256, jitter_s) < 0.6][:2]
    door.clips = {ref.sha256: data for data, ref in (held, planned)}
    message = PreparedMessage(key="lu", title="Lũ", severity=Severity.EXTREME, clips=(held[1],), drill_clips=(held[1],))
    pack = PreparedPack(
        commune=pole.state.commune, version=2, issued_at=pole.now, zone="thon-dong", messages=(message,)
    )
    later = item("tin", pole.now + timedelta(hours=1)).model_copy(update={"clips": (planned[1],)})
    pole.feed(PackCame(pack), timetable(1, later))
    came: asyncio.Queue[Event] = asyncio.Queue()

    def take(event: Event) -> None:
        pole.feed(event)
        came.put_nowait(event)

    clock, ahead = NodeClock(max_error_s=2.0), timedelta(days=400)
    cueing = Cueing(fetcher, Shelves(store), clock, lambda: pole.state, take, ahead=lambda: ahead, jitter_s=jitter_s)
    running = asyncio.create_task(cueing.run())
    try:
        async with asyncio.timeout(30):
            assert [await came.get(), await came.get()] == [ClipStored(one.sha256) for one in (planned[1], held[1])]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_airs_in_seconds_is_fetched_in_turn_while_there_is_time(
    fetcher: ClipFetcher, store: ClipStore, door: FakeDoor
) -> None:
    jitter_s = 3.0
    pole, clock, ahead = Pole().feed(ConfigCame(config(1))).run(60), NodeClock(max_error_s=2.0), timedelta(days=400)
    blobs = [blob(2000, seed) for seed in range(200)]
    late = next(one for one in blobs if spread_s(pole.state.node, one[1].sha256, jitter_s) > 0.7 * jitter_s)
    early = next(one for one in blobs if spread_s(pole.state.node, one[1].sha256, jitter_s) < 0.1 * jitter_s)
    door.clips = {ref.sha256: data for data, ref in (late, early)}
    first = item("tin-1", clock.now().at + timedelta(seconds=30)).model_copy(update={"clips": (late[1],)})
    second = item("tin-2", clock.now().at + timedelta(seconds=40)).model_copy(update={"clips": (early[1],)})
    pole.feed(timetable(1, first, second))
    came: asyncio.Queue[Event] = asyncio.Queue()

    def take(event: Event) -> None:
        pole.feed(event)
        came.put_nowait(event)

    cueing = Cueing(fetcher, Shelves(store), clock, lambda: pole.state, take, ahead=lambda: ahead, jitter_s=jitter_s)
    running = asyncio.create_task(cueing.run())
    try:
        async with asyncio.timeout(30):
            assert [await came.get(), await came.get()] == [ClipStored(one.sha256) for one in (early[1], late[1])]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_an_emergency_is_wanted_at_once_by_a_pole_with_any_clock() -> None:
    pole = Pole().feed(ConfigCame(config(1))).run(60)
    pole.feed(play("o-1", item("lu", pole.now + timedelta(days=9000), Urgency.EMERGENCY), pole.now))
    now = NodeClock(max_error_s=2.0).now()
    assert {one.needed_at for one in wanted_clips(pole.state, now, None)} == {now.at}


async def test_the_words_of_an_emergency_do_not_wait_for_what_was_held_ready(
    fetcher: ClipFetcher, store: ClipStore, door: FakeDoor
) -> None:
    first, second = blob(2000, 1), blob(2000, 2)
    said = second[1]
    door.clips = {ref.sha256: data for data, ref in (first, second)}
    message = PreparedMessage(key="lu", title="Lũ", severity=Severity.EXTREME, clips=(said,), drill_clips=(said,))
    pole = Pole().feed(ConfigCame(config(1))).run(60)
    pack = PreparedPack(
        commune=pole.state.commune, version=2, issued_at=pole.now, zone="thon-dong", messages=(message,)
    )
    pole.feed(PackCame(pack))
    came: asyncio.Queue[Event] = asyncio.Queue()
    clock, ahead = NodeClock(max_error_s=2.0), timedelta(days=400)
    cueing = Cueing(
        fetcher, Shelves(store), clock, lambda: pole.state, came.put_nowait, ahead=lambda: ahead, jitter_s=3600
    )
    running = asyncio.create_task(cueing.run())
    try:
        await asyncio.sleep(0.2)
        alarm = item("lu", pole.now, Urgency.EMERGENCY).model_copy(update={"clips": (first[1], said)})
        pole.feed(play("o-1", alarm, pole.now), ClipStored(first[1].sha256))
        cueing.nudge()
        async with asyncio.timeout(20):
            assert await came.get() == ClipStored(said.sha256)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
