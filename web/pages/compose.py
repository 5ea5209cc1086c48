"""Writing a bulletin, with how it will be read beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Protocol, TypedDict
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Response
from sqlmodel import Session

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
from broadcast.permissions import Action
from broadcast.programmes import list_programmes, programmes_of
from broadcast.typed_text import MAX_SCRIPT
from broadcast.zones import list_zones
from players.messages import Urgency
from tts.normalize import normalize
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.pages.listen import ListenFragment, Sound, hear
from web.reading import Reading, reading_of
from web.templating import Page

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
    sound: Sound | None = None
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class ReadingFragment(Page):
    """How the typed text will be read."""

    template: ClassVar[str] = "reading.html"
    reading: Reading | None


@dataclass(frozen=True)
class Sheet:
    """A bulletin's form between request and answer."""

    typed: Typed
    bulletin_id: str = ""
    revision: int = 0
    return_reason: str | None = None
    sound: Sound | None = None
    problem: Refusal | None = None


@router.get("/soan")
def new_bulletin(door: Writer) -> Response:
    """An empty form."""
    return _show(door, Sheet(Typed()))


@router.post("/soan/doc")
def read_typed(form: PostedForm, door: Writer) -> Response:
    """How the text is read, while it is typed."""
    return door.show(ReadingFragment(reading=read_script(form.text("script"))))


@router.post("/soan/nghe")
def listen_typed(form: PostedForm, door: Writer) -> Response:
    """The sound of the text, beside the form."""
    return door.show(ListenFragment(sound=_hear_typed(door, typed_in(form), plays=True)))


@router.get("/soan/{bulletin_id}")
def open_bulletin(bulletin_id: str, door: Writer) -> Response:
    """A bulletin in the form, to be changed."""
    with door.read() as session:
        sheet = _sheet_of(session, get_bulletin(session, bulletin_id, door.user), door.zone)
    return _show(door, sheet)


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


def read_script(script: str) -> Reading | None:
    """How a text is read; none when there is nothing, or more than a bulletin may hold."""
    if not script.strip() or len(script) > MAX_SCRIPT:
        return None
    return reading_of(normalize(script))


def _keep(door: Door, form: Fields, sheet: Sheet) -> Response:
    act, typed = form.text("act"), sheet.typed
    if act == "listen":
        return _show(door, replace(sheet, sound=_hear_typed(door, typed)))
    if act == "read":
        return _show(door, sheet)
    try:
        bulletin_id = _store(door, sheet, submits=act == "submit")
    except BroadcastError as error:
        return _show(door, replace(sheet, problem=refusal_of(error)))
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


def _hear_typed(door: Door, typed: Typed, *, plays: bool = False) -> Sound:
    try:
        if not typed.script.strip() or len(typed.script) > MAX_SCRIPT:
            raise InvalidInput("nothing-to-say", "Chưa có nội dung để đọc, hoặc nội dung quá dài.", "script")
        urgency = Urgency.PRIORITY if typed.urgency == Urgency.PRIORITY else Urgency.NORMAL
        return hear(door, typed.script, urgency, is_alone=typed.when != "programme", plays=plays)
    except (BroadcastError, Refusal) as error:
        return Sound(problem=error.message)


def _sheet_of(session: Session, bulletin: Bulletin, zone: ZoneInfo) -> Sheet:
    programmes = programmes_of(session, bulletin.id)
    local = bulletin.airs_at.astimezone(zone) if bulletin.airs_at else None
    typed = Typed(
        title=bulletin.title,
        script=bulletin.script,
        chosen_zones=[zone.slug for zone in zones_of_bulletin(session, bulletin.id)],
        when="now" if bulletin.airs_now else "at" if local or not programmes else "programme",
        on=f"{local:%Y-%m-%d}" if local else "",
        minute=f"{local:%H:%M}" if local else "",
        chosen_programmes=programmes,
        urgency=bulletin.urgency.value,
    )
    return Sheet(typed, bulletin.id, bulletin.revision, bulletin.return_reason)


def _show(door: Door, sheet: Sheet) -> Response:
    typed = sheet.typed
    with door.read() as session:
        page = ComposePage(
            bulletin_id=sheet.bulletin_id,
            revision=sheet.revision,
            return_reason=sheet.return_reason,
            title=typed.title,
            script=typed.script,
            zones=list_zones(session),
            chosen_zones=typed.chosen_zones,
            when=typed.when,
            on=typed.on,
            minute=typed.minute,
            programmes=list_programmes(session),
            chosen_programmes=typed.chosen_programmes,
            urgency=typed.urgency,
            reading=read_script(typed.script),
            sound=sheet.sound,
            problem=sheet.problem,
        )
    return door.show(page, sheet.problem.status if sheet.problem else 200)
