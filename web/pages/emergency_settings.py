"""What stands behind the emergency button: texts, phone trees, who must prove what, PINs; and all villages at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import PreparedMessage, User
from broadcast.permissions import Action, may
from broadcast.phone_tree import say_contacts, set_contacts
from broadcast.pins import PinState, pin_state, pin_states, reset_pin, set_pin
from broadcast.policy import Check, Policy, policy_of, set_policy
from broadcast.prepared import PreparedForm as Prepared
from broadcast.prepared import Slot, SlotKind, add_prepared, edit_prepared, get_prepared, list_prepared, slots_of
from broadcast.press_progress import Progress
from broadcast.users import list_users
from broadcast.zones import list_zones
from players.messages import Severity
from web.auth import Wait
from web.deps import Door, Fields, PostedForm, allowed
from web.emergency_part import VillageRow, villages_of
from web.emergency_view import recent_at
from web.errors import Refusal, refusal_of
from web.pages.sign_in import too_many
from web.templating import Page
from web.typed_days import parse_whole

router = APIRouter(prefix="/khan-cap", include_in_schema=False)
Editor = Annotated[Door, Depends(allowed(Action.EDIT_PREPARED))]
Caller = Annotated[Door, Depends(allowed(Action.RAISE_EMERGENCY))]
Ruler = Annotated[Door, Depends(allowed(Action.EDIT_RULES))]
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_USERS))]
ICONS: Mapping[str, str] = {
    "storm": "Bão",
    "flood": "Lũ, ngập",
    "dam": "Xả lũ",
    "fire": "Cháy",
    "child": "Trẻ em",
    "epidemic": "Dịch bệnh",
    "evacuate": "Sơ tán",
    "siren": "Còi báo động",
    "phone": "Điện thoại",
    "all-clear": "Hết nguy hiểm",
    "correction": "Đính chính",
    "drill": "Diễn tập",
}
EMPTY_SLOTS = 2
"""Rows for further slots on the form, so that it works without JavaScript."""
SEVERITY: Mapping[Severity, str] = {
    Severity.EXTREME: "Cực kỳ nguy hiểm",
    Severity.SEVERE: "Nguy hiểm",
    Severity.MODERATE: "Đáng lo",
    Severity.MINOR: "Nhẹ",
}
CHECK: Mapping[Check, str] = {
    Check.NOTHING: "Không hỏi thêm",
    Check.PIN: "Mã PIN",
    Check.SECOND_PERSON: "Người thứ hai xác nhận",
}
SLOT_KIND: Mapping[SlotKind, str] = {
    SlotKind.PLACE: "Nơi, người",
    SlotKind.TIME: "Giờ",
    SlotKind.LEVEL: "Mức",
    SlotKind.NUMBER: "Số",
}
_NEW = PreparedMessage(commune_id=0, key="", title="", icon="siren", text="")


@dataclass(frozen=True, kw_only=True)
class PreparedPage(Page):
    """All prepared messages."""

    template: ClassVar[str] = "emergency_prepared.html"
    messages: Sequence[PreparedMessage]
    severities: Mapping[Severity, str]


@dataclass(frozen=True, kw_only=True)
class PreparedEditPage(Page):
    """One of them, or a new one (without a key)."""

    template: ClassVar[str] = "emergency_prepared_edit.html"
    key: str
    typed_key: str
    """Of a new one that could not be kept."""
    form: Prepared
    slots: Sequence[Slot]
    icons: Mapping[str, str]
    severities: Mapping[Severity, str]
    kinds: Mapping[SlotKind, str]
    is_needed: bool
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class PhonesPage(Page):
    """A phone tree for each village."""

    template: ClassVar[str] = "emergency_phones.html"
    villages: Sequence[tuple[VillageRow, str]]
    problem_in: str = ""
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class PolicyPage(Page):
    """What the commune asks of who presses."""

    template: ClassVar[str] = "emergency_policy.html"
    policy: Policy
    severities: Mapping[Severity, str]
    checks: Mapping[Check, str]
    pins: Sequence[tuple[User, PinState]]
    may_reset: bool
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class PinPage(Page):
    """One's own PIN."""

    template: ClassVar[str] = "emergency_pin.html"
    state: PinState
    is_set: bool = False
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class VillagesPage(Page):
    """All villages at once, for the officer."""

    template: ClassVar[str] = "emergency_villages.html"
    villages: Sequence[VillageRow]
    recent: Sequence[Progress]
    may_rule: bool


