"""The commune's lexicon and its way of saying numbers. Each change says which waiting broadcasts it touches."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from broadcast.errors import Conflict
from broadcast.lexicon import (
    MAX_NOTE,
    MAX_SPOKEN,
    MAX_WRITTEN,
    add_word,
    change_word,
    check_word,
    list_words,
    remove_word,
)
from broadcast.lexicon_table import MAX_TABLE, SEEN_ANOTHER, bring_in, plan_table, take_out
from broadcast.models import LexiconEntry, row_id
from broadcast.permissions import Action
from broadcast.reading_rules import rules_of, set_style
from broadcast.rereading import LEFT_ALONE_TEXTS, LeftAlone, Touched
from web.api.schemas import Sent
from web.deps import Door, allowed, scoped
from web.errors import answers
from web.teaching import change_rules

router = APIRouter(prefix="/api", tags=["reading"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]
EDITORS = [Depends(allowed(Action.EDIT_LEXICON))]
Counted = Annotated[int, Field(ge=1, le=2**31 - 1)]
WordId = Annotated[int, Path(ge=1, le=2**31 - 1)]


class WordRequest(Sent):
    """How a word is said: letters, spaces and commas, as the voice is to say them.

    In capitals only ("CTĐ") it is meant so; otherwise ("Nà Lạc") it is found in any case.
    """

    written: str = Field(max_length=4 * MAX_WRITTEN)
    spoken: str = Field(max_length=4 * MAX_SPOKEN)
    note: str = Field(default="", max_length=4 * MAX_NOTE)


class WordChange(WordRequest):
    """A word as it is to be from now on, and the revision that was read."""

    revision: Counted


class WordReply(BaseModel):
    """An entry of the lexicon. It changes only for who names its `revision`."""

    id: int
    written: str
    spoken: str
    note: str
    revision: int
    edited_at: AwareDatetime


class WordsReply(BaseModel):
    """All words, in the order of the Vietnamese alphabet."""

    words: list[WordReply]


class TouchedReply(BaseModel):
    """A broadcast that would be read otherwise now. Its clip is made anew, unless `left_alone` says why not."""

    broadcast: str
    title: str
    starts_at: AwareDatetime | None
    bulletin: str | None
    left_alone: LeftAlone | None
    left_alone_text: str


class ChangeReply(BaseModel):
    """The word as it is now (none: removed), and the waiting broadcasts that are touched."""

    word: WordReply | None
    touched: list[TouchedReply]


class TableRequest(Sent):
    """A table: a word a line; written, spoken and note apart by tabs. Words that it does not name stay."""

    tsv: str = Field(max_length=MAX_TABLE)
    preview: bool = False
    """Say what would change, and change nothing."""
    seen: str | None = Field(default=None, max_length=64)
    """The preview's `seen`: refused with 409 when the lexicon has changed since."""


class TableReply(BaseModel):
    """What the table changes, or would change."""

    done: bool
    added: list[str]
    changed: list[str]
    unchanged: int
    errors: list[str]
    """By line, in Vietnamese; only a preview has any."""
    seen: str
    touched: list[TouchedReply]


class StyleBody(Sent):
    """How numbers are said where more than one way is right."""

    thousand: Literal["nghìn", "ngàn"] = "nghìn"
    """1.000."""
    gap: Literal["linh", "lẻ"] = "linh"
    """105."""
    four: Literal["tư", "bốn"] = "tư"
    """24."""
    early_days: Literal["", "mùng", "mồng"] = ""
    """Before the first ten days of a month."""


class StyleReply(BaseModel):
    """The style that holds now, and the waiting broadcasts that are touched."""

    style: StyleBody
    touched: list[TouchedReply]


@router.get("/lexicon", responses=answers(401, 403))
def read_lexicon(door: Reader) -> WordsReply:
    """The commune's words."""
    with door.read() as session:
        return WordsReply(words=[_word(entry) for entry in list_words(session)])


