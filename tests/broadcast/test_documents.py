from datetime import datetime, time, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.airtime import begin_due, close_finished, mark_cued
from broadcast.communes import set_windows
from broadcast.documents import LISTED_AFTER, Documents, build_documents, keep_versions
from broadcast.entries import create_entry
from broadcast.errors import InvalidInput, NotFound
from broadcast.models import BroadcastState, WireVersion
from broadcast.nodes import revoke_node, set_node_zones, tune_node
from broadcast.programmes import create_programme
from broadcast.rules import Rules, set_commune_rules, set_zone_rules
from broadcast.stopping import cancel_broadcast
from broadcast.volumes import set_node_volumes, set_zone_volumes
from broadcast.windows import ALL_DAY
from players.messages import CuedBroadcast, Timetable, Volume, Window, ZoneRules
from tests.broadcast.airing_kit import LASTS, add_broadcast, add_pole, render
from tests.broadcast.conftest import House

HOUR = timedelta(hours=1)
EAST = "zones/thon-dong/timetable"


def published(unit: Session, now: datetime) -> Documents:
    """The documents, their versions written down as they are before the broker has them."""
    documents = build_documents(unit, now)
    keep_versions(unit, documents.news)
    return documents


def east(unit: Session, now: datetime) -> Timetable:
    return published(unit, now).timetables[EAST]


def listed(unit: Session, now: datetime) -> list[str]:
    return [item.broadcast for item in east(unit, now).broadcasts]


def test_what_was_not_written_down_is_news_again(unit: Session, house: House, now: datetime) -> None:
    first = build_documents(unit, now)
    assert first.news
    again = build_documents(unit, now + HOUR)
    assert [known.topic for known in again.news] == [known.topic for known in first.news]
    keep_versions(unit, again.news)
    assert build_documents(unit, now + 2 * HOUR).news == ()


def test_an_unchanged_document_keeps_its_version_and_a_changed_one_gets_a_higher(
    unit: Session, house: House, now: datetime
) -> None:
    first = east(unit, now)
    assert first.version == int(now.timestamp() * 1000)
    assert east(unit, now + HOUR).version == first.version
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    render(unit, broadcast, now)
    second = east(unit, now)  # in the same millisecond
    assert second.version == first.version + 1
    cancel_broadcast(unit, broadcast.id, house.officer, now)
    assert east(unit, now).version == first.version + 2


def test_a_server_restored_from_a_backup_is_not_refused(unit: Session, house: House, now: datetime) -> None:
    before = east(unit, now).version
    for row in unit.exec(select(WireVersion)).all():
        unit.delete(row)
    unit.flush()
    assert east(unit, now + timedelta(seconds=1)).version > before


def test_a_line_names_instant_clips_and_stream(unit: Session, house: House, now: datetime) -> None:
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    assert listed(unit, now) == []
    render(unit, broadcast, now)
    (item,) = east(unit, now).broadcasts
    assert isinstance(item, CuedBroadcast)
    assert (item.broadcast, item.starts_at, item.duration_ms, item.stream, item.join_within_ms) == (
        broadcast.id,
        now + HOUR,
        30_000,
        f"/streams/{broadcast.id}",
        60_000,
    )
    west = published(unit, now).timetables["zones/thon-tay/timetable"]
    assert west.broadcasts == ()


def test_a_clip_that_is_ready_too_late_is_not_listed_and_so_never_aired_late(
    unit: Session, house: House, now: datetime
) -> None:
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    begin_due(unit, now + HOUR)
    assert broadcast.state is BroadcastState.MISSED
    render(unit, broadcast, now + HOUR)
    assert listed(unit, now + HOUR + timedelta(seconds=5)) == []


