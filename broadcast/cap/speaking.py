"""What is said of a message: a Vietnamese template, short enough to be heard. Pure."""

import re
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from broadcast.cap.model import Info
from broadcast.typed_text import MAX_EMERGENCY, MAX_TITLE

_LINK = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")
_FOLLOW = "Bà con theo dõi thông báo tiếp theo trên loa."
_LONGEST_PLACE = 160


def spoken_of(info: Info, source: str, now: datetime, zone: ZoneInfo) -> str:
    """Who says it, what happens, where, from when, what it is like, what to do: at most 600 characters.

    What to do is said whole before what it is like. `source` is named when the message does not say who sends it.
    """
    headline, event = plain(info.headline), plain(info.event)
    what = headline if event.casefold() in headline.casefold() else f"{event}. {headline}" if headline else event
    opening = ["Thông báo khẩn cấp.", f"{_bare(plain(info.sender_name) or source)} thông báo:", _sentence(what)]
    if place := places_of(info):
        opening.append(_sentence(f"Khu vực: {_cut(place, _LONGEST_PLACE)}"))
    if info.onset is not None and info.onset > now:
        opening.append(f"Dự kiến từ {_hour(info.onset.astimezone(zone))}.")
    first = _cut(" ".join(opening), MAX_EMERGENCY - len(_FOLLOW) - 1)
    room, asks = MAX_EMERGENCY - len(first) - 1, plain(info.instruction)
    asked = _sentences(asks, room) or _cut(asks, room) or _FOLLOW
    left = MAX_EMERGENCY - len(first) - len(asked) - 2
    return " ".join(part for part in (first, _sentences(plain(info.description), left), asked) if part)


def said_when_cancelled(title: str, source: str, info: Info | None) -> str:
    """What is said where a message was aired that its source takes back."""
    begins = (
        f"{_bare(plain(info.sender_name) if info and info.sender_name else source)} thông báo: hủy tin {_bare(title)}"
    )
    first = f"{_cut(begins, MAX_EMERGENCY // 2)}, đã phát trước đó."
    more = plain(f"{info.description} {info.instruction}") if info else ""
    return " ".join(part for part in (first, _sentences(more, MAX_EMERGENCY - len(first) - 1) or _FOLLOW) if part)


def title_of(info: Info) -> str:
    """A message's title on the screens."""
    return _cut(plain(info.headline) or plain(info.event) or "Tin không có tiêu đề", MAX_TITLE)


def places_of(info: Info) -> str:
    """Where, in the message's own words."""
    return "; ".join(dict.fromkeys(plain(area.description) for area in info.areas))


def text_of(info: Info) -> str:
    """All that a message says, for who reads it."""
    parts = (info.headline, info.event, places_of(info), info.description, info.instruction)
    return "\n".join(dict.fromkeys(part for part in map(plain, parts) if part))


def plain(text: str) -> str:
    """One line of text as it can be spoken: no addresses, no signs that control something."""
    kept = (sign for sign in unicodedata.normalize("NFC", _LINK.sub(" ", text)))
    seen = "".join(" " if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} else sign for sign in kept)
    return " ".join(seen.split())


def _hour(at: datetime) -> str:
    return f"{at.hour}h{at.minute:02} ngày {at.day}/{at.month}/{at.year}"


def _bare(text: str) -> str:
    return text.rstrip(" .:;,!")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{_bare(text)}."


def _sentences(text: str, room: int) -> str:
    """As many whole sentences as there is room for."""
    kept = ""
    for one in _SENTENCE.split(text):
        longer = f"{kept} {_sentence(one)}".strip() if one else kept
        if len(longer) > room:
            break
        kept = longer
    return kept


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
