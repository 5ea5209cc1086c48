"""The silent drill at a pole: decided, then through a real agent, and no sound of it."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from players.messages import ClipRef, Play, Rehearse, Urgency
from players.node.amplifier import AmplifiedOutput, Amplifier, Timing
from players.node.clock import Instant, NodeClock
from players.node.cueing import kept_clips, wanted_clips
from players.node.events import ClipStored, OrderCame
from players.node.gpio import MemoryLine
from players.node.record import WavTimeline
from players.node.timeline import TimelineOutput
from tests.fakes.fake_server import COMMUNE, FakeServer
from tests.fakes.sounds import write_clip
from tests.players.node.conftest import NodeBox
from tests.players.node.pole import DAWN, Pole, clip, item, seconds


def rehearse(order: str, number: int = 1, for_s: float = 60) -> OrderCame:
    order_at = {"issued_at": DAWN - seconds(1), "expires_at": DAWN + seconds(for_s)}
    return OrderCame(Rehearse(order=order, commune=COMMUNE, clip=clip(number), **order_at))


def test_it_waits_for_its_clip_decodes_it_and_answers_once() -> None:
    pole = Pole().feed(rehearse("r1")).run(5)
    assert pole.rehearsed == []
    pole.feed(ClipStored(clip(1).sha256), rehearse("r1")).run(5)
    (answer,) = pole.rehearsed
    assert (answer.order, answer.node, answer.output, answer.error) == ("r1", "dong-1", "record", None)
    assert timedelta() < answer.at - DAWN - seconds(5) < seconds(1)
    assert (pole.starts, pole.reports) == ([], [])


def test_a_clip_that_is_there_is_decoded_at_once() -> None:
    pole = Pole().feed(ClipStored(clip(1).sha256), rehearse("r1")).run(1)
    assert [answer.order for answer in pole.rehearsed] == ["r1"]


def test_a_newer_one_takes_the_place_of_one_that_is_not_done() -> None:
    pole = Pole().feed(rehearse("r1", 1), rehearse("r2", 2), ClipStored(clip(1).sha256)).run(5)
    assert pole.rehearsed == []
    pole.feed(ClipStored(clip(2).sha256)).run(5)
    assert [answer.order for answer in pole.rehearsed] == ["r2"]


def test_what_has_expired_is_given_up() -> None:
    pole = Pole().feed(rehearse("r1")).run(61)
    pole.feed(ClipStored(clip(1).sha256)).run(5)
    assert (pole.rehearsed, pole.state.rehearsal) == ([], None)


def test_an_output_that_is_gone_is_said() -> None:
    pole = Pole(prepare_fails=1).feed(ClipStored(clip(1).sha256), rehearse("r1")).run(1)
    assert [answer.error for answer in pole.rehearsed] == ["no device"]


def test_a_restart_ends_it() -> None:
    pole = Pole().feed(rehearse("r1")).restart(1).feed(ClipStored(clip(1).sha256)).run(5)
    assert (pole.rehearsed, pole.state.is_decoding) == ([], False)


def test_without_the_time_it_waits_as_every_order_does() -> None:
    pole = Pole(trusted=False).feed(ClipStored(clip(1).sha256), rehearse("r1")).run(1)
    assert pole.rehearsed == []
    pole.trusted = True
    pole.run(0.5).feed(ClipStored(clip(2).sha256)).run(0.5)
    assert [answer.order for answer in pole.rehearsed] == ["r1"]


def test_its_clip_is_waited_for_as_an_emergencys_is_and_makes_no_room() -> None:
    state = Pole().feed(rehearse("r1")).state
    wanted = wanted_clips(state, Instant(DAWN, trusted=True, awake_since=DAWN), None)
    assert [(one.clip, one.is_on_its_way) for one in wanted] == [(clip(1), True)]
    assert clip(1).sha256 in kept_clips(state, DAWN)[0]


def test_an_emergency_meanwhile_sounds_as_if_nothing_were() -> None:
    pole = Pole().feed(ClipStored(clip(1).sha256), rehearse("r1"))
    order = Play(
        order="o1",
        commune=COMMUNE,
        issued_at=DAWN,
        expires_at=DAWN + seconds(60),
        item=item("x", DAWN + seconds(0.1), Urgency.EMERGENCY),
    )
    pole.feed(OrderCame(order)).run(10)
    assert pole.outcomes("x")[-1] == "played"
    assert [answer.error for answer in pole.rehearsed] == [None]


@pytest.mark.parametrize("is_pushed", [True, False])
async def test_a_real_pole_rehearses_without_sound_or_amplifier(
    box: NodeBox, server: FakeServer, tmp_path: Path, is_pushed: bool
) -> None:
    clock = NodeClock()
    line = MemoryLine(clock.monotonic)
    inner = TimelineOutput("record", WavTimeline(box.recording, clock.at), clock.monotonic)
    output = AmplifiedOutput(inner, Amplifier(line, Timing(0.1, 0.1), clock.monotonic))
    data, spoken = write_clip(tmp_path, 0.6, seed=1)
    box.door.clips = {} if is_pushed else {spoken.sha256: data}
    async with box.running(output=output):
        await server.configure()
        await server.until(lambda: bool(server.heartbeats) and server.heartbeats[-1].clock_trusted)
        if is_pushed:
            await server.say_bytes(server.topics.clip("thon-dong", spoken.sha256), data)
        await server.order(Rehearse(**server.fresh("r1"), clip=spoken))
        await server.until(lambda: bool(server.rehearsed))
    (answer,) = server.rehearsed
    assert (answer.order, answer.error, answer.output) == ("r1", None, "record")
    assert not any(is_open for _, is_open in line.changes), "the amplifier stayed shut"
    assert server.reports == []
    assert [served.path for served in box.door.served] == ([] if is_pushed else [f"/clips/{spoken.sha256}"])


async def test_a_clip_that_cannot_be_decoded_is_said(box: NodeBox, server: FakeServer) -> None:
    noise = b"no sound at all" * 100
    sha256 = hashlib.sha256(noise).hexdigest()
    async with box.running():
        await server.configure()
        await server.until(lambda: bool(server.heartbeats) and server.heartbeats[-1].clock_trusted)
        await server.say_bytes(server.topics.clip("thon-dong", sha256), noise)
        spoken = ClipRef(sha256=sha256, size_bytes=len(noise), duration_ms=1000)
        await server.order(Rehearse(**server.fresh("r1"), clip=spoken))
        await server.until(lambda: bool(server.rehearsed))
    assert server.rehearsed[0].error
