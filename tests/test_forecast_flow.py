"""What the forecast says will sound is what the pole sounds: the file made beforehand is found in its recording."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlmodel import select

from broadcast.airings import renderings_of
from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.communes import get_commune, local_zone
from broadcast.entries import EntryDraft, add_entry
from broadcast.models import (
    Clip,
    Delivery,
    DeliveryState,
    ProgrammePartKind,
    Recording,
    TimetableEntry,
    row_id,
)
from broadcast.placements import place_bulletin
from broadcast.programme_parts import ProgrammePartDraft, set_weather
from broadcast.programmes import ProgrammeDraft, add_programme
from broadcast.users import get_user
from broadcast.vietnamese_days import lunar_day, say_lunar
from scheduler.clock import utc_now
from scheduler.forecast import Line, lines_of_node
from scheduler.forecast_sound import write_forecast
from scheduler.planner import plan_entries
from tests.listening import find_sound, read_wav
from tests.test_flow import _stage, _until
from tests.web.conftest import Commune, commune, seeded
from tts.clip_file import encode_clip
from tts.clip_store import ClipStore
from tts.loudness import Level
from tts.normalize import normalize
from tts.sound import MIX_RATE

__all__ = ["commune", "seeded"]  # fixtures
AHEAD = timedelta(seconds=25)
KINDS = ProgrammePartKind
GREETING = "Xin chào bà con {xã}. Hôm nay là {thứ}, {ngày}, {âm lịch}.\nThời tiết: {thời tiết}."


def keep_recording(commune: Commune, store: ClipStore) -> str:
    """A recording of two seconds; its id."""
    tone = 0.3 * np.sin(2 * np.pi * 600 * np.arange(2 * MIX_RATE) / MIX_RATE)
    data, _ = encode_clip([(tone * 32767).astype(np.int16)], Level())
    sha256 = store.add(data)
    with commune.work() as session:
        now, owner = utc_now(), get_user(session, "leader")
        session.add(
            Clip(sha256=sha256, size_bytes=len(data), duration_ms=2000, engine="recording", voice="", created_at=now)
        )
        session.flush()
        kept = Recording(
            commune_id=row_id(owner.commune_id), owner_id=row_id(owner.id), name="Lời ca", language="vie",
            is_shared=True, created_at=now, edited_at=now, original_sha256=sha256, original_bytes=1,
            original_format="wav", length_ms=2000, peaks=[1], end_ms=2000, clip_sha256=sha256,
        )  # fmt: skip
        session.add(kept)
        return kept.id


def make_week(commune: Commune, recording: str, now: datetime) -> int:
    """A programme of every kind of part, a bulletin in it, and an entry some hours ahead; the entry's id."""
    with commune.work() as session:
        leader, officer = get_user(session, "leader"), get_user(session, "officer")
        house = get_commune(session)
        today = now.astimezone(local_zone(house)).date()
        for day in (today, today + timedelta(days=1)):
            set_weather(session, day, "trời nắng, chiều có mưa rào", now, "officer")
        parts = [
            ProgrammePartDraft(KINDS.CHIME),
            ProgrammePartDraft(KINDS.GREETING, GREETING),
            ProgrammePartDraft(KINDS.BULLETINS),
            ProgrammePartDraft(KINDS.RECORDING, recording=recording),
            ProgrammePartDraft(KINDS.CLOSING, "Xin hết."),
        ]
        programme = row_id(add_programme(session, house, ProgrammeDraft("Bản tin", parts), now, leader).id)
        bulletin = write_bulletin(
            session, officer, title="Họp", script="Mời họp lúc 7h30.", zones=["thon-dong"], now=now
        )
        place_bulletin(session, bulletin, [programme], now)
        submit_bulletin(session, bulletin.id, officer, now)
        approve_bulletin(session, bulletin.id, leader, bulletin.revision, now)
        far = (now + timedelta(hours=6)).astimezone(local_zone(house))
        draft = EntryDraft(
            programme_id=programme, zones=("thon-dong",), airs_at=far.time(), from_on=today,
            until_on=today + timedelta(days=1),
        )  # fmt: skip
        return row_id(add_entry(session, draft, now, "officer").id)


def coming(commune: Commune, now: datetime) -> Line | None:
    """What the pole will sound next, once its length is known."""
    with commune.work() as session:
        lines = lines_of_node(session, "dong-1", now, now + timedelta(days=1))
    return next((line for line in lines if line.sounds_at is not None), None)


@pytest.mark.timeout(240)
async def test_the_forecast_is_what_the_pole_sounds(commune: Commune, tmp_path: Path) -> None:
    async with _stage(commune, tmp_path) as (stage, _):
        station = stage.app.state.station
        entry_id = make_week(commune, keep_recording(commune, station.clips), utc_now())
        station.replan(entry_id)
        await _until(lambda: coming(commune, utc_now()), "all clips")

        # All words are rendered: have it in a moment. At the door times are whole minutes.
        now = utc_now()
        with commune.work() as session:
            row = session.get_one(TimetableEntry, entry_id)
            at = (now + AHEAD).astimezone(local_zone(get_commune(session)))
            row.airs_at, row.from_on = at.time().replace(microsecond=0), at.date()
            session.add(row)
        with commune.work() as session:
            plan_entries(session, [entry_id], now)
        station.replan(entry_id)
        line = await _until(lambda: soon(commune, now), "the length of what comes soon")
        heard = write_forecast(tmp_path / "forecast.wav", [line], station.clips)
        assert [one.line.broadcast for one in heard] == [line.broadcast]

        # Chime and greeting, bulletin, recording, closing: with every slot filled.
        with commune.work() as session:
            house = get_commune(session)
            said = [rendering.spoken for rendering in renderings_of(session, line.broadcast)]
            on = line.starts_at.astimezone(local_zone(house)).date()
            opening = next(iter(renderings_of(session, line.broadcast)))
            assert opening.chime == "normal"
        assert len(said) == len(line.clips) == 4
        for words in (
            "Xã Hòa Bình An",
            f"ngày {on.day} tháng {on.month} năm {on.year}",
            say_lunar(lunar_day(on)),
            "trời nắng",
        ):
            assert spoken(words) in said[0].lower()
        assert said[1:] == ["Mời họp lúc bảy giờ ba mươi phút.", "[đoạn ghi âm]", "Xin hết."]

        played = await _until(
            lambda: stage.one(
                select(Delivery).where(Delivery.broadcast_id == line.broadcast, Delivery.state == DeliveryState.PLAYED)
            ),
            "the pole to have played",
        )
        assert played.started_at is not None
        assert abs((played.started_at - line.starts_at).total_seconds()) < 5
        await asyncio.to_thread(compare, tmp_path)


def soon(commune: Commune, now: datetime) -> Line | None:
    """What sounds within a minute."""
    line = coming(commune, now)
    return line if line is not None and line.starts_at < now + timedelta(minutes=1) else None


def spoken(words: str) -> str:
    return normalize(words).spoken.lower().rstrip(".")


def compare(folder: Path) -> None:
    forecast, rate = read_wav(folder / "forecast.wav")
    assert len(forecast) / rate > 10
    assert find_sound(folder / "heard.wav", folder / "forecast.wav").likeness > 0.98
