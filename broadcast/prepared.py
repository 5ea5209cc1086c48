"""Prepared messages: what a press of one button says. Their slots are typed, each with words for when it is left empty.

So a message is whole, and spoken, before anybody needs it; who has the time fills in place, time and level.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import PreparedMessage, PreparedPurpose, User, row_id
from broadcast.permissions import Action, require
from broadcast.prepared_texts import DRAFTS, Draft
from broadcast.typed_text import MAX_EMERGENCY, clean_line, clean_slug, clean_text
from players.messages import MOST_PREPARED, Severity

MAX_SLOT = 80
MAX_SLOTS = 6
MOST_SAID = 3
LONGEST_PAUSE = 24 * 60
"""Minutes between two airings of one emergency."""
_SLOT = re.compile(r"\{([^{}\n]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")
_TIME = re.compile(
    r"(?P<hour>[01]?\d|2[0-3])(?::|\.|giờ|[hg])(?P<minute>[0-5]\d|rưỡi)?(?:phút|p)?(?P<part>sáng|trưa|chiều|tối|đêm)?"
)
_TIME_LENGTH = 18  # of "lúc 23 giờ 59 phút"
_MOST = 99_999


class SlotKind(StrEnum):
    """What may be typed into a slot."""

    TIME = "time"
    """A time of day, as "14:30" or "14h30"; it is said "lúc 14 giờ 30"."""
    PLACE = "place"
    LEVEL = "level"
    """One of the slot's choices."""
    NUMBER = "number"
    """A whole number from 0 to 99,999."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a message that is filled when it is raised."""

    name: str
    """In the text, between braces."""
    label: str
    kind: SlotKind
    default: str
    """Said when it is left empty."""
    choices: tuple[str, ...] = ()
    """Of a level."""


@dataclass(frozen=True, slots=True)
class PreparedForm:
    """What a person may change of a message."""

    title: str
    icon: str
    text: str
    slots: Sequence[Slot]
    severity: Severity
    said_times: int
    repeat_every_minutes: int | None
    repeat_opens: str | None
    repeat_closes: str | None
    is_active: bool


def seed_prepared(session: Session, now: datetime) -> int:
    """Give the commune the messages it has not got yet, as they are first offered; how many those were."""
    commune_id = row_id(get_commune(session).id)
    known = set(session.exec(select(PreparedMessage.key)))
    missing = [(place, draft) for place, draft in enumerate(DRAFTS) if draft.key not in known]
    session.add_all(_first(commune_id, place, draft) for place, draft in missing)
    if missing:
        record(session, now, "loalang", "seed-prepared", "prepared", {"keys": [draft.key for _, draft in missing]})
    session.flush()
    return len(missing)


def list_prepared(
    session: Session, purpose: PreparedPurpose | None = PreparedPurpose.ALERT, *, only_active: bool = True
) -> list[PreparedMessage]:
    """The messages for a purpose, or for all of them, in the order of their buttons."""
    query = select(PreparedMessage).order_by(col(PreparedMessage.position), col(PreparedMessage.id))
    if purpose is not None:
        query = query.where(PreparedMessage.purpose == purpose)
    if only_active:
        query = query.where(col(PreparedMessage.is_active))
    return list(session.exec(query))


def get_prepared(session: Session, key: str) -> PreparedMessage:
    """A message by its key, active or not.

    Raises:
        NotFound: there is none.
    """
    message = session.exec(select(PreparedMessage).where(PreparedMessage.key == key)).first()
    if message is None:
        raise NotFound("no-prepared", "Không có mẫu tin khẩn cấp này.")
    return message


def slots_of(message: PreparedMessage) -> tuple[Slot, ...]:
    """Its slots, in the order in which a page asks for them."""
    return tuple(
        Slot(slot["name"], slot["label"], SlotKind(slot["kind"]), slot["default"], tuple(slot["choices"]))
        for slot in message.slots
    )


def fill(message: PreparedMessage, values: Mapping[str, str] | None = None) -> str:
    """The text as it is said; a slot that is left empty says its default.

    Raises:
        InvalidInput: a value cannot be used, or is for no slot; `field` is the slot's name.
    """
    values = {name: value for name, value in (values or {}).items() if value.strip()}
    slots = {slot.name: slot for slot in slots_of(message)}
    for name in values.keys() - slots.keys():
        raise InvalidInput("unknown-slot", f"Mẫu tin này không có ô “{name[:MAX_SLOT]}”.", name[:MAX_SLOT])
    said = {name: _said(slot, values[name]) if name in values else slot.default for name, slot in slots.items()}
    text = _SLOT.sub(lambda found: said[found[1]], message.text)
    if len(text) > MAX_EMERGENCY and values:
        longest = max(values, key=lambda name: len(said[name]))
        raise InvalidInput(
            "too-long", f"Điền vào thì lời đọc quá dài. Hãy viết ô “{slots[longest].label}” ngắn hơn.", longest
        )
    return clean_text(text[:1].upper() + text[1:], "text", max_chars=MAX_EMERGENCY)


