"""Documents sent by page and by program: taken, read in the background, opened as a draft, parts brought back."""

import asyncio
import errno
import io
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image
from sqlmodel import select

from broadcast.imports import MAX_ATTEMPTS, add_import, clean_file_name
from broadcast.models import Bulletin, DocumentImport, ImportState
from broadcast.users import get_user
from tests.tts.import_document.making import make_letter
from tests.web.conftest import NOW, Browser, Clock, Commune, Programs, SignIn, serving
from web.parts import START_ORDER, import_desk, renderers

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def letter() -> bytes:
    buffer = io.BytesIO()
    make_letter().save(buffer)
    return buffer.getvalue()


@pytest.fixture
async def idle_app(commune: Commune, clock: Clock) -> AsyncIterator[FastAPI]:
    """A server that takes documents and reads none."""
    commune.settings.papers_dir.mkdir()
    without = tuple(start for start in START_ORDER if start not in {renderers, import_desk})
    async with serving(commune.settings, clock, without) as app:
        yield app


async def until_read(app: FastAPI, program: httpx.AsyncClient, import_id: str) -> dict[str, object]:
    """Ask whenever something has changed."""
    for _ in range(400):
        said: dict[str, object] = (await program.get(f"/api/imports/{import_id}")).json()
        if said["state"] in {"done", "failed"}:
            return said
        await app.state.station.next_change(timedelta(seconds=0.5))
    raise AssertionError("it is not read")


async def test_a_program_sends_a_document_and_gets_a_draft(
    app: FastAPI, api: Programs, commune: Commune, letter: bytes
) -> None:
    officer = api("officer")
    sent = await officer.post("/api/imports", files={"file": ("../../etc/Thông báo.docx", letter)})
    assert sent.status_code == 202, sent.text
    import_id = sent.json()["id"]
    assert sent.headers["location"] == f"/api/imports/{import_id}"
    assert sent.json()["file_name"] == "Thông báo.docx"
    said = await until_read(app, officer, import_id)
    assert (said["state"], said["page"], said["pages"], said["problem"]) == ("done", 1, 1, None)
    bulletin = (await officer.get(f"/api/bulletins/{said['bulletin']}")).json()
    assert bulletin["script"] == said["text"]
    assert bulletin["title"].startswith("Thông báo về việc tiêm phòng")
    assert (bulletin["state"], bulletin["zones"], bulletin["revision"]) == ("draft", [], 1)
    kinds = [part["kind"] for part in said["set_aside"]]  # type: ignore[attr-defined]
    assert {"motto", "recipients", "signature"} <= set(kinds)
    assert list(commune.settings.papers_dir.iterdir()) == []
    submitted = await officer.post(f"/api/bulletins/{said['bulletin']}/submit")
    assert (submitted.status_code, submitted.json()["error"]["code"]) == (422, "no-zone")
    for other in ("officer2", "leader", "admin"):
        assert (await api(other).get(f"/api/imports/{import_id}")).status_code == 404


async def test_a_document_that_cannot_be_read_says_why(app: FastAPI, api: Programs, commune: Commune) -> None:
    officer = api("officer")
    sent = await officer.post("/api/imports", files={"file": ("a.docx", b"MZ" + b"\0" * 100)})
    said = await until_read(app, officer, sent.json()["id"])
    assert (said["state"], said["bulletin"]) == ("failed", None)
    assert said["problem"]["code"] == "unknown-kind"  # type: ignore[index]
    assert "Không đọc được loại tệp này" in said["problem"]["message"]  # type: ignore[index]
    assert list(commune.settings.papers_dir.iterdir()) == []


async def send_by_page(browser: Browser, name: str, content: bytes) -> None:
    await browser.get("/soan")
    secret = browser.attributes('.drop input[name="csrf"]')["value"]
    browser.answer = await browser.http.post("/giay", data={"csrf": secret}, files={"file": (name, content)})


