"""An order to start again: obeyed once, by the pole it is for, and told truly, also of what sounded."""

import shutil
import signal
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from players.errors import Distrusted
from players.messages import ClipRef, Restart
from players.node.events import ConfigCame, Leaving, OrderCame, Refuse, Tick
from players.signing import CommuneKey, open_order, sign
from players.topics import Topics
from tests.fakes.fake_server import COMMUNE, FakeDoor, FakeServer
from tests.players.node.command import Command, identity
from tests.players.node.pole import Pole, config, seconds

MakeClip = Callable[..., ClipRef]
TOPICS = Topics(COMMUNE)


def restart(order: str, at: datetime, **changes: Any) -> Restart:
    fields = {"order": order, "commune": COMMUNE, "issued_at": at, "expires_at": at + seconds(60), "node": "dong-1"}
    return Restart.model_validate({**fields, **changes})


def awake() -> Pole:
    return Pole().feed(ConfigCame(config(1))).run(60)


def test_a_fresh_order_starts_the_pole_anew_once() -> None:
    pole = awake()
    order = OrderCame(restart("r1", pole.now))
    pole.feed(order, order)
    assert pole.starts_anew == ["r1"]


def test_after_the_start_the_same_order_does_nothing() -> None:
    pole = awake()
    order = OrderCame(restart("r1", pole.now))
    pole.feed(order, Leaving()).run(1).restart(5).feed(order).run(5)
    assert pole.starts_anew == ["r1"]


def test_an_order_from_before_the_start_is_refused_also_where_nothing_was_kept() -> None:
    pole = awake()
    order = OrderCame(restart("r1", pole.now))
    pole.restart(5).feed(order)
    assert pole.starts_anew == []
    assert pole.refused == [Refuse("r1", "issued before this start")]


def test_it_waits_for_the_time_and_then_counts_only_while_it_is_fresh() -> None:
    pole = awake()
    pole.trusted = False
    fresh, stale = restart("fresh", pole.now, expires_at=pole.now + seconds(600)), restart("stale", pole.now)
    pole.feed(OrderCame(fresh), OrderCame(stale)).run(120)
    assert pole.starts_anew == []
    pole.trusted = True
    pole.feed(Tick())
    assert pole.starts_anew == ["fresh"]
    assert Refuse("stale", "expired") in pole.refused


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"node": "dong-2"}, "for node 'dong-2'"),
        ({"commune": "xa-khac"}, "for commune 'xa-khac'"),
        ({"issued_at": timedelta(hours=1), "expires_at": timedelta(hours=2)}, "issued in the future"),
        ({"issued_at": timedelta(minutes=-10), "expires_at": timedelta(minutes=-9)}, "expired"),
    ],
)
def test_one_that_is_not_for_it_or_not_fresh_is_refused(changes: dict[str, Any], why: str) -> None:
    pole = awake()
    instants = {name: pole.now + by for name, by in changes.items() if isinstance(by, timedelta)}
    pole.feed(OrderCame(restart("r1", pole.now, **{**changes, **instants})))
    assert (pole.starts_anew, pole.refused) == ([], [Refuse("r1", why)])


@pytest.mark.parametrize("topic", [TOPICS.node_orders("dong-2"), TOPICS.zone_orders("dong-1")])
def test_it_is_believed_on_its_nodes_own_topic_only(topic: str) -> None:
    """Also where a zone is called as the node is."""
    key, order = CommuneKey.generate(), restart("r1", Pole().now)
    with pytest.raises(Distrusted, match="for node 'dong-1'"):
        open_order(sign(order, key, topic), [key.public_jwk()], topic)
    own = TOPICS.node_orders("dong-1")
    assert open_order(sign(order, key, own), [key.public_jwk()], own) == order


@pytest.fixture
async def node(tmp_path: Path, door: FakeDoor, port: int, wired: FakeServer) -> AsyncIterator[Command]:
    command = Command(tmp_path / "node")
    door.codes["ABCD2345"] = lambda: identity(port, wired.key)
    status, said = await command.pair(door, "--output", "silent")
    assert status == 0, said
    await wired.configure()
    yield command
    if command.is_running:
        await command.end(signal.SIGKILL)


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto")
async def test_the_process_says_so_ends_what_sounds_and_itself_and_is_not_ended_by_the_same_order_again(
    node: Command, wired: FakeServer, new_clip: MakeClip
) -> None:
    await node.start()
    await wired.schedule(wired.item("a", [new_clip(30.0)], in_s=3))
    await wired.until(lambda: "playing" in wired.outcomes("a"), 30)
    assert [beat.restarting for beat in wired.heartbeats if beat.restarting] == []

    order = Restart(**wired.fresh("r1", 300), node="dong-1")
    await wired.say(wired.topics.node_orders("dong-1"), order)
    assert await node.ended() == 0
    await wired.until(lambda: wired.heartbeats[-1].restarting == "r1")
    final = await wired.until_final("a")
    assert (final.outcome, final.reason) == ("cut", "shut-down")
    await wired.until(lambda: not wired.presences[-1].online)

    await node.start()
    await wired.until(lambda: wired.heartbeats[-1].restarting is None and wired.heartbeats[-1].clock_trusted, 30)
    beat = wired.heartbeats[-1]
    assert beat.running_s is not None
    assert beat.at - timedelta(seconds=beat.running_s) > order.issued_at
    await wired.say(wired.topics.node_orders("dong-1"), order)
    replayed = order.model_copy(update={"order": "r2"})
    await wired.say(wired.topics.node_orders("dong-1"), replayed)
    await wired.until(lambda: wired.heartbeats[-1].refused_why == "r2: issued before this start")
    assert node.is_running
    assert await node.end(signal.SIGTERM) == 0
