"""The slots of a template: `{tên ô: loại}`, filled by hand. Pure.

The kinds are `chữ` (which may be left out: `{nội dung}`), `giờ`, `ngày`, `nơi` and `số`. A question mark after the name
(`{ghi chú?}`) lets a slot stay empty: then its whole line is not said. A slot that comes twice is asked for once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from broadcast.errors import InvalidInput
from broadcast.typed_text import clean_line, clean_text

MAX_SLOTS = 20
MAX_SLOT_NAME = 60
MAX_LINE = 200
MAX_TEXT = 2_000
_SLOT = re.compile(r"\{([^{}\n]*)\}")
_TIME = re.compile(r"([01]?[0-9]|2[0-3])\s*(?:[:hg]|giờ)\s*([0-5][0-9])?(?:\s*phút)?", re.IGNORECASE)
_NUMBER = re.compile(r"([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,12})(,[0-9]{1,6})?")
_WEEKDAYS = ("thứ hai", "thứ ba", "thứ tư", "thứ năm", "thứ sáu", "thứ bảy", "chủ nhật")
_DAYS = ("%Y-%m-%d", "%d/%m/%Y")
_ENDS = ".!?…"


class SlotKind(StrEnum):
    """What may be typed into a slot; the value is how a template writes it."""

    TEXT = "chữ"
    TIME = "giờ"
    DATE = "ngày"
    PLACE = "nơi"
    NUMBER = "số"


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a template that is filled by hand."""

    name: str
    kind: SlotKind = SlotKind.TEXT
    is_optional: bool = False


def slots_in(*texts: str) -> tuple[Slot, ...]:
    """The slots of these texts, each once, in the order in which they come.

    Raises:
        InvalidInput: a slot has no name or an unknown kind, is there in two kinds, or there are too many.
    """
    found: dict[str, Slot] = {}
    for text in texts:
        for written in _SLOT.findall(text):
            slot = _slot(written)
            if found.setdefault(slot.name, slot) != slot:
                raise InvalidInput("slot-twice", f"Ô “{slot.name}” được ghi hai kiểu khác nhau.", "script")
    if len(found) > MAX_SLOTS:
        raise InvalidInput("too-many-slots", f"Mẫu tin có tối đa {MAX_SLOTS} ô.", "script")
    if any(sign in _SLOT.sub("", text) for text in texts for sign in "{}"):
        raise InvalidInput("open-slot", "Có dấu ngoặc nhọn chưa đóng. Ô ghi như {giờ họp: giờ}.", "script")
    return tuple(found.values())


def said_values(slots: tuple[Slot, ...], values: Mapping[str, str]) -> dict[str, str]:
    """What each slot says in the text; nothing for one that is left empty.

    Raises:
        InvalidInput: a value cannot be used, is missing, or is for no slot; `field` is the slot's name.
    """
    unknown = sorted(values.keys() - {slot.name for slot in slots})
    if unknown:
        raise InvalidInput("unknown-slot", f"Mẫu tin không có ô “{unknown[0][:MAX_SLOT_NAME]}”.", unknown[0])
    return {slot.name: _said(slot, values.get(slot.name, "")) for slot in slots}


def fill(text: str, said: Mapping[str, str]) -> str:
    """The text with its slots filled: lines without words for a slot are left out, lines begin with a capital."""
    lines = (_fill_line(line, said) for line in text.split("\n"))
    kept = "\n".join(line for line in lines if line is not None)
    return re.sub(r"\n{3,}", "\n\n", kept).strip()


def _slot(written: str) -> Slot:
    name, _, kind = (part.strip() for part in written.partition(":"))
    is_optional = name.endswith("?")
    name = " ".join(name.removesuffix("?").split())
    if not 1 <= len(name) <= MAX_SLOT_NAME:
        raise InvalidInput("unnamed-slot", "Mỗi ô cần một tên ngắn, như {giờ họp: giờ}.", "script")
    if kind and kind not in set(SlotKind):
        kinds = ", ".join(SlotKind)
        raise InvalidInput("unknown-kind", f"Không có loại ô “{kind[:20]}”. Có thể dùng: {kinds}.", "script")
    return Slot(name, SlotKind(kind) if kind else SlotKind.TEXT, is_optional)


def _said(slot: Slot, typed: str) -> str:
    if not typed.strip():
        if slot.is_optional:
            return ""
        raise InvalidInput("empty", f"Chưa điền ô “{slot.name}”.", slot.name)
    if slot.kind is SlotKind.TEXT:
        return clean_text(typed, slot.name, max_chars=MAX_TEXT)
    line = clean_line(typed, slot.name, max_chars=MAX_LINE)
    if slot.kind is SlotKind.TIME:
        return _said_time(slot, line)
    if slot.kind is SlotKind.DATE:
        return _said_day(slot, line)
    return _said_number(slot, line) if slot.kind is SlotKind.NUMBER else line


def _said_time(slot: Slot, line: str) -> str:
    found = _TIME.fullmatch(line)
    if found is None:
        raise InvalidInput("unknown-time", f"Giờ ở ô “{slot.name}” không đúng. Hãy gõ như 19:30.", slot.name)
    at = time(int(found[1]), int(found[2] or 0))
    return f"{at.hour} giờ {at.minute:02} phút" if at.minute else f"{at.hour} giờ"


def _said_day(slot: Slot, line: str) -> str:
    day = next((day for form in _DAYS if (day := _parsed(line, form)) is not None), None)
    if day is None:
        raise InvalidInput("unknown-day", f"Ngày ở ô “{slot.name}” không đúng. Hãy gõ như 05/09/2026.", slot.name)
    return f"{_WEEKDAYS[day.weekday()]}, ngày {day.day}/{day.month}/{day.year}"


def _parsed(line: str, form: str) -> date | None:
    try:
        return datetime.strptime(line, form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _said_number(slot: Slot, line: str) -> str:
    found = _NUMBER.fullmatch(line.replace(" ", ""))
    if found is None:
        raise InvalidInput("not-a-number", f"Ô “{slot.name}” cần một số, như 25.000 hoặc 2,5.", slot.name)
    whole = int(found[1].replace(".", ""))
    return f"{whole:,}".replace(",", ".") + (found[2] or "")


def _fill_line(line: str, said: Mapping[str, str]) -> str | None:
    pieces, end = [], 0
    for found in _SLOT.finditer(line):
        value = said[_slot(found[1]).name]
        if not value:
            return None
        rest = line[found.end() :]
        pieces += [line[end : found.start()], value.rstrip(_ENDS) if rest[:1] in _ENDS and rest else value]
        end = found.end()
    filled = "".join(pieces) + line[end:]
    return filled[:1].upper() + filled[1:]
