"""`loalang timetable` and `loalang forecast`, as a person at a terminal meets them."""

import json
import wave
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlmodel import select

from broadcast.communes import get_commune
from broadcast.db import open_engine, session_of
from broadcast.entries import EntryDraft, add_entry, to_minute
from broadcast.models import (
    Broadcast,
    BroadcastPart,
    Clip,
    Node,
    NodeZone,
    Rendering,
    RenderingState,
    Role,
    WhenEmpty,
    row_id,
)
from broadcast.nodes import create_node
from broadcast.programme_parts import framed_by
from broadcast.programmes import ProgrammeDraft, create_programme, edit_programme
from broadcast.users import add_user
from scheduler.clock import utc_now
from tests.scheduler.planning import plan_timetable
from tts.clip_file import encode_clip
from tts.clip_store import ClipStore
from tts.loudness import Level
from tts.sound import MIX_RATE
from web.cli import main

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")
Said = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A commune whose next programme is rendered, on its one pole, every day twelve hours from now."""
    monkeypatch.chdir(tmp_path)
    for name in ("LOALANG_DATA_DIR", "LOALANG_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    options = ["--data", str(tmp_path / "commune")]
    windows = ["--window", "00:00-00:00"]
    assert main(["init", "--name", "Xã An", "--zone", "Thôn Đông", *windows, *options]) == 0
    now = utc_now()
    local = (now + timedelta(hours=12)).astimezone(VIET_NAM)
    engine = open_engine(f"sqlite:///{tmp_path / 'commune' / 'loalang.sqlite3'}")
    with session_of(engine) as session:
        commune = get_commune(session)
        leader, _ = add_user(session, commune, username="ld", name="LĐ", role=Role.LEADER, zone=None, now=now)
        create_node(session, commune, "dong-1", "Đông 1", ["thon-dong"], now)
        session.exec(select(Node)).one().public_key = {"kty": "OKP"}
        programme = create_programme(session, commune, name="Sáng", greeting="Chào.", closing="", now=now, actor="ld")
        draft = ProgrammeDraft("Sáng", framed_by("Chào.", ""), WhenEmpty.GREETING)
        edit_programme(session, row_id(programme.id), 1, draft, now, leader)
        entry = EntryDraft(
            programme_id=row_id(programme.id),
            zones=("thon-dong",),
            airs_at=to_minute(local.time()),
            from_on=date(2020, 1, 1),
        )
        add_entry(session, entry, now, "ld")
        plan_timetable(session, now)
        store = ClipStore(tmp_path / "commune" / "clips")
        tone = (9000 * np.sin(2 * np.pi * 500 * np.arange(2 * MIX_RATE) / MIX_RATE)).astype(np.int16)
        bytes_, _ = encode_clip([tone], Level())
        clip = Clip(
            sha256=store.add(bytes_), size_bytes=len(bytes_), duration_ms=2000, engine="tone", voice="", created_at=now
        )
        session.add(clip)
        session.flush()
        first = session.exec(select(Broadcast).order_by(Broadcast.starts_at)).first()  # type: ignore[arg-type]
        assert first is not None
        part = session.exec(select(BroadcastPart).where(BroadcastPart.broadcast_id == first.id)).one()
        rendering = session.get_one(Rendering, part.rendering_key)
        rendering.state, rendering.clip_sha256 = RenderingState.RENDERED, clip.sha256
        session.add(rendering)
    engine.dispose()
    return options


def test_the_timetable_is_read_by_people_and_by_programs(data: list[str], capsys: Said) -> None:
    capsys.readouterr()
    assert main(["timetable", "--days", "9", "--node", "dong-1", *data]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 9
    assert "  Sáng, " in said[0]
    assert said[0].endswith("[thon-dong]  2 s")
    assert main(["timetable", "--days", "2", "--json", *data]) == 0
    first = json.loads(capsys.readouterr().out)["timetable"][0]
    assert (first["zones"], first["duration_ms"], first["reason"]) == (["thon-dong"], 2000, None)
    assert first["will_sound"] is True
    for command in ("timetable", "forecast"):
        assert main([command, "--node", "khong-co", *data]) != 0
        assert capsys.readouterr().err.startswith("loalang: there is no node khong-co")


@pytest.mark.parametrize(("change", "reason"), [("unpaired", "node-not-paired"), ("moved", "no-nodes")])
def test_what_no_pole_can_sound_says_why(data: list[str], capsys: Said, change: str, reason: str) -> None:
    engine = open_engine(f"sqlite:///{Path(data[1]) / 'loalang.sqlite3'}")
    with session_of(engine) as session:
        if change == "unpaired":
            session.exec(select(Node)).one().public_key = None
        else:
            session.delete(session.exec(select(NodeZone)).one())
    engine.dispose()
    capsys.readouterr()
    assert main(["timetable", "--days", "1", *data]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(f"[thon-dong]  WILL NOT SOUND: {reason}")


def test_a_forecast_of_silence_says_why(data: list[str], capsys: Said) -> None:
    engine = open_engine(f"sqlite:///{Path(data[1]) / 'loalang.sqlite3'}")
    with session_of(engine) as session:
        session.exec(select(Node)).one().public_key = None
    engine.dispose()
    capsys.readouterr()
    assert main(["forecast", "--node", "dong-1", *data]) != 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "loalang: nothing will sound in that time"
    assert said[1].startswith("not heard   ")
    assert said[1].endswith(": node-not-paired")
    assert not Path("out.wav").exists()


def test_the_forecast_is_heard_beforehand(data: list[str], capsys: Said) -> None:
    capsys.readouterr()
    until = (utc_now() + timedelta(days=1)).isoformat(timespec="minutes")
    assert main(["forecast", "--node", "dong-1", "--until", until, "-o", "out.wav", *data]) == 0
    said = capsys.readouterr().out
    assert said.startswith("    0.00 s  ")
    assert ":00  Sáng, " in said
    with wave.open("out.wav") as file:
        assert (file.getframerate(), file.getnchannels()) == (48_000, 1)
        assert file.getnframes() / file.getframerate() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(
    "when", [["--from", "24:99"], ["--until", "tomorrow"], ["--until", "2020-01-01T00:00"], ["--until", "2120-01-01"]]
)
def test_times_that_make_no_sense_are_refused(data: list[str], capsys: Said, when: list[str]) -> None:
    assert main(["forecast", "--node", "dong-1", *when, *data]) != 0
    assert "--" in capsys.readouterr().err
    assert not Path("out.wav").exists()
