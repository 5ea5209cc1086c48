"""What is said again until its all-clear: found until it is ended, ended for a village by one all-clear, said once."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.airings import zone_ids_of
from broadcast.emergency import all_clear, raise_prepared
from broadcast.emergency_repeats import MOST_REPEATS, air_due_repeats, next_airings, open_repeats
from broadcast.models import Broadcast, BroadcastState, EmergencyRepeat, User, Zone, row_id
from broadcast.prepared import get_prepared, seed_prepared
from broadcast.press_progress import recent_emergencies
from broadcast.stopping import stop_broadcast
from scheduler.forecast import lines_of_zones
from tests.broadcast.airing_kit import add_pole, render
from tests.broadcast.conftest import House

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EAST, WEST = "thon-dong", "thon-tay"


class Storm:
    """A commune in a storm, whose poles sound at once what they are told."""

    def __init__(self, session: Session, house: House, now: datetime) -> None:
        self.session = session
        self.house = house
        self.now = now
        self.presses = 0

    def press(self, user: User, *zones: str, key: str = "bao") -> Broadcast:
        self.presses += 1
        made = raise_prepared(self.session, user, zones, key, {}, self.now, f"press-{self.presses:04}")
        render(self.session, made, self.now)
        self.be_over()
        return made

    def clear(self, user: User, broadcast: Broadcast) -> None:
        self.presses += 1
        all_clear(self.session, user, broadcast.id, self.now, f"press-{self.presses:04}")
        self.be_over()

    def be_over(self) -> None:
        """Everything has been sounded."""
        for one in self.session.exec(select(Broadcast).where(Broadcast.state != BroadcastState.AIRED)).all():
            one.state = BroadcastState.AIRED
            self.session.add(one)
        self.session.flush()

    def hour_passes(self) -> list[set[int]]:
        """Where something is said again meanwhile."""
        self.now += HOUR
        made = air_due_repeats(self.session, self.now)
        self.be_over()
        return [zone_ids_of(self.session, broadcast) for broadcast in made]

    def zones(self, *slugs: str) -> set[int]:
        return {row_id(zone.id) for zone in self.session.exec(select(Zone)) if zone.slug in slugs}


@pytest.fixture
def storm(unit: Session, house: House, now: datetime) -> Storm:
    """It is said again every hour, day and night."""
    seed_prepared(unit, now)
    add_pole(unit, house, "dong-1", EAST, now)
    message = get_prepared(unit, "bao")
    message.repeat_every_minutes, message.repeat_opens, message.repeat_closes = 60, None, None
    unit.add(message)
    unit.flush()
    return Storm(unit, house, now)


def test_two_who_press_the_same_make_one_rule_and_one_all_clear_ends_it(storm: Storm) -> None:
    first = storm.press(storm.house.head_east, EAST)
    second = storm.press(storm.house.leader, EAST)
    assert [one.id for _, one in open_repeats(storm.session)] == [second.id]
    assert storm.hour_passes() == [storm.zones(EAST)]
    storm.clear(storm.house.head_east, first)
    assert open_repeats(storm.session) == []
    assert storm.hour_passes() == []


def test_where_a_wider_rule_is_a_press_makes_none_and_the_all_clear_counts_in_its_village_alone(storm: Storm) -> None:
    wide = storm.press(storm.house.leader, EAST, WEST)
    storm.now += timedelta(minutes=1)
    own = storm.press(storm.house.head_east, EAST)
    assert [one.id for _, one in open_repeats(storm.session)] == [wide.id]
    assert storm.hour_passes() == [storm.zones(EAST, WEST)]
    storm.clear(storm.house.head_east, own)
    assert storm.hour_passes() == [storm.zones(WEST)]
    storm.clear(storm.house.leader, wide)
    assert storm.hour_passes() == []


def test_a_wider_press_takes_the_place_of_a_villages(storm: Storm) -> None:
    storm.press(storm.house.head_east, EAST)
    wide = storm.press(storm.house.leader, EAST, WEST)
    assert [one.id for _, one in open_repeats(storm.session)] == [wide.id]
    stop_broadcast(storm.session, wide.id, storm.house.leader, storm.now)
    assert storm.hour_passes() == []


def test_villages_that_two_rules_share_hear_the_newer_one_only(storm: Storm) -> None:
    storm.press(storm.house.leader, EAST, WEST)
    storm.clear(storm.house.head_east, storm.press(storm.house.head_east, EAST))
    storm.now += timedelta(minutes=1)
    storm.press(storm.house.head_east, EAST)
    aired = storm.hour_passes()
    assert storm.zones(EAST) in aired
    assert storm.zones(WEST) in aired
    assert len(aired) == 2


def test_another_message_and_a_drill_end_nothing(storm: Storm) -> None:
    storm.press(storm.house.leader, EAST)
    fire = storm.press(storm.house.head_east, EAST, key="chay")
    storm.clear(storm.house.head_east, fire)
    drill = raise_prepared(
        storm.session, storm.house.head_east, [EAST], "bao", {}, storm.now, "drill-001", is_drill=True
    )
    storm.be_over()
    storm.clear(storm.house.head_east, drill)
    assert storm.hour_passes() == [storm.zones(EAST)]


def test_what_is_still_repeated_is_found_however_old_it_is(storm: Storm) -> None:
    pressed = storm.press(storm.house.head_east, EAST)
    for _ in range(30):
        storm.hour_passes()
    storm.now += timedelta(minutes=30)
    assert pressed.id in [one.id for one in recent_emergencies(storm.session, storm.now, EAST)]
    assert pressed.id not in [one.id for one in recent_emergencies(storm.session, storm.now, WEST)]
    assert next_airings(storm.session, storm.now) == {pressed.id: storm.now + timedelta(minutes=30)}
    storm.clear(storm.house.head_east, pressed)
    assert pressed.id not in [one.id for one in recent_emergencies(storm.session, storm.now, EAST)]


def test_the_next_day_names_each_time_it_will_be_said_again(storm: Storm) -> None:
    storm.press(storm.house.head_east, EAST)
    east, west = (storm.session.exec(select(Zone).where(Zone.slug == slug)).one() for slug in (EAST, WEST))
    lines = lines_of_zones(storm.session, [east], storm.now + timedelta(minutes=1), storm.now + DAY)
    assert [line.sounds_at for line in lines] == [storm.now + n * HOUR for n in range(1, 24)]
    assert {line.title for line in lines} == {"Bão"}
    assert lines_of_zones(storm.session, [west], storm.now, storm.now + DAY) == []
    rule = storm.session.exec(select(EmergencyRepeat)).one()
    rule.opens, rule.closes = "07:00", "20:00"  # it is 15:00 now
    hours = [line.starts_at - storm.now for line in lines_of_zones(storm.session, [east], storm.now, storm.now + DAY)]
    assert hours == [n * HOUR for n in (*range(1, 6), *range(16, 24))]


def test_a_rule_that_everybody_forgot_ends_by_itself(storm: Storm) -> None:
    storm.press(storm.house.head_east, EAST)
    rule = storm.session.exec(select(EmergencyRepeat)).one()
    rule.aired_again = MOST_REPEATS - 1
    assert storm.hour_passes() == [storm.zones(EAST)]
    assert storm.hour_passes() == []
