"""`loalang check`, as a person at a terminal meets it, with a server that answers and with none."""

import asyncio
import json
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.communes import get_commune
from broadcast.db import open_engine, session_of
from broadcast.models import Role
from broadcast.morning_watch import MorningWatch
from broadcast.users import add_user
from players.presence import PresenceBoard
from scheduler.clock import utc_now
from web.cli import check, main

Said = pytest.CaptureFixture[str]
VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def folder(tmp_path: Path, capsys: Said) -> Path:
    """A commune that is open all day."""
    data = tmp_path / "commune"
    windows = ["--window", "00:00-00:00"]
    assert main(["init", "--name", "Xã An", "--zone", "Thôn Đông", *windows, "--data", str(data)]) == 0
    capsys.readouterr()
    return data


def plan_something(folder: Path) -> None:
    """An approved bulletin in a village without a pole, before the end of the morning."""
    now = utc_now()
    engine = open_engine(f"sqlite:///{folder / 'loalang.sqlite3'}")
    with session_of(engine) as session:
        commune = get_commune(session)
        people = [add_user(session, commune, username=name, name=name, role=role, zone=None, now=now)[0]
                  for name, role in (("cb", Role.OFFICER), ("ld", Role.LEADER))]  # fmt: skip
        bulletin = write_bulletin(
            session, people[0], title="Tin sáng", script="Họp.", zones=["thon-dong"], now=now,
            airs_at=now + timedelta(minutes=10),
        )  # fmt: skip
        submit_bulletin(session, bulletin.id, people[0], now)
        approve_bulletin(session, bulletin.id, people[1], 1, now)
    engine.dispose()


async def ask(folder: Path, *options: str) -> int:
    """The command, beside a server's watch over mornings."""
    engine = open_engine(f"sqlite:///{folder / 'loalang.sqlite3'}")
    until = (utc_now() + timedelta(hours=6)).astimezone(VIET_NAM).time()  # never just now, at whatever hour this runs
    watch = MorningWatch(engine, PresenceBoard(), lambda: "", time(4), until, utc_now, lambda: None)
    running = asyncio.create_task(watch.run())
    try:
        return await asyncio.to_thread(main, ["check", "--data", str(folder), *options])
    finally:
        running.cancel()
        await asyncio.wait({running})
        engine.dispose()


async def test_a_morning_without_broadcasts_is_well(folder: Path, capsys: Said) -> None:
    assert await ask(folder) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("0 broadcasts until ")
    assert last == "nothing stands in the way"


async def test_what_will_not_sound_is_said_and_the_status_is_1(folder: Path, capsys: Said) -> None:
    plan_something(folder)
    assert await ask(folder, "--json") == 1
    result = json.loads(capsys.readouterr().out)
    (finding,) = [one for one in result["findings"] if one["is_silent"]]
    assert (finding["code"], finding["pole"], finding["title"]) == ("no-nodes", None, "Tin sáng")
    assert await ask(folder) == 1
    assert "Tin sáng  [all poles]  WILL NOT SOUND: Khu vực chưa có cụm loa nào." in capsys.readouterr().out


def test_without_a_server_nothing_is_claimed(folder: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "ANSWERED_WITHIN_S", 0.5)
    assert main(["check", "--data", str(folder)]) == 2
    assert "the server does not answer" in capsys.readouterr().err
    assert main(["check", "--data", str(folder / "nowhere")]) == 2
    assert "no commune in" in capsys.readouterr().err
