"""Writing a bulletin, with how it will be read beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Protocol
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Response
from sqlmodel import Session
from starlette.responses import RedirectResponse

from broadcast.approval import approvers_of
from broadcast.approval_rules import RULED
from broadcast.bulletins import (
    BulletinDraft,
    edit_bulletin,
    get_bulletin,
    submit_bulletin,
    write_bulletin,
    zones_of_bulletin,
)
from broadcast.errors import BroadcastError
from broadcast.models import Bulletin, BulletinState
from broadcast.permissions import Action, may
from broadcast.placements import programmes_of
from broadcast.programmes import list_programmes
from broadcast.reading_rules import rules_of
from broadcast.typed_text import MAX_SCRIPT
from broadcast.zones import list_zones
from players.messages import Urgency
from tts.normalize import detect_legacy
from web.cost import Cost, cost_of
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.pages.listen import ListenFragment, Sound, hear, wait_for_sound
from web.paper import Paper, is_turn, paper_of, turn
from web.part_list import (
    RecordingChoice,
    act_on_parts,
    choices_for,
    is_part_act,
    said_in,
    typed_of,
)
from web.reading import Reading, reading_of
from web.sentences import SaidSentence, hear_sentences, require_words
from web.teaching import CHOSEN_ROW, Taught, is_teaching, teach, word_in
from web.templating import Page
from web.typed_bulletin import Typed, draft_in, in_unicode, typed_in, with_words
from web.words import URGENCY

router = APIRouter(include_in_schema=False)
Writer = Annotated[Door, Depends(allowed(Action.WRITE_BULLETIN))]


class ZoneChoice(Protocol):
    """A village that can be chosen; with an outline also on the map."""

    slug: str
    name: str
    outline: list[list[float]]


class ProgrammeChoice(Protocol):
    """A programme that can be chosen."""

    id: int | None
    name: str


@dataclass(frozen=True, kw_only=True)
class ComposePage(Page, Typed):
    """The form beside the reading."""

    template: ClassVar[str] = "compose.html"
    bulletin_id: str = ""
    revision: int = 0
    return_reason: str | None = None
    zones: Sequence[ZoneChoice] = ()
    programmes: Sequence[ProgrammeChoice] = ()
    reading: Reading | None = None
    cost: Cost | None = None
    taught: Taught | None = None
    sound: Sound | None = None
    sentences: Sequence[SaidSentence] = ()
    problem: Refusal | None = None
    paper: Paper | None = None
    recordings: Sequence[RecordingChoice] = ()
    max_paper_bytes: int = 0
    approvers: Mapping[str, Sequence[str]]
    """Who could approve it, by urgency."""


@dataclass(frozen=True, kw_only=True)
class CostFragment(Page):
    """How long the typed text is, what that takes of the villages' day, and what it would meet."""

    template: ClassVar[str] = "cost.html"
    cost: Cost | None


@dataclass(frozen=True, kw_only=True)
class ReadingFragment(Page):
    """How the typed text will be read."""

    template: ClassVar[str] = "reading.html"
    reading: Reading | None
    taught: Taught | None = None


@dataclass(frozen=True, kw_only=True)
class SentencesFragment(Page):
    """The sentences of a text, each with its sound; or why there is none."""

    template: ClassVar[str] = "sentences.html"
    sentences: Sequence[SaidSentence]
    sound: Sound | None


@dataclass(frozen=True)
class Sheet:
    """A bulletin's form between request and answer."""

    typed: Typed
    bulletin_id: str = ""
    revision: int = 0
    return_reason: str | None = None
    chosen: str = ""
    """Where the span stands that is looked at."""
    taught: Taught | None = None
    sound: Sound | None = None
    sentences: Sequence[SaidSentence] = ()
    problem: Refusal | None = None


@router.get("/soan")
def new_bulletin(door: Writer) -> Response:
    """An empty form."""
    return show_sheet(door, Sheet(Typed()))


@router.post("/soan/doc")
def read_typed(form: PostedForm, door: Writer) -> Response:
    """How the text is read, while it is typed."""
    return door.show(ReadingFragment(reading=_read_typed(door, typed_in(form).written)))


@router.post("/soan/cho")
def look_at_span(form: PostedForm, door: Writer) -> Response:
    """How the text is read, with one changed span looked at."""
    return door.show(ReadingFragment(reading=_read_typed(door, typed_in(form).written, form.text("span"))))


@router.post("/soan/uoc")
def reckon_typed(form: PostedForm, door: Writer) -> Response:
    """How long the text is and what it would meet, while it is typed."""
    return door.show(CostFragment(cost=cost_of(door, typed_in(form), form.text("bulletin"))))


@router.post("/soan/luon-doc")
def teach_typed(form: PostedForm, door: Writer) -> Response:
    """Keep the reading of a doubtful span for good, or let it be heard, beside the form."""
    taught = teach(door, form)
    reading = _read_typed(door, typed_in(form).written, _still_chosen(form))
    return door.show(ReadingFragment(reading=reading, taught=taught))


