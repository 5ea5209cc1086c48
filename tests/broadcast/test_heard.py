import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from broadcast.heard import HEARD_KEPT, MOST_HEARD_BYTES, STILL_HEARD, find_heard, forget_heard
from broadcast.models import BroadcastPart, Clip, Delivery, Rendering, RenderingState, row_id
from broadcast.rendering import store_rendered, want_rendering
from players.messages import Urgency
from tests.broadcast.airing_kit import add_broadcast, add_pole
from tests.broadcast.conftest import House
from tts.clip_store import ClipStore
from tts.render_job import Rendered

A_MOMENT = timedelta(seconds=1)
LATER = HEARD_KEPT + A_MOMENT


@pytest.fixture
def clips(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "clips")


def heard(session: Session, clips: ClipStore, text: str, at: datetime, *, only: bool = True) -> Rendering:
    """Somebody listened to a text: its clip is that text's bytes."""
    rendering = want_rendering(session, text, "tone", None, Urgency.NORMAL, at, is_only_heard=only)
    sha256 = clips.add(text.encode())
    os.utime(clips.path_of(sha256), (at.timestamp(), at.timestamp()))
    said = Rendered(
        job=rendering.key,
        sha256=sha256,
        size_bytes=len(text.encode()),
        duration_ms=1000,
        engine="tone",
        voice="tone",
        render_ms=1,
    )
    store_rendered(session, rendering, said, at)
    return rendering


def forget(session: Session, clips: ClipStore, now: datetime, *, most_bytes: int = MOST_HEARD_BYTES) -> int:
    return forget_heard(session, clips, find_heard(session, now, most_bytes=most_bytes), now)


def is_kept(session: Session, clips: ClipStore, rendering: Rendering, sha256: str) -> bool:
    found = session.exec(select(Rendering).where(Rendering.key == rendering.key)).first() is not None
    assert found == clips.has(sha256) == (session.get(Clip, sha256) is not None)
    return found


@pytest.mark.usefixtures("house")
def test_what_was_only_heard_is_forgotten_after_two_days(unit: Session, clips: ClipStore, now: datetime) -> None:
    rendering = heard(unit, clips, "Nghe thử một câu.", now)
    sha256 = str(rendering.clip_sha256)
    assert forget(unit, clips, now + HEARD_KEPT) == 0
    assert is_kept(unit, clips, rendering, sha256)
    assert forget(unit, clips, now + LATER) == 1
    assert not is_kept(unit, clips, rendering, sha256)


@pytest.mark.usefixtures("house")
def test_of_much_that_was_heard_the_newest_is_kept(unit: Session, clips: ClipStore, now: datetime) -> None:
    first, second, third = (
        heard(unit, clips, f"Nghe thử câu {word}.", now + step * A_MOMENT)
        for step, word in enumerate(("một", "hai", "ba"))
    )
    room = sum(clips.path_of(str(one.clip_sha256)).stat().st_size for one in (second, third))
    sha256 = {one.key: str(one.clip_sha256) for one in (first, second, third)}
    assert forget(unit, clips, now + timedelta(minutes=59), most_bytes=0) == 0, "somebody may still listen"
    assert forget(unit, clips, now + STILL_HEARD + 9 * A_MOMENT, most_bytes=room) == 1
    assert [is_kept(unit, clips, one, sha256[one.key]) for one in (first, second, third)] == [False, True, True]


def test_what_a_broadcast_is_made_of_stays(unit: Session, clips: ClipStore, house: House, now: datetime) -> None:
    held = add_broadcast(unit, house, now)
    part = unit.exec(select(BroadcastPart).where(BroadcastPart.broadcast_id == held.id)).one()
    rendering, coming = (heard(unit, clips, text, now) for text in ("Đang giữ.", "Sẽ thay."))
    part.rendering_key, part.next_key = rendering.key, coming.key
    unit.add(part)
    assert forget(unit, clips, now + LATER) == 0
    assert is_kept(unit, clips, rendering, str(rendering.clip_sha256))


def test_what_a_pole_says_it_played_stays(unit: Session, clips: ClipStore, house: House, now: datetime) -> None:
    rendering = heard(unit, clips, "Đã phát.", now)
    held = add_broadcast(unit, house, now)
    node = row_id(add_pole(unit, house, "dong-1", "thon-dong", now).id)
    unit.add(Delivery(broadcast_id=held.id, node_id=node, clip_sha256=rendering.clip_sha256))
    assert forget(unit, clips, now + LATER) == 0


@pytest.mark.usefixtures("house")
def test_a_text_that_somebody_else_wants_too_is_nobodys_to_forget(
    unit: Session, clips: ClipStore, now: datetime
) -> None:
    rendering = heard(unit, clips, "Mời bà con đi họp.", now)
    want_rendering(unit, "Mời bà con đi họp.", "tone", None, Urgency.NORMAL, now)
    assert forget(unit, clips, now + LATER) == 0
    want_rendering(unit, "Mời bà con đi họp.", "tone", None, Urgency.NORMAL, now, is_only_heard=True)
    assert forget(unit, clips, now + LATER) == 0, "that somebody listens again takes nothing away"
    assert is_kept(unit, clips, rendering, str(rendering.clip_sha256))


@pytest.mark.usefixtures("house")
def test_a_sound_that_another_text_shares_stays(unit: Session, clips: ClipStore, now: datetime) -> None:
    rendering = heard(unit, clips, "Nghe thử.", now)
    sha256 = str(rendering.clip_sha256)
    other = want_rendering(unit, "Phát thật.", "tone", None, Urgency.NORMAL, now)
    other.state, other.clip_sha256 = RenderingState.RENDERED, sha256
    unit.add(other)
    assert forget(unit, clips, now + LATER) == 1
    assert clips.has(sha256)
    assert unit.get(Clip, sha256) is not None


@pytest.mark.usefixtures("house")
def test_a_sound_that_was_made_again_just_now_stays(unit: Session, clips: ClipStore, now: datetime) -> None:
    rendering = heard(unit, clips, "Nghe thử.", now)
    stored_again = (now + LATER).timestamp()
    os.utime(clips.path_of(str(rendering.clip_sha256)), (stored_again, stored_again))
    assert forget(unit, clips, now + LATER) == 0


@pytest.mark.usefixtures("house")
def test_what_somebody_wants_after_it_was_looked_for_stays(unit: Session, clips: ClipStore, now: datetime) -> None:
    rendering = heard(unit, clips, "Nghe thử.", now)
    keys = find_heard(unit, now + LATER)
    assert keys == [rendering.key]
    want_rendering(unit, "Nghe thử.", "tone", None, Urgency.NORMAL, now + LATER)
    assert forget_heard(unit, clips, keys, now + LATER) == 0
    assert is_kept(unit, clips, rendering, str(rendering.clip_sha256))
