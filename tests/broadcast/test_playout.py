import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from broadcast.airings import renderings_of
from broadcast.airtime import begin_now
from broadcast.db import reading, session_of
from broadcast.emergency import raise_emergency
from broadcast.errors import NotAllowed
from broadcast.models import Broadcast, RenderingState
from broadcast.nodes import revoke_node
from broadcast.orders import FETCH_TURN, NOW_LEAD
from broadcast.users import get_user
from broadcast.views import delivery_rows
from players.messages import Play, Reason, Stop, Urgency
from tests.broadcast.airing_kit import LASTS
from tests.broadcast.stage import TOPICS, Stage, running
from tests.fakes.fake_node import FakeNode

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def stage(house_engine: Engine, tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(house_engine, tmp_path)
    async with stage.connected():
        yield stage


def alarm(stage: Stage, key: str = "press-0001", zone: str = "thon-dong") -> str:
    def work(session: Session) -> str:
        head = get_user(session, "truongthon")
        return raise_emergency(session, head, [zone], "Lũ về, bà con sơ tán ngay!", stage.now, key).id

    return stage.do(work)


async def orders(node: FakeNode, number: int) -> None:
    await node.until(lambda n: len(n.orders) >= number)


async def test_what_airs_now_goes_from_ready_to_aired(stage: Stage) -> None:
    east, west = stage.pole("dong-1", "thon-dong"), stage.pole("tay-1", "thon-tay")
    async with running(east, west):
        broadcast = stage.broadcast()
        await stage.playout.air_ready_now()
        assert stage.told(broadcast)[0] == "planned"
        stage.render(broadcast)
        await stage.playout.air_ready_now()
        await orders(east, 1)
        (order,) = east.orders
        assert isinstance(order, Play)
        assert (order.item.broadcast, order.item.starts_at) == (broadcast, stage.now + NOW_LEAD + FETCH_TURN)
        assert order.item.stream == f"/streams/{broadcast}"
        assert east.clips == {}  # what has time is fetched
        stage.now = order.item.starts_at
        await stage.playout.begin_due()
        assert stage.told(broadcast)[0] == "on-air"
        await stage.until_told(broadcast, "dong-1", "played")
        await stage.playout.close_finished()
        assert stage.told(broadcast) == ("aired", None, {"dong-1": ("played", None)})
        await east.until(lambda n: len(n.acked) == 2)
        assert west.orders == []
    with reading(stage.engine) as session:
        (row,) = delivery_rows(session, broadcast)
    assert (row.node, row.started_at, row.finished_at) == ("dong-1", stage.now, stage.now + LASTS)


async def test_an_emergencys_bytes_go_ahead_of_its_order(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        broadcast = alarm(stage)
        data = stage.render(broadcast)
        await stage.playout.air_ready_now()
        await orders(east, 1)
        assert east.heard == ["clip", "play"]
        (order,) = east.orders
        assert isinstance(order, Play)
        assert order.item.urgency is Urgency.EMERGENCY
        assert order.item.starts_at - stage.now == timedelta(seconds=0.12)
        assert (order.item.lead_ms, order.item.growing) == (order.item.clips[0].duration_ms, False)
        assert east.clips == {order.item.clips[0].sha256: data}


async def test_words_that_are_spoken_go_out_while_another_writes(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        broadcast = alarm(stage)
        with reading(stage.engine) as session:
            keys = [rendering.key for rendering in renderings_of(session, broadcast)]
        assert len(keys) > 2
        stage.render_key(keys[0])
        await stage.playout.air_ready_now()
        await orders(east, 1)
        stage.render_key(keys[1])
        with session_of(stage.engine) as session:
            session.get(Broadcast, broadcast)
            growing = asyncio.create_task(stage.playout.grow_emergencies())
            await east.until(lambda n: len(plays_of(n)[0].item.clips) == 2)
            assert not growing.done()
        await growing
        assert plays_of(east)[0].item.growing
        heard = list(east.heard)
        await stage.playout.grow_emergencies()
        assert east.heard == heard, "what was sent is written down"


async def test_an_emergency_goes_on_when_the_server_was_killed_in_the_middle_of_it(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        broadcast = alarm(stage)
        with reading(stage.engine) as session:
            first, *rest = [rendering.key for rendering in renderings_of(session, broadcast)]
        stage.render_key(first)
        await stage.playout.air_ready_now()
        await orders(east, 1)
        stage.start_playout()
        for key in rest:
            stage.render_key(key)
        await stage.playout.grow_emergencies()
        await east.until(lambda n: len(plays_of(n)[0].item.clips) == 1 + len(rest))
        assert not plays_of(east)[0].item.growing
        assert len(plays_of(east)) == 1, "it is the same order, which no pole begins again"


def plays_of(node: FakeNode) -> list[Play]:
    return [order for order in node.orders if isinstance(order, Play)]


async def test_every_step_again_changes_nothing(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        now_one, later_one = stage.broadcast(), stage.broadcast(at=HOUR, zones=("thon-dong", "thon-tay"))
        for broadcast in (now_one, later_one):
            stage.render(broadcast)
        for _ in range(3):
            await stage.playout.air_ready_now()
            await stage.playout.send_orders()
            await stage.playout.refresh_coming()
            await stage.playout.publish_documents()
        await stage.until_told(now_one, "dong-1", "played")
        assert len(east.orders) == 1
        assert len([t for t in east.timetables if t.broadcasts]) == 1
        assert stage.told(later_one)[0] == "cued"


async def test_a_scheduled_broadcast_is_listed_cued_and_played_by_the_pole_alone(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        broadcast = stage.broadcast(at=HOUR)
        await stage.playout.publish_documents()
        await east.until(lambda n: n.timetables and n.configs)
        assert east.listed == []
        stage.render(broadcast)
        await stage.playout.publish_documents()
        await east.until(lambda n: n.listed == [broadcast])
        assert stage.told(broadcast)[0] == "cued"
        await east.says_cued(broadcast)
        await stage.until_told(broadcast, "dong-1", "cued")
        stage.now += HOUR
        await stage.playout.begin_due()
        await east.plays_listed(broadcast)
        await stage.until_told(broadcast, "dong-1", "played")
        await stage.playout.close_finished()
        assert stage.told(broadcast)[0] == "aired"
        assert east.orders == []
        assert (east.configs[-1].zones, east.configs[-1].timezone) == (("thon-dong",), "Asia/Ho_Chi_Minh")


async def test_each_pole_has_its_true_result(stage: Stage) -> None:
    nodes = {slug: stage.pole(slug, "thon-dong") for slug in ("silent", "late", "doubled", "failing", "good")}
    nodes["silent"].keeps_silent = True
    nodes["late"].holds_back = True
    nodes["doubled"].repeats = 3
    nodes["failing"].fails_with = Reason.OUTPUT_MISSING
    async with running(*nodes.values()):
        broadcast = stage.broadcast()
        stage.render(broadcast)
        await stage.playout.air_ready_now()
        for slug, state in (("doubled", "played"), ("failing", "failed"), ("good", "played")):
            await stage.until_told(broadcast, slug, state)
        stage.now += 4 * SECOND
        await stage.playout.begin_due()
        await stage.playout.close_finished()
        assert stage.told(broadcast)[0] == "on-air"  # two owe their word
        stage.now += LASTS + 10 * SECOND
        await stage.playout.close_finished()
        assert stage.told(broadcast) == (
            "aired",
            None,
            {
                "silent": ("silent", None),
                "late": ("silent", None),
                "doubled": ("played", None),
                "failing": ("failed", "output-missing"),
                "good": ("played", None),
            },
        )
        await nodes["late"].release()
        await stage.until_told(broadcast, "late", "played")
        assert len(nodes["doubled"].acked) >= 2


async def test_the_officers_stop_cuts_it_everywhere_and_the_poles_say_so(stage: Stage) -> None:
    first, second = stage.pole("dong-1", "thon-dong"), stage.pole("dong-2", "thon-dong")
    first.plays_on = second.plays_on = True
    async with running(first, second):
        broadcast = stage.broadcast()
        stage.render(broadcast)
        await stage.playout.air_ready_now()
        await stage.until_told(broadcast, "dong-1", "playing")
        await stage.until_told(broadcast, "dong-2", "playing")
        stage.now += 4 * SECOND
        await stage.playout.begin_due()
        first.plays_on = second.plays_on = False
        officer = stage.do(lambda s: stage.house(s).officer)
        await stage.playout.stop(broadcast, officer, node="dong-2")
        await stage.until_told(broadcast, "dong-2", "cut")
        assert stage.told(broadcast)[0] == "on-air"
        assert [order.kind for order in first.orders] == ["play"]
        await stage.playout.stop(broadcast, officer)
        await stage.until_told(broadcast, "dong-1", "cut")
        assert stage.told(broadcast) == (
            "cut",
            "stopped-by-user",
            {"dong-1": ("cut", "stopped"), "dong-2": ("cut", "stopped")},
        )
        assert stage.card(broadcast).row.changed_by == "canbo"


async def test_a_pole_that_was_out_of_reach_when_it_was_stopped_is_stopped_when_it_is_back(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    east.plays_on = True
    async with running(east):
        broadcast = stage.broadcast()
        stage.render(broadcast)
        await stage.playout.air_ready_now()
        await stage.until_told(broadcast, "dong-1", "playing")
    stage.now += 4 * SECOND
    await stage.playout.begin_due()
    officer = stage.do(lambda s: stage.house(s).officer)
    await stage.playout.stop(broadcast, officer)
    async with running(east):
        await east.beats()
        await stage.until(lambda: "dong-1" in stage.presence.snapshot(stage.now))
        await stage.playout.stop_stragglers()
        assert [order.kind for order in east.orders] == ["play"]  # it may have obeyed just now
        stage.now += 15 * SECOND
        await east.beats()
        await stage.playout.stop_stragglers()
        await stage.playout.stop_stragglers()
        await orders(east, 2)
        assert isinstance(east.orders[1], Stop)
        assert len(east.orders) == 2


async def test_after_a_restart_what_has_time_waits_for_its_poles_and_an_emergency_does_not(
    house_engine: Engine, tmp_path: Path
) -> None:
    stage = Stage(house_engine, tmp_path)
    stage.poles_return_within = 12 * SECOND
    stage.start_playout()
    east, gone = stage.pole("dong-1", "thon-dong"), stage.pole("dong-2", "thon-dong")
    async with stage.connected(), running(east):
        first, urgent = stage.broadcast(), alarm(stage)
        for broadcast in (first, urgent):
            stage.render(broadcast)
        await east.until(lambda n: n.configs)
        await stage.playout.air_ready_now()
        assert (stage.told(first)[0], stage.told(urgent)[0]) == ("planned", "cued")
        async with running(gone):
            for pole in (east, gone):
                await pole.beats()
            await stage.until(lambda: len(stage.presence.snapshot(stage.now)) == 2)
            await stage.playout.air_ready_now()
            assert stage.told(first)[0] == "cued"
        stage.presence.forget("dong-2")
        second = stage.broadcast()
        stage.render(second)
        await stage.playout.air_ready_now()
        assert stage.told(second)[0] == "planned"
        stage.now += 12 * SECOND
        await stage.playout.air_ready_now()
        assert stage.told(second)[0] == "cued"


async def test_a_pole_that_comes_back_is_sent_the_order_that_it_missed_and_no_other_is(stage: Stage) -> None:
    there, late = stage.pole("dong-1", "thon-dong"), stage.pole("dong-2", "thon-dong")
    async with running(there):
        broadcast = stage.broadcast()
        stage.render(broadcast)
        await stage.playout.air_ready_now()
        await stage.until_told(broadcast, "dong-1", "played")
        stage.now += 5 * SECOND
        async with running(late):
            await stage.playout.repeat_orders()
            assert late.orders == []  # nothing was heard of it
            for pole in (there, late):
                await pole.beats()
            await stage.until(lambda: len(stage.presence.snapshot(stage.now)) == 2)
            await stage.playout.repeat_orders()
            await stage.until_told(broadcast, "dong-2", "played")
            stage.now += 6 * SECOND
            await stage.playout.repeat_orders()
            assert [order.order for order in (*there.orders, *late.orders)] == [f"play-{broadcast}"] * 2


async def test_a_missed_order_is_repeated_now_and_then_until_it_expires(stage: Stage) -> None:
    late = stage.pole("dong-1", "thon-dong")
    late.keeps_silent = True
    broadcast = stage.broadcast()
    stage.render(broadcast)
    await stage.playout.air_ready_now()
    async with running(late):
        for wanted, wait_s in ((1, 5), (1, 1), (2, 5), (3, 20), (3, 60)):
            stage.now += wait_s * SECOND
            await late.beats()
            async with asyncio.timeout(10):
                # A heartbeat that changes nothing tells nobody.
                while stage.presence.row_of("dong-1", stage.now).last_seen_at != stage.now:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            await stage.playout.repeat_orders()
            await orders(late, wanted)
            assert len(late.orders) == wanted


async def test_a_cancelled_broadcast_leaves_the_timetable_and_is_stopped_by_name_when_close(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        far, near = stage.broadcast(at=HOUR), stage.broadcast(at=60 * SECOND, zones=("thon-dong", "thon-tay"))
        for broadcast in (far, near):
            stage.render(broadcast)
        await stage.playout.publish_documents()
        await east.until(lambda n: n.listed == [near, far])
        officer = stage.do(lambda s: stage.house(s).officer)
        await stage.playout.cancel(far, officer)
        await east.until(lambda n: n.listed == [near])
        assert east.orders == []
        await stage.playout.cancel(near, officer)
        await east.until(lambda n: n.listed == [])
        await orders(east, 1)
        assert isinstance(east.orders[0], Stop)
        assert east.orders[0].broadcast == near
        assert stage.told(far) == ("cancelled", "cancelled-by-user", {"dong-1": ("cancelled", "cancelled-by-user")})
        assert [t.version for t in east.timetables] == sorted(t.version for t in east.timetables)


async def test_orders_wait_for_the_broker_and_documents_come_again_after_it_lost_them(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    scheduled, urgent = stage.broadcast(at=HOUR), alarm(stage)
    stage.render(scheduled)
    stage.render(urgent)
    await stage.playout.publish_documents()
    stage.broker.stop()
    await stage.until(lambda: not stage.hub.connected)
    await stage.playout.air_ready_now()
    assert stage.told(urgent)[0] == "planned"
    stage.broker.start()
    await stage.until(lambda: stage.hub.connected)
    async with running(east):
        await east.until(lambda n: n.listed == [scheduled])
        await stage.playout.air_ready_now()
        await orders(east, 1)
        assert stage.told(urgent)[0] == "cued"


async def test_a_crash_between_deciding_and_sending_sends_once_with_a_new_start(stage: Stage) -> None:
    broadcast = stage.broadcast()
    stage.render(broadcast)
    east = stage.pole("dong-1", "thon-dong")
    assert stage.do(lambda session: begin_now(session, broadcast, stage.now))
    stage.now += 20 * SECOND
    async with running(east):
        await stage.playout.send_orders()
        await stage.playout.send_orders()
        await orders(east, 1)
        (order,) = east.orders
        assert isinstance(order, Play)
        assert order.item.starts_at == stage.row(broadcast).starts_at == stage.now + NOW_LEAD + FETCH_TURN


async def test_a_pole_that_comes_back_still_finds_the_emergency_until_it_expires_or_is_stopped(stage: Stage) -> None:
    here, away = stage.pole("dong-1", "thon-dong"), stage.pole("dong-2", "thon-dong")
    async with running(here):
        broadcast = alarm(stage)
        stage.render(broadcast)
        await stage.playout.air_ready_now()
        await orders(here, 1)
        await stage.playout.publish_documents()
        stage.now += SECOND
        await stage.playout.begin_due()
    async with running(away):
        await away.until(lambda n: n.emergencies and n.emergencies[-1].active)
        assert away.emergencies[-1].active == (here.orders[0],)
        leader = stage.do(lambda s: stage.house(s).leader)
        await stage.playout.stop(broadcast, leader)
        await away.until(lambda n: not n.emergencies[-1].active)


async def test_an_emergency_expires_by_itself(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        broadcast = alarm(stage)
        stage.render(broadcast)
        await stage.playout.air_ready_now()
        await stage.playout.publish_documents()
        await east.until(lambda n: n.emergencies and n.emergencies[-1].active)
        stage.now += timedelta(minutes=16)
        await stage.playout.publish_documents()
        await east.until(lambda n: not n.emergencies[-1].active)


async def test_a_damaged_clip_is_rendered_again_and_not_aired(stage: Stage) -> None:
    broadcast = alarm(stage)
    data = stage.render(broadcast)
    clip = (stage.card(broadcast).clips or ())[0]
    stage.clips.path_of(clip.sha256).write_bytes(b"x" * len(data))
    await stage.playout.air_ready_now()
    assert stage.told(broadcast)[0] == "planned"
    with reading(stage.engine) as session:
        assert {rendering.state for rendering in renderings_of(session, broadcast)} == {RenderingState.WANTED}
    stage.render(broadcast)
    await stage.playout.air_ready_now()
    assert stage.told(broadcast)[0] == "cued"


async def test_a_revoked_poles_documents_are_forgotten(stage: Stage) -> None:
    stage.pole("dong-1", "thon-dong")
    await stage.playout.publish_documents()
    assert stage.broker.retained(TOPICS.config("dong-1"))
    stage.do(lambda session: revoke_node(session, "dong-1", stage.now))
    await stage.playout.publish_documents()
    assert stage.broker.retained(TOPICS.config("dong-1")) is None


async def test_who_may_not_stop_does_not_and_nothing_is_sent(stage: Stage) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        both = stage.broadcast(at=HOUR, zones=("thon-dong", "thon-tay"))
        head = stage.do(lambda s: stage.house(s).head_east)
        with pytest.raises(NotAllowed, match="other-village"):
            await stage.playout.cancel(both, head)
        assert stage.told(both)[0] == "planned"
        own = stage.broadcast(at=HOUR)
        await stage.playout.cancel(own, head)
        assert stage.told(own)[0] == "cancelled"
