"""The amplifier's relay against the sound that was recorded: open before, shut after, and never for what is refused."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from players.errors import OutputMissing
from players.messages import ClipRef, Play, Stop, Window
from players.node.airing import GO_LEAD, go_lead
from players.node.amplifier import AmplifiedOutput, Amplifier, Timing, shut_now
from players.node.clock import NodeClock
from players.node.gpio import GpiodLine, MemoryLine
from players.node.record import WavTimeline
from players.node.settings import AmplifierSection
from players.node.state import Abilities, NodeState
from players.node.timeline import TimelineOutput
from players.signing import CommuneKey
from tests.fakes.fake_server import COMMUNE, FakeServer
from tests.fakes.sounds import RATE, read_wave
from tests.players.node.conftest import NodeBox

MakeClip = Callable[..., ClipRef]
LEAD_S, HOLD_S = 0.2, 0.4


@dataclass
class Rack:
    """A recording output behind an amplifier, and both seen from outside, in monotonic seconds."""

    output: AmplifiedOutput
    line: MemoryLine
    wav: Path
    opened: list[float]

    def sounded(self) -> tuple[float, float]:
        """When the first and the last sample that is not silence left the output."""
        loud = np.flatnonzero(np.abs(read_wave(self.wav)) > 0.001)
        return self.opened[0] + loud[0] / RATE, self.opened[0] + loud[-1] / RATE

    def open_spans(self) -> list[tuple[float, float]]:
        assert [state for _, state in self.line.changes][:1] in ([], [False])
        changes = self.line.changes[1:]
        assert [state for _, state in changes] == [True, False] * (len(changes) // 2)
        instants = [at for at, _ in changes]
        return list(zip(instants[::2], instants[1::2], strict=True))


@pytest.fixture
def rack(tmp_path: Path) -> Rack:
    clock = NodeClock()
    opened: list[float] = []

    def at(monotonic: float) -> datetime:
        opened.append(monotonic)
        return clock.at(monotonic)

    wav = tmp_path / "heard.wav"
    line = MemoryLine(clock.monotonic)
    amplifier = Amplifier(line, Timing(LEAD_S, HOLD_S), clock.monotonic)
    inner = TimelineOutput("record", WavTimeline(wav, at), clock.monotonic)
    return Rack(AmplifiedOutput(inner, amplifier), line, wav, opened)


async def settled(rack: Rack) -> None:
    async with asyncio.timeout(20):
        while rack.line.changes[-1][1]:  # noqa: ASYNC110 - a relay has no event
            await asyncio.sleep(0.02)


async def test_it_is_open_from_the_lead_before_the_first_sample_until_the_last_has_sounded(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, rack: Rack
) -> None:
    async with box.running(output=rack.output):
        await server.configure()
        await server.until(lambda: bool(server.heartbeats))
        await server.schedule(server.item("a", [new_clip(0.6)], in_s=2))
        assert (await server.until_final("a")).outcome == "played"
        await settled(rack)
    first, last = rack.sounded()
    ((opened, shut),) = rack.open_spans()
    assert first - opened >= LEAD_S - 0.02
    assert last < shut
    assert first - opened < LEAD_S + 5, "it was not open all the time"
    assert rack.line.released


async def test_two_in_a_row_do_not_make_it_click_and_a_stop_shuts_it(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, rack: Rack
) -> None:
    async with box.running(output=rack.output):
        await server.configure()
        await server.until(lambda: bool(server.heartbeats))
        clip = new_clip(0.5)
        await server.schedule(server.item("a", [clip], in_s=2), server.item("b", [clip], in_s=2.2))
        await server.until_final("b")
        await settled(rack)
        assert len(rack.open_spans()) == 1
        await server.order(Play(**server.fresh("o1"), item=server.item("c", [new_clip(20.0, seed=2)], in_s=0.5)))
        await server.until(lambda: "playing" in server.outcomes("c"))
        await server.order(Stop(**server.fresh("o2"), broadcast="c"))
        await server.until_final("c")
        await settled(rack)
    assert len(rack.open_spans()) == 2


@pytest.mark.parametrize("refused", ["signature", "quiet-hours", "expired"])
async def test_what_is_refused_never_opens_it(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, rack: Rack, refused: str
) -> None:
    async with box.running(output=rack.output):
        closes = "00:01" if refused == "quiet-hours" else "00:00"
        windows = (Window.model_validate({"opens": "00:00", "closes": closes}),)
        await server.configure(windows=windows, timezone=_far_from_midnight(server.now()))
        await server.until(lambda: bool(server.heartbeats))
        order = Play(**server.fresh("o1"), item=server.item("a", [new_clip(0.5)], in_s=0.5))
        if refused == "expired":
            past = server.now() - timedelta(minutes=10)
            order = order.model_copy(update={"issued_at": past, "expires_at": past + timedelta(minutes=1)})
        key = CommuneKey.generate() if refused == "signature" else server.key
        await server.say(server.topics.zone_orders("thon-dong"), order, key=key)
        if refused == "signature":
            await server.until(lambda: server.heartbeats[-1].refused == 1)
        else:
            assert (await server.until_final("a")).outcome == "missed"
    assert rack.open_spans() == []
    assert not read_wave(rack.wav).any()


def _far_from_midnight(now: datetime) -> str:
    """A time zone in which it is about noon."""
    return f"Etc/GMT{now.hour - 12:+d}" if now.hour != 12 else "Etc/GMT"


async def test_a_sound_that_nobody_can_hear_is_not_reported_as_played(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, rack: Rack
) -> None:
    async with box.running(output=rack.output):
        await server.configure()
        await server.until(lambda: bool(server.heartbeats))
        rack.line.broken = True
        await server.schedule(server.item("a", [new_clip(0.5)], in_s=2, join_within_ms=1500))
        final = await server.until_final("a")
        await server.until(lambda: server.heartbeats[-1].output_error is not None)
        rack.line.broken = False
    assert (final.outcome, final.reason) == ("failed", "output-failed")
    assert rack.open_spans() == []


async def test_a_node_that_ends_while_it_sounds_leaves_it_shut(
    box: NodeBox, server: FakeServer, new_clip: MakeClip, rack: Rack
) -> None:
    async with box.running(output=rack.output):
        await server.configure()
        await server.until(lambda: bool(server.heartbeats))
        await server.order(Play(**server.fresh("o1"), item=server.item("a", [new_clip(20.0)], in_s=0.5)))
        await server.until(lambda: "playing" in server.outcomes("a"))
    assert rack.line.changes[-1][1] is False
    assert rack.line.released


def test_a_broadcast_takes_the_output_earlier_by_the_lead() -> None:
    lead = timedelta(milliseconds=900)
    state = NodeState("dong-1", COMMUNE, ("thon-dong",), Abilities("record", None, pulls=True, wake_lead=lead))
    assert go_lead(state) == GO_LEAD + lead


def test_a_line_that_is_not_there_is_named() -> None:
    section = AmplifierSection(chip="/dev/no-such-chip", line=17)
    line = GpiodLine(section.chip, 17, active_low=True)
    with pytest.raises(OutputMissing, match=r"/dev/no-such-chip line 17"):
        line.drive(active=True)
    line.release()
    with pytest.raises(OutputMissing):
        shut_now(section)
    shut_now(AmplifierSection())