@router.get("/cac-thon")
def show_villages(door: Editor) -> Response:
    """Where horns can be reached, what sounds, and whom to call."""
    with door.read() as session:
        villages = villages_of(door.station, session, list_zones(session))
        recent = recent_at(door, session)
    return door.show(VillagesPage(villages=villages, recent=recent, may_rule=may(door.user, Action.EDIT_RULES)))


@router.get("/mau")
def show_prepared(door: Editor) -> Response:
    """The list."""
    with door.read() as session:
        messages = list_prepared(session, None, only_active=False)
    return door.show(PreparedPage(messages=messages, severities=SEVERITY))


@router.get("/mau/moi")
def show_new(door: Editor) -> Response:
    """The form of a new one."""
    return _show_edit(door, _NEW)


@router.post("/mau/moi")
def add(form: PostedForm, door: Editor) -> Response:
    """Add one."""
    return _keep(door, form, "")


@router.get("/mau/{key}")
def show_edit(key: str, door: Editor) -> Response:
    """The form of one."""
    with door.read() as session:
        message = get_prepared(session, key)
    return _show_edit(door, message)


@router.post("/mau/{key}")
def edit(key: str, form: PostedForm, door: Editor) -> Response:
    """Change one."""
    return _keep(door, form, key)


@router.get("/danh-ba")
def show_phones(door: Editor) -> Response:
    """The phone trees."""
    return _show_phones(door)


@router.post("/danh-ba")
def keep_phones(form: PostedForm, door: Editor) -> Response:
    """Write a village's phone tree anew."""
    try:
        with door.work() as session:
            set_contacts(session, door.user, form.text("zone"), form.text("contacts"), door.now)
    except BroadcastError as error:
        return _show_phones(door, form, refusal_of(error))
    return door.go("/khan-cap/danh-ba", "da-luu-danh-ba")


@router.get("/quy-dinh")
def show_policy(door: Ruler) -> Response:
    """Who must prove what."""
    with door.read() as session:
        policy = policy_of(session)
    return _show_policy(door, policy)


@router.post("/quy-dinh")
def keep_policy(form: PostedForm, door: Ruler) -> Response:
    """Set it."""
    with door.read() as session:
        policy = policy_of(session)
    try:
        policy = replace(policy, checks={severity: _check_in(form, severity) for severity in Severity})
        policy = replace(policy, pin_days=parse_whole(form.text("pin_days"), "pin_days"))
        policy = replace(policy, confirm_minutes=parse_whole(form.text("confirm_minutes"), "confirm_minutes"))
        with door.work() as session:
            set_policy(session, door.user, policy, door.now)
    except BroadcastError as error:
        return _show_policy(door, policy, refusal_of(error))
    return door.go("/khan-cap/quy-dinh", "da-luu-quy-dinh")


@router.post("/quy-dinh/{username}/pin")
def take_pin(username: str, door: Administrator) -> Response:
    """Take somebody's PIN away, so that they set a new one."""
    with door.work() as session:
        reset_pin(session, username, door.now, door.user)
    return door.go("/khan-cap/quy-dinh", "da-xoa-pin")


@router.get("/pin")
def show_pin(door: Caller) -> Response:
    """One's own PIN."""
    return _show_pin(door)


@router.post("/pin")
def keep_pin(form: PostedForm, door: Caller) -> Response:
    """Set it: with one's password, tried as often as at the sign-in."""
    try:
        if form.text("pin") != form.text("again"):
            raise InvalidInput("pins-differ", "Hai lần gõ mã PIN không giống nhau.", "again")
        address = door.request.client.host if door.request.client else None
        if door.station.sign_in.check(door.user.username, form.text("password"), address, door.now) is None:
            raise InvalidInput("wrong-password", "Mật khẩu không đúng.", "password")
        with door.work() as session:
            set_pin(session, door.user, form.text("pin"), door.now)
    except Wait as error:
        return _show_pin(door, problem=too_many(error))
    except BroadcastError as error:
        return _show_pin(door, problem=refusal_of(error))
    return _show_pin(door, is_set=True)


