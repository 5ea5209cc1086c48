"""The programmes: their parts in order, the bulletins of a day in order, and the weather line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, ClassVar, Protocol

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlmodel import Session

from broadcast.communes import get_commune
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import BulletinState, Programme, ProgrammePart, ProgrammePartKind, WhenEmpty, row_id
from broadcast.permissions import Action, may
from broadcast.placements import move_placement, placements_on
from broadcast.programme_parts import SPOKEN, ProgrammePartDraft, parts_of_programme, set_weather, weather_of
from broadcast.programmes import ProgrammeDraft, add_programme, edit_programme, get_programme, list_programmes
from broadcast.recordings import list_recordings
from broadcast.relays import say_relay
from broadcast.slots import SLOTS, fill_slots
from players.messages import OnFailure
from scheduler.advice import Advice, Airtime, advice_of_programmes
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.planning import plan_programmes
from web.relayed import require_elsewhere
from web.templating import Page
from web.texts import gettext, told
from web.typed_days import MAX_ID, parse_day, parse_whole

router = APIRouter(include_in_schema=False)
Reader = Annotated[Door, Depends(allowed(Action.EDIT_TIMETABLE))]
Editor = Annotated[Door, Depends(allowed(Action.EDIT_PROGRAMMES))]
ProgrammeId = Annotated[int, Path(ge=1, le=MAX_ID)]
PART_NAMES = {
    ProgrammePartKind.CHIME: "Nhạc hiệu",
    ProgrammePartKind.GREETING: "Lời chào",
    ProgrammePartKind.BULLETINS: "Bản tin trong ngày",
    ProgrammePartKind.RECORDING: "Bản ghi âm",
    ProgrammePartKind.RELAY: "Tiếp âm đài trên",
    ProgrammePartKind.CLOSING: "Lời kết",
}
WHEN_EMPTY = {
    WhenEmpty.SKIP: "Không phát",
    WhenEmpty.GREETING: "Chỉ phát nhạc hiệu và lời chào",
}
ON_FAILURE = {
    OnFailure.SILENCE: "Im lặng chờ hết giờ tiếp âm",
    OnFailure.CLIP: "Phát bản ghi âm đã chọn",
    OnFailure.NEXT: "Sang ngay phần sau",
}
WEATHER_DAYS = 3
_MOVE = re.compile(r"(up|down|remove)-(\d{1,2})")
_USUAL = (ProgrammePartKind.CHIME, ProgrammePartKind.GREETING, ProgrammePartKind.BULLETINS, ProgrammePartKind.CLOSING)


class Named(Protocol):
    """A recording that can be chosen."""

    id: str
    name: str


@dataclass(frozen=True)
class PartRow:
    """A part in the form, and how it is said today."""

    kind: ProgrammePartKind
    text: str = ""
    recording: str = ""
    said: str = ""
    url: str = ""
    minutes: str = ""
    starts_after: str = ""
    on_failure: str = OnFailure.SILENCE.value


@dataclass(frozen=True)
class PlacedRow:
    """A bulletin of the day."""

    placement: int
    bulletin: str
    title: str
    times: int
    state: BulletinState


@dataclass(frozen=True)
class ProgrammeRow:
    """A programme in the list: its parts in words."""

    id: int
    name: str
    parts: str


@dataclass(frozen=True)
class WeatherRow:
    """A day, and what was typed of its weather."""

    on: date
    text: str


@dataclass(frozen=True, kw_only=True)
class ProgrammesPage(Page):
    """All programmes, and the weather of these days."""

    template: ClassVar[str] = "programmes.html"
    programmes: Sequence[ProgrammeRow]
    weather: Sequence[WeatherRow]
    may_edit: bool
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class ProgrammePage(Page):
    """One programme: its parts, and the bulletins of a day."""

    template: ClassVar[str] = "programme.html"
    programme_id: int = 0
    revision: int = 0
    name: str = ""
    when_empty: str = WhenEmpty.SKIP.value
    parts: Sequence[PartRow] = tuple(PartRow(kind) for kind in _USUAL)
    recordings: Sequence[Named] = ()
    part_names: dict[ProgrammePartKind, str]
    empty_names: dict[WhenEmpty, str]
    failure_names: dict[OnFailure, str]
    slots: Sequence[str] = SLOTS
    spoken: frozenset[ProgrammePartKind] = SPOKEN
    may_edit: bool
    day: date
    placed: Sequence[PlacedRow] = ()
    advice: Sequence[Advice] = ()
    times: Sequence[Airtime] = ()
    """How long it lasts on that day."""
    problem: Refusal | None = None


@router.get("/chuong-trinh")
def show_programmes(door: Reader) -> Response:
    """The list."""
    return _show_all(door)


@router.post("/chuong-trinh/thoi-tiet")
def keep_weather(form: PostedForm, door: Reader) -> Response:
    """Keep a day's weather line."""
    try:
        on = parse_day(form.text("on"), "on")
        with door.work() as session:
            set_weather(session, on, form.text("weather"), door.now, door.user.username)
    except BroadcastError as error:
        return _show_all(door, refusal_of(error))
    door.station.nudge()
    return door.go("/chuong-trinh", "da-luu-lich")


