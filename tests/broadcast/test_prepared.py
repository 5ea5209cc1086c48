"""Prepared messages: what a press of one button says, as an emergency and as a drill."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.airings import parts_of, renderings_of
from broadcast.emergency import AGAIN, all_clear, raise_correction, raise_prepared
from broadcast.emergency_repeats import air_due_repeats, next_repeat
from broadcast.errors import BroadcastError, Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.lifecycle import move
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastState,
    Commune,
    EmergencyRepeat,
    Follows,
    PreparedPurpose,
)
from broadcast.prepared import (
    PreparedForm,
    Slot,
    SlotKind,
    add_prepared,
    edit_prepared,
    fill,
    get_prepared,
    list_prepared,
    seed_prepared,
    slots_of,
)
from broadcast.reading_rules import rules_of
from broadcast.stopping import stop_broadcast
from players.messages import Severity
from tests.broadcast.conftest import House

KEYS = ["bao", "lu", "xa-lu", "chay", "tre-lac", "dich", "so-tan"]


@pytest.fixture
def ready(unit: Session, house: House, now: datetime) -> Session:
    seed_prepared(unit, now)
    return unit


def spoken(session: Session, broadcast: Broadcast) -> str:
    return " ".join(part.spoken for part in renderings_of(session, broadcast.id) if part.spoken)


def on_air(session: Session, broadcast: Broadcast, now: datetime) -> None:
    broadcast.starts_at = now
    move(broadcast, BroadcastState.ON_AIR)
    session.add(broadcast)
    session.flush()


def test_a_commune_begins_with_a_button_for_each_danger_and_keeps_what_it_changed(
    ready: Session, house: House, now: datetime
) -> None:
    assert [message.key for message in list_prepared(ready)] == KEYS
    assert {message.purpose for message in list_prepared(ready, None)} == set(PreparedPurpose)
    get_prepared(ready, "bao").title = "Bão số 3"
    assert seed_prepared(ready, now) == 0
    assert get_prepared(ready, "bao").title == "Bão số 3"


def test_each_message_can_be_said_whole_with_nothing_typed(ready: Session) -> None:
    for message in list_prepared(ready, None):
        said = fill(message)
        assert "{" not in said
        read = " ".join(sentence.spoken for sentence in rules_of(ready).read(said).sentences)
        assert not any(sign.isdigit() or sign in "³/%" for sign in read), read
        assert fill(message, {slot.name: " " for slot in slots_of(message)}) == said


@pytest.mark.parametrize(
    ("key", "values", "said"),
    [
        ("xa-lu", {"gio": "14:30", "noi": "Hồ Kẻ Gỗ", "so": "1.200"}, "Hồ Kẻ Gỗ xả lũ lúc 14 giờ 30 phút, lưu"),
        ("xa-lu", {"gio": "7h"}, "Hồ chứa phía thượng nguồn xả lũ lúc 7 giờ,"),
        ("bao", {"cap": "cấp 12"}, "gió mạnh cấp 12"),
        ("tre-lac", {"so": "5"}, "Một em nhỏ 5 tuổi bị lạc"),
        ("chay", {"noi": "  chợ   Đông "}, "Có cháy tại chợ Đông."),
    ],
)  # fmt: skip
def test_slots_are_filled_as_they_are_said(ready: Session, key: str, values: dict[str, str], said: str) -> None:
    assert said in fill(get_prepared(ready, key), values)


@pytest.mark.parametrize(
    ("key", "values", "code", "field"),
    [
        ("xa-lu", {"gio": "25:00"}, "bad-time", "gio"),
        ("xa-lu", {"gio": "chiều"}, "bad-time", "gio"),
        ("xa-lu", {"so": "-3"}, "bad-number", "so"),
        ("xa-lu", {"so": "100000"}, "bad-number", "so"),
        ("bao", {"cap": "cấp 99"}, "bad-level", "cap"),
        ("chay", {"noi": "a" * 81}, "too-long", "noi"),
        ("chay", {"gì": "x"}, "unknown-slot", "gì"),
    ],
)
def test_what_does_not_fit_a_slot_is_refused_by_its_name(
    ready: Session, key: str, values: dict[str, str], code: str, field: str
) -> None:
    with pytest.raises(InvalidInput, match=code) as refused:
        fill(get_prepared(ready, key), values)
    assert refused.value.field == field


def test_a_press_says_the_message_as_often_as_it_should_be_said(ready: Session, house: House, now: datetime) -> None:
    made = raise_prepared(ready, house.head_east, ["thon-dong"], "chay", {"noi": "chợ Đông"}, now, "press-0001")
    said = spoken(ready, made)
    assert said.count("Có cháy tại chợ Đông.") == 2
    assert said.count(AGAIN) == 1
    assert (made.title, made.severity, made.is_drill, made.prepared_key) == ("Cháy", Severity.EXTREME, False, "chay")
    again = raise_prepared(ready, house.head_east, ["thon-dong"], "chay", {"noi": "chợ Đông"}, now, "press-0001")
    assert again is made
    with pytest.raises(Conflict, match="key-in-use"):
        raise_prepared(ready, house.head_east, ["thon-dong"], "chay", {"noi": "chợ Tây"}, now, "press-0001")


def test_a_drill_says_so_before_and_after_and_has_its_own_chime(ready: Session, house: House, now: datetime) -> None:
    made = raise_prepared(ready, house.head_east, ["thon-dong"], "bao", {}, now, "press-0001", is_drill=True)
    said = spoken(ready, made)
    assert said.startswith("Đây là diễn tập.")
    assert said.endswith("đây chỉ là diễn tập.")
    assert {part.chime for part in renderings_of(ready, made.id)} == {None, "drill"}
    assert (made.is_drill, made.title) == (True, "Diễn tập: Bão")
    assert ready.exec(select(EmergencyRepeat)).all() == []
    assert [row.action for row in ready.exec(select(AuditEntry)) if row.subject == made.id] == ["raise-drill"]
    with pytest.raises(Conflict, match="key-in-use"):
        raise_prepared(ready, house.head_east, ["thon-dong"], "bao", {}, now, "press-0001")


def test_a_storm_is_said_again_every_hour_of_the_day_until_the_all_clear(
    ready: Session, house: House, now: datetime
) -> None:
    storm = raise_prepared(ready, house.leader, ["thon-dong", "thon-tay"], "bao", {}, now, "press-0001")
    assert next_repeat(ready, now) == now + timedelta(hours=1)
    assert air_due_repeats(ready, now + timedelta(minutes=59)) == []
    on_air(ready, storm, now)
    move(storm, BroadcastState.AIRED)
    again = ready.get_one(Broadcast, air_due_repeats(ready, now + timedelta(hours=1))[0])
    assert (again.follows_as, again.follows_id, again.severity) == (Follows.REPEAT, storm.id, storm.severity)
    assert [p.rendering_key for p in parts_of(ready, again.id)] == [p.rendering_key for p in parts_of(ready, storm.id)]
    assert air_due_repeats(ready, now + timedelta(hours=1)) == []
    over = all_clear(ready, house.leader, again.id, now + timedelta(minutes=70), "press-0002")
    assert (over.follows_as, over.follows_id, over.severity) == (Follows.ALL_CLEAR, storm.id, storm.severity)
    assert again.state is BroadcastState.CANCELLED
    assert air_due_repeats(ready, now + timedelta(hours=9)) == []
    assert next_repeat(ready, now) is None


def test_repeats_keep_their_hours_and_a_server_that_was_off_makes_up_for_none(
    ready: Session, house: House, now: datetime
) -> None:
    ready.get_one(Commune, house.leader.commune_id).timezone = "UTC"
    raised = now.replace(hour=19, minute=30)
    storm = raise_prepared(ready, house.leader, ["thon-dong"], "bao", {}, raised, "press-0001")
    move(storm, BroadcastState.CANCELLED)
    assert air_due_repeats(ready, raised + timedelta(hours=1)) == []
    morning = (raised + timedelta(days=1)).replace(hour=9, minute=50)
    assert len(air_due_repeats(ready, morning)) == 1
    assert next_repeat(ready, morning) == morning.replace(hour=10, minute=30)


def test_one_that_still_sounds_is_not_doubled(ready: Session, house: House, now: datetime) -> None:
    flood = raise_prepared(ready, house.leader, ["thon-dong"], "lu", {}, now, "press-0001")
    on_air(ready, flood, now + timedelta(minutes=14))
    assert air_due_repeats(ready, now + timedelta(minutes=15)) == []
    assert next_repeat(ready, now) == now + timedelta(minutes=30)


def test_one_that_waits_for_its_turn_at_some_pole_is_said_again_at_the_others(
    ready: Session, house: House, now: datetime
) -> None:
    flood = raise_prepared(ready, house.leader, ["thon-dong"], "lu", {}, now, "press-0001")
    on_air(ready, flood, now)
    flood.duration_ms = 30_000
    ready.add(flood)
    assert len(air_due_repeats(ready, now + timedelta(minutes=15))) == 1


def test_stopping_an_emergency_ends_its_repeats_also_between_two_of_them(
    ready: Session, house: House, now: datetime
) -> None:
    flood = raise_prepared(ready, house.leader, ["thon-dong"], "lu", {}, now, "press-0001")
    on_air(ready, flood, now)
    move(flood, BroadcastState.AIRED)
    stop_broadcast(ready, flood.id, house.leader, now + timedelta(minutes=5))
    assert air_due_repeats(ready, now + timedelta(minutes=15)) == []
    with pytest.raises(Conflict, match="already-ended"):
        stop_broadcast(ready, flood.id, house.leader, now + timedelta(minutes=6))


def test_a_correction_silences_what_was_wrong_and_says_what_is_right(
    ready: Session, house: House, now: datetime
) -> None:
    wrong = raise_prepared(ready, house.head_east, ["thon-dong"], "lu", {}, now, "press-0001")
    on_air(ready, wrong, now)
    right = raise_correction(ready, house.head_east, wrong.id, "Không có lũ ở thôn ta.", now, "press-0002")
    assert wrong.state is BroadcastState.CUT
    assert spoken(ready, right).startswith("Xin đính chính thông báo vừa phát.")
    assert spoken(ready, right).count("Không có lũ ở thôn ta.") == 2
    assert air_due_repeats(ready, now + timedelta(hours=1)) == []


@pytest.mark.parametrize(
    ("who", "zones", "key", "error", "code"),
    [
        ("officer", ["thon-dong"], "bao", NotAllowed, "role-not-allowed"),
        ("head_east", ["thon-tay"], "bao", NotAllowed, "other-village"),
        ("leader", ["thon-dong"], "không-có", NotFound, "no-prepared"),
    ],
)
def test_who_may_not_press_leaves_nothing(
    ready: Session, house: House, now: datetime, who: str, zones: list[str], key: str,
    error: type[BroadcastError], code: str,
) -> None:  # fmt: skip
    with pytest.raises(error, match=code), ready.begin_nested():
        raise_prepared(ready, getattr(house, who), zones, key, {}, now, "press-0001")
    assert ready.exec(select(Broadcast)).all() == []


def test_a_village_head_neither_ends_nor_corrects_what_was_said_to_others(
    ready: Session, house: House, now: datetime
) -> None:
    flood = raise_prepared(ready, house.leader, ["thon-dong", "thon-tay"], "lu", {}, now, "press-0001")
    with pytest.raises(NotAllowed, match="other-village"):
        all_clear(ready, house.head_east, flood.id, now, "press-0002")
    with pytest.raises(NotAllowed, match="other-village"):
        raise_correction(ready, house.head_east, flood.id, "Không phải.", now, "press-0003")
    with pytest.raises(NotFound, match="no-emergency"):
        all_clear(ready, house.leader, "x-unknown", now, "press-0004")


FORM = PreparedForm(
    title="Sạt lở",
    icon="landslide",
    text="Sạt lở đất tại {noi}, mức {cap}.",
    slots=(Slot("noi", "Nơi", SlotKind.PLACE, "đồi Chè"), Slot("cap", "Mức", SlotKind.LEVEL, "hai", ("hai", "ba"))),
    severity=Severity.EXTREME,
    said_times=2,
    repeat_every_minutes=30,
    repeat_opens="06:00",
    repeat_closes="21:00",
    is_active=True,
)


def test_an_officer_adds_a_button_and_changes_it(ready: Session, house: House, now: datetime) -> None:
    made = add_prepared(ready, house.officer, "sat-lo", FORM, now)
    assert [message.key for message in list_prepared(ready)][-1] == "sat-lo"
    assert fill(made) == "Sạt lở đất tại đồi Chè, mức hai."
    edit_prepared(ready, house.officer, "sat-lo", replace(FORM, is_active=False), now)
    assert "sat-lo" not in [message.key for message in list_prepared(ready)]
    with pytest.raises(Conflict, match="prepared-off"):
        raise_prepared(ready, house.leader, ["thon-dong"], "sat-lo", {}, now, "press-0001")
    with pytest.raises(Conflict, match="prepared-exists"):
        add_prepared(ready, house.officer, "sat-lo", FORM, now)
    assert [row.action for row in ready.exec(select(AuditEntry)) if row.subject == "sat-lo"] == [
        "add-prepared",
        "edit-prepared",
    ]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"text": "Sạt lở tại {đâu}, {noi} {cap}."}, "unknown-slot", "text"),
        ({"text": "Sạt lở tại {noi}."}, "unused-slot", "text"),
        ({"text": "{noi} {cap} " + "a" * 600}, "too-long", "text"),
        ({"said_times": 4}, "out-of-range", "said_times"),
        ({"repeat_every_minutes": 0}, "out-of-range", "repeat_every_minutes"),
        ({"repeat_closes": None}, "bad-hours", "repeat_opens"),
        ({"repeat_opens": "22:00"}, "bad-hours", "repeat_opens"),
        ({"slots": (*FORM.slots, FORM.slots[0])}, "bad-slot", "slots"),
        ({"slots": (replace(FORM.slots[1], default="bốn"), FORM.slots[0])}, "bad-slot", "slots"),
        ({"title": " "}, "empty", "title"),
        ({"icon": "../x"}, "bad-slug", "icon"),
    ],
)
def test_a_message_that_could_not_be_said_is_refused(
    ready: Session, house: House, now: datetime, change: dict[str, object], code: str, field: str
) -> None:
    with pytest.raises(InvalidInput, match=code) as refused:
        add_prepared(ready, house.officer, "sat-lo", replace(FORM, **change), now)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_what_the_server_needs_cannot_be_switched_off(ready: Session, house: House, now: datetime) -> None:
    form = replace(FORM, text="Hết nguy hiểm.", slots=(), is_active=False)
    with pytest.raises(Conflict, match="prepared-needed"):
        edit_prepared(ready, house.officer, "het-nguy-hiem", form, now)
    with pytest.raises(NotAllowed, match="role-not-allowed"):
        edit_prepared(ready, house.head_east, "bao", FORM, now)


def test_a_message_is_saved_only_if_it_can_be_said_whatever_is_filled_in(
    ready: Session, house: House, now: datetime
) -> None:
    place = Slot("noi", "Nơi", SlotKind.PLACE, "đây")
    form = PreparedForm(
        "Xả", "dam", "Xả lũ tại {noi}. " + "Rời đi. " * 60, (place,), Severity.SEVERE, 1, None, None, None, True
    )
    add_prepared(ready, house.officer, "vua", form, now)
    assert fill(get_prepared(ready, "vua"), {"noi": "x" * 80})
    with pytest.raises(InvalidInput, match="Khi điền đầy các ô") as refused:
        add_prepared(ready, house.officer, "dai", replace(form, text=form.text + "Rời đi ngay nhé. " * 2), now)
    assert refused.value.field == "text"
    older = get_prepared(ready, "vua")
    older.text += "Rời đi ngay nhé. " * 2
    with pytest.raises(InvalidInput, match="ô “Nơi” ngắn hơn") as refused:
        fill(older, {"noi": "x" * 80})
    assert refused.value.field == "noi"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("5 giờ 30", "5 giờ 30 phút"),
        ("5h30 sáng", "5 giờ 30 phút"),
        ("17.30", "17 giờ 30 phút"),
        ("5:30 chiều", "17 giờ 30 phút"),
        ("5 giờ rưỡi tối", "17 giờ 30 phút"),
        ("22 giờ 15 phút", "22 giờ 15 phút"),
        ("11h trưa", "11 giờ"),
        ("1h trưa", "13 giờ"),
        ("12 giờ đêm", "0 giờ"),
        ("12h trưa", "12 giờ"),
        ("2 giờ đêm", "2 giờ"),
        ("11 giờ đêm", "23 giờ"),
        ("17h chiều", "17 giờ"),
        ("7g", "7 giờ"),
    ],
)
def test_a_time_is_read_as_people_write_it(ready: Session, typed: str, said: str) -> None:
    assert f"xả lũ lúc {said}, lưu" in fill(get_prepared(ready, "xa-lu"), {"gio": typed})


@pytest.mark.parametrize("typed", ["530", "5", "25h", "5h75", "sáng", "5 giờ 30 giờ", "24:00"])
def test_what_is_no_time_is_asked_again(ready: Session, typed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        fill(get_prepared(ready, "xa-lu"), {"gio": typed})
    assert refused.value.code == "bad-time"
