"""A word is changed while clips wait: what is touched gets a new clip, in time, and nothing is ever lost over it."""

from collections.abc import AsyncIterator
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from broadcast.airings import parts_of, renderings_of
from broadcast.airtime import begin_due
from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.entries import create_entry
from broadcast.lexicon import add_word, check_word, remove_word
from broadcast.lifecycle import move
from broadcast.models import AuditEntry, Broadcast, BroadcastState, Bulletin, Rendering, row_id
from broadcast.programmes import create_programme
from broadcast.reading_rules import rules_of, set_style
from broadcast.rendering import due_rendering, store_failed
from broadcast.renderings import want_rendering
from broadcast.rereading import LeftAlone, Touched, reread_coming, touched_by
from players.messages import Urgency
from tests.broadcast.conftest import NOW
from tests.broadcast.stage import Stage, running
from tests.fakes.fake_node import FakeNode
from tests.scheduler.planning import plan_timetable

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def stage(house_engine: Engine, tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(house_engine, tmp_path)
    async with stage.connected():
        yield stage


def approved(stage: Stage, script: str, at: timedelta | None = None, programme: int | None = None) -> str:
    """A bulletin's broadcast; without a time it airs at once, or in a programme."""

    def work(session: Session) -> str:
        house = stage.house(session)
        bulletin = write_bulletin(
            session,
            house.officer,
            title=script[:20],
            script=script,
            zones=["thon-dong"],
            airs_at=stage.now + at if at else None,
            airs_now=at is None and programme is None,
            programmes=[programme] if programme else [],
            now=stage.now,
        )
        submit_bulletin(session, bulletin.id, house.officer, stage.now)
        approve_bulletin(session, bulletin.id, house.leader, 1, stage.now)
        return f"b-{bulletin.id}-r1"

    return stage.do(work)


def say(stage: Stage, written: str, spoken: str) -> list[Touched]:
    """An officer adds a word; what it touches."""

    def work(session: Session) -> list[Touched]:
        before = rules_of(session)
        add_word(session, check_word(written, spoken), stage.house(session).officer, stage.now)
        return touched_by(session, before, stage.now)

    return stage.do(work)


def unsay(stage: Stage, entry_id: int) -> list[Touched]:
    def work(session: Session) -> list[Touched]:
        before = rules_of(session)
        remove_word(session, entry_id, 1, None, stage.now)
        return touched_by(session, before, stage.now)

    return stage.do(work)


def spoken(stage: Stage, broadcast: str) -> str:
    """What the broadcast's clips say now."""
    return stage.do(lambda session: " ".join(one.spoken for one in renderings_of(session, broadcast)))


def render_wanted(stage: Stage) -> list[str]:
    """What the renderer would have done with all that is wanted; the texts in its order."""
    done = []
    while rendering := stage.do(lambda session: due_rendering(session, stage.now, is_emergency=False)):
        done.append(rendering.spoken)
        stage.render_key(rendering.key)
    return done


def audited(stage: Stage) -> list[tuple[str, str]]:
    query = select(AuditEntry).where(AuditEntry.actor == "loalang")
    rows = stage.do(lambda session: session.exec(query).all())
    return [(row.action, row.subject) for row in rows if row.action.startswith("reread")]


async def test_only_what_is_really_read_otherwise_gets_a_new_clip(stage: Stage) -> None:
    touched, same, far = (
        approved(stage, script, HOUR * hours)
        for script, hours in (("Họp ở Nà Lạc.", 2), ("Họp ở thôn Đông.", 1), ("Nà Lạc mất điện.", 3))
    )
    render_wanted(stage)
    (first, second) = say(stage, "Nà Lạc", "nà lác")
    assert (first.broadcast, first.title, first.starts_at, first.left_alone) == (
        touched,
        "Họp ở Nà Lạc.",
        NOW + 2 * HOUR,
        None,
    )
    assert second.broadcast == far
    assert reread_coming(stage.engine, stage.now) == []
    assert render_wanted(stage) == ["Họp ở nà lác.", "nà lác mất điện."]
    assert reread_coming(stage.engine, stage.now) == [touched, far]
    assert [spoken(stage, one) for one in (touched, same, far)] == [
        "Họp ở nà lác.",
        "Họp ở thôn Đông.",
        "nà lác mất điện.",
    ]
    assert audited(stage) == [("reread-broadcast", touched), ("reread-broadcast", far)]
    assert reread_coming(stage.engine, stage.now) == []
    assert render_wanted(stage) == []


async def test_what_is_touched_is_said_though_the_step_was_quicker(stage: Stage) -> None:
    broadcast = approved(stage, "Họp ở Nà Lạc.", HOUR)
    render_wanted(stage)
    before = stage.do(rules_of)
    say(stage, "Nà Lạc", "nà lác")
    reread_coming(stage.engine, stage.now)
    render_wanted(stage)
    reread_coming(stage.engine, stage.now)
    touched = stage.do(lambda session: touched_by(session, before, stage.now))
    assert [one.broadcast for one in touched] == [broadcast]


async def test_a_word_that_says_what_was_said_touches_nothing(stage: Stage) -> None:
    approved(stage, "Họp ở NVH thôn.", HOUR)
    render_wanted(stage)
    assert say(stage, "NVH", "nhà văn hóa") == []
    reread_coming(stage.engine, stage.now)
    assert render_wanted(stage) == []


async def test_the_old_clip_keeps_its_place_until_the_new_one_is_there(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        broadcast = approved(stage, "Họp ở Nà Lạc.", HOUR)
        old = stage.render(broadcast)
        await stage.playout.refresh_coming()
        await stage.playout.publish_documents()
        await east.until(lambda n: listed(n, broadcast) == [sha256_of(stage, old)])
        say(stage, "Nà Lạc", "nà lác")
        reread_coming(stage.engine, stage.now)
        await stage.playout.refresh_coming()
        await stage.playout.publish_documents()
        assert stage.told(broadcast)[:2] == ("cued", None)
        assert spoken(stage, broadcast) == "Họp ở Nà Lạc."
        render_wanted(stage)
        reread_coming(stage.engine, stage.now)
        await stage.playout.refresh_coming()
        await stage.playout.publish_documents()
        (new,) = stage.do(lambda session: [one.clip_sha256 for one in renderings_of(session, broadcast)])
        await east.until(lambda n: listed(n, broadcast) == [new])
        assert new != sha256_of(stage, old)
        assert stage.told(broadcast)[:2] == ("cued", None)


def listed(node: FakeNode, broadcast: str) -> list[str]:
    """The clips that the node's timetable names for a broadcast."""
    found = [item for timetable in node.timetables[-1:] for item in timetable.broadcasts if item.broadcast == broadcast]
    return [clip.sha256 for item in found for clip in item.clips]


def sha256_of(stage: Stage, data: bytes) -> str:
    return stage.clips.add(data)


async def test_what_begins_within_a_minute_or_has_begun_is_left_alone_and_said(stage: Stage) -> None:
    soon, sounding, far = (
        approved(stage, f"{script} ở Nà Lạc.", at)
        for script, at in (("Sắp", MINUTE * 3), ("Đang", MINUTE * 2), ("Sau", HOUR))
    )
    at_once = approved(stage, "Ngay ở Nà Lạc.")
    render_wanted(stage)
    stage.now += MINUTE * 2 + timedelta(seconds=1)
    stage.do(lambda session: move(session.get_one(Broadcast, sounding), BroadcastState.CUED))
    stage.do(lambda session: begin_due(session, stage.now))
    touched = {one.broadcast: one.left_alone for one in say(stage, "Nà Lạc", "nà lác")}
    assert touched == {
        at_once: LeftAlone.AT_ONCE,
        sounding: LeftAlone.ON_AIR,
        soon: LeftAlone.STARTS_SOON,
        far: None,
    }
    reread_coming(stage.engine, stage.now)
    assert render_wanted(stage) == ["Sau ở nà lác."]
    reread_coming(stage.engine, stage.now)
    assert [spoken(stage, one) for one in (soon, sounding, at_once, far)] == [
        "Sắp ở Nà Lạc.",
        "Đang ở Nà Lạc.",
        "Ngay ở Nà Lạc.",
        "Sau ở nà lác.",
    ]


async def test_a_clip_that_comes_too_late_or_never_changes_nothing(stage: Stage) -> None:
    late, never = approved(stage, "Một ở Nà Lạc.", HOUR), approved(stage, "Hai ở Nà Lạc.", 2 * HOUR)
    render_wanted(stage)
    say(stage, "Nà Lạc", "nà lác")
    reread_coming(stage.engine, stage.now)

    def fail(session: Session) -> None:
        rendering = session.exec(select(Rendering).where(Rendering.spoken == "Hai ở nà lác.")).one()
        for _ in range(3):
            store_failed(session, rendering, "hỏng", stage.now)

    stage.do(fail)
    stage.now += HOUR - timedelta(seconds=59)
    render_wanted(stage)
    assert reread_coming(stage.engine, stage.now) == []
    assert audited(stage) == [("reread-too-late", late)]
    assert [spoken(stage, one) for one in (late, never)] == ["Một ở Nà Lạc.", "Hai ở Nà Lạc."]
    await stage.playout.refresh_coming()
    assert [stage.told(one)[1] for one in (late, never)] == [None, None]


async def test_what_was_not_rendered_yet_is_rendered_once_as_it_is_read_now(stage: Stage) -> None:
    broadcast = approved(stage, "Họp ở Nà Lạc.", HOUR)
    assert len(say(stage, "Nà Lạc", "nà lác")) == 1
    reread_coming(stage.engine, stage.now)
    assert spoken(stage, broadcast) == "Họp ở nà lác."


async def test_a_word_that_is_taken_back_before_its_clip_is_there_leaves_the_old_one(stage: Stage) -> None:
    broadcast = approved(stage, "Họp ở Nà Lạc.", HOUR)
    render_wanted(stage)
    say(stage, "Nà Lạc", "nà lác")
    reread_coming(stage.engine, stage.now)
    assert [one.broadcast for one in unsay(stage, 1)] == [broadcast]
    reread_coming(stage.engine, stage.now)
    render_wanted(stage)
    assert reread_coming(stage.engine, stage.now) == []
    assert spoken(stage, broadcast) == "Họp ở Nà Lạc."
    assert audited(stage) == []


async def test_the_regions_way_of_numbers_touches_what_says_them(stage: Stage) -> None:
    numbers, plain = approved(stage, "Có 1.105 hộ.", HOUR), approved(stage, "Có nhiều hộ.", 2 * HOUR)
    render_wanted(stage)

    def work(session: Session) -> list[Touched]:
        before = rules_of(session)
        set_style(session, {"thousand": "ngàn"}, stage.house(session).leader, stage.now)
        return touched_by(session, before, stage.now)

    assert [one.broadcast for one in stage.do(work)] == [numbers]
    reread_coming(stage.engine, stage.now)
    render_wanted(stage)
    assert reread_coming(stage.engine, stage.now) == [numbers]
    assert spoken(stage, numbers) == "Có một ngàn một trăm linh năm hộ."
    assert spoken(stage, plain) == "Có nhiều hộ."


async def test_two_texts_that_were_read_alike_part_ways(stage: Stage) -> None:
    short, long = approved(stage, "Họp ở NVH.", HOUR), approved(stage, "Họp ở nhà văn hóa.", HOUR)
    render_wanted(stage)
    assert [one.broadcast for one in say(stage, "NVH", "nhà họp")] == [short]
    reread_coming(stage.engine, stage.now)
    render_wanted(stage)
    reread_coming(stage.engine, stage.now)
    assert (spoken(stage, short), spoken(stage, long)) == ("Họp ở nhà họp.", "Họp ở nhà văn hóa.")


def programme_of(stage: Stage) -> int:
    def work(session: Session) -> int:
        house = stage.house(session)
        programme = create_programme(
            session, house.commune, name="Sáng", greeting="Chào Nà Lạc.", closing="Hết.", now=stage.now, actor="canbo"
        )
        session.flush()
        create_entry(
            session,
            programme,
            zones=["thon-dong"],
            airs_at=time(17, 0),
            from_on=date(2026, 6, 1),
            until_on=date(2026, 6, 1),
            now=stage.now,
            actor="canbo",
        )
        return row_id(programme.id)

    return stage.do(work)


@pytest.mark.parametrize("plans_first", [True, False])
async def test_a_programmes_parts_follow_too_whichever_step_comes_first(stage: Stage, *, plans_first: bool) -> None:
    approved(stage, "Họp ở Nà Lạc.", programme=programme_of(stage))
    stage.do(lambda session: plan_timetable(session, stage.now))
    render_wanted(stage)
    (broadcast,) = stage.do(lambda session: [one.id for one in session.exec(select(Broadcast))])
    assert spoken(stage, broadcast) == "Chào Nà Lạc. Họp ở Nà Lạc. Hết."
    keys = [part.rendering_key for part in stage.do(lambda session: parts_of(session, broadcast))]
    say(stage, "Nà Lạc", "nà lác")
    for _ in range(2):
        if plans_first:
            stage.do(lambda session: plan_timetable(session, stage.now))
        reread_coming(stage.engine, stage.now)
        stage.do(lambda session: plan_timetable(session, stage.now))
        assert [part.rendering_key for part in stage.do(lambda session: parts_of(session, broadcast))] == keys
    assert sorted(render_wanted(stage)) == ["Chào nà lác.", "Họp ở nà lác."]
    reread_coming(stage.engine, stage.now)
    stage.do(lambda session: plan_timetable(session, stage.now))
    assert spoken(stage, broadcast) == "Chào nà lác. Họp ở nà lác. Hết."
    assert stage.do(lambda session: session.exec(select(Bulletin)).one().state) == "approved"


async def test_what_is_read_anew_is_rendered_when_its_broadcast_needs_it(stage: Stage) -> None:
    approved(stage, "Mai ở Nà Lạc.", 20 * HOUR)
    render_wanted(stage)
    say(stage, "Nà Lạc", "nà lác")
    reread_coming(stage.engine, stage.now)
    stage.now += HOUR
    stage.do(lambda session: want_rendering(session, "Nghe thử.", "v", None, Urgency.NORMAL, stage.now))
    assert render_wanted(stage) == ["Nghe thử.", "Mai ở nà lác."]
