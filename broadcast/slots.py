"""The slots in a programme's greetings and closings: what changes from day to day. Pure."""

import re
from collections.abc import Mapping
from datetime import date

from broadcast.errors import InvalidInput
from broadcast.vietnamese_days import lunar_day, say_lunar

WEATHER = "{thời tiết}"
SLOTS = ("{xã}", "{thứ}", "{ngày}", "{âm lịch}", WEATHER)
_SLOT = re.compile(r"\{[^{}\n]*\}")
_WEEKDAYS = ("thứ hai", "thứ ba", "thứ tư", "thứ năm", "thứ sáu", "thứ bảy", "chủ nhật")


def check_slots(text: str, field: str) -> None:
    """Refuse what looks like a slot and is none.

    Raises:
        InvalidInput: it names the slot.
    """
    for slot in _SLOT.findall(text):
        if slot not in SLOTS:
            raise InvalidInput("unknown-slot", f"Không có ô “{slot}”. Có thể dùng: {', '.join(SLOTS)}.", field)


def fill_slots(text: str, commune_name: str, on: date, weather: str = "") -> str:
    """The text as it is said on a day. A line with a slot that has nothing to say is left out."""
    said: Mapping[str, str] = {
        "{xã}": commune_name,
        "{thứ}": _WEEKDAYS[on.weekday()],
        "{ngày}": f"ngày {on.day} tháng {on.month} năm {on.year}",
        WEATHER: weather,
    }
    if "{âm lịch}" in text:
        said = {**said, "{âm lịch}": say_lunar(lunar_day(on))}
    kept = [line for line in text.split("\n") if all(filling for slot, filling in said.items() if slot in line)]
    return _SLOT.sub(lambda found: said.get(found[0], found[0]), "\n".join(kept)).strip()
