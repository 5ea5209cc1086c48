"""Relays between clips: what is heard, when, and what is said of it when they fail. A real radio, VLC, a real agent."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from players.messages import ClipRef, CuedBroadcast, OnFailure, Play, PlaybackReport, RelayPart, Urgency
from players.node.clock import NodeClock
from players.node.medley import pieces_of
from players.node.record import WavTimeline
from players.node.vlc import VlcOutput
from tests.fakes.fake_radio import FakeRadio, Misdeed
from tests.fakes.fake_server import FakeServer
from tests.fakes.sounds import RATE, Wave, find, noise, read_wave
from tests.players.node.conftest import NodeBox

MakeClip = Callable[..., ClipRef]
RADIO = noise(30, 40)
LASTS_S = 4.0


@pytest.fixture
async def radio(tmp_path: Path) -> AsyncIterator[FakeRadio]:
    folder = tmp_path / "radio"
    folder.mkdir()
    async with FakeRadio(RADIO, folder, good_s=2.0).running() as radio:
        yield radio


@asynccontextmanager
async def listening(box: NodeBox) -> AsyncIterator[None]:
    """The node plays by VLC into its recording."""
    clock = NodeClock()
    began: list[datetime] = []

    def at(instant: float) -> datetime:
        began.append(clock.at(instant))
        return began[0]

    async with box.running(output=VlcOutput(None, WavTimeline(box.recording, at), clock.monotonic), record=False):
        yield
    box.recording.with_name("began").write_text(json.dumps(began[0].timestamp()))


def with_relay(
    server: FakeServer, source: str, before: ClipRef, after: ClipRef, on_failure: OnFailure, instead: ClipRef | None
) -> CuedBroadcast:
    plain = server.item("relayed", [before, after], in_s=6)
    relay = RelayPart(
        after_clips=1,
        starts_ms=before.duration_ms,
        lasts_ms=round(LASTS_S * 1000),
        source=source,
        on_failure=on_failure,
        fallback=instead,
    )
    return plain.model_copy(update={"relays": (relay,), "stream": None})


async def sounded(box: NodeBox, server: FakeServer, item: CuedBroadcast) -> PlaybackReport:
    async with listening(box):
        await server.configure()
        await server.schedule(item)
        return await server.until_final("relayed", limit_s=60)


def place_s(box: NodeBox, wanted: Wave, item: CuedBroadcast) -> float:
    """When a sound was heard, counted from the start of the broadcast; it must be there."""
    heard = read_wave(box.recording)
    place, likeness = find(wanted, heard)
    assert likeness > 0.85
    began = json.loads(box.recording.with_name("began").read_text())
    return float(began + place / RATE - item.starts_at.timestamp())


def is_heard(box: NodeBox, wanted: Wave) -> bool:
    return find(wanted, read_wave(box.recording))[1] > 0.5


async def test_clips_a_relay_and_clips_sound_in_their_turn(
    box: NodeBox, server: FakeServer, radio: FakeRadio, new_clip: MakeClip
) -> None:
    item = with_relay(server, radio.url(), new_clip(1.0, seed=1), new_clip(1.0, seed=2), OnFailure.SILENCE, None)
    final = await sounded(box, server, item)
    assert (final.outcome, final.reason, final.detail) == ("played", None, None)
    assert abs(place_s(box, read_wave(box.folder.parent / "1.ogg"), item)) < 2
    begins = place_s(box, RADIO[RATE : 2 * RATE], item) - 1
    assert 1.0 < begins < 5, "it is joined where it is, at its instant"
    assert abs(place_s(box, read_wave(box.folder.parent / "2.ogg"), item) - 1 - LASTS_S) < 2
    assert radio.listeners == ["live"]


@pytest.mark.parametrize("misdeed", [Misdeed.NOT_FOUND, Misdeed.NEVER_ANSWERS])
async def test_a_relay_that_does_not_come_is_replaced_by_its_clip(
    box: NodeBox, server: FakeServer, radio: FakeRadio, new_clip: MakeClip, misdeed: Misdeed
) -> None:
    before, after, other = (new_clip(1.0, seed=seed) for seed in (1, 2, 3))
    item = with_relay(server, radio.url(misdeed), before, after, OnFailure.CLIP, other)
    item = item.model_copy(update={"relays": (item.relays[0].model_copy(update={"lasts_ms": 8000}),)})
    final = await sounded(box, server, item)
    assert (final.outcome, final.reason) == ("played", "relay-failed")
    assert final.detail is not None
    assert final.detail.startswith("relay: ")
    instead = place_s(box, read_wave(box.folder.parent / "3.ogg"), item)
    assert 0.7 < instead < 9
    assert abs(place_s(box, read_wave(box.folder.parent / "2.ogg"), item) - 9) < 2, "what follows keeps its instant"


@pytest.mark.parametrize("misdeed", [Misdeed.DIES, Misdeed.STALLS])
async def test_after_a_relay_that_breaks_off_it_goes_on_as_was_chosen(
    box: NodeBox, server: FakeServer, radio: FakeRadio, new_clip: MakeClip, misdeed: Misdeed
) -> None:
    item = with_relay(server, radio.url(misdeed), new_clip(1.0, seed=1), new_clip(1.0, seed=2), OnFailure.NEXT, None)
    item = item.model_copy(update={"relays": (item.relays[0].model_copy(update={"lasts_ms": 20_000}),)})
    final = await sounded(box, server, item)
    assert (final.outcome, final.reason) == ("played", "relay-failed")
    assert is_heard(box, RADIO[RATE // 2 : RATE])
    assert place_s(box, read_wave(box.folder.parent / "2.ogg"), item) < 20, "it did not wait for the relay's end"


async def test_an_output_without_streams_is_silent_for_the_relay_and_plays_the_rest(
    box: NodeBox, server: FakeServer, radio: FakeRadio, new_clip: MakeClip
) -> None:
    item = with_relay(server, radio.url(), new_clip(1.0, seed=1), new_clip(1.0, seed=2), OnFailure.SILENCE, None)
    async with box.running():
        await server.configure()
        await server.schedule(item)
        final = await server.until_final("relayed", limit_s=60)
    assert (final.outcome, final.reason) == ("played", "relay-failed")
    assert final.detail == "relay: this pole's output plays no streams"
    assert is_heard(box, read_wave(box.folder.parent / "2.ogg"))


async def test_an_emergency_cuts_a_relay_which_then_goes_on_where_it_is(
    box: NodeBox, server: FakeServer, radio: FakeRadio, new_clip: MakeClip
) -> None:
    before, after, urgent = (new_clip(1.0, seed=seed) for seed in (1, 2, 3))
    item = with_relay(server, radio.url(), before, after, OnFailure.SILENCE, None)
    item = item.model_copy(
        update={
            "relays": (item.relays[0].model_copy(update={"lasts_ms": 10_000}),),
            "resume_within_ms": 60_000,
            "join_within_ms": 60_000,
        }
    )
    async with listening(box):
        await server.configure()
        await server.schedule(item)
        await server.until(lambda: radio.listeners != [], 30)
        await asyncio.sleep(2)
        flood = server.item("flood", [urgent], in_s=0.3, urgency=Urgency.EMERGENCY)
        await server.order(Play(**server.fresh("o1"), item=flood))
        await server.until_final("flood", limit_s=60)
        final = await server.until_final("relayed", limit_s=60)
    assert final.outcome == "played"
    assert len(radio.listeners) >= 2, "it is asked anew, and gives what it plays now"
    assert final.detail is not None
    assert "broken off (preempted)" in final.detail
    _, likeness = find(read_wave(box.folder.parent / "3.ogg"), read_wave(box.recording))
    assert likeness > 0.98, "nothing sounds into the emergency"
    assert is_heard(box, read_wave(box.folder.parent / "2.ogg"))


def test_pieces_lie_as_the_wire_says() -> None:
    clips = tuple(ClipRef(sha256=f"{n:064x}", size_bytes=1, duration_ms=1000 * n) for n in (1, 2, 3))
    relays = (
        RelayPart(after_clips=0, starts_ms=500, lasts_ms=1500, source="/streams/x/0"),
        RelayPart(after_clips=2, starts_ms=9000, lasts_ms=1000, source="/streams/x/1"),
    )
    item = CuedBroadcast(
        broadcast="x", urgency=Urgency.NORMAL, starts_at=datetime.fromisoformat("2026-03-01T00:00:00Z"), clips=clips,
        relays=relays,
    )  # fmt: skip
    lies = [(piece.starts_s, piece.lasts_s, len(piece.clips)) for piece in pieces_of(item)]
    assert lies == [(0.5, 1.5, 0), (2.0, 3.0, 2), (9.0, 1.0, 0), (10.0, 3.0, 1)]
    assert item.duration_ms == 13_000
    with pytest.raises(ValueError, match="begins after"):
        CuedBroadcast.model_validate(
            item.model_dump() | {"relays": [relays[1].model_dump() | {"starts_ms": 2000, "after_clips": 2}]}
        )
