"""What one pole makes of its timetable; the whole line of it from the database; the file to listen to."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from broadcast.airtime import LATE_LEAD, begin_due, mark_cued
from broadcast.as_run import store_reports
from broadcast.entries import DayDraft, EntryDraft, add_entry, change_day
from broadcast.models import Broadcast, BroadcastState, Commune, WhenEmpty, row_id
from broadcast.nodes import create_node, get_node, zones_of_node
from broadcast.programmes import create_programme
from broadcast.volumes import set_node_volumes, set_zone_volumes, volumes_for
from broadcast.zones import list_zones
from players.messages import ClipRef, NodeConfig, Outcome, Urgency, Volume
from players.node.airing import QUEUE_PATIENCE as POLES_PATIENCE
from players.node.windows import gain_db_at
from scheduler.fitting import Airing, fit_in
from scheduler.forecast import QUEUE_PATIENCE, Line, Relay, foresee, lines_of_node, lines_of_zones, load_lines
from scheduler.forecast_sound import SAMPLE_RATE, separator, write_forecast
from scheduler.week import Block, Fate, load_week
from tests.broadcast.airing_kit import LASTS, Pole, add_broadcast, add_pole, render
from tests.broadcast.conftest import House
from tests.scheduler.planning import plan_timetable
from tts.clip_file import decode_clip, encode_clip
from tts.clip_store import ClipStore
from tts.errors import ClipError
from tts.loudness import Level
from tts.sound import MIX_RATE

START = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)
N, P, E = Urgency.NORMAL, Urgency.PRIORITY, Urgency.EMERGENCY


def always_open(_at: datetime) -> datetime:
    return START + timedelta(days=9)


def line(name: str, minute: float, lasts: float | None = 10, urgency: Urgency = N, reason: str | None = None) -> Line:
    length = None if lasts is None else timedelta(minutes=lasts)
    return Line(name, name, urgency, START + timedelta(minutes=minute), ("thon-dong",), lasts=length, reason=reason)


def said(lines: list[Line]) -> list[tuple[str, float | None, float | None, str | None]]:
    def minute(at: datetime | None) -> float | None:
        return None if at is None else (at - START) / timedelta(minutes=1)

    return [(one.broadcast, minute(one.sounds_at), minute(one.ends_at), one.reason) for one in lines]


@pytest.mark.parametrize(
    ("lines", "heard"),
    [
        ([line("a", 0), line("b", 10)], [("a", 0, 10, None), ("b", 10, 20, None)]),
        # Equals wait their turn, the earlier first; the more urgent of those that wait comes before.
        ([line("a", 0, 30), line("b", 5), line("c", 6)],
         [("a", 0, 30, None), ("b", 30, 40, None), ("c", 40, 50, None)]),
        ([line("a", 0, 30, P), line("b", 5), line("c", 6, urgency=P)],
         [("a", 0, 30, None), ("c", 30, 40, None), ("b", 40, 50, None)]),
        # The more urgent cuts.
        ([line("a", 0, 30), line("b", 5, urgency=P)], [("a", 0, 5, "preempted"), ("b", 5, 15, None)]),
        # What has waited an hour is not played any more.
        ([line("a", 0, 70), line("b", 5)], [("a", 0, 70, None), ("b", None, None, "too-late")]),
        ([line("a", 0, 64), line("b", 5)], [("a", 0, 64, None), ("b", 64, 74, None)]),
        # What has a reason, or no clips yet, is in nobody's way.
        ([line("a", 0, reason="quiet-hours"), line("b", 5)], [("a", None, None, "quiet-hours"), ("b", 5, 15, None)]),
        ([line("a", 0, None), line("b", 5)], [("a", None, None, None), ("b", 5, 15, None)]),
    ],
)  # fmt: skip
def test_the_more_urgent_cuts_and_equals_wait(
    lines: list[Line], heard: list[tuple[str, float | None, float | None, str | None]]
) -> None:
    assert said(foresee(lines, always_open)) == heard


def test_hours_that_close_cut_what_waited_and_refuse_what_does_not_fit_but_no_emergency() -> None:
    def closes_at(at: datetime) -> datetime | None:
        closes = START + timedelta(minutes=15)
        return closes if at < closes else None

    lines = [line("a", 0), line("b", 2), line("c", 6), line("d", 20), line("e", 30, urgency=E)]
    assert said(foresee(lines, closes_at)) == [
        ("a", 0, 10, None), ("c", None, None, "quiet-hours"), ("b", 10, 15, "quiet-hours"),
        ("d", None, None, "quiet-hours"), ("e", 30, 40, None),
    ]  # fmt: skip


def test_what_sounds_already_is_waited_for_and_what_missed_its_time_comes_later() -> None:
    begun = replace(line("a", 0), begun_at=START + timedelta(minutes=4))
    late = replace(line("l", -30), late_from=START + timedelta(minutes=6))
    assert said(foresee([late, line("b", 3), begun], always_open)) == [
        ("a", 4, 14, None), ("b", 14, 24, None), ("l", 24, 34, None),
    ]  # fmt: skip
    assert said(foresee([late, begun, line("u", 5, 10, P)], always_open)) == [
        ("a", 4, 5, "preempted"), ("u", 5, 15, None), ("l", 15, 25, None),
    ]  # fmt: skip


def test_patience_is_the_poles_own() -> None:
    assert QUEUE_PATIENCE == POLES_PATIENCE


LINES = st.lists(
    st.tuples(st.integers(0, 200), st.one_of(st.none(), st.integers(1, 40)), st.sampled_from((N, P, E))), max_size=8
).map(lambda rows: [line(f"b{n}", minute, lasts, urgency) for n, (minute, lasts, urgency) in enumerate(rows)])


@given(LINES)
def test_nothing_is_lost_and_nothing_sounds_at_once(lines: list[Line]) -> None:
    found = foresee(lines, always_open)
    assert sorted(one.broadcast for one in found) == sorted(one.broadcast for one in lines)
    sounding = [one for one in found if one.sounds_at is not None and one.ends_at is not None]
    for first, second in pairwise(sounding):
        assert first.ends_at is not None
        assert second.sounds_at is not None
        assert first.ends_at <= second.sounds_at
    for one in sounding:
        assert one.sounds_at is not None
        assert one.sounds_at >= one.starts_at
        whole = one.ends_at == one.sounds_at + (one.lasts or timedelta())
        assert whole == (one.reason is None)


MONDAY = date(2026, 6, 1)


@pytest.fixture
def entry(unit: Session, house: House, now: datetime) -> int:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    programme = create_programme(unit, house.commune, name="Sáng", greeting="Chào.", closing="", now=now, actor="canbo")
    draft = EntryDraft(programme_id=row_id(programme.id), zones=("thon-dong",), airs_at=time(5, 30), from_on=MONDAY)
    return row_id(add_entry(unit, draft, now, "canbo").id)


def test_every_time_is_listed_with_its_reason_also_beyond_what_is_planned(
    unit: Session, entry: int, now: datetime
) -> None:
    change_day(unit, entry, 1, date(2026, 6, 3), DayDraft(is_off=True), now, "canbo")
    plan_timetable(unit, now)
    found = [(one.broadcast, one.reason) for one in load_lines(unit, now, now + timedelta(days=9))]
    assert found[:3] == [("e-1-20260602T0530", None), ("e-1-20260603T0530", "day-off"), ("e-1-20260604T0530", None)]
    assert [id_ for id_, _ in found] == [f"e-1-202606{day:02}T0530" for day in range(2, 11)]
    assert unit.exec(select(Broadcast.id).where(col(Broadcast.id) == "e-1-20260610T0530")).first() is None


def test_a_time_that_was_moved_is_listed_once(unit: Session, entry: int, now: datetime) -> None:
    plan_timetable(unit, now)
    change_day(unit, entry, 1, date(2026, 6, 2), DayDraft(airs_at=time(6)), now, "canbo")
    plan_timetable(unit, now)
    found = [one.broadcast for one in load_lines(unit, now, now + timedelta(days=1))]
    assert found == ["e-1-20260602T0600"]


def heard_by(unit: Session, at: datetime) -> list[tuple[str, datetime | None]]:
    zones = [zone for zone in list_zones(unit) if zone.slug == "thon-dong"]
    return [(one.title, one.sounds_at) for one in lines_of_zones(unit, zones, at, at + timedelta(days=1))]


def block_at(unit: Session, title: str, at: datetime) -> Block:
    """A block of today's grid."""
    (zone,) = (one for one in list_zones(unit) if one.slug == "thon-dong")
    return next(one for one in load_week(unit, zone, MONDAY, at).days[0].blocks if one.line.title == title)


