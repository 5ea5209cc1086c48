"""Visits to folders and to a real server of feeds: read once, in order, with care, and told when something is wrong."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from broadcast.cap.desk import LINKS_AT_ONCE, MAX_FEED_BYTES
from broadcast.cap.places import set_rules
from broadcast.cap.trust import set_options, trust_certificate
from broadcast.db import reading, session_of
from broadcast.inbox import list_items
from broadcast.models import CapMessage, CapState, ItemState, Source, SourceKind
from broadcast.prepared import seed_prepared
from broadcast.sources_desk import SourceDesk
from broadcast.sources_fetch import Patience
from broadcast.sources_kept import SecretFiles, Secrets, SourceDraft, add_source, get_source
from broadcast.users import get_user
from tests.broadcast.cap.kit import HERE, at, message, new_signer
from tests.broadcast.conftest import NOW
from tests.fakes.local_server import answering

BUSY = Patience(connect_s=30, stall_s=30, whole_s=60)
CAP = "application/cap+xml"


@dataclass
class Feeds:
    """What a server answers by path, and what it was asked."""

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    etag: str = ""
    asked: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    stalls: bool = False
    endless: bool = False
    dead: frozenset[str] = frozenset()
    """Paths that answer nothing."""
    release: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        self.tokens.add(request.headers.get("Authorization"))
        is_known = bool(self.etag) and request.headers.get("If-None-Match") == self.etag
        page = self.pages.get(request.path)
        request.send_response(304 if is_known else 200 if page is not None else 404)
        if self.etag:
            request.send_header("ETag", self.etag)
        request.end_headers()
        if self.stalls or request.path in self.dead:
            request.wfile.flush()
            self.release.wait(30)
        while self.endless and not self.release.is_set():
            request.wfile.write(b" " * 65536)
        if not is_known:
            request.wfile.write(page or b"")

    def list(self, *links: str, inside: bytes = b"") -> None:
        entries = "".join(
            f'<entry><id>{link}</id><updated>{at()}</updated><link type="{CAP}" href="{link}"/></entry>'
            for link in links
        )
        held = inside.partition(b"?>")[2].decode()
        content = f'<entry><id>in</id><content type="{CAP}">{held}</content></entry>' if inside else ""
        feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id>{entries}{content}</feed>'
        self.pages["/tin.atom"] = feed.encode()


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with running() as feeds:
        yield feeds


@contextmanager
def running() -> Iterator[Feeds]:
    feeds = Feeds()
    with answering(feeds.answer) as feeds.url:
        try:
            yield feeds
        finally:
            feeds.release.set()


@dataclass
class Office:
    """The server that reads."""

    engine: Engine
    secrets: SecretFiles
    desk: SourceDesk
    news: list[int]

    async def visit(self, slug: str = "tinh") -> str | None:
        with reading(self.engine) as session:
            source = get_source(session, slug)
        await self.desk.ask(source)
        with reading(self.engine) as session:
            return get_source(session, slug).error

    def add(
        self, kind: SourceKind, address: str, *, slug: str = "tinh", token: str = "", follows_inner: bool = False
    ) -> None:
        draft = SourceDraft(
            name="Khí tượng tỉnh", kind=kind, address=address, officer="canbo", leader="lanhdao",
            secrets=Secrets(token=token), follows_inner=follows_inner,
        )  # fmt: skip
        with session_of(self.engine) as session:
            admin = get_user(session, "quantri")
            seed_prepared(session, NOW)
            add_source(session, slug, draft, self.secrets, admin, NOW)
            set_rules(session, "", HERE, admin, NOW, is_feed_open=False)

    def forget_asking(self, slug: str) -> None:
        """Have it due again."""
        with session_of(self.engine) as session:
            get_source(session, slug).asked_at = None

    def came(self) -> dict[str, CapState]:
        with reading(self.engine) as session:
            return {row.identifier: row.state for row in session.exec(select(CapMessage).order_by("id"))}

    def bad(self) -> list[str]:
        with reading(self.engine) as session:
            return [item.reason for item, _ in list_items(session, [ItemState.BAD])]


@pytest.fixture
def office(house_engine: Engine, tmp_path: Path) -> Office:
    return new_office(house_engine, tmp_path)


def new_office(engine: Engine, root: Path, patience: Patience = BUSY) -> Office:
    news: list[int] = []
    secrets = SecretFiles(root / "secrets")
    return Office(engine, secrets, SourceDesk(engine, secrets, lambda: NOW, lambda: news.append(1), patience), news)


async def test_a_feed_is_read_once_in_the_order_of_sending(office: Office, feeds: Feeds) -> None:
    office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom", token="ma-doc")
    feeds.pages |= {"/2": message("a-2", sent=at(2), kind="Update", refers="a-1"), "/1": message("a-1")}
    feeds.list("/2", f"{feeds.url}/1", inside=message("b-1"))
    assert await office.visit() is None
    assert office.came() == {"a-1": CapState.REPLACED, "b-1": CapState.WAITING, "a-2": CapState.WAITING}
    assert (sorted(feeds.asked), feeds.tokens) == (["/1", "/2", "/tin.atom"], {"Bearer ma-doc"})
    feeds.asked.clear()
    assert await office.visit() is None
    assert (feeds.asked, len(office.news)) == (["/tin.atom"], 3)


async def test_what_has_not_changed_is_not_sent_again(office: Office, feeds: Feeds) -> None:
    office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom")
    feeds.pages["/1"], feeds.etag = message("a-1"), '"mot"'
    feeds.list("/1")
    for _ in range(2):
        assert await office.visit() is None
    assert feeds.asked == ["/tin.atom", "/1", "/tin.atom"]


async def test_a_bare_message_and_an_rss_list_are_read(office: Office, feeds: Feeds) -> None:
    office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin")
    feeds.pages["/tin"] = message("a-1")
    assert await office.visit() is None
    feeds.pages["/b"] = message("b-1")
    item = f'<item><link>/trang.html</link><enclosure type="{CAP}" url="/b"/></item>'
    feeds.pages["/tin"] = f"<rss><channel>{item}<item><title>khong</title></item></channel></rss>".encode()
    assert await office.visit() is None
    assert list(office.came()) == ["a-1", "b-1"]


async def test_a_link_that_fails_is_read_at_the_next_visit_and_the_others_now(office: Office, feeds: Feeds) -> None:
    office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom")
    feeds.pages["/1"], feeds.etag = message("a-1"), '"mot"'
    feeds.list("/1", "/2")
    assert "404" in (await office.visit() or "")
    assert list(office.came()) == ["a-1"]
    feeds.pages["/2"] = message("a-2")
    assert await office.visit() is None
    assert list(office.came()) == ["a-1", "a-2"]


async def test_links_into_other_inner_hosts_are_not_followed(office: Office, feeds: Feeds) -> None:
    with running() as other:
        other.pages["/1"] = message("a-1")
        office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom")
        feeds.list(f"{other.url}/1", "file:///etc/passwd")
        assert await office.visit() is not None
        assert (other.asked, office.came()) == ([], {})


async def test_a_name_that_turns_inward_after_it_was_checked_is_not_followed(
    office: Office, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first answer is public, every other one is this machine."""
    outside, answers, called = "1.1.1.1", iter(["1.1.1.1"]), []
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def turning(host: str | None, *how: Any, **more: Any) -> Any:
        return look_up(next(answers, "127.0.0.1") if host == "doi-ten.example" else host, *how, **more)

    def noted(self: socket.socket, address: tuple[str, int]) -> None:
        called.append(address[0])
        if address[0] == outside:
            raise ConnectionRefusedError  # nothing leaves this machine
        connect(self, address)

    with running() as inner:
        inner.pages["/1"] = message("a-1")
        office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom")
        feeds.list(f"http://doi-ten.example:{inner.url.rpartition(':')[2]}/1")
        monkeypatch.setattr(socket, "getaddrinfo", turning)
        monkeypatch.setattr(socket.socket, "connect", noted)
        assert await office.visit() is not None
        assert (inner.asked, office.came()) == ([], {})
    assert called == ["127.0.0.1", outside]