def test_what_began_stays_listed_for_a_day_so_that_poles_which_were_off_can_tell(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    begin_due(unit, now + HOUR)
    close_finished(unit, now + HOUR + LASTS * 2)
    assert broadcast.reason == "nodes-silent"
    assert listed(unit, now + HOUR + LISTED_AFTER - timedelta(seconds=1)) == [broadcast.id]
    assert listed(unit, now + HOUR + LISTED_AFTER) == []


def test_quiet_hours_take_a_line_out(unit: Session, house: House, now: datetime) -> None:
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    render(unit, broadcast, now)
    assert listed(unit, now) == [broadcast.id]
    set_windows(unit, [], "quantri", now)
    assert listed(unit, now) == []


def test_a_paired_poles_configuration_says_zones_and_windows(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    add_pole(unit, house, "dong-2", "thon-dong", now, is_paired=False)
    window = Window.model_validate({"opens": "05:00", "closes": "20:00"})
    set_windows(unit, [window], "quantri", now)
    set_node_zones(unit, "dong-1", ["thon-dong", "thon-tay"], now, "quantri")
    documents = published(unit, now)
    (config,) = documents.configs.values()
    assert (config.node, config.zones, config.windows) == ("dong-1", ("thon-dong", "thon-tay"), (window,))
    revoke_node(unit, "dong-1", now)
    documents = published(unit, now)
    assert (dict(documents.configs), documents.gone_nodes) == ({}, ("dong-1",))


def test_a_pole_is_told_its_delay_and_what_its_sim_card_may_take(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    (before,) = published(unit, now).configs.values()
    tune_node(unit, "dong-1", now, delay_ms=40, data_mb=2000)
    (config,) = published(unit, now).configs.values()
    assert (config.delay_ms, config.data_mb) == (40, 2000)
    assert config.version > before.version


def test_a_pole_holds_the_rules_of_its_villages_and_its_volume_by_hours(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    quiet, soft = (Volume(opens=time(5), closes=time(6), gain_db=gain_db) for gain_db in (-9.0, -15.0))
    set_commune_rules(unit, Rules(windows=ALL_DAY, sessions_a_day=3), now, "lanhdao")
    weekend = Window(opens=time(6), closes=time(11), days=(5, 6))
    set_zone_rules(unit, "thon-dong", Rules(windows=(weekend,), sessions_a_day=2, day_minutes=30), now, "lanhdao")
    set_zone_volumes(unit, "thon-dong", (quiet,), now, "lanhdao")
    config = published(unit, now).configs["nodes/dong-1/config"]
    assert config.rules == (ZoneRules(zone="thon-dong", windows=(weekend,), sessions_a_day=2, day_minutes=30),)
    assert config.volumes == (quiet,)
    set_node_volumes(unit, "dong-1", (soft,), now, "lanhdao")
    changed = published(unit, now).configs["nodes/dong-1/config"]
    assert (changed.volumes, changed.version) == ((soft,), config.version + 1)


def test_a_volume_is_for_a_village_or_pole_that_is_there_and_there_are_not_too_many(
    unit: Session, house: House, now: datetime
) -> None:
    with pytest.raises(NotFound):
        set_node_volumes(unit, "khong-co", (), now, "lanhdao")
    with pytest.raises(NotFound):
        set_zone_volumes(unit, "khong-co", (), now, "lanhdao")
    with pytest.raises(InvalidInput, match="too-many-volumes"):
        set_zone_volumes(unit, "thon-dong", [Volume(opens=time(n), closes=time(n, 30), gain_db=-1) for n in range(13)],
                         now, "lanhdao")  # fmt: skip


def test_a_line_says_how_long_it_may_be_broken_off(unit: Session, house: House, now: datetime) -> None:
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    render(unit, broadcast, now)
    programme = create_programme(unit, house.commune, name="Sáng", greeting="", closing="", now=now, actor="canbo")
    day = now.date()
    entry = create_entry(
        unit, programme, zones=["thon-dong"], airs_at=time(5), from_on=day, now=now, actor="canbo",
        resume_within_minutes=5,
    )  # fmt: skip
    assert east(unit, now).broadcasts[0].resume_within_ms == 0
    broadcast.entry_id = entry.id
    unit.add(broadcast)
    unit.flush()
    assert east(unit, now).broadcasts[0].resume_within_ms == 5 * 60_000