def _keep(door: Door, form: Fields, key: str) -> Response:
    slots: Sequence[Slot] = ()
    prepared = _prepared_in(form, ())
    try:
        slots = _slots_in(form)
        prepared = replace(_prepared_in(form, slots), said_times=parse_whole(form.text("said_times"), "said_times"))
        prepared = replace(prepared, repeat_every_minutes=_minutes_in(form))
        with door.work() as session:
            if key:
                edit_prepared(session, door.user, key, prepared, door.now)
            else:
                add_prepared(session, door.user, form.text("key"), prepared, door.now)
    except BroadcastError as error:
        problem = refusal_of(error)
        page = _edit_page(key, prepared, slots, typed_key=form.text("key"), problem=problem)
        return door.show(page, problem.status)
    door.station.nudge()
    return door.go("/khan-cap/mau", "da-luu-mau")


def _prepared_in(form: Fields, slots: Sequence[Slot]) -> Prepared:
    severities = [one for one in Severity if one == form.text("severity")]
    return Prepared(
        title=form.text("title"),
        icon=form.text("icon"),
        text=form.text("text"),
        slots=slots,
        severity=severities[0] if severities else Severity.SEVERE,
        said_times=1,
        repeat_every_minutes=None,
        repeat_opens=form.text("repeat_opens") or None,
        repeat_closes=form.text("repeat_closes") or None,
        is_active=form.text("is_active") == "1",
    )


def _minutes_in(form: Fields) -> int | None:
    typed = form.text("repeat_every_minutes").strip()
    return parse_whole(typed, "repeat_every_minutes") if typed else None


def _slots_in(form: Fields) -> list[Slot]:
    """A row of the form for each slot; one without a name is left out."""
    fields = ("slot_name", "slot_label", "slot_kind", "slot_default", "slot_choices")
    rows = zip(*(form.many(field) for field in fields), strict=False)
    return [_slot_in(*(cell.strip() for cell in row)) for row in rows if row[0].strip()]


def _slot_in(name: str, label: str, kind: str, default: str, choices: str) -> Slot:
    kinds = [one for one in SlotKind if one == kind]
    if not kinds:
        raise InvalidInput("bad-slot", "Chưa chọn loại của ô.", "slots")
    return Slot(name, label, kinds[0], default, tuple(one.strip() for one in choices.split(";") if one.strip()))


def _show_edit(door: Door, message: PreparedMessage) -> Response:
    form = Prepared(
        title=message.title,
        icon=message.icon,
        text=message.text,
        slots=slots_of(message),
        severity=message.severity,
        said_times=message.said_times,
        repeat_every_minutes=message.repeat_every_minutes,
        repeat_opens=message.repeat_opens,
        repeat_closes=message.repeat_closes,
        is_active=message.is_active,
    )
    return door.show(_edit_page(message.key, form, form.slots, is_needed=message.purpose != "alert"))


def _edit_page(
    key: str,
    form: Prepared,
    slots: Sequence[Slot],
    *,
    is_needed: bool = False,
    typed_key: str = "",
    problem: Refusal | None = None,
) -> PreparedEditPage:
    empty = [Slot("", "", SlotKind.PLACE, "")] * EMPTY_SLOTS
    return PreparedEditPage(
        key=key,
        typed_key=typed_key,
        form=form,
        slots=[*slots, *empty],
        icons=ICONS,
        severities=SEVERITY,
        kinds=SLOT_KIND,
        is_needed=is_needed,
        problem=problem,
    )


def _show_phones(door: Door, form: Fields | None = None, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        villages = villages_of(door.station, session, list_zones(session))
    rows = [
        (
            village,
            form.text("contacts") if form and form.text("zone") == village.slug else say_contacts(village.contacts),
        )
        for village in villages
    ]
    page = PhonesPage(villages=rows, problem_in=form.text("zone") if form else "", problem=problem)
    return door.show(page, problem.status if problem else 200)


def _check_in(form: Fields, severity: Severity) -> Check:
    checks = [check for check in Check if check == form.text(f"check-{severity}")]
    if not checks:
        raise InvalidInput("unknown-check", "Chưa chọn cách xác nhận.", f"check-{severity}")
    return checks[0]


def _show_policy(door: Door, policy: Policy, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        states = pin_states(session, door.now)
        pressers = [user for user in list_users(session) if may(user, Action.RAISE_EMERGENCY)]
    page = PolicyPage(
        policy=policy,
        severities=SEVERITY,
        checks=CHECK,
        pins=[(user, states.get(user.id or 0, PinState.UNSET)) for user in pressers],
        may_reset=may(door.user, Action.MANAGE_USERS),
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)


def _show_pin(door: Door, *, is_set: bool = False, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        state = pin_state(session, door.user, door.now)
    page = PinPage(state=state, is_set=is_set, problem=problem)
    return door.show(page, problem.status if problem else 200, problem.headers if problem else None)
