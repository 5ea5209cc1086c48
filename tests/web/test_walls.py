"""Walls between people of one commune: a village head's village, a draft that is its author's, a recording, a token.

Everything that is somebody else's carries a mark in its words. Every route is asked for it by its real ids: nobody who
may not see it is shown the mark, and nothing of it changes.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session, SQLModel, select

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.communes import get_commune
from broadcast.delegations import delegate
from broadcast.emergency import raise_emergency
from broadcast.imports import add_import
from broadcast.live import open_live
from broadcast.models import (
    Alarm,
    AlarmKind,
    ApiToken,
    AuditEntry,
    Broadcast,
    HeldPress,
    Role,
    User,
    UserSession,
    WireVersion,
    row_id,
)
from broadcast.nodes import create_node
from broadcast.recordings import add_recording
from broadcast.users import add_user, get_user, make_token
from tests.web.conftest import NOW, Browser, Clock, Commune, Programs, SignIn, serving
from tests.web.test_doors import API, BODIES, PAGES, STREAMS
from tts.record_job import Cut, Taken
from web.parts import START_ORDER, alarms, bell, import_desk, renderers

MARK = "Xanhngắt"
FORM = {
    "title": "Đổi rồi",
    "script": "Nội dung khác hẳn.",
    "zones": "thon-dong",
    "when": "now",
    "urgency": "normal",
    "revision": "1",
    "note": "Đã gọi thợ.",
    "reason": "Thiếu giờ.",
    "name": "Tên khác",
    "language": "vie",
    "heard": "yes",
}
ACTS = ("", "save", "submit", "approve", "return", "withdraw", "remove", "keep", "confirm", "decline", "edit")
"""What forms say is to be done; a form that knows none of them ignores it."""
TOLD_ALL = {"/cap/tin.atom"}
"""What the commune warns of is told in its feed to every system that may read, whatever the village."""
NOT_THEIRS_TO_KEEP = (AuditEntry, UserSession, WireVersion)
"""Tables that every request, or a start of the server, may write into."""


@dataclass(frozen=True)
class Ids:
    """By the path's parameter, what somebody else's things are called."""

    of: dict[str, str]

    def fill(self, route: str) -> str | None:
        """The route with real ids in it; none when it names nothing of these."""
        _, _, path = route.partition(" ")
        names = re.findall(r"\{(\w+)\}", path)
        if not set(names) & self.of.keys():
            return None
        return re.sub(r"\{(\w+)\}", lambda found: self.of.get(found[1], "0"), path)


@pytest.fixture
async def app(commune: Commune, clock: Clock) -> AsyncIterator[FastAPI]:
    """A server that does nothing by itself: what changes here was changed through a door."""
    without = tuple(start for start in START_ORDER if start not in {renderers, bell, import_desk, alarms})
    async with serving(commune.settings, clock, without) as app:
        yield app


def recording_of(session: Session, owner: User) -> str:
    cut = Cut(start_ms=0, end_ms=900, sha256="a" * 64, size_bytes=4, duration_ms=900)
    taken = Taken(
        original_sha256="b" * 64, original_bytes=4, original_format="mp3", channels=1, length_ms=900, peaks=[9],
        flaws=[], cut=cut,
    )  # fmt: skip
    return add_recording(session, owner, taken, name=f"Thu {MARK}", language="ium", is_shared=False, now=NOW).id


def token_of(session: Session, user: User) -> str:
    make_token(session, user, f"Máy {MARK}", ("read",), timedelta(days=1), NOW)
    session.flush()
    return str(session.exec(select(ApiToken.id).where(ApiToken.user_id == user.id)).one())


@pytest.fixture
def other_village(commune: Commune) -> Ids:
    """One of each in Thôn Tây, which is not the village of the head of Thôn Đông."""
    west = ["thon-tay"]
    with commune.work() as session:
        officer, leader = (get_user(session, name) for name in ("officer", "leader"))
        here = get_commune(session)
        neighbour, _ = add_user(
            session, here, username="head2", name=f"Ông {MARK}", role=Role.VILLAGE_HEAD, zone="thon-tay", now=NOW
        )
        node, _ = create_node(session, here, "tay-1", f"Loa {MARK}", west, NOW)
        session.flush()
        bulletin = write_bulletin(
            session, officer, title=f"Tin {MARK}", script=f"Họp {MARK}.", zones=west, airs_now=True, now=NOW
        )
        submit_bulletin(session, bulletin.id, officer, NOW)
        approve_bulletin(session, bulletin.id, leader, bulletin.revision, NOW)
        raise_emergency(session, neighbour, west, f"Nước lên {MARK}.", NOW, "k" * 20)
        open_live(session, neighbour, west, NOW, key="l" * 20, lasts_at_most=timedelta(minutes=5))
        held = HeldPress(
            id="x-held", user_id=row_id(neighbour.id), key="h" * 20, asked={"key": "h" * 20, "text": MARK}, zones=west,
            said=MARK, asked_at=NOW, until=NOW + timedelta(minutes=5),
        )  # fmt: skip
        alarm = Alarm(
            commune_id=row_id(here.id), kind=AlarmKind.POLE_SILENT, subject="tay-1", is_bad=True, title=MARK,
            zones=west, first_seen_at=NOW, last_seen_at=NOW,
        )  # fmt: skip
        session.add_all([held, alarm])
        session.flush()
        deputy = delegate(session, leader, "officer2", NOW.date() + timedelta(days=3), NOW)
        return Ids(
            {
                "bulletin_id": bulletin.id,
                "slug": node.slug,
                "press": held.id,
                "alarm_id": str(alarm.id),
                "delegation_id": str(deputy.id),
                "recording_id": recording_of(session, neighbour),
                "token_id": token_of(session, neighbour),
                "username": neighbour.username,
                "part": "0",
                "position": "0",
            }
        )


@pytest.fixture
def others_draft(commune: Commune) -> Ids:
    """What an officer has begun and shown nobody."""
    with commune.work() as session:
        officer = get_user(session, "officer")
        draft = write_bulletin(
            session, officer, title=f"Nháp {MARK}", script=f"Chưa xong {MARK}.", zones=["thon-dong"], now=NOW
        )
        document = add_import(session, officer, file_name=f"{MARK}.pdf", upload="none", max_waiting=1, now=NOW)
        session.flush()
        known = {"bulletin_id": draft.id, "import_id": document.id, "placement_id": "1"}
        return Ids(known | {"recording_id": recording_of(session, officer), "token_id": token_of(session, officer)})


def contents(commune: Commune) -> dict[str, list[dict[str, Any]]]:
    """Everything in the database that no request writes by itself."""
    left_out = {model.__tablename__ for model in NOT_THEIRS_TO_KEEP}
    with commune.work() as session:
        return {
            table.name: [dict(row) for row in session.connection().execute(table.select()).mappings()]
            for table in SQLModel.metadata.sorted_tables
            if table.name not in left_out
        }


def broadcasts_of(commune: Commune) -> list[str]:
    with commune.work() as session:
        return list(session.exec(select(Broadcast.id)))


def asked_by(ids: Ids, broadcasts: list[str], table: dict[str, frozenset[str]], *, reading: bool) -> list[str]:
    """Every path of a table that is not for everybody, with real ids; what names a broadcast once for each of them."""
    found = []
    for route in sorted(table.keys() - STREAMS - {"POST /dang-nhap", "POST /dang-xuat"}):
        method, _, path = route.partition(" ")
        is_public = "nobody" in table[route]
        if (method == "GET") != reading or is_public or "{sha256}" in path:
            continue
        if "{broadcast_id}" in path:
            found += [f"{method} {Ids({**ids.of, 'broadcast_id': one}).fill(route)}" for one in broadcasts]
        elif (filled := ids.fill(route)) is not None:
            found.append(f"{method} {filled}")
        elif reading and "{" not in path:
            found.append(route)
    return found


async def leaks(client: httpx.AsyncClient, asked: list[str]) -> list[str]:
    """The addresses whose answer shows the mark."""
    shown = []
    for one in asked:
        path = one.partition(" ")[2]
        answer = await client.get(path)
        assert answer.status_code < 500 or path == "/api/health", (path, answer.text)
        if MARK.encode() in answer.content or MARK in answer.text:
            shown.append(path)
    return shown


async def push_forms(browser: Browser, asked: list[str]) -> None:
    """Send each form with each of the acts, and with this session's own secret."""
    await browser.get("/mat-khau")
    secret = browser.attributes('#act input[name="csrf"]')["value"]
    for one in asked:
        for act in ACTS:
            answer = await browser.http.post(one.partition(" ")[2], data={**FORM, "act": act, "csrf": secret})
            assert answer.status_code < 500, (one, act, answer.text)


