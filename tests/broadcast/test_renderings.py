from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.communes import set_tune
from broadcast.errors import InvalidInput
from broadcast.models import Broadcast, BroadcastPart, Clip, Rendering, RenderingState, row_id
from broadcast.rendering import MAX_ATTEMPTS, due_rendering, store_failed, store_rendered
from broadcast.renderings import chime_key, want_chime, want_rendering
from players.messages import Urgency
from tests.broadcast.conftest import House
from tts.chimes import TUNES, Chime
from tts.render_job import Rendered


def rendered(rendering: Rendering, sha256: str = "a" * 64) -> Rendered:
    return Rendered(
        job=rendering.key, sha256=sha256, size_bytes=9, duration_ms=5, engine="e", voice="v", render_ms=1
    )  # fmt: skip


def test_the_same_text_voice_and_chimes_are_rendered_once(unit: Session, house: House, now: datetime) -> None:
    first = want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now)
    assert want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now) is first
    others = [
        want_rendering(unit, "Chào các cụ.", "v", "normal", Urgency.NORMAL, now),
        want_rendering(unit, "Chào bà con.", "w", "normal", Urgency.NORMAL, now),
        want_rendering(unit, "Chào bà con.", "v", None, Urgency.NORMAL, now),
        want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now, has_closing_chime=True),
    ]
    assert len({first.key, *(other.key for other in others)}) == 5


def test_one_that_is_asked_for_with_more_urgency_is_hurried(unit: Session, house: House, now: datetime) -> None:
    want_rendering(unit, "Tin cũ.", "v", None, Urgency.NORMAL, now - timedelta(hours=1))
    slow = want_rendering(unit, "Tin mới.", "v", None, Urgency.NORMAL, now)
    want_rendering(unit, "Tin mới.", "v", None, Urgency.PRIORITY, now)
    assert due_rendering(unit, now, is_emergency=False) is slow


def test_what_is_aired_sooner_is_rendered_first_and_now_before_all(unit: Session, house: House, now: datetime) -> None:
    texts = {"Mai.": timedelta(days=1), "Tối nay.": timedelta(hours=3)}
    planned = {}
    for number, (text, ahead) in enumerate(texts.items()):
        planned[text] = want_rendering(unit, text, "v", None, Urgency.NORMAL, now)
        broadcast = Broadcast(
            id=f"e-{number}", commune_id=row_id(house.commune.id), title=text, starts_at=now + ahead, created_at=now
        )
        unit.add(broadcast)
        unit.flush()
        unit.add(BroadcastPart(broadcast_id=broadcast.id, position=0, rendering_key=planned[text].key))
    heard_before = want_rendering(unit, "Nghe thử.", "v", None, Urgency.NORMAL, now + timedelta(seconds=5))
    unit.flush()
    order = []
    for _ in range(3):
        rendering = due_rendering(unit, now, is_emergency=False)
        assert rendering is not None
        order.append(rendering)
        store_rendered(unit, rendering, rendered(rendering), now)
    assert order == [heard_before, planned["Tối nay."], planned["Mai."]]


def test_the_lanes_take_what_is_theirs_until_the_warm_one_fails(unit: Session, house: House, now: datetime) -> None:
    bulletin = want_rendering(unit, "Tin thường.", "v", None, Urgency.NORMAL, now)
    alarm = want_rendering(unit, "Lũ về, sơ tán ngay!", "v", "emergency", Urgency.EMERGENCY, now)
    assert due_rendering(unit, now, is_emergency=True) is alarm
    assert due_rendering(unit, now, is_emergency=False) is bulletin
    store_failed(unit, alarm, "hỏng", now)
    later = now + timedelta(seconds=1)
    assert due_rendering(unit, later, is_emergency=True) is alarm
    assert due_rendering(unit, later, is_emergency=False) is alarm


def test_a_failure_is_tried_again_later_and_given_up_after_the_third(
    unit: Session, house: House, now: datetime
) -> None:
    rendering = want_rendering(unit, "Tin.", "v", None, Urgency.NORMAL, now)
    waits = []
    for _ in range(MAX_ATTEMPTS - 1):
        store_failed(unit, rendering, "hỏng", now)
        assert due_rendering(unit, now, is_emergency=False) is None
        assert rendering.try_after is not None
        waits.append(rendering.try_after - now)
        assert due_rendering(unit, rendering.try_after, is_emergency=False) is rendering
    store_failed(unit, rendering, "hỏng hẳn", now)
    assert waits == [timedelta(seconds=2), timedelta(seconds=8)]
    assert (rendering.state, rendering.error) == (RenderingState.FAILED, "hỏng hẳn")
    assert due_rendering(unit, now + timedelta(days=1), is_emergency=False) is None
    want_rendering(unit, "Tin.", "v", None, Urgency.NORMAL, now)
    assert due_rendering(unit, now, is_emergency=False) is rendering


def test_two_texts_that_sound_the_same_share_a_clip(unit: Session, house: House, now: datetime) -> None:
    first = want_rendering(unit, "Một.", "v", None, Urgency.NORMAL, now)
    second = want_rendering(unit, "Hai.", "v", None, Urgency.NORMAL, now)
    for rendering in (first, second, second):
        store_rendered(unit, rendering, rendered(rendering), now)
    assert len(unit.exec(select(Clip)).all()) == 1
    assert first.clip_sha256 == second.clip_sha256 == "a" * 64


def test_a_text_with_nothing_to_say_is_refused(unit: Session, house: House, now: datetime) -> None:
    with pytest.raises(InvalidInput, match="nothing-to-say"):
        want_rendering(unit, " \n ", "v", None, Urgency.NORMAL, now)


def test_a_chosen_tune_is_another_clip_and_the_first_keeps_its_key(unit: Session, house: House, now: datetime) -> None:
    usual = want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now)
    without = want_rendering(unit, "Chào bà con.", "v", None, Urgency.NORMAL, now)
    set_tune(unit, Chime.NORMAL, "drum", "quantri", now)
    chosen = want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now)
    assert (chosen.tune, usual.tune) == ("drum", "")
    assert chosen.key != usual.key
    assert want_rendering(unit, "Chào bà con.", "v", None, Urgency.NORMAL, now).key == without.key
    set_tune(unit, Chime.NORMAL, TUNES[Chime.NORMAL][0], "quantri", now)
    assert want_rendering(unit, "Chào bà con.", "v", "normal", Urgency.NORMAL, now).key == usual.key
    with pytest.raises(InvalidInput, match="unknown-tune"):
        set_tune(unit, Chime.DRILL, "siren", "quantri", now)


def test_an_emergency_sounds_by_its_own_tune(unit: Session, house: House, now: datetime) -> None:
    usual = chime_key(unit, Chime.EMERGENCY)
    set_tune(unit, Chime.EMERGENCY, "siren", "quantri", now)
    wanted = want_chime(unit, Chime.EMERGENCY, Urgency.EMERGENCY, now)
    assert wanted.key == chime_key(unit, Chime.EMERGENCY) != usual
    assert wanted.tune == "siren"
