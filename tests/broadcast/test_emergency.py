from datetime import datetime

import pytest
from sqlmodel import Session, select

from broadcast.airings import deliveries_of, parts_of
from broadcast.airtime import ready_now
from broadcast.communes import set_emergency_voice, set_voice, set_windows, voice_for
from broadcast.emergency import raise_emergency
from broadcast.errors import BroadcastError, Conflict, InvalidInput, NotAllowed
from broadcast.models import AuditEntry, Broadcast, Rendering
from players.messages import Severity, Urgency
from tests.broadcast.airing_kit import add_pole, render
from tests.broadcast.conftest import House

TEXT = "Nước lũ đang lên nhanh. Bà con ven suối sơ tán ngay!"


def test_a_village_heads_emergency_is_ready_for_his_poles_and_hurried(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    add_pole(unit, house, "tay-1", "thon-tay", now)
    made = raise_emergency(unit, house.head_east, ["thon-dong"], TEXT, now, "press-0001")
    assert (made.urgency, made.is_now, made.title, made.made_by_id) == (
        Urgency.EMERGENCY,
        True,
        TEXT,
        house.head_east.id,
    )
    parts = [unit.get_one(Rendering, part.rendering_key) for part in parts_of(unit, made.id)]
    assert [(part.spoken, part.chime, part.has_closing_chime) for part in parts] == [
        ("", "emergency", False),
        ("Nước lũ đang lên nhanh.", None, False),
        ("Bà con ven suối sơ tán ngay!", None, False),
        ("", "emergency", True),
    ]
    assert {part.urgency for part in parts} == {Urgency.EMERGENCY}
    assert (made.severity, made.is_drill) == (Severity.SEVERE, False)
    assert len(deliveries_of(unit, made.id)) == 1
    said = unit.exec(select(AuditEntry).where(AuditEntry.action == "raise-emergency")).one()
    assert (said.actor, said.detail) == ("truongthon", {"zones": ["thon-dong"], "text": TEXT})


def test_emergencies_may_have_a_voice_of_their_own(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    usual = set_voice(unit, "tone", "quantri", now)
    set_emergency_voice(unit, "espeak-vi", "quantri", now)
    made = raise_emergency(unit, house.head_east, ["thon-dong"], TEXT, now, "press-0001")
    parts = [unit.get_one(Rendering, part.rendering_key) for part in parts_of(unit, made.id)]
    assert {part.voice for part in parts if part.spoken} == {"espeak-vi"}
    assert [voice_for(usual, urgency) for urgency in Urgency] == ["tone", "tone", "espeak-vi"]
    set_emergency_voice(unit, None, "quantri", now)
    assert voice_for(usual, Urgency.EMERGENCY) == "tone"


def test_a_press_sent_twice_airs_once_and_another_press_airs_again(unit: Session, house: House, now: datetime) -> None:
    first = raise_emergency(unit, house.head_east, ["thon-dong"], TEXT, now, "press-0001")
    assert raise_emergency(unit, house.head_east, ["thon-dong"], f" {TEXT}\n", now, "press-0001") is first
    assert raise_emergency(unit, house.leader, ["thon-dong"], TEXT, now, "press-0001").id != first.id
    raise_emergency(unit, house.head_east, ["thon-dong"], TEXT, now, "press-0002")
    assert len(unit.exec(select(Broadcast)).all()) == 3
    with pytest.raises(Conflict, match="key-in-use"):
        raise_emergency(unit, house.head_east, ["thon-dong"], "Tin khác hẳn.", now, "press-0001")


def test_it_passes_quiet_hours(unit: Session, house: House, now: datetime) -> None:
    set_windows(unit, [], "quantri", now)
    made = raise_emergency(unit, house.leader, ["thon-dong", "thon-tay"], TEXT, now, "press-0001")
    render(unit, made, now)
    assert [one.id for one in ready_now(unit, now)] == [made.id]


@pytest.mark.parametrize(
    ("who", "zones", "text", "key", "error", "code"),
    [
        ("officer", ["thon-dong"], TEXT, "press-0001", NotAllowed, "role-not-allowed"),
        ("head_east", ["thon-tay"], TEXT, "press-0001", NotAllowed, "other-village"),
        ("head_east", ["thon-dong", "thon-tay"], TEXT, "press-0001", NotAllowed, "other-village"),
        ("leader", [], TEXT, "press-0001", InvalidInput, "no-zone"),
        ("leader", ["thon-nam"], TEXT, "press-0001", InvalidInput, "unknown-zone"),
        ("leader", ["thon-dong"], " ", "press-0001", InvalidInput, "empty"),
        ("leader", ["thon-dong"], "a" * 601, "press-0001", InvalidInput, "too-long"),
        ("leader", ["thon-dong"], TEXT, "short", InvalidInput, "bad-key"),
        ("leader", ["thon-dong"], "…", "press-0001", InvalidInput, "nothing-to-say"),
    ],
)
def test_what_is_refused_leaves_nothing(
    unit: Session, house: House, now: datetime, who: str, zones: list[str], text: str, key: str,
    error: type[BroadcastError], code: str,
) -> None:  # fmt: skip
    with pytest.raises(error, match=code), unit.begin_nested():
        raise_emergency(unit, getattr(house, who), zones, text, now, key)
    assert unit.exec(select(Broadcast)).all() == []


def test_a_long_text_has_a_short_title(unit: Session, house: House, now: datetime) -> None:
    made = raise_emergency(unit, house.leader, ["thon-dong"], "Nước lũ " * 30, now, "press-0001")
    assert len(made.title) <= 60
    assert made.title.endswith("…")