def test_who_comes_while_another_sounds_waits_for_it_in_the_forecast_and_in_the_grid(
    unit: Session, house: House, now: datetime
) -> None:
    """Each lasts 30 s; the second is to begin 10 s after the first, which a pole began 8 s late."""
    add_pole(unit, house, "dong-1", "thon-dong", now)
    first_at = now + timedelta(minutes=5)
    first = add_broadcast(unit, house, now, at=timedelta(minutes=5))
    second = add_broadcast(unit, house, now, at=timedelta(minutes=5, seconds=10))
    first.title, second.title = "Một", "Hai"
    for one in (first, second):
        render(unit, one, now)
    mark_cued(unit, {first.id, second.id})
    waits = [("Một", first_at), ("Hai", first_at + LASTS)]
    assert heard_by(unit, now) == waits
    at = first_at + timedelta(seconds=5)
    begin_due(unit, at)
    assert heard_by(unit, at) == waits
    (zone,) = (one for one in list_zones(unit) if one.slug == "thon-dong")
    (day,) = fit_in(unit, [zone], Airing(now + timedelta(hours=2), LASTS, N), at).days
    assert (day.sessions, day.lasts) == (2, 2 * LASTS), "what sounds is counted once"
    met = block_at(unit, "Hai", at)
    assert (met.fate, met.starts_at) == (Fate.TROUBLE, first_at + LASTS)
    assert "“Một”" in met.troubles[0]
    begun = first_at + timedelta(seconds=8)
    store_reports(unit, [Pole("dong-1", first.id, begun).says(Outcome.PLAYING)], begun)
    at = first_at + timedelta(seconds=12)
    begin_due(unit, at)
    assert second.state is BroadcastState.ON_AIR, "the server does not know that it waits"
    assert heard_by(unit, at) == [("Một", begun), ("Hai", begun + LASTS)]
    assert block_at(unit, "Hai", at).fate is Fate.PAST
    blocks = [block.line.broadcast for block in load_week(unit, zone, MONDAY, at).days[0].blocks]
    assert sorted(blocks) == sorted([first.id, second.id]), "each is shown once"


