"""A pole whose disk is full: it plays on, tells the truth, loses no report, and mends itself when there is room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from players.memory import MemoryBroker
from players.messages import ClipRef
from players.node.store import NodeStore
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.fakes.small_disk import fill, small_disk
from tests.players.node.conftest import NodeBox

MakeClip = Callable[..., ClipRef]


@pytest.fixture
def box(broker: MemoryBroker, door: FakeDoor, server: FakeServer, tmp_path: Path) -> Iterator[NodeBox]:
    with small_disk(tmp_path / "card", 1024) as card:
        yield NodeBox(broker, door, server.key, card)


async def test_what_is_there_is_played_what_does_not_fit_is_not_and_every_report_arrives(
    box: NodeBox, server: FakeServer, new_clip: MakeClip
) -> None:
    here, too_much = new_clip(1.0), new_clip(4.0, seed=2)
    async with box.running(record=False):
        await server.configure()
        await server.schedule(server.item("early", [here], in_s=1))
        await server.until_final("early")
        filler = fill(box.folder)
        await server.schedule(
            server.item("here", [here], in_s=2), server.item("too-much", [too_much], in_s=2, join_within_ms=3000)
        )
        played, failed = await server.until_final("here"), await server.until_final("too-much")
        assert played.outcome == "played"
        assert (failed.outcome, failed.reason, failed.started_at) == ("failed", "disk-full", None)
        filler.unlink()
        await server.schedule(server.item("later", [too_much], in_s=3))
        assert (await server.until_final("later")).outcome == "played"
    assert server.outcomes("here") == ["received", "cued", "playing", "played"]


async def test_a_report_that_could_not_be_written_is_kept_and_written_when_there_is_room(
    box: NodeBox, server: FakeServer, new_clip: MakeClip
) -> None:
    clip = new_clip(1.0)
    async with box.running(record=False):
        await server.configure()
        await server.schedule(server.item("early", [clip], in_s=1))
        await server.until_final("early")
        await server.until(lambda: server.heartbeats[-1].outbox == 0)
        server.acknowledges = False
        filler = fill(box.folder)
        await server.schedule(server.item("here", [clip], in_s=2))
        final = await server.until_final("here")
        filler.unlink()
        await server.schedule(server.item("next", [clip], in_s=60))
        await server.until(lambda: "received" in server.outcomes("next"))
    store = NodeStore(box.folder / "state.sqlite3")
    kept, _ = store.pending(100)
    store.close()
    assert final.report in {report.report for report in kept}
