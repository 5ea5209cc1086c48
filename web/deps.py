"""What a handler gets: the station, the instant, and who is at the door."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from broadcast.approval import urgencies_of
from broadcast.communes import get_commune, local_zone
from broadcast.db import reading, session_of
from broadcast.models import User
from broadcast.permissions import Action, may, require
from players.messages import Urgency
from web.auth import Visitor, is_same_secret, needs_second_factor, visitor_of
from web.errors import SAID, SCOPE_MISSING, Refusal
from web.navigation import nav_for, say_notice
from web.station import Station
from web.templating import Frame, Page, render
from web.words import ROLE

MAX_FIELDS = 400
MAX_PART_BYTES = 4 * 1024 * 1024
"""Of one field; the whole body is bounded before."""
CSRF_HEADER = "x-csrf-token"


def station_of(request: Request) -> Station:
    """The running parts behind this app."""
    station: Station = request.app.state.station
    return station


StationDep = Annotated[Station, Depends(station_of)]


@dataclass(frozen=True)
class Door:
    """A signed-in person or program, and what a handler needs to serve them."""

    request: Request
    station: Station
    visitor: Visitor
    now: datetime
    commune: str
    zone: ZoneInfo
    approves: frozenset[Urgency]
    """What this person may approve by the commune's rule, or as a deputy; never what they wrote."""

    @property
    def user(self) -> User:
        """Who it is."""
        return self.visitor.user

    def read(self) -> AbstractContextManager[Session]:
        """A view of the database."""
        return reading(self.station.engine)

    def work(self) -> AbstractContextManager[Session]:
        """A unit of work: committed at its end."""
        return session_of(self.station.engine)

    def show(self, page: Page, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """The page, in its frame."""
        notice = say_notice(self.request.query_params.get("da", ""))
        frame = Frame(
            commune=self.commune,
            zone=self.zone,
            user_name=self.user.name,
            username=self.user.username,
            role=ROLE[self.user.role],
            csrf=self.visitor.csrf,
            nav=nav_for(self.user, self.request.url.path, approves=bool(self.approves)),
            notice=notice,
            now=self.now,
        )
        return render(page, frame, status, headers)

    def go(self, path: str, notice: str = "") -> Response:
        """Send the browser to a page after something was done there; `notice` is a key of `navigation.NOTICES`."""
        return RedirectResponse(path + (f"?da={quote(notice)}" if notice else ""), 303)


def signed_in(request: Request, station: StationDep) -> Door:
    """Who is at the door, by session cookie or bearer token.

    Raises:
        Refusal: 401, nobody is.
    """
    now = station.clock()
    with reading(station.engine) as session:
        visitor = visitor_of(session, request, now, is_secure=station.settings.http.is_secure)
        if visitor is None:
            raise Refusal(401, *SAID[401], headers={"www-authenticate": "Bearer"})
        if visitor.scopes is None and needs_second_factor(visitor.user, station.settings.sign_in):
            _let_set_up(request)
        commune = get_commune(session)
        approves = urgencies_of(session, visitor.user, now)
        return Door(request, station, visitor, now, commune.name, local_zone(commune), approves)


def _let_set_up(request: Request) -> None:
    """Who must have a second factor and has none gets to the page where it is set up, and out, and nowhere else."""
    if request.url.path.partition("/")[2].partition("/")[0] not in {"hai-lop", "dang-xuat"}:
        raise Refusal(403, "second-factor-required", "Hãy bật xác thực hai lớp trước (trang /hai-lop).")


SignedIn = Annotated[Door, Depends(signed_in)]


def allowed(*actions: Action) -> Callable[[Door], Door]:
    """A dependency that lets pass who may do any of these."""

    def check(door: SignedIn) -> Door:
        if not any(may(door.user, action) for action in actions):
            raise Refusal(403, *SAID[403])
        return door

    return check


def scoped(scope: str) -> Callable[[Door], Door]:
    """A dependency of the API: a token needs this scope, a browser's session its CSRF token to change anything."""

    def check(door: SignedIn) -> Door:
        scopes = door.visitor.scopes
        if scopes is not None and not scopes & {scope, "*"}:
            raise Refusal(403, *SCOPE_MISSING)
        if scopes is None and door.request.method not in {"GET", "HEAD"}:
            check_csrf(door, door.request.headers.get(CSRF_HEADER, ""))
        return door

    return check


def reads_bulletins(door: SignedIn) -> Door:
    """Let pass who writes bulletins or approves any.

    Raises:
        Refusal: 403, the person does neither.
    """
    if not (door.approves or may(door.user, Action.WRITE_BULLETIN)):
        raise Refusal(403, *SAID[403])
    return door


def approves_bulletins(door: SignedIn) -> Door:
    """Let pass who may approve bulletins of any urgency.

    Raises:
        Refusal: 403, the person approves none.
    """
    if not door.approves:
        raise Refusal(403, *SAID[403])
    return door


def allowed_to(action: Action) -> Callable[[Door], Door]:
    """A dependency of the API that changes something: a program with scope `write` whose user may do this."""

    def check(door: Annotated[Door, Depends(scoped("write"))]) -> Door:
        require(door.user, action)
        return door

    return check


class Fields:
    """A posted form, read with care: every field is text, absent ones are empty."""

    def __init__(self, pairs: Mapping[str, list[str]], files: Mapping[str, bytes] | None = None) -> None:
        self._pairs = pairs
        self._files = files or {}

    def text(self, name: str) -> str:
        """The field's text."""
        return (self._pairs.get(name) or [""])[0]

    def many(self, name: str) -> list[str]:
        """All values of a field that may come several times."""
        return list(self._pairs.get(name) or [])

    def starting_with(self, prefix: str) -> dict[str, str]:
        """The texts of all fields whose names begin so, by the rest of their names."""
        return {name.removeprefix(prefix): self.text(name) for name in self._pairs if name.startswith(prefix)}

    def file(self, name: str) -> bytes:
        """The content of a small file that was sent along; nothing when there is none."""
        return self._files.get(name, b"")


async def read_fields(request: Request) -> Fields:
    """The posted form, read once."""
    known = getattr(request.state, "fields", None)
    if isinstance(known, Fields):
        return known
    form = await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_PART_BYTES)
    pairs: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            pairs.setdefault(name, []).append(value)
        else:  # bounded as the whole body is
            files[name] = await value.read()
    await form.close()
    fields = request.state.fields = Fields(pairs, files)
    return fields


def only_people(door: SignedIn) -> None:
    """On every page: for browsers only.

    Raises:
        Refusal: 403, a program asks.
    """
    if door.visitor.scopes is not None:
        raise Refusal(403, "not-for-programs", "Trang này dành cho người dùng; chương trình hãy dùng /api.")


async def own_form(request: Request, door: SignedIn) -> None:
    """On every page: for browsers only; a form carries its session's CSRF token, in a field or (htmx) a header.

    Raises:
        Refusal: 403, the form did not come from a page of this session, or a program asks.
    """
    only_people(door)
    if request.method in {"GET", "HEAD"}:
        return
    fields = await read_fields(request)
    check_csrf(door, request.headers.get(CSRF_HEADER) or fields.text("csrf"))


def check_csrf(door: Door, given: str) -> None:
    """Let pass what carries its session's secret.

    Raises:
        Refusal: 403, it does not.
    """
    if not is_same_secret(given, door.visitor.csrf):
        raise Refusal(403, "stale-form", "Trang đã cũ. Hãy tải lại trang rồi làm lại; nội dung đã gõ có thể chép lại.")


PostedForm = Annotated[Fields, Depends(read_fields)]