def add_prepared(session: Session, user: User, key: str, form: PreparedForm, now: datetime) -> PreparedMessage:
    """Add a button.

    Raises:
        NotAllowed: the user may not.
        Conflict: the key is taken, or the poles can hold no more.
        InvalidInput: a field cannot be used.
    """
    require(user, Action.EDIT_PREPARED)
    key = clean_slug(key, "key")
    if form.is_active:
        _require_room(session)
    if session.exec(select(PreparedMessage.id).where(PreparedMessage.key == key)).first() is not None:
        raise Conflict("prepared-exists", f"Đã có mẫu tin với tên ngắn «{key}».")
    places = [message.position for message in list_prepared(session, None, only_active=False)]
    message = PreparedMessage(
        commune_id=row_id(get_commune(session).id),
        key=key,
        position=max(places, default=-1) + 1,
        title="",
        icon="",
        text="",
    )
    return _changed(session, user, message, form, now, "add-prepared")


def edit_prepared(session: Session, user: User, key: str, form: PreparedForm, now: datetime) -> PreparedMessage:
    """Change what a button says. What is on the air already goes on as it was.

    Raises:
        NotFound: there is no such message.
        NotAllowed, InvalidInput: as `add_prepared`.
        Conflict: the server needs it (all-clear, correction, drill), so that it cannot be switched off; or it would be
            switched on, and the poles can hold no more.
    """
    require(user, Action.EDIT_PREPARED)
    message = get_prepared(session, key)
    if message.purpose is not PreparedPurpose.ALERT and not form.is_active:
        raise Conflict("prepared-needed", "Mẫu tin này luôn cần có, không tắt được.")
    if form.is_active and not message.is_active:
        _require_room(session)
    return _changed(session, user, message, form, now, "edit-prepared")


def _changed(
    session: Session, user: User, message: PreparedMessage, form: PreparedForm, now: datetime, action: str
) -> PreparedMessage:
    message.title = clean_line(form.title, "title", max_chars=60)
    message.icon = clean_slug(form.icon, "icon")
    message.slots = [asdict(slot) for slot in _checked_slots(form.slots)]
    message.text = _checked_text(form.text, form.slots)
    message.severity, message.is_active = form.severity, form.is_active
    message.said_times = _within(form.said_times, 1, MOST_SAID, "said_times")
    every = form.repeat_every_minutes
    message.repeat_every_minutes = None if every is None else _within(every, 1, LONGEST_PAUSE, "repeat_every_minutes")
    message.repeat_opens, message.repeat_closes = _checked_hours(form.repeat_opens, form.repeat_closes)
    _check_length(message.text, form.slots)
    session.add(message)
    session.flush()
    detail = message.model_dump(mode="json", exclude={"id", "commune_id", "key", "position"})
    record(session, now, user.username, action, message.key, detail)
    return message


def _require_room(session: Session) -> None:
    if len(list_prepared(session, None)) >= MOST_PREPARED:
        raise Conflict("prepared-full", f"Cụm loa giữ tối đa {MOST_PREPARED} mẫu tin. Hãy tắt bớt một mẫu.")


def _first(commune_id: int, place: int, draft: Draft) -> PreparedMessage:
    opens, closes = draft.repeat_hours or (None, None)
    return PreparedMessage(
        commune_id=commune_id,
        key=draft.key,
        purpose=draft.purpose,
        position=place,
        title=draft.title,
        icon=draft.icon,
        text=draft.text,
        slots=[dict(slot) for slot in draft.slots],
        severity=draft.severity,
        said_times=draft.said_times,
        repeat_every_minutes=draft.repeat_every_minutes,
        repeat_opens=opens,
        repeat_closes=closes,
    )