def test_what_missed_its_time_and_may_be_late_is_in_the_forecast_and_in_the_grid(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    programme = create_programme(
        unit, house.commune, name="Chiều", greeting="Chào.", closing="", now=now, actor="canbo"
    )
    programme.when_empty = WhenEmpty.GREETING
    draft = EntryDraft(
        programme_id=row_id(programme.id), zones=("thon-dong",), airs_at=time(17), from_on=MONDAY,
        late_within_minutes=60,
    )  # fmt: skip
    add_entry(unit, draft, now, "canbo")
    plan_timetable(unit, now)
    broadcast = unit.exec(select(Broadcast).order_by(col(Broadcast.starts_at))).first()
    assert broadcast is not None
    at = now + timedelta(hours=2, minutes=10)
    begin_due(unit, at)
    assert heard_by(unit, at) == [("Chiều, 01/06", None), ("Chiều, 02/06", None)], "it has no sound yet"
    waits = block_at(unit, "Chiều, 01/06", at)
    assert (waits.fate, waits.troubles) == (Fate.TROUBLE, ("Lỡ giờ, đang chờ để phát muộn.",))
    render(unit, broadcast, at)
    assert heard_by(unit, at)[0] == ("Chiều, 01/06", at + LATE_LEAD)
    begin_due(unit, at)
    assert heard_by(unit, at)[0] == ("Chiều, 01/06", at + LATE_LEAD), "so it becomes"
    assert heard_by(unit, now + timedelta(hours=3, minutes=1))[0][0] == "Chiều, 02/06"


def test_a_pole_that_is_not_paired_sounds_nothing_and_says_so(unit: Session, entry: int, now: datetime) -> None:
    plan_timetable(unit, now)
    found = lines_of_node(unit, "dong-1", now, now + timedelta(days=1))
    assert [(one.broadcast, one.reason, one.will_sound) for one in found] == [
        ("e-1-20260602T0530", "node-not-paired", False)
    ]


def sounded(store: ClipStore, name: str, minute: float, seconds: float, hertz: float) -> Line:
    """A line with a clip of a pure tone."""
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * MIX_RATE)) / MIX_RATE)
    data, _ = encode_clip([(tone * 32767).astype(np.int16)], Level())
    clip = ClipRef(sha256=store.add(data), size_bytes=len(data), duration_ms=round(seconds * 1000))
    at = START + timedelta(minutes=minute)
    lasts = timedelta(seconds=seconds)
    return Line(name, name, N, at, ("thon-dong",), (clip,), lasts, None, at, at + lasts)


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency, in hertz."""
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE / len(samples))


def test_the_file_has_what_sounds_with_two_tones_between_and_where_each_begins(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "clips")
    low, high = sounded(store, "low", 0, 2, 500), sounded(store, "high", 600, 3, 1500)
    cut = replace(high, ends_at=high.starts_at + timedelta(seconds=1), reason="preempted")
    silent = line("silent", 20, None)
    heard = write_forecast(tmp_path / "out.wav", [replace(low, gain_db=-6), silent, cut], store)
    gap = len(separator()) / SAMPLE_RATE
    assert [(one.line.broadcast, one.offset.total_seconds()) for one in heard] == [
        ("low", 0), ("high", pytest.approx(2 + gap, abs=0.02)),
    ]  # fmt: skip
    speech = decode_clip(tmp_path / "out.wav")
    samples, start = speech.samples, round(heard[1].offset.total_seconds() * SAMPLE_RATE)
    assert len(samples) / SAMPLE_RATE == pytest.approx(3 + gap, abs=0.02)
    assert pitch(samples[:SAMPLE_RATE]) == pytest.approx(500, abs=5)
    assert pitch(samples[start + 4800 : start + 43200]) == pytest.approx(1500, abs=5)
    between = samples[2 * SAMPLE_RATE + 4800 : start - 4800]
    assert pitch(between) == pytest.approx(330, abs=10)
    # Each is as loud as its hour says.
    for one, begins, gain_db in ((low, 0, -6), (high, start, 0)):
        original = decode_clip(store.path_of(one.clips[0].sha256)).samples[4800:43200]
        loudness = np.abs(samples[begins + 4800 : begins + 43200]).max() / np.abs(original).max()
        assert loudness == pytest.approx(10 ** (gain_db / 20), rel=0.02)


def test_a_relay_is_a_marked_silence_of_its_length_in_its_place(tmp_path: Path) -> None:
    """Two seconds of words, a wait until the radio's minute, 25 s of the radio, words again; then what cuts it."""
    store = ClipStore(tmp_path / "clips")
    first, last = sounded(store, "a", 0, 2, 500), sounded(store, "b", 0, 2, 1500)
    relay = Relay("Tiếp âm Đài tỉnh, 25 giây", after_clips=1, begins=timedelta(seconds=5), lasts=timedelta(seconds=25))
    whole = replace(first, clips=first.clips + last.clips, relays=(relay,), ends_at=START + timedelta(seconds=32))
    (heard,) = write_forecast(tmp_path / "out.wav", [whole], store)
    assert heard.relays == [(timedelta(seconds=5), relay)]
    samples = decode_clip(tmp_path / "out.wav").samples
    assert len(samples) / SAMPLE_RATE == pytest.approx(32, abs=0.05)

    def loudest(since: float, until: float) -> float:
        return float(np.abs(samples[round(since * SAMPLE_RATE) : round(until * SAMPLE_RATE)]).max())

    assert [loudest(at, at + 0.18) > 0.05 for at in (5, 15, 25)] == [True] * 3, "a tone every ten seconds"
    assert pitch(samples[round(15 * SAMPLE_RATE) : round(15.18 * SAMPLE_RATE)]) == pytest.approx(880, abs=10)
    assert max(loudest(2.1, 4.99), loudest(5.2, 14.99), loudest(15.2, 24.99), loudest(25.2, 29.9)) < 0.001
    assert pitch(samples[round(30.5 * SAMPLE_RATE) : round(31.5 * SAMPLE_RATE)]) == pytest.approx(1500, abs=5)
    (cut,) = write_forecast(tmp_path / "cut.wav", [replace(whole, ends_at=START + timedelta(seconds=4))], store)
    assert cut.relays == [], "it was cut before the radio's turn"