@router.post("/soan/nghe")
def listen_typed(form: PostedForm, door: Writer) -> Response:
    """The sound of the text, beside the form."""
    return door.show(ListenFragment(sound=_hear_typed(door, typed_in(form), form.text("bulletin"), plays=True)))


@router.post("/soan/nghe-cau")
def listen_sentences(form: PostedForm, door: Writer) -> Response:
    """The text sentence by sentence, beside the form: the first is heard while the others are made."""
    sheet = _with_sentences(door, Sheet(typed_in(form), form.text("bulletin")))
    return door.show(SentencesFragment(sentences=sheet.sentences, sound=sheet.sound))


@router.get("/soan/cau/{key}")
def send_sentence(key: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")], door: Writer) -> Response:
    """The sound of one sentence, waited for."""
    sound = wait_for_sound(door, key)
    if not sound.clip:
        raise Refusal(404, "no-clip", sound.problem)
    return RedirectResponse(f"/clips/{sound.clip}", 303)


@router.get("/soan/{bulletin_id}")
def open_bulletin(bulletin_id: str, door: Writer) -> Response:
    """A bulletin in the form, to be changed."""
    with door.read() as session:
        sheet = _sheet_of(session, get_bulletin(session, bulletin_id, door.user), door.zone)
    return show_sheet(door, sheet)


@router.post("/soan")
def keep_new(form: PostedForm, door: Writer) -> Response:
    """Keep, submit, read or listen to a new bulletin."""
    return _keep(door, form, Sheet(typed_in(form)))


@router.post("/soan/{bulletin_id}")
def keep_changed(bulletin_id: str, form: PostedForm, door: Writer) -> Response:
    """Keep, submit, read or listen to a changed bulletin."""
    revision = form.text("revision")
    with door.read() as session:
        get_bulletin(session, bulletin_id, door.user)
    return _keep(door, form, Sheet(typed_in(form), bulletin_id, int(revision) if revision.isdecimal() else 0))


def read_script(door: Door, script: str, teach_path: str = "", chosen: str = "") -> Reading | None:
    """How a text is read in this commune; none when there is nothing.

    Args:
        door: who asks.
        script: the text.
        teach_path: where the page has the list of doubts acted on; empty where it does not.
        chosen: where the span stands that is looked at.
    """
    script = script.replace("\r\n", "\n")  # as it is stored
    if not script.strip():
        return None
    if len(script) > MAX_SCRIPT:
        return Reading(too_long=len(script))
    with door.read() as session:
        rules = rules_of(session)
    legacy = detect_legacy(script)
    return reading_of(
        rules.read(script),
        legacy=legacy.encoding.value if legacy else "",
        teach_path=teach_path if may(door.user, Action.EDIT_LEXICON) else "",
        chosen=chosen,
    )


def _read_typed(door: Door, script: str, chosen: str = "") -> Reading | None:
    reading = read_script(door, script, "/soan/luon-doc", chosen)
    return replace(reading, may_convert=bool(reading.legacy), may_choose=True) if reading else None


def _still_chosen(form: Fields) -> str:
    """A span that is only listened to goes on being looked at."""
    return form.text("span") if form.text("try") == CHOSEN_ROW else ""


def _keep(door: Door, form: Fields, sheet: Sheet) -> Response:
    act = form.text("act")
    shown = _shown_again(door, form, sheet)
    if shown is not None:
        return show_sheet(door, shown)
    try:
        bulletin_id = _store(door, sheet, submits=act == "submit")
    except BroadcastError as error:
        return show_sheet(door, replace(sheet, problem=refusal_of(error)))
    if act == "submit":
        return door.go(f"/ban-tin/{bulletin_id}", "da-gui")
    return door.go(f"/soan/{bulletin_id}", "da-luu")


def _shown_again(door: Door, form: Fields, sheet: Sheet) -> Sheet | None:
    """The form as a button has it shown again, without keeping anything; none when it is to be kept."""
    act, typed = form.text("act"), sheet.typed
    if is_teaching(form):
        return replace(sheet, taught=teach(door, form), chosen=_still_chosen(form))
    if is_turn(act):
        with door.read() as session:
            return replace(sheet, typed=replace(typed, script=turn(session, sheet.bulletin_id, typed.script, act)))
    if is_part_act(act):
        return replace(sheet, typed=replace(typed, parts=act_on_parts(typed.parts, act)))
    turned = _SHOWN_AGAIN.get(act)
    return turned(door, form, sheet) if turned else None


def _say_once(_door: Door, form: Fields, sheet: Sheet) -> Sheet:
    """The span is written as it is to be said, in this text only."""
    try:
        word = word_in(form, CHOSEN_ROW)
    except BroadcastError as error:
        return replace(sheet, taught=Taught(problem=refusal_of(error)), chosen=form.text("span"))
    return replace(sheet, typed=with_words(sheet.typed, form.text("span"), word.spoken))


def _with_sentences(door: Door, sheet: Sheet) -> Sheet:
    try:
        return replace(sheet, sentences=hear_sentences(door, sheet.typed, sheet.bulletin_id))
    except (BroadcastError, Refusal) as error:
        return replace(sheet, sound=Sound(problem=error.message))


_SHOWN_AGAIN: dict[str, Callable[[Door, Fields, Sheet], Sheet]] = {
    "read": lambda _door, _form, sheet: sheet,
    "convert": lambda _door, _form, sheet: replace(sheet, typed=in_unicode(sheet.typed)),
    "span": lambda _door, form, sheet: replace(sheet, chosen=form.text("span")),
    "say-once": _say_once,
    "listen": lambda door, _form, sheet: replace(sheet, sound=_hear_typed(door, sheet.typed, sheet.bulletin_id)),
    "listen-sentences": lambda door, _form, sheet: _with_sentences(door, sheet),
}
"""What only shows the form again, by the button."""


def _store(door: Door, sheet: Sheet, *, submits: bool) -> str:
    draft = draft_in(sheet.typed, door.zone)
    with door.work() as session:
        if sheet.bulletin_id:
            bulletin = edit_bulletin(
                session, sheet.bulletin_id, door.user, sheet.revision, door.now, BulletinDraft(**draft)
            )
        else:
            bulletin = write_bulletin(session, door.user, now=door.now, **draft)
        if submits and bulletin.state is not BulletinState.SUBMITTED:
            submit_bulletin(session, bulletin.id, door.user, door.now)
        return bulletin.id


def _hear_typed(door: Door, typed: Typed, bulletin_id: str, *, plays: bool = False) -> Sound:
    try:
        require_words(typed)
        urgency = Urgency.PRIORITY if typed.urgency == Urgency.PRIORITY else Urgency.NORMAL
        # As it would be stored: what is heard now is then what is aired.
        with door.read() as session:
            script = said_in(session, door.user, typed.script, typed.parts, bulletin_id)
        return hear(
            door, script, urgency, is_alone=typed.when != "programme", is_read_twice=typed.is_read_twice, plays=plays
        )
    except (BroadcastError, Refusal) as error:
        return Sound(problem=error.message)


def _sheet_of(session: Session, bulletin: Bulletin, zone: ZoneInfo) -> Sheet:
    programmes = programmes_of(session, bulletin.id)
    local = bulletin.airs_at.astimezone(zone) if bulletin.airs_at else None
    script, parts = typed_of(session, bulletin)
    typed = Typed(
        title=bulletin.title,
        script=script,
        parts=parts,
        chosen_zones=[zone.slug for zone in zones_of_bulletin(session, bulletin.id)],
        when="now" if bulletin.airs_now else "at" if local or not programmes else "programme",
        on=f"{local:%Y-%m-%d}" if local else "",
        minute=f"{local:%H:%M}" if local else "",
        chosen_programmes=programmes,
        urgency=bulletin.urgency.value,
        is_read_twice=bulletin.is_read_twice,
    )
    return Sheet(typed, bulletin.id, bulletin.revision, bulletin.return_reason)


def show_sheet(door: Door, sheet: Sheet) -> Response:
    """The page with this form in it."""
    typed = sheet.typed
    with door.read() as session:
        bulletin = session.get(Bulletin, sheet.bulletin_id) if sheet.bulletin_id else None
        author_id = bulletin.author_id if bulletin else None
        page = ComposePage(
            bulletin_id=sheet.bulletin_id,
            revision=sheet.revision,
            return_reason=sheet.return_reason,
            title=typed.title,
            script=typed.script,
            parts=typed.parts,
            recordings=choices_for(session, door.user, sheet.bulletin_id) if typed.parts else (),
            zones=list_zones(session),
            chosen_zones=typed.chosen_zones,
            when=typed.when,
            on=typed.on,
            minute=typed.minute,
            programmes=list_programmes(session),
            chosen_programmes=typed.chosen_programmes,
            urgency=typed.urgency,
            is_read_twice=typed.is_read_twice,
            reading=_read_typed(door, typed.written, sheet.chosen),
            cost=cost_of(door, typed, sheet.bulletin_id),
            taught=sheet.taught,
            sound=sheet.sound,
            sentences=sheet.sentences,
            problem=sheet.problem,
            paper=paper_of(session, sheet.bulletin_id, typed.script),
            max_paper_bytes=door.station.settings.paper.max_bytes,
            approvers={
                URGENCY[urgency]: approvers_of(session, urgency, door.now, {door.user.id, author_id})
                for urgency in RULED
            },
        )
    return door.show(page, sheet.problem.status if sheet.problem else 200)
