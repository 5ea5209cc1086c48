"""A server whose disk is really full: it says so, keeps nothing half, shows what it has, and mends itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.db import open_engine
from broadcast.models import Bulletin, Recording
from tests.fakes.small_disk import fill, small_disk
from tests.web.conftest import Commune, Programs, SignIn
from web.settings import load_settings

LONG = "Họp lúc 8h. " * 400
BULLETIN = {"title": "Tin", "script": LONG, "zones": ["thon-dong"]}
DISK_KIB = 48 * 1024
TRIES = 40
"""What SQLite has set aside in its log is used up first."""


@pytest.fixture
def commune(tmp_path: Path, seeded: tuple[Path, dict[str, str]]) -> Iterator[Commune]:
    """The commune, its data on a disk of their own."""
    with small_disk(tmp_path / "disk", DISK_KIB) as disk:
        settings = load_settings(None, {}, data_dir=disk / "data", mqtt={"mode": "memory"})
        settings.data_dir.mkdir()
        path, passwords = seeded
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(settings.data_dir / "loalang.sqlite3"),))
        engine = open_engine(settings.database_url)
        yield Commune(settings, engine, passwords)
        engine.dispose()


def count(commune: Commune) -> int:
    with commune.work() as session:
        return len(session.exec(select(Bulletin.id)).all())


async def test_what_does_not_fit_is_said_and_afterwards_everything_goes_on(
    app: FastAPI, commune: Commune, api: Programs, browse: SignIn
) -> None:
    officer, program = await browse("officer"), api("officer")
    assert (await program.post("/api/bulletins", json=BULLETIN)).status_code == 201
    filler = fill(commune.settings.data_dir)
    kept, answer = 1, await program.post("/api/bulletins", json=BULLETIN)
    for _ in range(TRIES):
        if answer.status_code != 201:
            break
        kept, answer = kept + 1, await program.post("/api/bulletins", json=BULLETIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk-full")
    assert count(commune) == kept, "what was answered is there, and nothing else"

    await officer.get("/soan")
    page = await officer.send(
        'main form[action="/soan"]', title="Tin", script=LONG, zones="thon-dong", when="now", act="save"
    )
    assert officer.answer.status_code == 507
    assert "chưa được lưu" in page.text()
    await officer.get("/ban-tin")
    assert officer.answer.status_code == 200, "what can be read is still shown"

    sound = {"file": ("a.mp3", bytes(2_000_000), "audio/mpeg")}
    sent = await program.post("/api/recordings", data={"name": "Lời mời", "language": "vie"}, files=sound)
    assert (sent.status_code, sent.json()["error"]["code"]) == (507, "disk-full")
    with commune.work() as session:
        assert session.exec(select(Recording)).all() == []

    left = {
        path.name for path in commune.settings.data_dir.rglob("*") if path.is_file() and path.stat().st_size > 10**6
    }
    assert left <= {filler.name, "loalang.sqlite3", "loalang.sqlite3-wal"}
    filler.unlink()
    assert (await program.post("/api/bulletins", json=BULLETIN)).status_code == 201
    assert count(commune) == kept + 1