def test_a_pole_is_as_loud_as_its_hour_says(unit: Session, entry: int, house: House, now: datetime) -> None:
    """05:30 is within the village's quiet hour, then within the pole's own; the forecast reckons as the pole does."""
    plan_timetable(unit, now)
    node = get_node(unit, "dong-1")
    node.public_key = {"kty": "OKP"}
    house.commune.gain_db = -3.0
    unit.add_all([node, house.commune])

    def gain_db() -> float:
        (found,) = lines_of_node(unit, "dong-1", now, now + timedelta(days=1))
        zone_volumes = volumes_for(node, zones_of_node(unit, node))
        config = config_of(house.commune, zone_volumes)
        assert found.gain_db == gain_db_at(config, found.starts_at)
        return found.gain_db

    assert gain_db() == -3.0
    set_zone_volumes(unit, "thon-dong", [Volume(opens=time(5), closes=time(6), gain_db=-9)], now, "canbo")
    assert gain_db() == -12.0
    set_node_volumes(unit, "dong-1", [Volume(opens=time(20), closes=time(22), gain_db=-20)], now, "canbo")
    assert gain_db() == -3.0


def config_of(commune: Commune, volumes: tuple[Volume, ...]) -> NodeConfig:
    """The configuration of a pole of this commune, with these volumes."""
    return NodeConfig(
        commune=commune.slug, version=1, issued_at=START, node="dong-1", name="Đông 1", zones=("thon-dong",),
        timezone=commune.timezone, windows=(), gain_db=commune.gain_db, heartbeat_s=5, volumes=volumes,
    )  # fmt: skip


def test_silence_is_no_forecast_and_a_lost_clip_is_said(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "clips")
    with pytest.raises(ClipError, match="nothing will sound"):
        write_forecast(tmp_path / "out.wav", [line("a", 0, None)], store)
    one = sounded(store, "a", 0, 1, 500)
    store.remove(one.clips[0].sha256)
    with pytest.raises(ClipError):
        write_forecast(tmp_path / "out.wav", [one], store)
    assert not (tmp_path / "out.wav").exists()
