"""Who may press the emergency button, by what proof, and what is kept of it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.button import Pressed, note_refusal, press_button
from broadcast.errors import BroadcastError, Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import AuditEntry, Broadcast, EmergencyPin, HeldPress, HeldState, User
from broadcast.phone_tree import Contact, contacts_of, parse_contacts, say_contacts, set_contacts
from broadcast.pins import PinCheck, PinState, check_pin, pin_state, reset_pin, set_pin
from broadcast.policy import Check, Policy, policy_of, set_policy
from broadcast.prepared import seed_prepared
from broadcast.presses import Press, PressKind, words_of
from broadcast.second_person import confirm_press, decline_press, get_held, waiting_for, who_may_confirm
from players.messages import Severity
from tests.broadcast.conftest import House

PIN = "408173"
ASKED = Press(key="press-0001", zones=["thon-dong"], text="Nước lên nhanh, bà con sơ tán ngay.")


def ask_for(session: Session, house: House, now: datetime, **checks: Check) -> None:
    policy = policy_of(session)
    wanted = {**policy.checks, **{Severity(name): check for name, check in checks.items()}}
    set_policy(session, house.leader, replace(policy, checks=wanted), now)


def press(session: Session, user: User, asked: Press, now: datetime, pin: PinCheck = PinCheck.NOT_GIVEN) -> Pressed:
    return press_button(session, user, asked, pin, now)


def audit_of(session: Session, action: str) -> list[AuditEntry]:
    return list(session.exec(select(AuditEntry).where(AuditEntry.action == action)))


def test_without_a_policy_a_press_is_on_the_air(unit: Session, house: House, now: datetime) -> None:
    made = press(unit, house.head_east, ASKED, now)
    assert made.is_raised
    assert unit.get_one(Broadcast, made.id).title == ASKED.text
    assert press(unit, house.head_east, ASKED, now) == made
    assert len(unit.exec(select(Broadcast)).all()) == 1


@pytest.mark.parametrize(
    ("pin", "code"),
    [
        (PinCheck.NOT_GIVEN, "pin-needed"),
        (PinCheck.WRONG, "pin-wrong"),
        (PinCheck.EXPIRED, "pin-expired"),
        (PinCheck.UNSET, "pin-unset"),
    ],
)
def test_where_a_pin_is_asked_for_only_the_right_one_will_do(
    unit: Session, house: House, now: datetime, pin: PinCheck, code: str
) -> None:
    ask_for(unit, house, now, extreme=Check.PIN)
    with pytest.raises(NotAllowed, match=code):
        press(unit, house.head_east, ASKED, now, pin)
    assert unit.exec(select(Broadcast)).all() == []
    made = press(unit, house.head_east, ASKED, now, PinCheck.RIGHT)
    assert press(unit, house.head_east, ASKED, now) == made, "sent again after its answer was lost: no PIN any more"


def test_what_is_asked_goes_by_severity_and_typed_words_count_as_the_worst(
    unit: Session, house: House, now: datetime
) -> None:
    seed_prepared(unit, now)
    ask_for(unit, house, now, extreme=Check.PIN, moderate=Check.NOTHING)
    lost_child = Press(key="press-0002", zones=["thon-dong"], template="tre-lac", slots={"so": "6"})
    assert press(unit, house.head_east, lost_child, now).is_raised
    dam = Press(key="press-0003", zones=["thon-dong"], template="xa-lu")
    for asked in (dam, ASKED, replace(dam, is_drill=True)):
        with pytest.raises(NotAllowed, match="pin-needed"):
            press(unit, house.head_east, asked, now)


def test_a_pin_is_chosen_checked_expires_and_is_taken_away(unit: Session, house: House, now: datetime) -> None:
    head = house.head_east
    assert check_pin(unit, head, PIN, now) is PinCheck.UNSET
    set_pin(unit, head, PIN, now)
    assert PIN not in unit.exec(select(EmergencyPin)).one().pin_hash
    assert check_pin(unit, head, PIN, now) is PinCheck.RIGHT
    assert check_pin(unit, head, "408174", now) is PinCheck.WRONG
    assert check_pin(unit, head, PIN * 40, now) is PinCheck.WRONG
    assert check_pin(unit, head, "", now) is PinCheck.NOT_GIVEN
    late = now + timedelta(days=policy_of(unit).pin_days)
    assert check_pin(unit, head, PIN, late - timedelta(seconds=1)) is PinCheck.RIGHT
    assert check_pin(unit, head, PIN, late) is PinCheck.EXPIRED
    assert check_pin(unit, head, "408174", late) is PinCheck.WRONG
    set_pin(unit, head, "739104", late)
    assert check_pin(unit, head, PIN, late) is PinCheck.WRONG
    reset_pin(unit, head.username, late, house.administrator)
    assert pin_state(unit, head, late) is PinState.UNSET
    assert [entry.action for entry in unit.exec(select(AuditEntry)) if "pin" in entry.action] == [
        "set-pin",
        "set-pin",
        "reset-pin",
    ]
    with pytest.raises(NotAllowed):
        reset_pin(unit, head.username, late, house.leader)


@pytest.mark.parametrize("pin", ["", "12345", "1" * 6, "121212", "123456", "654321", "890123", "abcdef", "4" * 13])
def test_a_pin_that_anybody_would_guess_is_refused(unit: Session, house: House, now: datetime, pin: str) -> None:
    with pytest.raises(InvalidInput):
        set_pin(unit, house.head_east, pin, now)


def test_who_presses_no_button_has_no_pin(unit: Session, house: House, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        set_pin(unit, house.officer, PIN, now)


def test_a_second_person_has_it_aired_as_the_first_ones_press(unit: Session, house: House, now: datetime) -> None:
    ask_for(unit, house, now, extreme=Check.SECOND_PERSON)
    held = press(unit, house.head_east, ASKED, now)
    assert not held.is_raised
    assert press(unit, house.head_east, ASKED, now) == held
    assert unit.exec(select(Broadcast)).all() == []
    assert [one.id for one in waiting_for(unit, house.leader, now)] == [held.id]
    assert waiting_for(unit, house.head_east, now) == []
    row = get_held(unit, held.id, house.head_east)
    assert {user.username for user in who_may_confirm(unit, row)} == {"lanhdao", "quantri"}
    with pytest.raises(NotAllowed, match="own-press"):
        confirm_press(unit, held.id, house.head_east, now)
    with pytest.raises(NotAllowed):
        confirm_press(unit, held.id, house.officer, now)
    soon = now + timedelta(minutes=4)
    made = confirm_press(unit, held.id, house.leader, soon)
    assert (made.id, made.made_by_id) == (held.id, house.head_east.id)
    assert confirm_press(unit, held.id, house.leader, soon).id == made.id
    assert press(unit, house.head_east, ASKED, soon) == Pressed(held.id, is_raised=True)
    assert waiting_for(unit, house.administrator, soon) == []
    assert audit_of(unit, "confirm-press")[0].detail == {"pressed_by": "truongthon"}
    with pytest.raises(Conflict, match="press-confirmed"):
        decline_press(unit, held.id, house.leader, soon)


def test_nobody_in_time_is_no_press(unit: Session, house: House, now: datetime) -> None:
    ask_for(unit, house, now, extreme=Check.SECOND_PERSON)
    held = press(unit, house.head_east, ASKED, now)
    late = now + timedelta(minutes=policy_of(unit).confirm_minutes)
    assert waiting_for(unit, house.leader, late) == []
    with pytest.raises(Conflict, match="press-expired"):
        confirm_press(unit, held.id, house.leader, late)
    with pytest.raises(Conflict, match="press-expired"):
        press(unit, house.head_east, ASKED, late)
    assert unit.exec(select(Broadcast)).all() == []


def test_a_declined_press_stays_declined(unit: Session, house: House, now: datetime) -> None:
    ask_for(unit, house, now, extreme=Check.SECOND_PERSON)
    held = press(unit, house.head_east, ASKED, now)
    assert decline_press(unit, held.id, house.head_east, now).state is HeldState.DECLINED
    decline_press(unit, held.id, house.leader, now)
    assert len(audit_of(unit, "decline-press")) == 1
    for act in (
        lambda: confirm_press(unit, held.id, house.leader, now),
        lambda: press(unit, house.head_east, ASKED, now),
    ):
        with pytest.raises(Conflict, match="press-declined"):
            act()


def test_another_press_with_the_key_of_a_held_one_is_refused(unit: Session, house: House, now: datetime) -> None:
    ask_for(unit, house, now, extreme=Check.SECOND_PERSON)
    press(unit, house.head_east, ASKED, now)
    with pytest.raises(Conflict, match="key-in-use"):
        press(unit, house.head_east, replace(ASKED, text="Lời khác."), now)


def test_a_held_press_is_shown_to_nobody_else(unit: Session, house: House, now: datetime) -> None:
    ask_for(unit, house, now, extreme=Check.SECOND_PERSON)
    held = press(unit, house.leader, replace(ASKED, zones=["thon-dong", "thon-tay"]), now)
    assert unit.get_one(HeldPress, held.id).zones == ["thon-dong", "thon-tay"]
    for stranger in (house.officer, house.head_east):  # the head answers for one of the two villages only
        with pytest.raises(NotFound):
            get_held(unit, held.id, stranger)


@pytest.mark.parametrize("kind", [PressKind.REPEAT, PressKind.CORRECTION, PressKind.ALL_CLEAR])
def test_what_follows_a_drill_is_a_drill_and_goes_where_it_went(
    unit: Session, house: House, now: datetime, kind: PressKind
) -> None:
    seed_prepared(unit, now)
    first = press(unit, house.head_east, replace(ASKED, is_drill=True), now)
    text = "Xả lũ lúc 22 giờ." if kind is PressKind.CORRECTION else ""
    asked = Press(key="press-0002", kind=kind, text=text, follows=first.id)
    followed = unit.get_one(Broadcast, press(unit, house.head_east, asked, now).id)
    assert followed.is_drill
    if kind is PressKind.REPEAT:
        assert words_of(unit, followed) == ASKED.text
    else:
        assert followed.follows_id == first.id
    with pytest.raises(NotFound):
        press(unit, house.head_east, replace(asked, key="press-0003", follows="x-none"), now)


def test_a_head_follows_no_emergency_of_other_villages(unit: Session, house: House, now: datetime) -> None:
    seed_prepared(unit, now)
    first = press(unit, house.leader, replace(ASKED, zones=["thon-tay"]), now)
    with pytest.raises(NotAllowed, match="other-village"):
        press(unit, house.head_east, Press(key="press-0002", kind=PressKind.ALL_CLEAR, follows=first.id), now)


REFUSED = [
    (replace(ASKED, zones=["thon-tay"]), "other-village"),
    (replace(ASKED, zones=[]), "no-zone"),
    (replace(ASKED, text="x" * 5_000), "too-long"),
    (replace(ASKED, text=" \n"), "empty"),
    (replace(ASKED, key="short"), "bad-key"),
    (replace(ASKED, template="khong-co"), "no-prepared"),
]


@pytest.mark.parametrize(("asked", "code"), REFUSED)
def test_what_cannot_be_aired_is_refused_and_kept(
    unit: Session, house: House, now: datetime, asked: Press, code: str
) -> None:
    with pytest.raises(BroadcastError) as refused:
        press(unit, house.head_east, asked, now)
    assert refused.value.code == code
    note_refusal(unit, house.head_east, asked, refused.value, now)
    kept = audit_of(unit, "refuse-press")[0]
    assert (kept.actor, kept.detail["why"], len(kept.detail["text"]) <= 200) == ("truongthon", code, True)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"pin_days": 0}, "pin-days"), ({"pin_days": 400}, "pin-days"), ({"confirm_minutes": 0}, "confirm-minutes")],
)
def test_a_policy_out_of_bounds_is_refused(
    unit: Session, house: House, now: datetime, change: dict[str, int], code: str
) -> None:
    policy = policy_of(unit)
    wrong = Policy(checks=policy.checks, **{"pin_days": 180, "confirm_minutes": 5, **change})
    with pytest.raises(InvalidInput, match=code):
        set_policy(unit, house.leader, wrong, now)
    with pytest.raises(NotAllowed):
        set_policy(unit, house.officer, policy, now)


def test_a_phone_tree_is_typed_one_person_a_line(unit: Session, house: House, now: datetime) -> None:
    typed = (
        "Nguyễn Văn An, trưởng thôn, 0912 345 678\n\nTrần Thị Bé, +84.98.765.4321\nÔng Tư, tổ 3, xóm Bãi, 02513-822-114"
    )
    people = set_contacts(unit, house.officer, "thon-dong", typed, now)
    assert people == [
        Contact("Nguyễn Văn An", "trưởng thôn", "0912345678"),
        Contact("Trần Thị Bé", "", "+84987654321"),
        Contact("Ông Tư", "tổ 3, xóm Bãi", "02513822114"),
    ]
    assert parse_contacts(say_contacts(people)) == people
    zone = house.head_east.zone_id
    assert zone is not None
    assert contacts_of(unit, [zone]) == {zone: people}
    assert set_contacts(unit, house.officer, "thon-dong", "Bà Năm, 0901000111", now)[0].name == "Bà Năm"
    assert len(contacts_of(unit, [zone])[zone]) == 1
    assert set_contacts(unit, house.leader, "thon-dong", " ", now) == []
    with pytest.raises(NotAllowed):
        set_contacts(unit, house.head_east, "thon-dong", typed, now)


@pytest.mark.parametrize(
    "line", ["Nguyễn Văn An", "An, trưởng thôn", ", 0912345678", "An, 12", "An, <script>", "An, 0912 34a"]
)
def test_a_line_without_a_name_or_a_number_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_contacts(f"Bà Năm, 0901000111\n{line}")
    assert "Dòng 2" in refused.value.message


def test_a_phone_tree_has_an_end() -> None:
    with pytest.raises(InvalidInput, match="too-many-contacts"):
        parse_contacts("Bà Năm, 0901000111\n" * 41)
