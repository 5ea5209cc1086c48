from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.errors import Conflict
from broadcast.lifecycle import (
    BROADCAST_MOVES,
    BULLETIN_MOVES,
    DELIVERY_MOVES,
    OPEN_DELIVERIES,
    WhyNot,
    may_move,
    move,
    why_text,
)
from broadcast.models import Broadcast, BroadcastState, BulletinState, Delivery, DeliveryState
from players.messages import Reason


@pytest.mark.parametrize(
    ("table", "states"),
    [(BULLETIN_MOVES, BulletinState), (BROADCAST_MOVES, BroadcastState), (DELIVERY_MOVES, DeliveryState)],
)
def test_every_state_has_its_row_and_none_stays_where_it_is(
    table: dict[StrEnum, frozenset[StrEnum]], states: type[StrEnum]
) -> None:
    assert set(table) == set(states)
    assert all(state not in table[state] for state in states)


@pytest.mark.parametrize("code", [*WhyNot, *Reason])
def test_every_reason_is_said_in_vietnamese(code: str) -> None:
    said = why_text(code.value if isinstance(code, StrEnum) else code)
    assert said.endswith(".")
    assert said != code


def test_an_unknown_reason_is_shown_as_it_came() -> None:
    assert why_text("eaten-by-dog") == "eaten-by-dog"
    assert why_text(None) == ""


@given(st.sampled_from(BroadcastState), st.lists(st.sampled_from(BroadcastState)))
def test_a_broadcast_that_was_aired_or_cancelled_stays_so_and_a_cut_one_at_most_turns_out_aired(
    first: BroadcastState, tries: list[BroadcastState]
) -> None:
    broadcast = Broadcast(id="b", commune_id=1, title="", state=first, created_at=datetime(2026, 6, 1, tzinfo=UTC))
    for to in tries:
        before = broadcast.state
        if may_move(before, to):
            move(broadcast, to)
        else:
            with pytest.raises(Conflict, match="wrong-state"):
                move(broadcast, to)
            assert broadcast.state is before
        if before in {BroadcastState.AIRED, BroadcastState.CANCELLED}:
            assert broadcast.state is before
        if before is BroadcastState.CUT:
            assert broadcast.state in {before, BroadcastState.AIRED}


@given(st.lists(st.sampled_from(DeliveryState), max_size=12))
def test_only_a_silent_delivery_becomes_open_again(tries: list[DeliveryState]) -> None:
    delivery = Delivery(broadcast_id="b", node_id=1)
    has_ended = False
    for to in tries:
        if may_move(delivery.state, to):
            move(delivery, to, "stopped")
        assert not (has_ended and delivery.state in OPEN_DELIVERIES)
        has_ended = delivery.state not in {*OPEN_DELIVERIES, DeliveryState.SILENT}


def test_states_of_other_machines_are_no_moves() -> None:
    assert not may_move(BroadcastState.ON_AIR, DeliveryState.CUT)


def test_a_move_takes_its_reason_along() -> None:
    broadcast = Broadcast(id="b", commune_id=1, title="", created_at=datetime(2026, 6, 1, tzinfo=UTC))
    move(broadcast, BroadcastState.MISSED, WhyNot.SERVER_OFF)
    assert broadcast.reason == "server-off"
    move(broadcast, BroadcastState.AIRED)
    assert broadcast.reason is None
