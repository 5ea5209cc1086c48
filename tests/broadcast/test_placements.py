"""Where bulletins go: days, villages, repeats, order."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session

from broadcast.bulletins import approve_bulletin, submit_bulletin, withdraw_bulletin, write_bulletin
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Bulletin, Rendering, SpecialDayKind, row_id
from broadcast.placements import (
    MAX_PLACED,
    Campaign,
    move_placement,
    place_campaign,
    placed_on,
    placements_of,
    placements_on,
    remove_placement,
)
from broadcast.programmes import create_programme, parts_by_day
from broadcast.special_days import set_special_day
from broadcast.zones import zones_by_slug
from tests.broadcast.conftest import House

MONDAY = date(2026, 6, 1)
WEEK = [MONDAY + timedelta(days=n) for n in range(7)]


@pytest.fixture
def programmes(unit: Session, house: House, now: datetime) -> list[int]:
    made = [
        create_programme(unit, house.commune, name=name, greeting="", closing="", now=now, actor="canbo")
        for name in ("Sáng", "Chiều")
    ]
    return [row_id(one.id) for one in made]


@pytest.fixture
def campaign(programmes: list[int]) -> Campaign:
    """Morning and evening, three days."""
    return Campaign(programmes=programmes, from_on=MONDAY, until_on=MONDAY + timedelta(days=2))


def approved(unit: Session, house: House, now: datetime, title: str = "Tin") -> Bulletin:
    both = ["thon-dong", "thon-tay"]
    bulletin = write_bulletin(unit, house.officer, title=title, script=f"{title}.", zones=both, airs_now=True, now=now)
    submit_bulletin(unit, bulletin.id, house.officer, now)
    return approve_bulletin(unit, bulletin.id, house.leader, 1, now)


def heard(unit: Session, programme: int, zone: str = "thon-dong") -> list[str]:
    """The titles of each day of the week, in order."""
    zones = {row_id(one.id) for one in zones_by_slug(unit, [zone])}
    found = placed_on(unit, programme, zones, WEEK)
    return [" ".join(title for one, times in found[on] for title in [one.title] * times) for on in WEEK]


def test_morning_and_evening_for_three_days(
    unit: Session, house: House, now: datetime, programmes: list[int], campaign: Campaign
) -> None:
    place_campaign(unit, approved(unit, house, now), campaign, now, "canbo")
    for programme in programmes:
        assert heard(unit, programme) == ["Tin", "Tin", "Tin", "", "", "", ""]


def test_a_campaign_names_its_weekdays_its_villages_and_how_often_it_is_said(
    unit: Session, house: House, now: datetime, programmes: list[int], campaign: Campaign
) -> None:
    bulletin = approved(unit, house, now)
    wanted = replace(
        campaign, programmes=programmes[:1], until_on=WEEK[-1], weekdays=(0, 4), zones=("thon-tay",), times=2
    )
    place_campaign(unit, bulletin, wanted, now, "canbo")
    assert heard(unit, programmes[0], "thon-tay") == ["Tin Tin", "", "", "", "Tin Tin", "", ""]
    assert heard(unit, programmes[0], "thon-dong") == [""] * 7
    zones = {row_id(one.id) for one in zones_by_slug(unit, ["thon-tay"])}
    keys = parts_by_day(unit, programmes[0], zones, [MONDAY], now)[MONDAY].keys
    assert [unit.get_one(Rendering, key).script for key in keys] == ["Tin.", "Tin."]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"programmes": ()}, "no-programme", "programmes"),
        ({"programmes": (99,)}, "unknown-programme", "programmes"),
        ({"from_on": date(1900, 1, 1)}, "day-out-of-range", "from_on"),
        ({"until_on": MONDAY - timedelta(days=1)}, "days-reversed", "until_on"),
        ({"weekdays": ()}, "no-weekday", "weekdays"),
        ({"zones": ("thon-nam",)}, "unknown-zone", "zones"),
        ({"times": 0}, "bad-times", "times"),
        ({"times": 6}, "bad-times", "times"),
    ],
)
def test_what_cannot_be_used_is_named(
    unit: Session, house: House, now: datetime, campaign: Campaign, change: dict[str, object], code: str, field: str
) -> None:
    bulletin = approved(unit, house, now)
    with pytest.raises(InvalidInput) as told:
        place_campaign(unit, bulletin, replace(campaign, **change), now, "canbo")  # type: ignore[arg-type]
    assert (told.value.code, told.value.field) == (code, field)
    assert placements_of(unit, bulletin.id) == []


def test_a_village_that_is_not_the_bulletins_own_is_refused(
    unit: Session, house: House, now: datetime, campaign: Campaign
) -> None:
    only_east = write_bulletin(
        unit, house.officer, title="Tin", script="Tin.", zones=["thon-dong"], airs_now=True, now=now
    )
    with pytest.raises(InvalidInput) as told:
        place_campaign(unit, only_east, replace(campaign, zones=("thon-tay",)), now, "canbo")
    assert told.value.code == "not-its-village"


def test_a_withdrawn_bulletin_and_a_full_programme_are_refused(
    unit: Session, house: House, now: datetime, campaign: Campaign, programmes: list[int]
) -> None:
    morning = replace(campaign, programmes=programmes[:1], times=5)
    bulletin = approved(unit, house, now)
    for _ in range(MAX_PLACED // 5):
        place_campaign(unit, bulletin, morning, now, "canbo")
    with pytest.raises(Conflict) as told:
        place_campaign(unit, bulletin, morning, now, "canbo")
    assert told.value.code == "programme-full"
    withdraw_bulletin(unit, bulletin.id, house.leader, now)
    with pytest.raises(Conflict) as told:
        place_campaign(unit, bulletin, campaign, now, "canbo")
    assert told.value.code == "withdrawn"


def test_the_order_of_a_day_is_changed_and_counts_on_the_days_they_share(
    unit: Session, house: House, now: datetime, programmes: list[int], campaign: Campaign
) -> None:
    morning = replace(campaign, programmes=programmes[:1])
    placed = {}
    for title, from_on in (("Một", MONDAY), ("Hai", MONDAY + timedelta(days=1)), ("Ba", MONDAY)):
        one = replace(morning, from_on=from_on)
        placed[title] = row_id(place_campaign(unit, approved(unit, house, now, title), one, now, "canbo")[0].id)
    assert heard(unit, programmes[0])[:3] == ["Một Ba", "Một Hai Ba", "Một Hai Ba"]

    def move(title: str, to: int) -> None:
        move_placement(unit, programmes[0], placed[title], MONDAY, to=to, now=now, actor="canbo")

    move("Ba", 0)
    assert heard(unit, programmes[0])[:3] == ["Ba Một", "Ba Một Hai", "Ba Một Hai"]
    move("Ba", 0)
    assert heard(unit, programmes[0])[0] == "Ba Một"
    move("Ba", 9)
    assert heard(unit, programmes[0])[:2] == ["Một Ba", "Một Ba Hai"]
    with pytest.raises(NotFound):
        move("Hai", 0)
    assert [one.bulletin.title for one in placements_on(unit, programmes[0], MONDAY)] == ["Một", "Ba"]


def test_placed_twice_on_a_day_it_is_said_as_often_as_the_one_that_says_it_most_often(
    unit: Session, house: House, now: datetime, programmes: list[int], campaign: Campaign
) -> None:
    bulletin, morning = approved(unit, house, now), replace(campaign, programmes=programmes[:1])
    first = place_campaign(unit, bulletin, morning, now, "canbo")[0]
    place_campaign(unit, bulletin, replace(morning, times=3, until_on=MONDAY), now, "canbo")
    assert heard(unit, programmes[0])[:2] == ["Tin Tin Tin", "Tin"]
    shown = placements_on(unit, programmes[0], MONDAY)
    assert [(one.placement, one.times) for one in shown] == [(first, 3)], "what is moved is what is said"


def test_placements_for_different_villages_are_two(
    unit: Session, house: House, now: datetime, programmes: list[int], campaign: Campaign
) -> None:
    bulletin, morning = approved(unit, house, now), replace(campaign, programmes=programmes[:1])
    place_campaign(unit, bulletin, replace(morning, zones=("thon-dong",)), now, "canbo")
    place_campaign(unit, bulletin, replace(morning, zones=("thon-tay",), times=2), now, "canbo")
    assert [one.times for one in placements_on(unit, programmes[0], MONDAY)] == [1, 2]
    assert [heard(unit, programmes[0], zone)[0] for zone in ("thon-dong", "thon-tay")] == ["Tin", "Tin Tin"]


def test_a_day_that_follows_another_weekday_has_that_ones_bulletins(
    unit: Session, house: House, now: datetime, programmes: list[int], campaign: Campaign
) -> None:
    saturday = WEEK[5]
    workdays = replace(campaign, programmes=programmes[:1], until_on=WEEK[-1], weekdays=range(5))
    place_campaign(unit, approved(unit, house, now), workdays, now, "canbo")
    assert heard(unit, programmes[0])[5:] == ["", ""]
    set_special_day(
        unit, house.commune, on=saturday, name="Làm bù", kind=SpecialDayKind.LIKE_WEEKDAY, like_weekday=0, now=now,
        actor="lanhdao",
    )  # fmt: skip
    assert heard(unit, programmes[0])[5:] == ["Tin", ""]
    assert [one.bulletin.title for one in placements_on(unit, programmes[0], saturday)] == ["Tin"]


def test_a_placement_is_taken_back_once(unit: Session, house: House, now: datetime, campaign: Campaign) -> None:
    bulletin, other = approved(unit, house, now), approved(unit, house, now, "Khác")
    first, second = place_campaign(unit, bulletin, campaign, now, "canbo")
    with pytest.raises(NotFound):
        remove_placement(unit, other, row_id(first.id), now, "canbo")
    remove_placement(unit, bulletin, row_id(first.id), now, "canbo")
    assert [placement for placement, _ in placements_of(unit, bulletin.id)] == [second]
    with pytest.raises(NotFound):
        remove_placement(unit, bulletin, row_id(first.id), now, "canbo")
