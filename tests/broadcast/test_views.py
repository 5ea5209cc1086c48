from datetime import datetime, timedelta

import pytest
from sqlmodel import Session

from broadcast.airings import deliveries_of, parts_of
from broadcast.bulletins import approve_bulletin, get_bulletin
from broadcast.errors import NotFound
from broadcast.lifecycle import move
from broadcast.models import Broadcast, BroadcastState, DeliveryState, Rendering
from broadcast.nodes import create_node
from broadcast.rendering import store_failed, store_rendered
from broadcast.views import (
    broadcast_card,
    broadcast_row,
    broadcasts_of_bulletin,
    bulletin_card,
    coming,
    missed,
    next_instant,
    node_rows,
    on_air,
)
from tests.broadcast.conftest import House
from tests.broadcast.test_bulletins import broadcasts_of, submitted
from tests.broadcast.test_renderings import rendered


@pytest.fixture
def broadcast(unit: Session, house: House, now: datetime) -> Broadcast:
    create_node(unit, house.commune, "dong-1", "Cụm loa Đông", ["thon-dong"], now)
    bulletin = submitted(unit, house, now)
    approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    return broadcasts_of(unit, bulletin)[0]


def rendering_of(unit: Session, broadcast: Broadcast) -> Rendering:
    rendering = unit.get(Rendering, parts_of(unit, broadcast.id)[0].rendering_key)
    assert rendering is not None
    return rendering


def test_a_broadcast_moves_from_coming_to_on_air_to_ended(
    unit: Session, broadcast: Broadcast, house: House, now: datetime
) -> None:
    until = now + timedelta(days=1)
    (row,) = coming(unit, now, until)
    assert (row.title, row.zones, row.made_by, row.ends_at) == ("Lịch cắt điện", ("Thôn Đông",), "lanhdao", None)
    assert row.deliveries == {DeliveryState.PENDING: 1}
    assert not row.is_final
    starts_at = broadcast.starts_at
    assert starts_at is not None
    assert next_instant(unit, now) == starts_at
    assert coming(unit, now, starts_at) == []
    store_rendered(unit, rendering_of(unit, broadcast), rendered(rendering_of(unit, broadcast)), now)
    move(broadcast, BroadcastState.ON_AIR)
    unit.flush()
    assert [row.id for row in on_air(unit, starts_at)] == [broadcast.id]
    assert on_air(unit, starts_at + timedelta(seconds=1)) == []
    assert coming(unit, now, until) == []
    move(broadcast, BroadcastState.CUT, "stopped-by-user")
    broadcast.ended_at = starts_at
    unit.flush()
    cut = broadcast_row(unit, broadcast.id)
    assert cut is not None
    assert (cut.state, cut.why, cut.is_final) == (BroadcastState.CUT, "Bị dừng khi đang phát.", False)
    assert missed(unit, now) == []
    for delivery in deliveries_of(unit, broadcast.id):
        move(delivery, DeliveryState.SILENT)
    unit.flush()
    told = broadcast_row(unit, broadcast.id)
    assert told is not None
    assert told.is_final


def test_what_was_missed_is_told_however_much_has_ended_since(
    unit: Session, broadcast: Broadcast, now: datetime
) -> None:
    move(broadcast, BroadcastState.MISSED, "no-clip")
    broadcast.ended_at = now
    unit.flush()
    assert [row.id for row in missed(unit, now)] == [broadcast.id]
    assert missed(unit, now + timedelta(seconds=1)) == []


def test_a_card_says_who_spoke_and_what_failed(
    unit: Session, broadcast: Broadcast, house: House, now: datetime
) -> None:
    rendering = rendering_of(unit, broadcast)
    store_failed(unit, rendering, "EngineError: hỏng", now)
    card = broadcast_card(unit, broadcast.id)
    assert (card.render_error, card.voice, card.clips) == ("EngineError: hỏng", None, None)
    answer = rendered(rendering).model_copy(update={"engine": "espeak", "fallback_reason": "Chưa cài giọng."})
    store_rendered(unit, rendering, answer, now)
    card = broadcast_card(unit, broadcast.id)
    assert card.voice is not None
    assert (card.voice.engine, card.voice.fallback_reason) == ("espeak", "Chưa cài giọng.")
    assert [clip.duration_ms for clip in card.clips or ()] == [5]
    assert card.row.duration_ms == 5
    assert "mất điện" in card.spoken
    assert [(row.node, row.node_name, row.state) for row in card.deliveries] == [("dong-1", "Cụm loa Đông", "pending")]
    with pytest.raises(NotFound, match="no-broadcast"):
        broadcast_card(unit, "b-none")


def test_bulletins_and_nodes_are_shown_by_name(
    unit: Session, broadcast: Broadcast, house: House, now: datetime
) -> None:
    bulletin = get_bulletin(unit, broadcast.bulletin_id or "", house.leader)
    card = bulletin_card(unit, bulletin)
    assert (card.author, card.decided_by, card.zones) == ("canbo", "lanhdao", ("Thôn Đông",))
    assert [row.id for row in broadcasts_of_bulletin(unit, bulletin.id)] == [broadcast.id]
    (node,) = node_rows(unit)
    assert (node.slug, node.zones, node.is_paired, node.is_revoked) == ("dong-1", ("Thôn Đông",), False, False)