@router.get("/chuong-trinh/moi")
def new_programme(door: Editor) -> Response:
    """An empty form: the usual parts."""
    return _show(door, _empty(door))


@router.post("/chuong-trinh/moi")
def keep_new(form: PostedForm, door: Editor) -> Response:
    """Add a programme, or arrange its parts first."""
    return _keep(door, form, _empty(door))


@router.get("/chuong-trinh/{programme_id}")
def open_programme(
    programme_id: ProgrammeId, door: Reader, ngay: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """One programme."""
    return _show(door, _stored(door, programme_id, _day_of(ngay, door)))


@router.post("/chuong-trinh/{programme_id}")
def keep_changed(programme_id: ProgrammeId, form: PostedForm, door: Editor) -> Response:
    """Change it, or arrange its parts first."""
    return _keep(door, form, _stored(door, programme_id, _today(door)))


@router.post("/chuong-trinh/{programme_id}/thu-tu")
def order_day(programme_id: ProgrammeId, form: PostedForm, door: Reader) -> Response:
    """Have a bulletin said at another place: `act` is its placement and the place, `12-0`."""
    placement, _, place = form.text("act").partition("-")
    on = _day_of(form.text("ngay"), door)
    try:
        with door.work() as session:
            get_programme(session, programme_id)
            id_, to = parse_whole(placement, "act"), parse_whole(place, "act")
            move_placement(session, programme_id, id_, on, to=to, now=door.now, actor=door.user.username)
    except BroadcastError as error:
        return _show(door, replace(_stored(door, programme_id, on), problem=refusal_of(error)))
    door.station.nudge()
    return door.go(f"/chuong-trinh/{programme_id}?ngay={on.isoformat()}")


def arrange(parts: Sequence[PartRow], act: str) -> list[PartRow] | None:
    """The parts after a button was pressed: `up-2`, `down-0`, `remove-1`, `add-relay`; none for another button.

    What is added goes to the end, but before the closing words.
    `arranged` leaves them in the order in which they came: they were dragged into it.
    """
    rows = list(parts)
    if act == "arranged":
        return rows
    if act.startswith("add-") and act.removeprefix("add-") in {kind.value for kind in ProgrammePartKind}:
        closes = bool(rows) and rows[-1].kind is ProgrammePartKind.CLOSING
        rows.insert(len(rows) - closes, PartRow(ProgrammePartKind(act.removeprefix("add-"))))
        return rows
    found = _MOVE.fullmatch(act)
    if found is None:
        return None
    place = int(found[2])
    other = {"up": place - 1, "down": place + 1, "remove": place}[found[1]]
    if not (0 <= place < len(rows) and 0 <= other < len(rows)):
        return rows
    if found[1] == "remove":
        del rows[place]
    else:
        rows[place], rows[other] = rows[other], rows[place]
    return rows


def _keep(door: Door, form: Fields, page: ProgrammePage) -> Response:
    revision = form.text("revision")
    typed = replace(
        page,
        name=form.text("name"),
        when_empty=form.text("when_empty"),
        parts=_typed_parts(form),
        revision=int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
    )
    arranged = arrange(typed.parts, form.text("act"))
    if arranged is not None:
        return _show(door, replace(typed, parts=arranged))
    try:
        draft = _draft(typed)
        require_elsewhere(draft.parts, door.station.settings)
        with door.work() as session:
            if page.programme_id:
                programme = edit_programme(session, page.programme_id, typed.revision, draft, door.now, door.user)
            else:
                programme = add_programme(session, get_commune(session), draft, door.now, door.user)
            programme_id = row_id(programme.id)
    except BroadcastError as error:
        return _show(door, replace(typed, problem=refusal_of(error)))
    plan_programmes(door, [programme_id])
    door.station.nudge()
    with door.read() as session:
        has_advice = bool(advice_of_programmes(session, [programme_id], door.now).advice)
    return door.go(f"/chuong-trinh/{programme_id}" if has_advice else "/chuong-trinh", "da-luu-lich")


def _typed_parts(form: Fields) -> list[PartRow]:
    kinds = {kind.value: kind for kind in ProgrammePartKind}
    typed = zip(form.many("kind"), form.many("text"), form.many("recording"), strict=False)
    relays = zip(
        *(form.many(name) for name in ("relay_url", "relay_minutes", "relay_after", "relay_failure")), strict=False
    )
    rows = []
    for kind, text, recording in typed:
        if kind == ProgrammePartKind.RELAY:
            url, minutes, after, failure = next(relays, ("", "", "", ""))
            rows.append(
                PartRow(
                    ProgrammePartKind.RELAY,
                    text,
                    recording,
                    url=url,
                    minutes=minutes,
                    starts_after=after,
                    on_failure=failure,
                )
            )
        elif kind in kinds:
            rows.append(PartRow(kinds[kind], text, recording))
    return rows


def _draft(typed: ProgrammePage) -> ProgrammeDraft:
    if typed.when_empty not in {value.value for value in WhenEmpty}:
        raise InvalidInput("unknown-choice", "Chọn việc làm khi không có bản tin.", "when_empty")
    return ProgrammeDraft(typed.name, [_part_draft(part) for part in typed.parts], WhenEmpty(typed.when_empty))


def _part_draft(part: PartRow) -> ProgrammePartDraft:
    if part.kind is not ProgrammePartKind.RELAY:
        return ProgrammePartDraft(part.kind, part.text, part.recording or None)
    if part.on_failure not in set(OnFailure):
        raise InvalidInput("unknown-choice", "Chọn việc làm khi không tiếp âm được.", "parts")
    return ProgrammePartDraft(
        part.kind,
        part.text,
        part.recording or None,
        url=part.url,
        minutes=parse_whole(part.minutes, "parts"),
        starts_after_minutes=parse_whole(part.starts_after, "parts") if part.starts_after.strip() else None,
        on_failure=OnFailure(part.on_failure),
    )


def _today(door: Door) -> date:
    return door.now.astimezone(door.zone).date()


def _day_of(text: str, door: Door) -> date:
    return parse_day(text, "ngay") if text else _today(door)


def _empty(door: Door) -> ProgrammePage:
    return ProgrammePage(
        part_names=PART_NAMES, empty_names=WHEN_EMPTY, failure_names=ON_FAILURE, may_edit=True, day=_today(door)
    )


def _stored(door: Door, programme_id: int, day: date) -> ProgrammePage:
    with door.read() as session:
        programme = get_programme(session, programme_id)
        outlook = advice_of_programmes(session, [programme_id], door.now)
        return replace(
            _empty(door),
            programme_id=programme_id,
            revision=programme.revision,
            name=programme.name,
            when_empty=programme.when_empty.value,
            parts=[_part_row(part) for part in parts_of_programme(session, programme_id)],
            may_edit=may(door.user, Action.EDIT_PROGRAMMES),
            day=day,
            placed=_placed(session, programme_id, day),
            advice=outlook.advice,
            times=[one for one in outlook.times if one.starts_at.astimezone(door.zone).date() == day],
        )


def _part_row(part: ProgrammePart) -> PartRow:
    return PartRow(
        part.kind,
        part.text,
        part.recording_id or "",
        url=part.stream_url or "",
        minutes=str((part.lasts_s or 0) // 60 or ""),
        starts_after="" if part.starts_after_s is None else str(part.starts_after_s // 60),
        on_failure=(part.on_failure or OnFailure.SILENCE).value,
    )


def _placed(session: Session, programme_id: int, day: date) -> list[PlacedRow]:
    return [
        PlacedRow(row_id(one.placement.id), one.bulletin.id, one.bulletin.title, one.times, one.bulletin.state)
        for one in placements_on(session, programme_id, day)
        if one.bulletin.state is not BulletinState.DRAFT
    ]


def _show(door: Door, page: ProgrammePage) -> Response:
    with door.read() as session:
        commune = get_commune(session)
        weather = weather_of(session, commune, [page.day]).get(page.day, "")
        parts = [
            replace(part, said=fill_slots(part.text, commune.name, page.day, weather)) if part.kind in SPOKEN else part
            for part in page.parts
        ]
        page = replace(page, parts=parts, recordings=list_recordings(session, door.user))
    return door.show(page, page.problem.status if page.problem else 200)


def _show_all(door: Door, problem: Refusal | None = None) -> Response:
    days = [_today(door) + timedelta(days=n) for n in range(WEATHER_DAYS)]
    with door.read() as session:
        typed = weather_of(session, get_commune(session), days)
        page = ProgrammesPage(
            programmes=[_row(session, programme) for programme in list_programmes(session)],
            weather=[WeatherRow(day, typed.get(day, "")) for day in days],
            may_edit=may(door.user, Action.EDIT_PROGRAMMES),
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)


def _row(session: Session, programme: Programme) -> ProgrammeRow:
    parts = parts_of_programme(session, row_id(programme.id))
    said = ", ".join(
        told(say_relay(part.text, 1000 * (part.lasts_s or 0))).lower()
        if part.kind is ProgrammePartKind.RELAY
        else gettext(PART_NAMES[part.kind]).lower()
        for part in parts
    )
    return ProgrammeRow(row_id(programme.id), programme.name, said)