@router.post("/lexicon", status_code=201, responses=answers(401, 403, 409, 413, 422), dependencies=EDITORS)
def add(asked: WordRequest, door: Writer) -> ChangeReply:
    """Add a word."""
    word = check_word(asked.written, asked.spoken, asked.note)
    entry, touched = change_rules(door, lambda session: add_word(session, word, door.user, door.now))
    return ChangeReply(word=_word(entry), touched=_touched(touched))


@router.get(
    "/lexicon/export",
    response_class=Response,
    responses={**answers(401, 403), 200: {"content": {"text/tab-separated-values": {"schema": {"type": "string"}}}}},
)
def export(door: Reader) -> Response:
    """All words as a table; brought into an empty lexicon it comes out the same, byte for byte."""
    with door.read() as session:
        return Response(take_out(session), media_type="text/tab-separated-values")


@router.post("/lexicon/import", responses=answers(401, 403, 409, 413, 422), dependencies=EDITORS)
def bring_table_in(asked: TableRequest, door: Writer) -> TableReply:
    """Bring in a table, all of it or, when one line cannot be used, nothing."""
    with door.read() as session:
        plan = plan_table(session, asked.tsv)
    if asked.seen is not None and asked.seen != plan.seen:
        raise Conflict("edited-since", SEEN_ANOTHER)
    touched: Sequence[Touched] = ()
    if not asked.preview:
        _, touched = change_rules(door, lambda session: bring_in(session, plan, door.user, door.now))
    return TableReply(
        done=not asked.preview,
        added=[change.word.written for change in plan.changes if change.entry is None],
        changed=[change.word.written for change in plan.changes if change.entry is not None],
        unchanged=plan.unchanged,
        errors=list(plan.errors),
        seen=plan.seen,
        touched=_touched(touched),
    )


@router.put("/lexicon/{word_id}", responses=answers(401, 403, 404, 409, 413, 422), dependencies=EDITORS)
def change(word_id: WordId, asked: WordChange, door: Writer) -> ChangeReply:
    """Change a word that is still at the revision that was read."""
    word = check_word(asked.written, asked.spoken, asked.note)
    entry, touched = change_rules(
        door, lambda session: change_word(session, word_id, word, asked.revision, door.user, door.now)
    )
    return ChangeReply(word=_word(entry), touched=_touched(touched))


@router.delete("/lexicon/{word_id}", responses=answers(401, 403, 404, 409, 422), dependencies=EDITORS)
def remove(word_id: WordId, revision: Annotated[int, Query(ge=1, le=2**31 - 1)], door: Writer) -> ChangeReply:
    """Remove a word that is still at the revision that was read: what is built in holds again."""
    _, touched = change_rules(door, lambda session: remove_word(session, word_id, revision, door.user, door.now))
    return ChangeReply(word=None, touched=_touched(touched))


@router.get("/reading-style", responses=answers(401, 403))
def read_style(door: Reader) -> StyleReply:
    """How this commune says numbers."""
    with door.read() as session:
        return StyleReply(style=StyleBody(**asdict(rules_of(session).reading_style)), touched=[])


@router.put("/reading-style", responses=answers(401, 403, 413, 422, 507), dependencies=EDITORS)
def change_style(asked: StyleBody, door: Writer) -> StyleReply:
    """Say numbers so from now on; what is left out is as in the north."""
    style = asked.model_dump()
    _, touched = change_rules(door, lambda session: set_style(session, style, door.user, door.now))
    return StyleReply(style=asked, touched=_touched(touched))


def _word(entry: LexiconEntry) -> WordReply:
    return WordReply(
        id=row_id(entry.id),
        written=entry.written,
        spoken=entry.spoken,
        note=entry.note,
        revision=entry.revision,
        edited_at=entry.edited_at,
    )


def _touched(found: Sequence[Touched]) -> list[TouchedReply]:
    return [
        TouchedReply(
            broadcast=one.broadcast,
            title=one.title,
            starts_at=one.starts_at,
            bulletin=one.bulletin,
            left_alone=one.left_alone,
            left_alone_text=LEFT_ALONE_TEXTS[one.left_alone] if one.left_alone else "",
        )
        for one in found
    ]
