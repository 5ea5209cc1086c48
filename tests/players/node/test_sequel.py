"""An emergency that is played clip by clip, on the output that records: what an ear gets of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from players.errors import ClipUnavailable, OutputFailed
from players.messages import ClipRef, RelayPart
from players.node import sequel
from players.node.clock import NodeClock
from players.node.output import Playing, Sound
from players.node.record import WavTimeline
from players.node.sequel import Sequel
from players.node.timeline import TimelineOutput
from tests.fakes.sounds import RATE, Wave, find, noise, read_wave, write_clip

CHIME_S, WORDS_S = 0.6, 0.5


@dataclass
class Recorder:
    """The output, its recording and the clips, opened as the player does."""

    folder: Path
    output: TimelineOutput
    paths: dict[str, Path]

    async def clips(self, clips: tuple[ClipRef, ...], from_ms: int) -> Playing:
        return await self.output.prepare(Sound(tuple(self.paths[clip.sha256] for clip in clips), None, from_ms))

    async def relay(self, relay: RelayPart) -> Playing:
        raise OutputFailed("an emergency of clips has no relay")

    def clip(self, seconds: float, seed: int) -> ClipRef:
        _, clip = write_clip(self.folder, seconds, seed)
        self.paths[clip.sha256] = self.folder / f"{seed}.ogg"
        return clip

    async def heard(self) -> Wave:
        await self.output.close()
        return read_wave(self.folder / "heard.wav")


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Recorder]:
    clock = NodeClock()
    output = TimelineOutput("record", WavTimeline(tmp_path / "heard.wav", clock.at), clock.monotonic)
    await output.open()
    yield Recorder(tmp_path, output, {})
    await output.close()


def place_of(seconds: float, seed: int, heard: Wave) -> float:
    place, likeness = find(noise(seconds, seed), heard)
    assert likeness > 0.8
    return place / RATE


async def test_words_that_come_while_the_chime_sounds_follow_it_in_their_order(recorder: Recorder) -> None:
    chime, words = recorder.clip(CHIME_S, 1), [recorder.clip(WORDS_S, seed) for seed in (2, 3)]
    playing = Sequel([chime], 0, recorder, time.monotonic, is_open=True)
    await playing.open()
    playing.start(time.monotonic())
    started = await playing.started()
    playing.add(words[:1], is_last=False)
    playing.add(words[1:], is_last=True)
    finished = await playing.finished()
    heard = await recorder.heard()
    places = [place_of(CHIME_S, 1, heard), place_of(WORDS_S, 2, heard), place_of(WORDS_S, 3, heard)]
    assert places == sorted(places)
    assert places[1] >= places[0] + CHIME_S - 0.05
    assert finished - started >= CHIME_S + 2 * WORDS_S - 0.05


async def test_words_that_come_after_the_chime_sound_as_soon_as_they_are_there(recorder: Recorder) -> None:
    chime, words = recorder.clip(CHIME_S, 1), recorder.clip(WORDS_S, 2)
    playing = Sequel([chime], 0, recorder, time.monotonic, is_open=True)
    await playing.open()
    playing.start(time.monotonic())
    await playing.started()
    await asyncio.sleep(CHIME_S + 1.2)
    playing.add([words], is_last=True)
    await playing.finished()
    heard = await recorder.heard()
    assert place_of(WORDS_S, 2, heard) > place_of(CHIME_S, 1, heard) + CHIME_S
    assert playing.note is not None
    assert "for words" in playing.note


async def test_words_that_never_come_end_it_with_a_reason(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequel, "PATIENCE_S", 0.3)
    playing = Sequel([recorder.clip(CHIME_S, 1)], 0, recorder, time.monotonic, is_open=True)
    await playing.open()
    playing.start(time.monotonic())
    with pytest.raises(ClipUnavailable, match="did not come"):
        await playing.finished()


async def test_it_falls_silent_at_its_stop_and_says_what_sounded(recorder: Recorder) -> None:
    chime = recorder.clip(20, 1)
    playing = Sequel([chime], 0, recorder, time.monotonic, is_open=True)
    await playing.open()
    playing.start(time.monotonic())
    started = await playing.started()
    await asyncio.sleep(0.5)
    asked = time.monotonic()
    sounded = await playing.stop()
    assert sounded.started == started
    assert sounded.finished is not None
    # 100 ms on a quiet machine; here it is enough that it is a small part of what was still to sound.
    assert sounded.finished - asked < 0.05 * 19.5
    heard = await recorder.heard()
    loud = [at for at in range(0, len(heard) - 480, 480) if abs(heard[at : at + 480]).max() > 0.01]
    assert (loud[-1] - loud[0]) / RATE < (sounded.finished - started) + 0.05
    assert (loud[-1] - loud[0]) / RATE < 10


async def test_stopped_before_its_beginning_nothing_sounds(recorder: Recorder) -> None:
    playing = Sequel([recorder.clip(CHIME_S, 1)], 0, recorder, time.monotonic, is_open=True)
    await playing.open()
    sounded = await playing.stop()
    assert (sounded.started, sounded.finished) == (None, None)
    assert abs(await recorder.heard()).max(initial=0.0) < 0.01