async def test_a_page_leads_to_the_draft_without_javascript(
    app: FastAPI, browse: SignIn, api: Programs, letter: bytes
) -> None:
    officer = await browse("officer")
    await send_by_page(officer, "thong bao.docx", letter)
    assert officer.answer.status_code == 303
    there = officer.answer.headers["location"]
    await officer.get(there)
    if officer.answer.status_code == 200:
        assert "Đang lấy chữ từ văn bản" in officer.page.text()
        assert officer.attributes("noscript meta")["http-equiv"] == "refresh"
    await until_read(app, api("officer"), there.removeprefix("/giay/"))
    page = await officer.get(there)
    assert officer.path.startswith("/soan/")
    assert officer.attributes("#title")["value"].startswith("Thông báo về việc tiêm phòng")
    struck = [one.text() for one in page.css("#giay del")]
    assert any("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in text for text in struck)
    assert officer.text("#paper-title") == "Từ giấy: thong bao.docx"
    htmx = await officer.http.get(there, headers={"hx-request": "true"})
    assert (htmx.status_code, htmx.headers["hx-redirect"]) == (204, officer.path)


async def test_a_part_comes_back_and_goes_again(app: FastAPI, browse: SignIn, api: Programs, letter: bytes) -> None:
    officer = await browse("officer")
    await send_by_page(officer, "a.docx", letter)
    there = officer.answer.headers["location"]
    await until_read(app, api("officer"), there.removeprefix("/giay/"))
    page = await officer.get(there)
    number = next(at for at, row in enumerate(page.css("#giay li")) if "Địa danh" in row.text())
    form = 'form[id="compose"]'
    typed = "Câu viết thêm.\n\n" + officer.page.css_first("#script").text()  # type: ignore[union-attr]
    await officer.send(form, f"act=bring:{number}", script=typed, title="Tên mới")
    script = officer.page.css_first("#script").text()  # type: ignore[union-attr]
    assert script.startswith("Hòa Bình An, ngày 08 tháng 9 năm 2026\n\n") or (
        "Hòa Bình An, ngày 08 tháng 9 năm 2026\n\nTHÔNG BÁO" in script
    )
    assert "Câu viết thêm." in script
    assert officer.attributes("#title")["value"] == "Tên mới"
    row = officer.page.css("#giay li")[number]
    assert row.css_first("del") is None
    await officer.send(form, f"act=aside:{number}")
    assert "ngày 08 tháng 9" not in officer.page.css_first("#script").text()  # type: ignore[union-attr]
    assert officer.page.css("#giay li")[number].css_first("del") is not None
    await officer.send(form, "act=save", zones="thon-dong")
    assert officer.answer.status_code == 200
    assert "Câu viết thêm." in officer.page.css_first("#script").text()  # type: ignore[union-attr]


@pytest.mark.parametrize("act", ["bring:99", "bring:x", "aside:0"])
async def test_a_part_that_is_not_there_changes_nothing(act: str, browse: SignIn) -> None:
    officer = await browse("officer")
    await officer.get("/soan")
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    answer = await officer.http.post("/soan", data={"csrf": secret, "act": act, "script": "Họp.", "title": "T"})
    assert answer.status_code == 200
    assert ">Họp.</textarea>" in answer.text


async def test_a_failure_is_shown_on_the_page(app: FastAPI, browse: SignIn, api: Programs) -> None:
    officer = await browse("officer")
    await send_by_page(officer, "a.pdf", b"%PDF-1.7 nonsense")
    there = officer.answer.headers["location"]
    await until_read(app, api("officer"), there.removeprefix("/giay/"))
    await officer.get(there)
    assert "Tệp bị hỏng" in officer.text('.note[role="alert"]')
    assert officer.page.css_first("noscript meta") is None
    assert (await (await browse("officer2")).http.get(there)).status_code == 404


async def test_what_waits_is_shown_and_the_queue_is_bounded(idle_app: FastAPI, commune: Commune, clock: Clock) -> None:
    sign_in = SignIn(idle_app, commune)
    officer = await sign_in("officer")
    most = commune.settings.paper.max_waiting
    for _ in range(most):
        clock.pass_time(timedelta(seconds=1))
        await send_by_page(officer, "a.pdf", b"%PDF-")
        assert officer.answer.status_code == 303
    await officer.get(officer.answer.headers["location"])
    assert f"còn {most - 1} tài liệu phía trước" in officer.page.text()
    await send_by_page(officer, "a.pdf", b"%PDF-")
    assert officer.answer.status_code == 503
    assert "Đang có nhiều tài liệu chờ đọc" in officer.answer.text
    assert len(list(commune.settings.papers_dir.iterdir())) == most
    for browser in sign_in.browsers:
        await browser.http.aclose()


BAD_FORMS = [
    ("no-file", {"files": {"other": (None, "x")}}, 422),
    ("empty-file", {"files": {"file": ("a.pdf", b"")}}, 422),
    ("not-a-form", {"data": {"file": "x"}}, 422),
    ("one-file-only", {"files": [("file", ("a", b"x")), ("file", ("b", b"y"))]}, 422),
    ("bad-request", {"files": {"other": ("a.pdf", b"x")}}, 400),
    (
        "bad-request",
        {"content": b"nonsense", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        400,
    ),
    ("bad-request", {"files": {"name": (None, "x" * 5000)}}, 400),
]


@pytest.mark.parametrize(("code", "form", "status"), BAD_FORMS)
async def test_a_form_that_is_none_is_refused(
    code: str, form: dict[str, object], status: int, idle_app: FastAPI, commune: Commune
) -> None:
    officer = Programs(idle_app, commune)("officer")
    answer = await officer.post("/api/imports", **form)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert list(commune.settings.papers_dir.iterdir()) == []
    await officer.aclose()


async def test_a_file_that_is_too_long_is_refused_announced_or_not(idle_app: FastAPI, commune: Commune) -> None:
    officer = Programs(idle_app, commune)("officer")
    most = commune.settings.paper.max_bytes
    answer = await officer.post("/api/imports", files={"file": ("a", b"x" * (most + 100_000))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "file-too-large")
    assert answer.json()["error"]["message"] == "Tệp quá lớn: tối đa 30 MB."

    async def body() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(most // 1_000_000 + 1):
            yield b"x" * 1_000_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = await officer.post("/api/imports", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "file-too-large")
    assert list(commune.settings.papers_dir.iterdir()) == []
    await officer.aclose()


async def test_a_stranger_sends_no_byte(idle_app: FastAPI, commune: Commune, letter: bytes) -> None:
    """The session's secret comes before the file; a form without it is refused before a byte is kept."""
    sign_in = SignIn(idle_app, commune)
    officer, head = await sign_in("officer"), await sign_in("head")
    for data in ({}, {"csrf": "wrong"}):
        answer = await officer.http.post("/giay", data=data, files={"file": ("a.docx", letter)})
        assert answer.status_code == 403
    await head.get("/mat-khau")
    secret = head.attributes('#act input[name="csrf"]')["value"]
    answer = await head.http.post("/giay", data={"csrf": secret}, files={"file": ("a.docx", letter)})
    assert answer.status_code == 403
    program = Programs(idle_app, commune)("admin")
    assert (await program.post("/api/imports", files={"file": ("a", b"x")})).status_code == 403
    assert list(commune.settings.papers_dir.iterdir()) == []
    for browser in sign_in.browsers:
        await browser.http.aclose()
    await program.aclose()


async def test_after_a_restart_what_was_begun_is_read_again(commune: Commune, clock: Clock, letter: bytes) -> None:
    """And files that nobody waits for are deleted; what ended the server twice is given up."""
    folder = commune.settings.papers_dir
    folder.mkdir()
    for name in ("begun", "hopeless", "orphan"):
        (folder / name).write_bytes(letter)
    (folder / "paper-left-by-a-killed-reader").mkdir()
    with commune.work() as session:
        officer = get_user(session, "officer")
        ids = {}
        for name, attempts in (("begun", 1), ("hopeless", 2), ("lost", 1)):
            document = add_import(session, officer, file_name=name, upload=name, max_waiting=9, now=NOW)
            document.state, document.attempts = ImportState.READING, attempts
            ids[name] = document.id
    without = tuple(start for start in START_ORDER if start is not renderers)
    async with serving(commune.settings, clock, without) as app:
        program = Programs(app, commune)("officer")
        states = {name: await until_read(app, program, import_id) for name, import_id in ids.items()}
        await program.aclose()
        assert states["begun"]["state"] == "done"
        for name in ("hopeless", "lost"):
            assert states[name]["problem"]["code"] == "reader-ended"  # type: ignore[index]
    assert list(folder.iterdir()) == []


async def test_a_reading_is_cut_short_with_the_server_and_begun_again_later(
    commune: Commune, clock: Clock, letter: bytes
) -> None:
    without = tuple(start for start in START_ORDER if start is not renderers)
    async with serving(commune.settings, clock, without) as app:
        program = Programs(app, commune)("officer")
        import_id = (await program.post("/api/imports", files={"file": ("a.docx", letter)})).json()["id"]
        while (await program.get(f"/api/imports/{import_id}")).json()["state"] == "waiting":
            await app.state.station.next_change(timedelta(seconds=0.2))
        await program.aclose()
    with commune.work() as session:
        stopped = session.exec(select(DocumentImport)).one()
        was_done = stopped.state is ImportState.DONE
        assert len(list(commune.settings.papers_dir.iterdir())) == (0 if was_done else 1)
    async with serving(commune.settings, clock, without) as app:
        program = Programs(app, commune)("officer")
        assert (await until_read(app, program, import_id))["state"] == "done"
        await program.aclose()


async def test_who_may_no_longer_write_gets_no_draft(
    app: FastAPI, commune: Commune, api: Programs, letter: bytes
) -> None:
    await asyncio.to_thread((commune.settings.papers_dir / "a").write_bytes, letter)
    with commune.work() as session:
        head = get_user(session, "head")
        document = DocumentImport(
            commune_id=head.commune_id, user_id=head.id or 0, file_name="a", upload="a", created_at=NOW
        )
        session.add(document)
        import_id = document.id
    app.state.station.imports.nudge()
    said = await until_read(app, api("head"), import_id)
    assert said["problem"]["code"] == "role-not-allowed"  # type: ignore[index]
    with commune.work() as session:
        assert session.exec(select(Bulletin)).all() == []


async def test_failures_are_not_kept_for_ever(commune: Commune) -> None:
    with commune.work() as session:
        officer = get_user(session, "officer")
        old = add_import(session, officer, file_name="a", upload="a", max_waiting=9, now=NOW)
        old.state, old.finished_at = ImportState.FAILED, NOW
        old_id = old.id
    with commune.work() as session:
        add_import(
            session, get_user(session, "officer"), file_name="b", upload="b", max_waiting=9, now=NOW + timedelta(days=8)
        )
    with commune.work() as session:
        assert session.get(DocumentImport, old_id) is None


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\Users\\Bà Hà\\thông báo.doc", "thông báo.doc"),
        ("a\u202efdp.exe\0\n", "afdp.exe"),
        ("", "tài liệu"),
        ("..", ".."),
        ("x" * 500, "x" * 120),
    ],
)
def test_a_file_name_is_only_shown(sent: str, shown: str) -> None:
    assert clean_file_name(sent) == shown


def picture(size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("1", size, 1).save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_giant_picture_is_refused_while_the_server_serves(app: FastAPI, api: Programs) -> None:
    officer = api("officer")
    sent = await officer.post("/api/imports", files={"file": ("a.png", picture((10_000, 10_000)))})
    assert (await officer.get("/api/me")).status_code == 200
    said = await until_read(app, officer, sent.json()["id"])
    assert said["problem"]["message"].startswith("Ảnh quá lớn (100 triệu điểm ảnh)")  # type: ignore[index]


async def test_a_document_that_met_a_full_disk_is_read_when_there_is_room(
    app: FastAPI, api: Programs, letter: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer, station = api("officer"), app.state.station

    met = []

    def full(*asked: object, **__: object) -> None:
        met.append(asked)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkdtemp", full)
        sent = await officer.post("/api/imports", files={"file": ("a.docx", letter)})
        assert sent.status_code == 202, sent.text
        for _ in range(400):
            if "import-desk" in {trouble.step for trouble in station.runner.troubles}:
                break
            await station.next_change(timedelta(seconds=0.5))
        assert [(one.step, one.error) for one in station.runner.troubles] == [
            ("import-desk", "OSError: [Errno 28] No space left on device")
        ]
        for _ in range(400):  # as often as would give up a document that ends its reader
            if len(met) > MAX_ATTEMPTS:
                break
            await station.next_change(timedelta(seconds=0.5))
        assert len(met) > MAX_ATTEMPTS
    said = await until_read(app, officer, sent.json()["id"])
    assert (said["state"], said["problem"]) == ("done", None)