async def test_a_slow_source_holds_up_no_other_not_even_the_next_time(office: Office, feeds: Feeds) -> None:
    with running() as quick:
        feeds.stalls = True
        office.add(SourceKind.CAP_HTTP, f"{feeds.url}/cham", slug="cham")
        office.add(SourceKind.CAP_HTTP, f"{quick.url}/tin", slug="nhanh")
        for number in (1, 2):
            quick.pages["/tin"] = message(f"a-{number}")
            async with asyncio.timeout(30):
                while f"a-{number}" not in office.came():
                    office.forget_asking("nhanh")
                    await office.desk.ask_due()
                    await asyncio.sleep(0.05)
        assert feeds.asked == ["/cham"]  # still under way, and asked once
        await office.desk.stop()
    assert office.came().keys() == {"a-1", "a-2"}


@pytest.mark.parametrize("page", [b"", b"<html/>", b"{}", b"<!DOCTYPE x><feed/>", b"<a>" * 90])
async def test_what_is_no_feed_is_told(office: Office, feeds: Feeds, page: bytes) -> None:
    office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom")
    feeds.pages["/tin.atom"] = page
    # A single document that is no message lies in the inbox with its reason; what is no XML is the source's error.
    assert (await office.visit() is not None) != bool(office.bad())
    assert office.came() == {}