def _said(slot: Slot, value: str) -> str:
    value = clean_line(value, slot.name, max_chars=MAX_SLOT)
    match slot.kind:
        case SlotKind.TIME:
            found = _TIME.fullmatch(value.replace(" ", "").lower())
            if found is None:
                raise InvalidInput("bad-time", f"“{slot.label}” phải là giờ trong ngày, ví dụ 14:30.", slot.name)
            minute = 30 if found["minute"] == "rưỡi" else int(found["minute"] or 0)
            return f"lúc {_hour(int(found['hour']), found['part'])} giờ" + (f" {minute} phút" if minute else "")
        case SlotKind.NUMBER:
            digits = value.replace(".", "")
            if not (digits.isascii() and digits.isdigit()) or int(digits) > _MOST:
                raise InvalidInput("bad-number", f"“{slot.label}” phải là số nguyên từ 0 đến 99.999.", slot.name)
            return str(int(digits))
        case SlotKind.LEVEL:
            if value not in slot.choices:
                raise InvalidInput(
                    "bad-level", f"“{slot.label}” phải là một trong: {', '.join(slot.choices)}.", slot.name
                )
            return value
        case SlotKind.PLACE:
            return value


def _hour(hour: int, part: str | None) -> int:
    """The hour of the day, of one that is named with a part of the day: 5 giờ chiều is 17, 12 giờ đêm is 0."""
    if part is None or hour > 12:
        return hour
    if hour == 12:
        return 12 if part in {"trưa", "chiều"} else 0
    is_late = part in {"chiều", "tối"} or (part == "trưa" and hour < 10) or (part == "đêm" and hour > 6)
    return hour + 12 if is_late else hour


def _longest(slot: Slot) -> int:
    match slot.kind:
        case SlotKind.TIME:
            return _TIME_LENGTH
        case SlotKind.PLACE:
            return MAX_SLOT
        case SlotKind.NUMBER:
            return len(str(_MOST))
        case SlotKind.LEVEL:
            return max(map(len, slot.choices))


def _check_length(text: str, slots: Sequence[Slot]) -> None:
    """Whatever is filled in, it must be short enough to be said: it is too late to find out in the night."""
    longest = {slot.name: max(len(slot.default), _longest(slot)) for slot in slots}
    length = len(_SLOT.sub(lambda found: "x" * longest[found[1]], text))
    if length > MAX_EMERGENCY:
        message = f"Khi điền đầy các ô, lời đọc dài {length} ký tự; tối đa {MAX_EMERGENCY}. Hãy viết ngắn hơn."
        raise InvalidInput("too-long", message, "text")


def _checked_slots(slots: Sequence[Slot]) -> Sequence[Slot]:
    if len(slots) > MAX_SLOTS:
        raise InvalidInput("too-many-slots", f"Một mẫu tin có tối đa {MAX_SLOTS} ô.", "slots")
    names = [slot.name for slot in slots]
    for slot in slots:
        if not _NAME.fullmatch(slot.name) or names.count(slot.name) > 1:
            raise InvalidInput("bad-slot", "Tên ô chỉ gồm chữ thường không dấu và chữ số, không trùng nhau.", "slots")
        clean_line(slot.label, "slots", max_chars=MAX_SLOT)
        for said in (slot.default, *slot.choices):
            clean_line(said, "slots", max_chars=MAX_SLOT)
        if slot.kind is SlotKind.LEVEL and slot.default not in slot.choices:
            raise InvalidInput(
                "bad-slot", f"Lời mặc định của ô “{slot.label}” phải là một mức trong danh sách.", "slots"
            )
    return slots


def _checked_text(text: str, slots: Sequence[Slot]) -> str:
    text = clean_text(text, "text", max_chars=MAX_EMERGENCY)
    named, known = _SLOT.findall(text), {slot.name for slot in slots}
    for name in named:
        if name not in known:
            raise InvalidInput("unknown-slot", f"Mẫu tin này không có ô “{name}”.", "text")
    unused = sorted(known - set(named))
    if unused:
        raise InvalidInput("unused-slot", f"Nội dung chưa dùng ô “{unused[0]}”.", "text")
    return text


def _checked_hours(opens: str | None, closes: str | None) -> tuple[str | None, str | None]:
    if not opens and not closes:
        return None, None
    for hour in (opens, closes):
        if hour is None or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", hour):
            raise InvalidInput("bad-hours", "Giờ nhắc lại phải có cả hai, ví dụ 07:00 và 20:00.", "repeat_opens")
    if opens is not None and closes is not None and opens >= closes:
        raise InvalidInput("bad-hours", "Giờ bắt đầu nhắc lại phải trước giờ kết thúc.", "repeat_opens")
    return opens, closes


def _within(value: int, least: int, most: int, field: str) -> int:
    if not least <= value <= most:
        raise InvalidInput("out-of-range", f"Giá trị phải từ {least} đến {most}.", field)
    return value
