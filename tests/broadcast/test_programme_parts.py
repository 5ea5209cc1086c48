"""Programmes of parts: what one day of them says, in order, with its chimes; who changed what."""

from datetime import date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlmodel import Session

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.db import open_engine
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Clip, Programme, ProgrammePartKind, Recording, Rendering, WhenEmpty, row_id
from broadcast.programme_parts import ProgrammePartDraft, parts_of_programme, set_weather
from broadcast.programmes import ProgrammeDraft, add_programme, edit_programme, get_programme, parts_by_day
from broadcast.said_script import ClipMark, join_said
from broadcast.slots import fill_slots
from broadcast.zones import zones_by_slug
from tests.broadcast.conftest import House

MONDAY = date(2026, 6, 1)
K = ProgrammePartKind
CHIME, BULLETINS = ProgrammePartDraft(K.CHIME), ProgrammePartDraft(K.BULLETINS)
SOUND = "a" * 64


def greeting(text: str) -> ProgrammePartDraft:
    return ProgrammePartDraft(K.GREETING, text)


def closing(text: str) -> ProgrammePartDraft:
    return ProgrammePartDraft(K.CLOSING, text)


def make(
    unit: Session, house: House, now: datetime, *parts: ProgrammePartDraft, empty: WhenEmpty = WhenEmpty.SKIP
) -> Programme:
    return add_programme(unit, house.commune, ProgrammeDraft("Sáng", parts, empty), now, house.leader)


def approved(unit: Session, house: House, now: datetime, script: str, programme: Programme) -> None:
    bulletin = write_bulletin(
        unit, house.officer, title="Tin", script=script, zones=["thon-dong"], programmes=[row_id(programme.id)], now=now
    )
    submit_bulletin(unit, bulletin.id, house.officer, now)
    approve_bulletin(unit, bulletin.id, house.leader, 1, now)


def said(unit: Session, programme: Programme, now: datetime, on: date = MONDAY) -> list[tuple[str, str | None, bool]]:
    zones = {row_id(zone.id) for zone in zones_by_slug(unit, ["thon-dong"])}
    keys = parts_by_day(unit, row_id(programme.id), zones, [on], now)[on].keys
    rows = [unit.get_one(Rendering, key) for key in keys]
    return [(row.script or "", row.chime, row.has_closing_chime) for row in rows]


@pytest.fixture
def recording(unit: Session, house: House, now: datetime) -> Recording:
    unit.add(Clip(sha256=SOUND, size_bytes=1, duration_ms=4000, engine="recorded", voice="", created_at=now))
    unit.flush()
    made = Recording(
        commune_id=row_id(house.commune.id), owner_id=row_id(house.leader.id), name="Nhạc", language="vie",
        created_at=now, edited_at=now, original_sha256=SOUND, original_bytes=1, original_format="wav",
        length_ms=4000, peaks=[1], end_ms=4000, clip_sha256=SOUND,
    )  # fmt: skip
    unit.add(made)
    unit.flush()
    return made


def test_parts_sound_in_their_order_and_a_chime_belongs_to_what_follows(
    unit: Session, house: House, now: datetime, recording: Recording
) -> None:
    song = ProgrammePartDraft(K.RECORDING, recording=recording.id)
    programme = make(unit, house, now, song, CHIME, greeting("Chào."), CHIME, BULLETINS, closing("Hết."), CHIME)
    approved(unit, house, now, "Một.", programme)
    approved(unit, house, now, "Hai.", programme)
    assert said(unit, programme, now) == [
        (join_said([ClipMark(SOUND)]), None, False),
        ("Chào.", "normal", False),
        ("Một.", "normal", False),
        ("Hai.", None, False),
        ("Hết.", None, True),
    ]


def test_a_day_without_a_bulletin_is_skipped_or_greeted(
    unit: Session, house: House, now: datetime, recording: Recording
) -> None:
    song = ProgrammePartDraft(K.RECORDING, recording=recording.id)
    parts = (CHIME, greeting("Chào."), song, BULLETINS, closing("Hết."))
    assert said(unit, make(unit, house, now, *parts), now) == []
    greets = make(unit, house, now, *parts, empty=WhenEmpty.GREETING)
    assert said(unit, greets, now) == [("Chào.", "normal", False)]
    assert said(unit, make(unit, house, now, song), now) == [(join_said([ClipMark(SOUND)]), None, False)]


