"""The lanes with real child processes: a fake renderer that misbehaves, and the real one."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import uvloop
from sqlalchemy import Engine

from broadcast.bulletin_renderer import BulletinRenderer, bulletin_renderer
from broadcast.db import reading, session_of
from broadcast.emergency_renderer import VOICE_LOST, EmergencyRenderer, emergency_renderer
from broadcast.models import Clip, Rendering, RenderingState
from broadcast.renderers import Renderer, RendererLost, RendererOptions
from broadcast.rendering import DISK_PAUSE, MAX_ATTEMPTS, RendererPool, store_failed
from broadcast.renderings import want_rendering
from players.child import Child, ChildPipes, Pauses
from players.messages import Urgency
from tests.broadcast.conftest import NOW
from tests.fakes.small_disk import fill, small_disk
from tts.clip_file import decode_clip, probe_clip
from tts.clip_store import ClipStore
from tts.render_job import Rendered, RenderJob, SentenceLine

ROOT = Path(__file__).parents[2]


def utc_now() -> datetime:
    return datetime.now(UTC)


class LateNews(Child):
    """Gives the pipes of a run that is over, once."""

    over: ChildPipes | None = None

    async def pipes(self) -> ChildPipes:
        over, self.over = self.over, None
        return over or await super().pipes()


def fake_child(name: str, store: Path) -> LateNews:
    return LateNews(
        name,
        (sys.executable, "-m", "tests.fakes.fake_renderer", str(store)),
        clock=utc_now,
        environment={**os.environ, "PYTHONPATH": str(ROOT)},
        has_pipes=True,
        pauses=Pauses(first_s=0.05, most_s=0.1),
    )


def fake_renderers(
    store: Path, patience_s: float = 20, voice: str = "giọng", child: Child | None = None
) -> tuple[BulletinRenderer, EmergencyRenderer]:
    """For bulletins, and for emergencies; the patience is for these."""
    return (
        BulletinRenderer(fake_child("bulletins", store), patience_s=60),
        EmergencyRenderer(
            child or fake_child("emergencies", store), voice, patience_s=patience_s, patience_s_per_character=0
        ),
    )


@asynccontextmanager
async def working(pool: RendererPool) -> AsyncIterator[None]:
    """The processes and the loops, until they are not needed any more."""
    await pool.start()
    loops = [asyncio.ensure_future(run()) for run in pool.loops.values()]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await pool.stop()


@asynccontextmanager
async def running(
    engine: Engine,
    store: Path,
    patience_s: float = 20,
    clock: Callable[[], datetime] = utc_now,
    voice: str = "giọng",
    child: Child | None = None,
) -> AsyncIterator[RendererPool]:
    pool = RendererPool(engine, *fake_renderers(store, patience_s, voice, child), ClipStore(store), clock)
    async with working(pool):
        yield pool


def want(engine: Engine, text: str, urgency: Urgency = Urgency.NORMAL, voice: str = "giọng") -> str:
    with session_of(engine) as session:
        return want_rendering(session, text, voice, None, urgency, NOW).key


def stored(engine: Engine, key: str) -> Rendering:
    with reading(engine) as session:
        rendering = session.get(Rendering, key)
        assert rendering is not None
        return rendering


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_200):
        if is_so():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it does not come about")


async def finished(pool: RendererPool, engine: Engine, *keys: str, within_s: float = 90) -> list[Rendering]:
    """Wait for the lanes to be done with these."""
    changed = asyncio.Event()
    pool.listen(changed.set)
    pool.nudge()
    async with asyncio.timeout(within_s):
        while any(stored(engine, key).state is RenderingState.WANTED for key in keys):
            await changed.wait()
            changed.clear()
    return [stored(engine, key) for key in keys]


async def test_what_is_wanted_becomes_a_clip_in_the_store(house_engine: Engine, tmp_path: Path) -> None:
    key = want(house_engine, "Chào bà con.")
    async with running(house_engine, tmp_path) as pool:
        (done,) = await finished(pool, house_engine, key)
    assert (done.state, done.attempts) == (RenderingState.RENDERED, 0)
    assert done.clip_sha256 is not None
    assert ClipStore(tmp_path).path_of(done.clip_sha256).read_bytes().startswith("giọng|None||False|Chào".encode())
    with reading(house_engine) as session:
        clip = session.get(Clip, done.clip_sha256)
        assert clip is not None
        assert (clip.duration_ms, clip.engine) == (1000, "fake")


async def test_a_renderer_that_dies_is_started_again_and_the_text_is_not_lost(
    house_engine: Engine, tmp_path: Path
) -> None:
    key = want(house_engine, "Câu này chết một lần.")
    async with running(house_engine, tmp_path) as pool:
        (done,) = await finished(pool, house_engine, key)
        assert max(state.restarts for state in pool.states) == 1
    assert (done.state, done.attempts) == (RenderingState.RENDERED, 1)


async def test_texts_that_cannot_be_rendered_are_given_up_and_hold_nobody_up(
    house_engine: Engine, tmp_path: Path
) -> None:
    now = [NOW]

    def in_a_hurry() -> datetime:
        """A clock by which no pause between two tries is long."""
        now[0] += timedelta(minutes=1)
        return now[0]

    bad = [want(house_engine, text) for text in ("Câu này chết.", "Câu lộn xộn.", "Câu hỏng.")]
    good = want(house_engine, "Câu này được.")
    async with running(house_engine, tmp_path, clock=in_a_hurry) as pool:
        *failed, done = await finished(pool, house_engine, *bad, good)
    assert [rendering.state for rendering in failed] == [RenderingState.FAILED] * 3
    assert [rendering.attempts for rendering in failed] == [3, 3, 3]
    assert "ended in the middle" in (failed[0].error or "")
    assert "nonsense" in (failed[1].error or "")
    assert failed[2].error == "EngineError: hỏng"
    assert done.state is RenderingState.RENDERED


@pytest.mark.parametrize("text", ["Câu này chết.", "Câu lộn xộn.", "Câu hỏng.", "Câu này treo."])
async def test_an_emergency_that_no_renderer_can_speak_is_its_signal_and_never_silence(
    house_engine: Engine, tmp_path: Path, text: str
) -> None:
    key = want(house_engine, text, Urgency.EMERGENCY)
    async with running(house_engine, tmp_path, patience_s=2.0 if "treo" in text else 20) as pool:
        (done,) = await finished(pool, house_engine, key)
    assert (done.state, done.attempts) == (RenderingState.RENDERED, 2)
    with reading(house_engine) as session:
        clip = session.get_one(Clip, done.clip_sha256)
    assert (clip.engine, clip.voice) == ("chime", "emergency")
    assert "không đọc được" in (clip.fallback_reason or "")
    sound = decode_clip(ClipStore(tmp_path).path_of(clip.sha256))
    assert 10 < sound.duration_s < 20
    assert float(np.sqrt(np.mean(sound.samples**2))) > 0.05


def test_an_emergency_at_which_both_lanes_fail_at_once_is_not_given_up(house_engine: Engine) -> None:
    key = want(house_engine, "Lũ về.", Urgency.EMERGENCY)
    with session_of(house_engine) as session:
        rendering = session.get_one(Rendering, key)
        for _ in range(4):
            store_failed(session, rendering, "hỏng", NOW)
        assert (rendering.state, rendering.attempts) == (RenderingState.WANTED, 2)


async def test_a_voice_over_which_its_renderer_dies_is_not_tried_for_ever(house_engine: Engine, tmp_path: Path) -> None:
    """Out of memory, the kernel ends the renderer: the next voice in the chain speaks, and that is said."""
    async with running(house_engine, tmp_path) as pool:
        await until(lambda: pool.loaded is not None)
        key = want(house_engine, "Câu này chết một lần.", Urgency.EMERGENCY)
        (done,) = await finished(pool, house_engine, key)
    with reading(house_engine) as session:
        clip = session.get_one(Clip, done.clip_sha256)
    assert clip.voice == "espeak-vi"
    assert clip.fallback_reason == "bộ tạo âm thanh không đọc được bằng giọng đã chọn"


async def test_an_emergency_does_not_wait_for_a_bulletin_that_hangs(house_engine: Engine, tmp_path: Path) -> None:
    slow = want(house_engine, "Câu này treo.")
    alarm = want(house_engine, "Lũ về.", Urgency.EMERGENCY)
    async with running(house_engine, tmp_path) as pool:
        (done,) = await finished(pool, house_engine, alarm)
        assert stored(house_engine, slow).state is RenderingState.WANTED
    assert done.state is RenderingState.RENDERED


async def test_the_real_renderers_speak_with_the_fallback_voice(house_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    keys = [want(house_engine, "Chào bà con."), want(house_engine, "Lũ về.", Urgency.EMERGENCY)]
    store = tmp_path / "clips"
    options = RendererOptions(tmp_path / "voices", store)
    pool = RendererPool(
        house_engine,
        bulletin_renderer(options, utc_now),
        emergency_renderer(options, "giọng", utc_now),
        ClipStore(store),
        utc_now,
    )
    async with working(pool):
        done = await finished(pool, house_engine, *keys)
    for rendering in done:
        assert rendering.state is RenderingState.RENDERED, rendering.error
        info = probe_clip(ClipStore(store).path_of(rendering.clip_sha256 or ""))
        assert info.duration_ms > 500


async def test_on_a_full_disk_a_text_waits_for_room_however_often_it_was_tried(
    house_engine: Engine, tmp_path: Path
) -> None:
    later = timedelta()

    def clock() -> datetime:
        return utc_now() + later

    key = want(house_engine, "Chào bà con.")
    with small_disk(tmp_path / "clips", 64) as store:
        (tmp_path / "voices").mkdir()
        options = RendererOptions(tmp_path / "voices", store)
        bulletins, emergencies = bulletin_renderer(options, clock), emergency_renderer(options, "giọng", clock)
        pool = RendererPool(house_engine, bulletins, emergencies, ClipStore(store), clock)
        tried = asyncio.Event()
        pool.listen(tried.set)
        filler = fill(store)
        async with working(pool):
            for _ in range(MAX_ATTEMPTS + 1):
                tried.clear()
                later += DISK_PAUSE
                pool.nudge()
                async with asyncio.timeout(60):
                    await tried.wait()
            with reading(house_engine) as session:
                waiting = session.get_one(Rendering, key)
            assert (waiting.state, waiting.attempts) == (RenderingState.WANTED, 0)
            assert "No space left" in (waiting.error or "")
            filler.unlink()
            later += DISK_PAUSE
            (done,) = await finished(pool, house_engine, key)
        assert (done.state, done.error) == (RenderingState.RENDERED, None)
        assert probe_clip(ClipStore(store).path_of(done.clip_sha256 or "")).duration_ms > 500


async def test_a_text_does_not_pay_for_the_crash_that_another_caused(house_engine: Engine, tmp_path: Path) -> None:
    bad = want(house_engine, "Câu này chết.", Urgency.EMERGENCY)
    good = [want(house_engine, f"Câu số {number}.", Urgency.EMERGENCY) for number in range(4)]
    async with running(house_engine, tmp_path) as pool:
        alone, *done = await finished(pool, house_engine, bad, *good)
    assert (alone.state, alone.attempts) == (RenderingState.RENDERED, 2)
    assert [(one.state, one.attempts) for one in done] == [(RenderingState.RENDERED, 0)] * 4


def test_a_renderer_whose_pipe_is_closed_already_costs_a_try_and_no_lane(tmp_path: Path) -> None:
    """uvloop, which the server runs on, says so by a RuntimeError."""

    async def run() -> None:
        child = fake_child("late", tmp_path)
        renderer = Renderer(child, patience_s=20)
        job = RenderJob(job="j", sentences=(SentenceLine(spoken="Lũ về."),), voice="giọng")
        await renderer.start()
        try:
            assert isinstance(await renderer.render(job), Rendered)
            child.over = await child.pipes()
            child.kill()
            await child.ended()
            child.over.stdin.close()
            with pytest.raises(RendererLost):
                await renderer.render(job)
            assert isinstance(await renderer.render(job), Rendered)
        finally:
            await renderer.stop()

    uvloop.run(run())


@pytest.mark.parametrize("voice", ["giọng chết", "giọng treo", "giọng chết khi đọc"])
async def test_a_voice_that_its_renderer_dies_of_keeps_no_emergency_from_being_spoken(
    house_engine: Engine, tmp_path: Path, voice: str
) -> None:
    """Killed for want of memory, or hanging: the fallback speaks, though the other renderer has its hands full."""
    busy = want(house_engine, "Câu này treo.")
    patience_s = 3 if "treo" in voice else 20
    async with running(house_engine, tmp_path, patience_s, voice=voice) as pool:
        await until((tmp_path / "hangs").exists)
        keys = [want(house_engine, f"Câu số {number}.", Urgency.EMERGENCY, voice) for number in range(3)]
        done = await finished(pool, house_engine, *keys)
        assert pool.loaded is not None
        assert (pool.loaded.voice, pool.loaded.fallback_reason) == ("espeak-vi", VOICE_LOST)
        assert stored(house_engine, busy).state is RenderingState.WANTED
    with reading(house_engine) as session:
        clips = [session.get_one(Clip, one.clip_sha256) for one in done]
    assert [(clip.voice, clip.fallback_reason) for clip in clips] == [("espeak-vi", VOICE_LOST)] * 3
    assert sum(one.attempts for one in done) <= 1, "only one sentence pays for the voice"


async def test_an_emergency_goes_to_the_other_renderer_while_its_own_does_not_start(
    house_engine: Engine, tmp_path: Path
) -> None:
    dead = Child("emergencies", ("false",), clock=utc_now, has_pipes=True, pauses=Pauses(first_s=0.5, most_s=2.0))
    async with running(house_engine, tmp_path, child=dead) as pool:
        keys = [want(house_engine, f"Câu số {number}.", Urgency.EMERGENCY) for number in range(3)]
        done = await finished(pool, house_engine, *keys)
    with reading(house_engine) as session:
        assert {session.get_one(Clip, one.clip_sha256).voice for one in done} == {"giọng"}


async def test_a_voice_is_doubted_no_longer_once_it_was_loaded(tmp_path: Path) -> None:
    """Memory may be there again: it is tried when nobody waits, and at once when somebody asks for it."""
    child = fake_child("emergencies", tmp_path)
    renderer = EmergencyRenderer(child, "giọng chết một lần", patience_s=20, pauses=Pauses(first_s=0.1, most_s=0.2))

    def is_loaded(voice: str) -> bool:
        return renderer.loaded is not None and renderer.loaded.voice == voice

    await renderer.start()
    keeping = asyncio.ensure_future(renderer.keep_warm())
    try:
        await until(lambda: (tmp_path / "died").exists() and is_loaded("giọng chết một lần"))
        renderer.want("giọng khác")
        await until(lambda: is_loaded("giọng khác"))
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await renderer.stop()


async def test_texts_that_are_in_hand_together_do_not_pay_for_each_others_crash(
    house_engine: Engine, tmp_path: Path
) -> None:
    minutes = count(1)
    bad = want(house_engine, "Câu này chết.")
    good = [want(house_engine, f"Câu số {number}.") for number in range(4)]
    async with running(house_engine, tmp_path, clock=lambda: NOW + timedelta(minutes=next(minutes))) as pool:
        alone, *done = await finished(pool, house_engine, bad, *good)
    assert (alone.state, alone.attempts) == (RenderingState.FAILED, MAX_ATTEMPTS)
    assert [(one.state, one.attempts) for one in done] == [(RenderingState.RENDERED, 0)] * 4