async def push_programs(client: httpx.AsyncClient, asked: list[str], route_of: dict[str, str]) -> None:
    for one in asked:
        method, _, path = one.partition(" ")
        answer = await client.request(method, path, json=BODIES.get(route_of[one]))
        assert answer.status_code < 500, (one, answer.text)


def routes_by_address(asked: list[str], table: dict[str, frozenset[str]]) -> dict[str, str]:
    """The route behind each filled address."""
    patterns = {route: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route))) for route in table}
    return {one: next(route for route, known in patterns.items() if known.fullmatch(one)) for one in asked}


async def test_a_village_head_is_shown_nothing_of_another_village(
    browse: SignIn, api: Programs, commune: Commune, other_village: Ids
) -> None:
    broadcasts = broadcasts_of(commune)
    assert len(broadcasts) == 3, "a bulletin, an emergency, somebody who speaks"
    head = await browse("head")
    shown = await leaks(head.http, asked_by(other_village, broadcasts, PAGES, reading=True))
    assert set(shown) <= TOLD_ALL
    program = api("head")
    shown = await leaks(program, asked_by(other_village, broadcasts, API, reading=True))
    assert set(shown) <= TOLD_ALL
    asked = [f"GET /api/as-run?broadcast={one}" for one in broadcasts]
    assert await leaks(program, asked) == []


