"""Relays as the house keeps them: in a programme, in its broadcasts, in what poles are told; live announcements."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.airings import clips_of, note_duration
from broadcast.documents import build_documents
from broadcast.entries import create_entry
from broadcast.errors import BroadcastError
from broadcast.live import end_live, forget_open, get_live, note_refusal, open_live
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastRelay,
    BroadcastState,
    Clip,
    LiveAnnouncement,
    ProgrammePartKind,
)
from broadcast.orders import issue_play, order_of
from broadcast.programme_parts import ProgrammePartDraft
from broadcast.programmes import ProgrammeDraft, add_programme, edit_programme
from broadcast.recording_uses import forget_clip
from broadcast.relay_desk import due_relays
from broadcast.relays import note_failure, recent_failures, relays_of, say_relay, starts_of
from broadcast.windows import stored_windows
from players.messages import OnFailure, Play, Urgency
from scheduler.forecast import Relay, load_lines
from tests.broadcast.airing_kit import add_pole, render
from tests.broadcast.conftest import House
from tests.scheduler.planning import plan_timetable

K = ProgrammePartKind
RELAY = ProgrammePartDraft(K.RELAY, "Đài tỉnh", url="http://radio.example/live", minutes=15)
PARTS = (ProgrammePartDraft(K.GREETING, "Chào."), RELAY, ProgrammePartDraft(K.CLOSING, "Hết."))
LIMIT = timedelta(minutes=10)


def planned(unit: Session, house: House, now: datetime, *parts: ProgrammePartDraft) -> Broadcast:
    """The first broadcast of a programme of these parts, rendered: each clip lasts 30 s."""
    add_pole(unit, house, "dong-1", "thon-dong", now)
    programme = add_programme(unit, house.commune, ProgrammeDraft("Sáng", parts or PARTS), now, house.leader)
    create_entry(
        unit, programme, zones=["thon-dong"], airs_at=time(17), from_on=date(2026, 6, 1), now=now, actor="canbo"
    )
    plan_timetable(unit, now)
    broadcast = unit.get_one(Broadcast, "e-1-20260601T1700")
    render(unit, broadcast, now)
    note_duration(unit, broadcast)
    return broadcast


def test_a_relay_counts_in_the_length_and_is_told_to_poles(unit: Session, house: House, now: datetime) -> None:
    broadcast = planned(unit, house, now)
    assert broadcast.duration_ms == (30 + 900 + 30) * 1000
    item = build_documents(unit, now).timetables["zones/thon-dong/timetable"].broadcasts[0]
    assert (item.duration_ms, item.stream, len(item.clips)) == (broadcast.duration_ms, None, 2)
    (relay,) = item.relays
    assert (relay.after_clips, relay.starts_ms, relay.lasts_ms) == (1, 30_000, 900_000)
    assert (relay.source, relay.on_failure, relay.may_end) == (f"/streams/{broadcast.id}/0", "silence", False)
    line = next(line for line in load_lines(unit, now, now + timedelta(days=1)))
    radio = Relay("Tiếp âm Đài tỉnh, 15 phút", 1, begins=timedelta(seconds=30), lasts=timedelta(minutes=15))
    assert (line.relays, line.lasts) == ((radio,), timedelta(seconds=960))
    assert [piece == radio for piece in line.pieces] == [False, True, False], "words, radio, words"


def test_a_relay_waits_for_its_minute(unit: Session, house: House, now: datetime) -> None:
    broadcast = planned(unit, house, now, PARTS[0], replace(RELAY, starts_after_minutes=5), PARTS[2])
    assert broadcast.duration_ms == (300 + 900 + 30) * 1000
    item = build_documents(unit, now).timetables["zones/thon-dong/timetable"].broadcasts[0]
    assert item.relays[0].starts_ms == 300_000
    assert item.duration_ms == broadcast.duration_ms


def test_a_changed_relay_reaches_what_is_planned(unit: Session, house: House, now: datetime) -> None:
    broadcast = planned(unit, house, now)
    parts = (PARTS[0], replace(RELAY, minutes=3, on_failure=OnFailure.NEXT), PARTS[2])
    edit_programme(unit, 1, 1, ProgrammeDraft("Sáng", parts), now, house.leader)
    plan_timetable(unit, now)
    (relay,) = relays_of(unit, [broadcast.id])[broadcast.id]
    assert (relay.lasts_ms, relay.on_failure, broadcast.duration_ms) == (180_000, "next", 240_000)
    edit_programme(unit, 1, 2, ProgrammeDraft("Sáng", (PARTS[0], PARTS[2])), now, house.leader)
    plan_timetable(unit, now)
    assert (relays_of(unit, [broadcast.id]), broadcast.duration_ms) == ({}, 60_000)


def test_a_radio_is_due_shortly_before_its_instant_until_its_end(unit: Session, house: House, now: datetime) -> None:
    broadcast = planned(unit, house, now)
    assert broadcast.starts_at is not None
    begins = broadcast.starts_at + timedelta(seconds=30)
    ahead = timedelta(seconds=12)
    broadcast.state = BroadcastState.ON_AIR
    assert due_relays(unit, begins - timedelta(seconds=13), ahead) == []
    (due,) = due_relays(unit, begins - timedelta(seconds=11), ahead)
    assert (due.url, due.begins_at, due.ends_at) == (RELAY.url, begins, begins + timedelta(minutes=15))
    broadcast.state = BroadcastState.CUT
    assert due_relays(unit, begins, ahead) == []


def test_a_failure_is_kept_once_and_forgotten_after_a_day(unit: Session, house: House, now: datetime) -> None:
    broadcast = planned(unit, house, now)
    relay = unit.get_one(BroadcastRelay, (broadcast.id, 0))
    note_failure(unit, relay, "no-answer", now)
    note_failure(unit, relay, "silent", now + timedelta(minutes=1))
    assert [(one.failure, one.failed_at) for one in recent_failures(unit, now + timedelta(hours=1))] == [
        ("no-answer", now)
    ]
    assert recent_failures(unit, now + timedelta(days=2)) == []


@pytest.mark.parametrize(
    ("after", "lengths", "starts", "whole"),
    [
        ([(0, 5, None)], [1, 2], [0], 8),
        ([(1, 5, 4)], [1, 2], [4], 11),
        ([(1, 5, 4)], [6, 2], [6], 13),
        ([(1, 5, None), (1, 5, 20)], [1, 2], [1, 20], 27),
        ([(9, 5, None)], [1, 2], [3], 8),
    ],
)
def test_relays_begin_after_what_comes_before_them(
    after: list[tuple[int, int, int | None]], lengths: list[int], starts: list[int], whole: int
) -> None:
    relays = [
        BroadcastRelay(
            broadcast_id="x", position=n, after_parts=parts, name="", lasts_ms=lasts, starts_after_ms=at,
            on_failure=OnFailure.NEXT,
        )
        for n, (parts, lasts, at) in enumerate(after)
    ]  # fmt: skip
    assert starts_of(relays, lengths) == (starts, whole)


def test_a_relay_in_words() -> None:
    assert [say_relay("Đài tỉnh", seconds * 1000) for seconds in (900, 90, 20)] == [
        "Tiếp âm Đài tỉnh, 15 phút",
        "Tiếp âm Đài tỉnh, 1 phút 30 giây",
        "Tiếp âm Đài tỉnh, 20 giây",
    ]


def spoken(unit: Session, house: House, now: datetime, *zones: str, key: str = "k" * 20) -> Broadcast:
    return open_live(unit, house.officer, zones or ("thon-dong",), now, key=key, lasts_at_most=LIMIT)


def test_who_speaks_is_heard_after_the_chime_until_the_limit(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = spoken(unit, house, now)
    assert spoken(unit, house, now) is broadcast, "one press is one announcement"
    render(unit, broadcast, now)
    note_duration(unit, broadcast)
    play = order_of(issue_play(unit, broadcast, clips_of(unit, broadcast.id) or (), now))
    assert isinstance(play, Play)
    (relay,) = play.item.relays
    assert (play.item.urgency, relay.after_clips, relay.starts_ms) == (Urgency.PRIORITY, 1, 30_000)
    assert (relay.lasts_ms, relay.may_end, relay.on_failure) == (600_000, True, "next")
    assert play.expires_at - play.item.starts_at == timedelta(seconds=630), "a pole that comes back hears the rest"
    broadcast.state = BroadcastState.ON_AIR
    unit.add(Clip(sha256="c" * 64, size_bytes=1, duration_ms=1, engine="recording", voice="", created_at=now))
    unit.flush()
    end_live(unit, broadcast.id, "c" * 64, play.item.starts_at + timedelta(seconds=60))
    assert broadcast.duration_ms == 60_000
    assert get_live(unit, broadcast.id, house.officer).clip_sha256 == "c" * 64
    assert not forget_clip(unit, "c" * 64), "what was said is kept"
    with pytest.raises(BroadcastError, match="Không có buổi"):
        get_live(unit, broadcast.id, house.leader)


@pytest.mark.parametrize(
    ("who", "zones", "code"),
    [
        ("administrator", ("thon-dong",), "role-not-allowed"),
        ("head_east", ("thon-tay",), "other-village"),
        ("head_east", ("thon-dong", "thon-tay"), "other-village"),
    ],
)
def test_who_may_not_speak(
    unit: Session, house: House, now: datetime, who: str, zones: tuple[str, ...], code: str
) -> None:
    with pytest.raises(BroadcastError) as refused:
        open_live(unit, getattr(house, who), zones, now, key="k" * 20, lasts_at_most=LIMIT)
    assert refused.value.code == code
    assert unit.exec(select(LiveAnnouncement)).all() == []
    note_refusal(unit, getattr(house, who), zones, code, now)
    entry = unit.exec(select(AuditEntry).where(AuditEntry.action == "refuse-live")).one()
    assert (entry.subject, entry.detail) == (code, {"zones": list(zones)})


def test_nobody_speaks_in_quiet_hours_or_into_another(unit: Session, house: House, now: datetime) -> None:
    first = spoken(unit, house, now)
    with pytest.raises(BroadcastError) as twice:
        spoken(unit, house, now, key="l" * 20)
    assert twice.value.code == "somebody-speaks"
    spoken(unit, house, now, "thon-tay", key="m" * 20)
    forget_open(unit, now)
    assert first.state is BroadcastState.CANCELLED, "no chime for somebody who has gone"
    assert all(live.ended_at == now for live in unit.exec(select(LiveAnnouncement)))
    house.commune.windows = stored_windows(())
    unit.add(house.commune)
    with pytest.raises(BroadcastError) as quiet:
        spoken(unit, house, now, key="n" * 20)
    assert quiet.value.code == "not-now"