def test_the_weather_is_said_on_the_day_it_was_typed_for_and_its_line_left_out_on_others(
    unit: Session, house: House, now: datetime
) -> None:
    programme = make(unit, house, now, greeting("Chào {xã}.\nThời tiết: {thời tiết}."), greeting("{thời tiết}"))
    set_weather(unit, MONDAY, "nắng nóng", now, "canbo")
    assert [text for text, _, _ in said(unit, programme, now)] == [
        "Chào Xã Hòa Bình An.\nThời tiết: nắng nóng.",
        "nắng nóng",
    ]
    assert [text for text, _, _ in said(unit, programme, now, date(2026, 6, 2))] == ["Chào Xã Hòa Bình An."]
    set_weather(unit, MONDAY, " ", now, "canbo")
    assert [text for text, _, _ in said(unit, programme, now)] == ["Chào Xã Hòa Bình An."]


def test_the_lunar_date_is_the_vietnamese_one() -> None:
    assert fill_slots("{âm lịch}", "An", date(2030, 2, 2)) == "mùng 1 tháng Giêng năm Canh Tuất"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((), "no-parts"),
        ((CHIME,), "no-parts"),
        ((CHIME, CHIME, BULLETINS), "chime-twice"),
        ((BULLETINS, BULLETINS), "bulletins-twice"),
        ((greeting("Chào."),) * 13, "too-many-parts"),
        ((greeting(" "),), "empty"),
        ((greeting("Chào {xa}."),), "unknown-slot"),
        ((ProgrammePartDraft(K.RECORDING, recording="none"),), "unknown-recording"),
    ],
)
def test_parts_that_make_no_sense_are_refused(
    unit: Session, house: House, now: datetime, parts: tuple[ProgrammePartDraft, ...], code: str
) -> None:
    with pytest.raises(InvalidInput) as told:
        make(unit, house, now, *parts)
    assert (told.value.code, told.value.field) == (code, "parts")


def test_of_two_who_edit_a_programme_the_second_is_told(unit: Session, house: House, now: datetime) -> None:
    programme = make(unit, house, now, greeting("Chào."), BULLETINS)
    id_ = row_id(programme.id)
    edit_programme(unit, id_, 1, ProgrammeDraft("Sáng sớm", (BULLETINS, closing("Hết."))), now, house.leader)
    with pytest.raises(Conflict):
        edit_programme(unit, id_, 1, ProgrammeDraft("Khác", (BULLETINS,)), now, house.leader)
    assert get_programme(unit, id_).name == "Sáng sớm"
    assert [(part.kind, part.text) for part in parts_of_programme(unit, id_)] == [
        (K.BULLETINS, ""), (K.CLOSING, "Hết."),
    ]  # fmt: skip
    with pytest.raises(NotFound):
        get_programme(unit, 99)


def test_a_recording_that_was_removed_stays_in_the_programme_that_holds_it(
    unit: Session, house: House, now: datetime, recording: Recording
) -> None:
    song = ProgrammePartDraft(K.RECORDING, recording=recording.id)
    programme = make(unit, house, now, song, BULLETINS)
    recording.clip_sha256, recording.removed_at = None, now
    unit.add(recording)
    unit.flush()
    draft = ProgrammeDraft("Sáng", (BULLETINS, song))
    edit_programme(unit, row_id(programme.id), 1, draft, now, house.officer)
    assert [part.clip_sha256 for part in parts_of_programme(unit, row_id(programme.id))] == [None, SOUND]


def test_what_was_greeting_and_closing_becomes_parts(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    config = Config()
    config.set_main_option("script_location", "broadcast:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        for id_, hello, bye in ((1, "Chào {xã}.", "Hết."), (2, "", "")):
            connection.execute(
                sa.text(
                    "INSERT INTO programme (id, commune_id, name, greeting, closing) VALUES (:i, 1, 'Sáng', :g, :c)"
                ),
                {"i": id_, "g": hello, "c": bye},
            )
        connection.execute(
            sa.text(
                "INSERT INTO commune (id, slug, name, timezone, windows, voice, gain_db, heartbeat_s, reading_style,"
                " keys_version, renewal, rate)"
                " VALUES (1, 'a', 'An', 'Asia/Ho_Chi_Minh', '[]', 'v', 0, 5, '{}', 0, 0, 1)"
            )
        )
        command.upgrade(config, "0010")
        query = "SELECT programme_id, position, kind, text FROM programmepart ORDER BY 1, 2"
        found = [tuple(row) for row in connection.execute(sa.text(query))]
    engine.dispose()
    assert found == [
        (1, 0, "chime", ""), (1, 1, "greeting", "Chào {xã}."), (1, 2, "bulletins", ""), (1, 3, "closing", "Hết."),
        (2, 0, "bulletins", ""),
    ]  # fmt: skip
