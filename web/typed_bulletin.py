"""A bulletin's form as it was typed: nothing of it is lost when something is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

from broadcast.bulletin_parts import PartDraft
from broadcast.errors import InvalidInput
from broadcast.models import PartKind
from broadcast.typed_text import MAX_SCRIPT
from players.messages import Urgency
from tts.normalize import detect_legacy
from web.deps import Fields
from web.part_list import MAIN, TypedPart, drafts_in, parts_typed_in, written_in


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The fields of the form."""

    title: str = ""
    script: str = ""
    chosen_zones: Sequence[str] = ()
    when: str = "at"
    on: str = ""
    minute: str = ""
    chosen_programmes: Sequence[int] = ()
    urgency: str = Urgency.NORMAL.value
    is_read_twice: bool = False
    parts: Sequence[TypedPart] = ()

    @property
    def written(self) -> str:
        """All texts in their order."""
        return written_in(self.script, self.parts)

    @property
    def is_sayable(self) -> bool:
        """Whether there is anything to say, and not too much of it."""
        return bool(self.written.strip() or self.parts) and len(self.written) <= MAX_SCRIPT


def typed_in(form: Fields) -> Typed:
    """The form's fields, as text."""
    return Typed(
        title=form.text("title"),
        script=form.text("script"),
        chosen_zones=tuple(form.many("zones")),
        when=form.text("when"),
        on=form.text("on"),
        minute=form.text("minute"),
        chosen_programmes=tuple(int(text) for text in form.many("programmes") if text.isdecimal()),
        urgency=form.text("urgency"),
        is_read_twice=bool(form.text("is_read_twice")),
        parts=parts_typed_in(form),
    )


class Draft(TypedDict):
    """What was typed, as `write_bulletin` and `edit_bulletin` take it."""

    title: str
    script: str
    urgency: Urgency
    zones: Sequence[str]
    airs_at: datetime | None
    airs_now: bool
    programmes: Sequence[int]
    is_read_twice: bool
    parts: Sequence[PartDraft]


def draft_in(typed: Typed, zone: ZoneInfo) -> Draft:
    """What was typed, as the house takes it.

    Raises:
        InvalidInput: the day, the time or the urgency is not one.
    """
    if typed.urgency not in {Urgency.NORMAL, Urgency.PRIORITY}:
        raise InvalidInput("unknown-urgency", "Mức độ không hợp lệ.", "urgency")
    return Draft(
        title=typed.title,
        script=typed.script,
        urgency=Urgency(typed.urgency),
        zones=typed.chosen_zones,
        airs_at=parse_local(typed.on, typed.minute, zone) if typed.when == "at" and typed.on + typed.minute else None,
        airs_now=typed.when == "now",
        programmes=typed.chosen_programmes,
        is_read_twice=typed.is_read_twice,
        parts=drafts_in(typed.script, typed.parts),
    )


def parse_local(on: str, minute: str, zone: ZoneInfo) -> datetime:
    """A day (`2026-09-05`) and a time (`05:30`) of the commune, as an instant.

    Raises:
        InvalidInput: there is no such day or no such time.
    """
    try:
        return datetime.strptime(f"{on} {minute}", "%Y-%m-%d %H:%M").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("unknown-time", "Ngày hoặc giờ phát không đúng.", "airs_at") from error


def in_unicode(typed: Typed) -> Typed:
    """What was typed in an old encoding, in Unicode."""
    title, script = detect_legacy(typed.title), detect_legacy(typed.script)
    return replace(
        typed,
        title=title.converted if title else typed.title,
        script=script.converted if script else typed.script,
    )


def with_words(typed: Typed, at: str, spoken: str) -> Typed:
    """The text with a span written as it is to be said, this once. What is not there any more changes nothing.

    Args:
        typed: the form.
        at: where the span stands in all that is written (`web.reading.Piece.at`).
        spoken: the words.
    """
    start, _, end = at.partition("-")
    if not (start.isdecimal() and end.isdecimal() and len(at) < 20):
        return typed
    first, last = int(start), int(end)
    if not drafts_in(typed.script, typed.parts):
        return replace(typed, script=_put_in(typed.script.replace("\r\n", "\n"), first, last, spoken))
    begins, rows = 0, list(typed.parts)
    for number, row in enumerate(rows):
        text = (typed.script if row.kind == MAIN else row.text).replace("\r\n", "\n").strip()
        if row.kind == PartKind.RECORDED or not text:
            continue
        if begins <= first and last <= begins + len(text):
            text = _put_in(text, first - begins, last - begins, spoken)
            if row.kind == MAIN:
                return replace(typed, script=text)
            rows[number] = replace(row, text=text)
            return replace(typed, parts=tuple(rows))
        begins += len(text) + len("\n\n")
    return typed


def _put_in(text: str, first: int, last: int, words: str) -> str:
    return text[:first] + words + text[last:] if first < last <= len(text) else text
