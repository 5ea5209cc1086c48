from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import pytest
from sqlmodel import Session

from broadcast.bulletins import approve_bulletin, submit_bulletin, withdraw_bulletin, write_bulletin
from broadcast.entries import create_entry, list_entries, set_entry_active, zones_of_entry
from broadcast.errors import InvalidInput, NotFound
from broadcast.models import Bulletin, Programme, Rendering, TimetableEntry, row_id
from broadcast.placements import place_bulletin, placed_on, programmes_of
from broadcast.programmes import create_programme, parts_by_day
from broadcast.slots import fill_slots
from tests.broadcast.conftest import House

MONDAY = date(2026, 6, 1)


@pytest.fixture
def morning(unit: Session, house: House, now: datetime) -> TimetableEntry:
    programme = create_programme(
        unit,
        house.commune,
        name="Bản tin sáng",
        greeting="Xin chào {xã}, {thứ}, {ngày}.",
        closing="Chào bà con.",
        now=now,
        actor="canbo",
    )
    unit.flush()
    return create_entry(
        unit, programme, zones=["thon-dong"], airs_at=time(5, 30), from_on=MONDAY, now=now, actor="canbo"
    )


def approved(
    unit: Session, house: House, now: datetime, script: str, programme: int, zone: str = "thon-dong"
) -> Bulletin:
    bulletin = write_bulletin(
        unit, house.officer, title="Tin", script=script, zones=[zone], programmes=[programme], now=now
    )
    submit_bulletin(unit, bulletin.id, house.officer, now)
    return approve_bulletin(unit, bulletin.id, house.leader, 1, now)


def spoken(unit: Session, keys: Sequence[str]) -> list[tuple[str, str | None]]:
    renderings = [unit.get(Rendering, key) for key in keys]
    return [(rendering.spoken, rendering.chime) for rendering in renderings if rendering]


def zone_ids(unit: Session, entry: TimetableEntry) -> set[int]:
    return {row_id(zone.id) for zone in zones_of_entry(unit, entry)}


def parts(unit: Session, entry: TimetableEntry, now: datetime) -> Sequence[str]:
    return parts_by_day(unit, entry.programme_id, zone_ids(unit, entry), [MONDAY], now)[MONDAY].keys


def placed(unit: Session, entry: TimetableEntry, on: date) -> list[Bulletin]:
    return [one for one, _ in placed_on(unit, entry.programme_id, zone_ids(unit, entry), [on])[on]]


def test_a_day_is_greeting_bulletins_in_order_and_closing(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    approved(unit, house, now, "Tin thứ nhất.", morning.programme_id)
    approved(unit, house, now, "Tin thứ hai.", morning.programme_id)
    said = spoken(unit, parts(unit, morning, now))
    assert [text for text, _ in said[1:]] == ["Tin thứ nhất.", "Tin thứ hai.", "Chào bà con."]
    greeting, chime = said[0]
    assert greeting.startswith("Xin chào Xã Hòa Bình An, thứ hai, ngày")
    assert chime == "normal"
    assert [chime for _, chime in said[1:]] == [None, None, None]
    assert parts(unit, morning, now) == parts(unit, morning, now)


def test_a_day_without_a_bulletin_has_no_parts(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    draft = write_bulletin(
        unit,
        house.officer,
        title="Nháp",
        script="Nháp.",
        zones=["thon-dong"],
        programmes=[morning.programme_id],
        now=now,
    )
    assert parts(unit, morning, now) == []
    only_west = approved(unit, house, now, "Tin thôn Tây.", morning.programme_id, "thon-tay")
    assert parts(unit, morning, now) == []
    assert only_west.id != draft.id


def test_a_bulletin_is_placed_for_three_days_and_no_longer(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    bulletin = approved(unit, house, now, "Tin.", morning.programme_id)
    days = [MONDAY + timedelta(days=n) for n in range(-1, 4)]
    assert [placed(unit, morning, on) == [bulletin] for on in days] == [False, True, True, True, False]


def test_a_withdrawn_bulletin_leaves_its_programmes(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    bulletin = approved(unit, house, now, "Tin.", morning.programme_id)
    withdraw_bulletin(unit, bulletin.id, house.leader, now)
    assert parts(unit, morning, now) == []


def test_placing_again_keeps_the_place_and_placing_elsewhere_moves(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    evening = create_programme(unit, house.commune, name="Chiều", greeting="", closing="", now=now, actor="canbo")
    unit.flush()
    first = approved(unit, house, now, "Một.", morning.programme_id)
    second = approved(unit, house, now, "Hai.", morning.programme_id)
    place_bulletin(unit, first, [morning.programme_id], now + timedelta(days=1))
    assert placed(unit, morning, MONDAY) == [first, second]
    place_bulletin(unit, first, [evening.id or 0], now)
    assert programmes_of(unit, first.id) == [evening.id]
    assert placed(unit, morning, MONDAY) == [second]


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (date(2026, 6, 7), "An: chủ nhật, ngày 7 tháng 6 năm 2026"),
        (date(2028, 2, 29), "An: thứ ba, ngày 29 tháng 2 năm 2028"),
    ],
)
def test_slots_say_commune_weekday_and_date(on: date, said: str) -> None:
    assert fill_slots("{xã}: {thứ}, {ngày}", "An", on) == said


def test_an_entry_needs_days_a_village_and_an_order_of_days(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    programme = unit.get(Programme, morning.programme_id)
    assert programme is not None

    def refused(code: str, **changes: object) -> None:
        asked: dict[str, object] = {"zones": ["thon-dong"], "weekdays": [0], "until_on": None}
        with pytest.raises(InvalidInput, match=code):
            create_entry(
                unit,
                programme,
                airs_at=time(5),
                from_on=MONDAY,
                now=now,
                actor="canbo",
                **(asked | changes),  # type: ignore[arg-type]
            )

    refused("no-weekday", weekdays=[])
    refused("no-weekday", weekdays=[7])
    refused("no-zone", zones=[])
    refused("days-reversed", until_on=date(2026, 5, 31))
    assert list_entries(unit) == [morning]
    assert [zone.slug for zone in zones_of_entry(unit, morning)] == ["thon-dong"]
    assert not set_entry_active(unit, morning.id or 0, now, "canbo", is_active=False).is_active
    with pytest.raises(NotFound, match="no-entry"):
        set_entry_active(unit, 99, now, "canbo", is_active=True)
