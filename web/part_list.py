"""The parts of a bulletin in its form and on its page. The text typed in the large field is one of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from broadcast.bulletin_parts import PartDraft, PartView, parts_of_bulletin, said_of_drafts
from broadcast.bulletins import get_bulletin
from broadcast.languages import say_language
from broadcast.models import Bulletin, PartKind, User
from broadcast.recordings import list_recordings
from broadcast.typed_text import MAX_SCRIPT, clean_text
from web.deps import Fields

MAIN = "script"
"""The kind of the part that is typed in the large field."""
_ADD, _UP, _DOWN, _REMOVE = "part-add-", "part-up-", "part-down-", "part-remove-"


@dataclass(frozen=True, slots=True)
class TypedPart:
    """A row of the form: the large field's place, another text, or a recording by its id."""

    kind: str
    text: str = ""
    recording: str = ""


@dataclass(frozen=True, slots=True)
class RecordingChoice:
    """A recording that can be chosen."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A part as the bulletin's page shows it."""

    kind: str
    script: str
    name: str
    language_name: str
    clip: str
    duration_ms: int


def parts_typed_in(form: Fields) -> tuple[TypedPart, ...]:
    """The rows as they were sent; none when there is only the large field."""
    rows = zip(form.many("part_kind"), form.many("part_text"), form.many("part_recording"), strict=False)
    parts = tuple(TypedPart(*row) for row in rows if row[0] in {MAIN, *PartKind})
    return parts if [part.kind for part in parts].count(MAIN) == 1 and len(parts) > 1 else ()


def is_part_act(act: str) -> bool:
    """Whether a button of the rows was pressed."""
    return act.startswith("part-")


def act_on_parts(parts: Sequence[TypedPart], act: str) -> tuple[TypedPart, ...]:
    """The rows after a button: added, moved by one, removed. A button that fits no row changes nothing."""
    rows = list(parts) or [TypedPart(MAIN)]
    if act.startswith(_ADD) and act.removeprefix(_ADD) in set(PartKind):
        rows.append(TypedPart(act.removeprefix(_ADD)))
    verb, _, place = act.rpartition("-")
    number = int(place) if place.isdecimal() and len(place) < 3 else -1
    if not 0 <= number < len(rows):
        return tuple(rows)
    other = {_UP: number - 1, _DOWN: number + 1}.get(f"{verb}-", -1)
    if f"{verb}-" == _REMOVE and rows[number].kind != MAIN:
        del rows[number]
    elif 0 <= other < len(rows):
        rows[number], rows[other] = rows[other], rows[number]
    return tuple(rows) if len(rows) > 1 else ()


def drafts_in(script: str, parts: Sequence[TypedPart]) -> tuple[PartDraft, ...]:
    """What was typed, as the house takes it: empty texts left out; none when only the large field holds something."""
    drafts = tuple(
        PartDraft(recording=part.recording)
        if part.kind == PartKind.RECORDED
        else PartDraft(script if part.kind == MAIN else part.text)
        for part in parts
    )
    filled = tuple(draft for draft in drafts if draft.recording is not None or draft.script.strip())
    return filled if len(filled) > 1 or any(draft.recording is not None for draft in filled) else ()


def written_in(script: str, parts: Sequence[TypedPart]) -> str:
    """All that is written, in its order, as it is kept and read."""
    texts = [part.script.strip() for part in drafts_in(script, parts) if part.recording is None]
    return "\n\n".join(texts) if texts else script


def said_in(session: Session, user: User, script: str, parts: Sequence[TypedPart], bulletin_id: str) -> str:
    """What would be rendered of what was typed.

    Raises:
        NotFound: the bulletin is not this user's to see.
        InvalidInput: a text or a recording cannot be used.
    """
    drafts = drafts_in(script, parts)
    if not drafts:
        return clean_text(written_in(script, parts), "script", max_chars=MAX_SCRIPT)
    bulletin = get_bulletin(session, bulletin_id, user) if bulletin_id else None
    return said_of_drafts(session, user, drafts, bulletin)


def typed_of(session: Session, bulletin: Bulletin) -> tuple[str, tuple[TypedPart, ...]]:
    """The large field's text and the rows of a stored bulletin: its first text is in the large field."""
    script, rows = "", []
    for part in parts_of_bulletin(session, bulletin):
        if part.kind is PartKind.RECORDED:
            rows.append(TypedPart(PartKind.RECORDED, recording=part.recording))
        elif not script:
            script = part.script
            rows.append(TypedPart(MAIN))
        else:
            rows.append(TypedPart(PartKind.TEXT, part.script))
    if not script:
        rows.insert(0, TypedPart(MAIN))
    return script, tuple(rows) if len(rows) > 1 else ()


def choices_for(session: Session, user: User, bulletin_id: str) -> list[RecordingChoice]:
    """The recordings a user can put in: those they may hear, and those that are in the bulletin already."""
    choices = {
        one.id: RecordingChoice(one.id, f"{one.name} ({say_language(one.language)})")
        for one in list_recordings(session, user)
    }
    if bulletin_id:
        for part in parts_of_bulletin(session, get_bulletin(session, bulletin_id, user)):
            if part.recording:
                label = f"{part.name} ({say_language(part.language)})"
                choices.setdefault(part.recording, RecordingChoice(part.recording, label))
    return list(choices.values())


def shown(parts: Sequence[PartView]) -> list[ShownPart]:
    """The parts of a bulletin that is more than one text; none of another."""
    if len(parts) == 1 and parts[0].kind is PartKind.TEXT:
        return []
    return [
        ShownPart(part.kind, part.script, part.name, say_language(part.language), part.clip, part.duration_ms)
        for part in parts
    ]