async def test_a_feed_that_stalls_or_never_ends_is_left(house_engine: Engine, tmp_path: Path, feeds: Feeds) -> None:
    office = new_office(house_engine, tmp_path, Patience(connect_s=10, stall_s=1, whole_s=60))
    office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom")
    feeds.list()
    feeds.stalls = True
    assert await office.visit() is not None
    feeds.stalls, feeds.endless = False, True
    assert f"{MAX_FEED_BYTES // 1024 // 1024} MB" in (await office.visit() or "")


async def test_dead_links_take_their_share_of_a_visit_and_the_rest_is_taken(
    house_engine: Engine, tmp_path: Path, feeds: Feeds
) -> None:
    office = new_office(house_engine, tmp_path, replace(BUSY, links_s=1))
    office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom")
    feeds.dead = frozenset(f"/chet-{number}" for number in range(2 * LINKS_AT_ONCE))
    feeds.list(*sorted(feeds.dead), inside=message("a-1"))
    assert await office.visit() is not None
    assert office.came() == {"a-1": CapState.WAITING}


async def test_signatures_are_checked_where_they_are_given(office: Office, feeds: Feeds, now: datetime) -> None:
    signer, stranger = new_signer(), new_signer()
    office.add(SourceKind.CAP_HTTP, f"{feeds.url}/tin.atom")
    with session_of(office.engine) as session:
        admin = get_user(session, "quantri")
        trust_certificate(session, "tinh", signer.pem, admin, now)
        set_options(session, "tinh", admin, now, airs_at_once=True, needs_signature=True)
    feeds.pages |= {
        "/good": signer.sign(message("a-1")),
        "/stranger": stranger.sign(message("a-2")),
        "/changed": signer.sign(message("a-3")).replace(b"a-3", b"a-4"),
        "/bare": message("a-5"),
    }
    feeds.list(*feeds.pages.keys() - {"/tin.atom"})
    assert await office.visit() is None
    assert office.came() == {"a-1": CapState.RAISED}
    assert len(office.bad()) == 3


async def test_a_folders_files_are_taken_and_moved(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "cap"
    folder.mkdir()
    (folder / "1.xml").write_bytes(message("a-2", sent=at(1), kind="Cancel", refers="a-1"))
    (folder / "2.cap").write_bytes(message("a-1"))
    (folder / "3.xml").write_bytes(b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>")
    (folder / "4.txt").write_bytes(message("a-4"))
    office.add(SourceKind.CAP_FOLDER, str(folder))
    assert await office.visit() is None
    assert office.came() == {"a-1": CapState.CANCELLED, "a-2": CapState.NOTED}
    assert sorted(one.name for one in (folder / "done").iterdir()) == ["1.xml", "2.cap"]
    assert "DOCTYPE" in (folder / "bad" / "3.xml.txt").read_text()
    assert len(office.bad()) == 1


async def test_a_file_that_is_half_written_is_waited_for(office: Office, tmp_path: Path) -> None:
    folder, data = tmp_path / "cap", message("a-1")
    folder.mkdir()
    office.add(SourceKind.CAP_FOLDER, str(folder))
    for half in (data[:100], data[:-1]):
        (folder / "a.xml").write_bytes(half)
        assert await office.visit() is None
    assert (office.came(), office.bad()) == ({}, [])
    (folder / "a.xml").write_bytes(data)
    assert await office.visit() is None
    assert list(office.came()) == ["a-1"]
    (folder / "b.xml").write_bytes(data[:-1])
    for _ in range(2):
        await office.visit()
    assert (folder / "bad" / "b.xml").exists()


async def test_a_folder_that_is_not_there_and_a_giant_are_told(office: Office, tmp_path: Path) -> None:
    office.add(SourceKind.CAP_FOLDER, str(tmp_path / "cap"))
    assert "thư mục" in (await office.visit() or "")
    (tmp_path / "cap").mkdir()
    await asyncio.to_thread((tmp_path / "cap" / "a.xml").write_bytes, b"<a>" + b" " * 10_000_000)
    assert await office.visit() is None
    assert "KB" in office.bad()[0]
    with reading(office.engine) as session:
        assert session.exec(select(Source)).one().answered_at == NOW
