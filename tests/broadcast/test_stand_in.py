"""Words that no voice can speak: what sounds instead, heard in the clips that two lanes with fake renderers leave."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from broadcast.airings import clips_of, parts_of
from broadcast.db import reading, session_of
from broadcast.emergency import raise_correction, raise_emergency
from broadcast.models import Broadcast, BroadcastState, Clip, Rendering
from broadcast.prepared import seed_prepared
from broadcast.readiness import NotSpoken, spoken_clip
from broadcast.rendering import RendererPool
from broadcast.renderings import want_chime, want_rendering
from broadcast.stand_in import Instead, instead_of
from players.messages import Urgency
from tests.broadcast.conftest import NOW, House, load_house
from tests.broadcast.test_rendering import fake_renderers, finished, utc_now, working
from tts.chimes import Chime
from tts.clip_file import decode_clip, make_signal
from tts.clip_store import ClipStore
from tts.loudness import Level

QUIET = Level(target_lufs=-22.0)
HORN = make_signal(Chime.EMERGENCY, times=3, level=QUIET).sha256
TONES = make_signal(Chime.DRILL, level=QUIET).sha256
OVER = make_signal(Chime.EMERGENCY, closing=True, level=QUIET).sha256


async def aired(engine: Engine, store: Path, press: Callable[[Session, House], Broadcast]) -> list[tuple[str, Clip]]:
    """What was said of a press, and its clips, in order."""
    with session_of(engine) as session:
        seed_prepared(session, NOW)
        id_ = press(session, load_house(session, {})).id
        keys = [part.rendering_key for part in parts_of(session, id_)]
    pool = RendererPool(engine, *fake_renderers(store), ClipStore(store), utc_now, QUIET.target_lufs)
    async with working(pool):
        await finished(pool, engine, *keys)
    with reading(engine) as session:
        parts = [session.get_one(Rendering, key) for key in keys]
        return [(part.script or "", session.get_one(Clip, part.clip_sha256)) for part in parts]


def signals(said: list[tuple[str, Clip]]) -> list[str]:
    """The clips, by their digest, of the words that were to be said and were not."""
    return [clip.sha256 for script, clip in said if "hỏng" in script]


async def test_an_emergency_gives_its_signal_once_for_all_that_cannot_be_spoken(
    house_engine: Engine, tmp_path: Path
) -> None:
    text = "Câu một hỏng. Câu này được. Câu ba hỏng."
    said = await aired(
        house_engine,
        tmp_path,
        lambda s, house: raise_emergency(s, house.leader, ["thon-dong"], text, NOW, "press-0001"),
    )
    horn, rest = signals(said)
    assert horn == HORN
    assert decode_clip(ClipStore(tmp_path).path_of(rest)).duration_s < 1
    with reading(house_engine) as session:
        broadcast = session.exec(select(Broadcast)).one()
        assert len(clips_of(session, broadcast.id) or ()) == len(said), "all of it can be aired"


async def test_a_drill_that_cannot_be_spoken_sounds_like_a_drill(house_engine: Engine, tmp_path: Path) -> None:
    said = await aired(
        house_engine,
        tmp_path,
        lambda s, house: raise_emergency(s, house.leader, ["thon-dong"], "Câu hỏng.", NOW, "press-0001", is_drill=True),
    )
    assert signals(said) == [TONES]


async def test_a_correction_that_cannot_be_spoken_raises_no_alarm(house_engine: Engine, tmp_path: Path) -> None:
    def press(session: Session, house: House) -> Broadcast:
        wrong = raise_emergency(session, house.leader, ["thon-dong"], "Lũ về.", NOW, "press-0001")
        return raise_correction(session, house.leader, wrong.id, "Câu hỏng.", NOW, "press-0002")

    said = await aired(house_engine, tmp_path, press)
    assert set(signals(said)) == {OVER}


async def test_words_for_which_a_signal_stood_in_are_tried_again_when_they_are_raised_again(
    house_engine: Engine, tmp_path: Path
) -> None:
    def press(key: str) -> Callable[[Session, House], Broadcast]:
        return lambda s, house: raise_emergency(s, house.leader, ["thon-dong"], "Câu hỏng.", NOW, key)

    assert signals(await aired(house_engine, tmp_path, press("press-0001"))) == [HORN]
    with session_of(house_engine) as session:
        again = press("press-0002")(session, load_house(session, {}))
        assert clips_of(session, again.id) is not None, "what sounds just now keeps its signal"
        for broadcast in session.exec(select(Broadcast)):
            broadcast.state = BroadcastState.AIRED
            session.add(broadcast)
    (tmp_path / "healed").touch()
    said = await aired(house_engine, tmp_path, press("press-0003"))
    assert [clip.engine for script, clip in said if "hỏng" in script] == ["fake"]


def test_a_chime_that_no_renderer_makes_is_made_as_it_is(house_engine: Engine) -> None:
    with session_of(house_engine) as session:
        for closing in (False, True):
            key = want_chime(session, Chime.DRILL, Urgency.EMERGENCY, NOW, closing=closing).key
            assert instead_of(session, key) == Instead(Chime.DRILL, closing=closing)


def test_a_signal_is_no_speech_for_the_silent_drill(house_engine: Engine) -> None:
    with session_of(house_engine) as session:
        rendering = want_rendering(session, "Câu thử.", "giọng", None, Urgency.EMERGENCY, NOW)
        rendering.is_signal = True
        with pytest.raises(NotSpoken):
            spoken_clip(session, rendering.key)
