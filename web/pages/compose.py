"""Writing a bulletin, with how it will be read beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Protocol, TypedDict
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Response
from sqlmodel import Session

from broadcast.approval import approvers_of
from broadcast.approval_rules import RULED
from broadcast.bulletin_parts import PartDraft
from broadcast.bulletins import (
    BulletinDraft,
    edit_bulletin,
    get_bulletin,
    submit_bulletin,
    write_bulletin,
    zones_of_bulletin,
)
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import Bulletin, BulletinState
from broadcast.permissions import Action, may
from broadcast.placements import programmes_of
from broadcast.programmes import list_programmes
from broadcast.reading_rules import rules_of
from broadcast.typed_text import MAX_SCRIPT
from broadcast.zones import list_zones
from players.messages import Urgency
from tts.normalize import detect_legacy
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.pages.listen import ListenFragment, Sound, hear
from web.paper import Paper, is_turn, paper_of, turn
from web.part_list import (
    RecordingChoice,
    TypedPart,
    act_on_parts,
    choices_for,
    drafts_in,
    is_part_act,
    parts_typed_in,
    said_in,
    typed_of,
    written_in,
)
from web.reading import Reading, reading_of
from web.teaching import Taught, is_teaching, teach
from web.templating import Page
from web.words import URGENCY

router = APIRouter(include_in_schema=False)
Writer = Annotated[Door, Depends(allowed(Action.WRITE_BULLETIN))]


class ZoneChoice(Protocol):
    """A village that can be chosen."""

    slug: str
    name: str


class ProgrammeChoice(Protocol):
    """A programme that can be chosen."""

    id: int | None
    name: str


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The form as it was typed: nothing of it is lost when something is wrong."""

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
    taught: Taught | None = None
    sound: Sound | None = None
    problem: Refusal | None = None
    paper: Paper | None = None
    recordings: Sequence[RecordingChoice] = ()
    max_paper_bytes: int = 0
    approvers: Mapping[str, Sequence[str]]
    """Who could approve it, by urgency."""


@dataclass(frozen=True, kw_only=True)
class ReadingFragment(Page):
    """How the typed text will be read."""

    template: ClassVar[str] = "reading.html"
    reading: Reading | None
    taught: Taught | None = None


@dataclass(frozen=True)
class Sheet:
    """A bulletin's form between request and answer."""

    typed: Typed
    bulletin_id: str = ""
    revision: int = 0
    return_reason: str | None = None
    taught: Taught | None = None
    sound: Sound | None = None
    problem: Refusal | None = None


@router.get("/soan")
def new_bulletin(door: Writer) -> Response:
    """An empty form."""
    return show_sheet(door, Sheet(Typed()))


@router.post("/soan/doc")
def read_typed(form: PostedForm, door: Writer) -> Response:
    """How the text is read, while it is typed."""
    return door.show(ReadingFragment(reading=_read_typed(door, typed_in(form).written)))


@router.post("/soan/luon-doc")
def teach_typed(form: PostedForm, door: Writer) -> Response:
    """Keep the reading of a doubtful span for good, or let it be heard, beside the form."""
    taught = teach(door, form)
    return door.show(ReadingFragment(reading=_read_typed(door, typed_in(form).written), taught=taught))


@router.post("/soan/nghe")
def listen_typed(form: PostedForm, door: Writer) -> Response:
    """The sound of the text, beside the form."""
    return door.show(ListenFragment(sound=_hear_typed(door, typed_in(form), form.text("bulletin"), plays=True)))


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


def read_script(door: Door, script: str, teach_path: str = "") -> Reading | None:
    """How a text is read in this commune; none when there is nothing.

    Args:
        door: who asks.
        script: the text.
        teach_path: where the page has the list of doubts acted on; empty where it does not.
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
    )


def _read_typed(door: Door, script: str) -> Reading | None:
    reading = read_script(door, script, "/soan/luon-doc")
    return replace(reading, may_convert=bool(reading.legacy)) if reading else None


def _in_unicode(typed: Typed) -> Typed:
    """What was typed in an old encoding, in Unicode."""
    title, script = detect_legacy(typed.title), detect_legacy(typed.script)
    return replace(
        typed,
        title=title.converted if title else typed.title,
        script=script.converted if script else typed.script,
    )


def _keep(door: Door, form: Fields, sheet: Sheet) -> Response:
    act, typed = form.text("act"), sheet.typed
    if is_teaching(form):
        return show_sheet(door, replace(sheet, taught=teach(door, form)))
    if act == "convert":
        return show_sheet(door, replace(sheet, typed=_in_unicode(typed)))
    if is_turn(act):
        with door.read() as session:
            script = turn(session, sheet.bulletin_id, typed.script, act)
        return show_sheet(door, replace(sheet, typed=replace(typed, script=script)))
    if is_part_act(act):
        return show_sheet(door, replace(sheet, typed=replace(typed, parts=act_on_parts(typed.parts, act))))
    if act == "listen":
        return show_sheet(door, replace(sheet, sound=_hear_typed(door, typed, sheet.bulletin_id)))
    if act == "read":
        return show_sheet(door, sheet)
    try:
        bulletin_id = _store(door, sheet, submits=act == "submit")
    except BroadcastError as error:
        return show_sheet(door, replace(sheet, problem=refusal_of(error)))
    if act == "submit":
        return door.go(f"/ban-tin/{bulletin_id}", "da-gui")
    return door.go(f"/soan/{bulletin_id}", "da-luu")


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
        if not (typed.script.strip() or typed.parts) or len(typed.written) > MAX_SCRIPT:
            raise InvalidInput("nothing-to-say", "Chưa có nội dung để đọc, hoặc nội dung quá dài.", "script")
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
            reading=_read_typed(door, typed.written),
            taught=sheet.taught,
            sound=sheet.sound,
            problem=sheet.problem,
            paper=paper_of(session, sheet.bulletin_id, typed.script),
            max_paper_bytes=door.station.settings.paper.max_bytes,
            approvers={
                URGENCY[urgency]: approvers_of(session, urgency, door.now, {door.user.id, author_id})
                for urgency in RULED
            },
        )
    return door.show(page, sheet.problem.status if sheet.problem else 200)