async def test_a_village_head_changes_nothing_of_another_village(
    browse: SignIn, api: Programs, commune: Commune, other_village: Ids
) -> None:
    broadcasts = broadcasts_of(commune)
    head, program = await browse("head"), api("head")
    before = contents(commune)
    await push_forms(head, asked_by(other_village, broadcasts, PAGES, reading=False))
    asked = asked_by(other_village, broadcasts, API, reading=False)
    await push_programs(program, asked, routes_by_address(asked, API))
    assert contents(commune) == before


@pytest.mark.parametrize("zones", [["thon-tay"], ["thon-dong", "thon-tay"]], ids=["another", "his-and-another"])
async def test_a_village_head_is_heard_in_no_other_village(api: Programs, commune: Commune, zones: list[str]) -> None:
    program, before = api("head"), contents(commune)
    for path in ("/api/emergencies", "/api/live"):
        answer = await program.post(path, json={**BODIES[f"POST {path}"], "zones": zones})  # type: ignore[dict-item]
        assert answer.status_code == 403, answer.text
    assert contents(commune) == before


@pytest.mark.parametrize("role", ["officer2", "leader", "head", "admin"])
async def test_nobody_reads_anothers_draft_by_any_door(
    role: str, browse: SignIn, api: Programs, others_draft: Ids
) -> None:
    # The audit log names what was written, not what it says; of tokens the administrator sees whose they are.
    log = {"/nhat-ky-he-thong"}
    allowed = {"leader": log, "admin": log | {"/ma-truy-cap", "/api/tokens"}}.get(role, set())
    person, program = await browse(role), api(role)
    shown = await leaks(person.http, asked_by(others_draft, [], PAGES, reading=True))
    shown += await leaks(program, asked_by(others_draft, [], API, reading=True))
    assert set(shown) == allowed
    if role in {"leader", "admin"}:
        assert "Chưa xong" not in (await person.http.get("/nhat-ky-he-thong")).text


@pytest.mark.parametrize("role", ["officer2", "leader", "head", "admin"])
async def test_nobody_changes_anothers_draft_by_any_door(
    role: str, browse: SignIn, api: Programs, commune: Commune, others_draft: Ids
) -> None:
    if role == "admin":  # who may end every token
        others_draft = Ids({name: id_ for name, id_ in others_draft.of.items() if name != "token_id"})
    person, program = await browse(role), api(role)
    before = contents(commune)
    await push_forms(person, asked_by(others_draft, [], PAGES, reading=False))
    asked = asked_by(others_draft, [], API, reading=False)
    await push_programs(program, asked, routes_by_address(asked, API))
    assert contents(commune) == before


async def test_the_author_is_shown_it_by_the_same_doors(browse: SignIn, api: Programs, others_draft: Ids) -> None:
    """The mark is where the others looked for it."""
    person, program = await browse("officer"), api("officer")
    asked = asked_by(others_draft, [], PAGES, reading=True)
    shown = await leaks(person.http, [one for one in asked if not one.endswith("/truc-tiep")])
    shown += await leaks(program, asked_by(others_draft, [], API, reading=True))
    ids = others_draft.of
    assert {
        "/ban-tin", f"/soan/{ids['bulletin_id']}", f"/giay/{ids['import_id']}", f"/api/bulletins/{ids['bulletin_id']}",
        "/ban-ghi", f"/api/recordings/{ids['recording_id']}", "/ma-truy-cap", "/api/tokens",
    } <= set(shown)  # fmt: skip
