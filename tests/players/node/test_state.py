"""The node as a function: cases that a pole meets, then any sequence of them."""

import os
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from players.messages import (
    CuedBroadcast,
    Emergencies,
    Order,
    Outcome,
    Play,
    Reason,
    Rehearse,
    Restart,
    Severity,
    Stop,
    Timetable,
    Urgency,
    Window,
    ZoneRules,
)
from players.node.events import (
    ClipStored,
    ClipTrouble,
    ConfigCame,
    EmergenciesCame,
    Event,
    Leaving,
    OrderCame,
    Tick,
    TimetableCame,
    Way,
)
from players.node.local_orders import LOCAL_VALID
from tests.fakes.fake_server import COMMUNE
from tests.players.node.local_kit import came as local_came
from tests.players.node.local_kit import order as local_order
from tests.players.node.local_kit import pack as local_pack
from tests.players.node.pole import DAWN, Pole, Start, clip, config, item, seconds

EMERGENCY, PRIORITY, NORMAL = Urgency.EMERGENCY, Urgency.PRIORITY, Urgency.NORMAL


def timetable(version: int, *items: CuedBroadcast, zone: str = "thon-dong") -> TimetableCame:
    return TimetableCame(Timetable(commune=COMMUNE, version=version, issued_at=DAWN, zone=zone, broadcasts=items))


def fields(order: str, at: datetime, for_s: float = 60) -> dict[str, Any]:
    return {"order": order, "commune": COMMUNE, "issued_at": at, "expires_at": at + seconds(for_s)}


def play(order: str, what: CuedBroadcast, at: datetime, for_s: float = 60) -> OrderCame:
    return OrderCame(Play(**fields(order, at, for_s), item=what))


def stop(order: str, at: datetime, broadcast: str | None = None) -> OrderCame:
    return OrderCame(Stop(**fields(order, at), broadcast=broadcast))


def stored(number: int = 1) -> ClipStored:
    return ClipStored(clip(number).sha256)


def ready(**options: Any) -> Pole:
    """A pole in its commune's hours, with clip 1 in its store."""
    return Pole(**options).feed(ConfigCame(config(1)), stored()).run(60)


class TestOneBroadcast:
    def test_it_is_received_cued_playing_and_played_at_its_instant(self) -> None:
        pole = Pole().feed(ConfigCame(config(1))).run(60)
        at = pole.now + seconds(30)
        pole.feed(timetable(1, item("a", at))).run(5)
        pole.feed(stored()).run(60)
        assert pole.outcomes("a") == ["received", "cued", "playing", "played"]
        assert [(start.at, start.from_ms, start.way) for start in pole.starts] == [(at, 0, Way.FILES)]
        assert pole.final("a").started_at == at
        assert pole.final("a").finished_at == at + seconds(2)
        assert pole.final("a").clip_sha256 == clip(1).sha256

    def test_its_clip_comes_late_and_it_joins_at_the_right_place(self) -> None:
        pole = Pole().feed(ConfigCame(config(1))).run(60)
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at, duration_s=20))).run(12).feed(stored()).run(60)
        start = pole.starts[0]
        assert start.at - seconds(start.from_ms / 1000) == at
        assert start.from_ms == 7120
        final = pole.final("a")
        assert (final.outcome, final.reason) == (Outcome.CUT, Reason.TOO_LATE)
        assert final.detail == "joined late: its first 7.1 s were not heard"

    def test_its_clip_never_comes_and_the_last_reason_is_told(self) -> None:
        pole = Pole().feed(ConfigCame(config(1))).run(60)
        pole.feed(timetable(1, item("a", pole.now + seconds(5))))
        pole.feed(ClipTrouble(clip(1).sha256, Reason.DISK_FULL, "no room")).run(60)
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.FAILED, Reason.DISK_FULL)
        assert pole.starts == []

    def test_without_any_word_of_its_clip_it_failed_as_unavailable(self) -> None:
        pole = Pole().feed(ConfigCame(config(1))).run(60)
        pole.feed(timetable(1, item("a", pole.now + seconds(5)))).run(60)
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.FAILED, Reason.CLIP_UNAVAILABLE)

    def test_a_node_that_streams_opens_the_stream_three_seconds_before(self) -> None:
        pole = Pole(streams=True, pulls=False).feed(ConfigCame(config(1))).run(60)
        at = pole.now + seconds(30)
        pole.feed(timetable(1, item("a", at, stream=True)))
        assert pole.run(26.9).state.tracks["a"].phase == "waiting"
        assert pole.run(0.2).state.tracks["a"].phase == "prepared"
        pole.run(30)
        assert [(start.at, start.way) for start in pole.starts] == [(at, Way.STREAM)]
        assert pole.outcomes("a") == ["received", "playing", "played"]
        assert pole.final("a").clip_sha256 is None
        assert pole.final("a").output == "vlc"

    def test_a_node_that_pulls_and_streams_prefers_the_clip_that_comes_two_seconds_before(self) -> None:
        pole = Pole(streams=True).feed(ConfigCame(config(1))).run(60)
        pole.feed(timetable(1, item("a", pole.now + seconds(30), stream=True))).run(28).feed(stored()).run(30)
        assert [start.way for start in pole.starts] == [Way.FILES]

    @pytest.mark.parametrize(
        ("at_s", "expected"),
        [
            (-3600, (Outcome.MISSED, Reason.QUIET_HOURS)),
            (-1, (Outcome.MISSED, Reason.QUIET_HOURS)),
            (0, (Outcome.PLAYED, None)),
            (16 * 3600 - 10, (Outcome.PLAYED, None)),
            (16 * 3600, (Outcome.MISSED, Reason.QUIET_HOURS)),
        ],
    )
    def test_quiet_hours_are_kept_to_the_second(self, at_s: float, expected: tuple[Outcome, Reason | None]) -> None:
        pole = Pole(now=DAWN - seconds(7200)).feed(ConfigCame(config(1)), stored())
        pole.feed(timetable(1, item("a", DAWN + seconds(at_s)))).run(24 * 3600)
        assert (pole.final("a").outcome, pole.final("a").reason) == expected

    def test_what_would_sound_into_the_night_is_cut_when_the_window_closes(self) -> None:
        closes = DAWN + seconds(16 * 3600)
        pole = Pole(now=closes - seconds(60)).feed(ConfigCame(config(1)), stored())
        pole.feed(timetable(1, item("a", closes - seconds(5), duration_s=600))).run(120)
        final = pole.final("a")
        assert (final.outcome, final.reason) == (Outcome.CUT, Reason.QUIET_HOURS)
        assert final.finished_at == closes

    def test_an_emergency_sounds_at_night(self) -> None:
        pole = Pole(now=DAWN - seconds(7200)).feed(ConfigCame(config(1)), stored())
        pole.feed(play("o", item("flood", pole.now + seconds(0.3), EMERGENCY), pole.now)).run(10)
        assert pole.final("flood").outcome is Outcome.PLAYED

    def test_nothing_but_an_emergency_sounds_before_there_is_a_configuration(self) -> None:
        pole = Pole().feed(stored())
        pole.feed(timetable(1, item("a", pole.now + seconds(5)))).run(1)
        pole.feed(play("o", item("flood", pole.now, EMERGENCY), pole.now)).run(100)
        assert pole.began() == ["flood"]
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.MISSED, Reason.QUIET_HOURS)

    def test_what_cannot_be_opened_is_tried_again_and_joined_late(self) -> None:
        pole = ready(prepare_fails=2)
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at, duration_s=20))).run(60)
        assert pole.final("a").outcome is Outcome.PLAYED
        assert pole.starts[0].at >= at

    def test_what_breaks_off_is_cut_with_the_outputs_reason(self) -> None:
        pole = ready(breaks_after=seconds(0.5))
        pole.feed(timetable(1, item("a", pole.now + seconds(5)))).run(60)
        final = pole.final("a")
        assert (final.outcome, final.reason, final.detail) == (Outcome.CUT, Reason.OUTPUT_FAILED, "pulled out")


class TestTwoBroadcasts:
    def test_equals_queue_and_both_sound_whole(self) -> None:
        pole = ready()
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at, duration_s=90), item("b", at + seconds(1)))).run(200)
        assert [(start.broadcast, start.from_ms) for start in pole.starts] == [("a", 0), ("b", 0)]
        assert (pole.final("a").outcome, pole.final("b").outcome) == (Outcome.PLAYED, Outcome.PLAYED)

    def test_what_had_to_wait_and_then_cannot_be_opened_ends_soon_with_that_reason(self) -> None:
        pole = ready()
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at, duration_s=60), item("b", at + seconds(1)))).run(50)
        pole.prepare_fails = 1000
        pole.restart(1).run(90)
        assert pole.final("a").reason == Reason.RESTARTED
        final = pole.final("b")
        assert (final.outcome, final.reason) == (Outcome.FAILED, Reason.OUTPUT_FAILED)

    def test_back_to_back_both_are_on_time(self) -> None:
        pole = ready()
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at), item("b", at + seconds(2)))).run(60)
        assert [(start.broadcast, start.from_ms) for start in pole.starts] == [("a", 0), ("b", 0)]
        assert pole.starts[1].at - (at + seconds(2)) < seconds(0.2)

    def test_the_higher_cuts_the_lower_and_an_emergency_both(self) -> None:
        pole = ready()
        at = pole.now + seconds(5)
        pole.feed(
            timetable(
                1,
                item("normal", at, duration_s=60),
                item("priority", at + seconds(5), PRIORITY, duration_s=60),
                item("emergency", at + seconds(10), EMERGENCY, duration_s=5),
            )
        ).run(120)
        assert pole.began() == ["normal", "priority", "emergency"]
        for name, by in (("normal", "priority"), ("priority", "emergency")):
            final = pole.final(name)
            assert (final.outcome, final.reason, final.detail) == (Outcome.CUT, Reason.PREEMPTED, by)
        assert pole.final("emergency").outcome is Outcome.PLAYED

    def test_a_second_emergency_waits_for_the_first_and_is_heard_whole(self) -> None:
        pole = ready()
        first, second = item("e1", pole.now, EMERGENCY, duration_s=30), item("e2", pole.now, EMERGENCY)
        pole.feed(play("o1", first, pole.now, 600)).run(3)
        pole.feed(play("o2", second, pole.now, 600)).run(120)
        assert [(start.broadcast, start.from_ms) for start in pole.starts] == [("e1", 0), ("e2", 0)]

    def test_what_was_told_to_go_and_had_not_begun_comes_after_the_emergency(self) -> None:
        pole = ready()
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at))).run(4.9)
        assert pole.state.tracks["a"].phase == "starting"
        pole.feed(play("o", item("flood", pole.now, EMERGENCY), pole.now)).run(60)
        assert pole.began() == ["flood", "a"]
        assert pole.final("a").outcome is Outcome.PLAYED

    def test_an_emergency_without_its_clip_cuts_nothing_until_it_can_sound(self) -> None:
        pole = ready()
        pole.feed(timetable(1, item("a", pole.now + seconds(3), duration_s=30))).run(5)
        pole.feed(play("o", item("flood", pole.now, EMERGENCY, number=2), pole.now)).run(5)
        assert pole.state.tracks["a"].phase == "playing"
        pole.feed(stored(2)).run(60)
        assert pole.final("a").reason is Reason.PREEMPTED
        assert [(start.broadcast, start.from_ms) for start in pole.starts] == [("a", 0), ("flood", 0)]


class TestOrders:
    def test_one_order_through_two_zones_plays_once(self) -> None:
        pole = ready()
        order = play("o", item("now", pole.now + seconds(3)), pole.now)
        pole.feed(order, order).run(30).feed(order).run(30)
        assert pole.began() == ["now"]
        assert Counter(pole.outcomes("now")) == Counter(["received", "cued", "playing", "played"])

    def test_a_replay_a_year_later_is_silent(self) -> None:
        pole = ready()
        order = play("o", item("now", pole.now + seconds(3), EMERGENCY), pole.now)
        pole.feed(order).run(30)
        pole.run(365 * 24 * 3600).feed(Tick(), order).run(3600)
        assert pole.began() == ["now"]
        assert pole.refused[-1].why == "expired"
        assert len([report for report in pole.reports if report.outcome.is_final]) == 1

    def test_an_order_of_the_future_is_refused(self) -> None:
        pole = ready()
        pole.feed(play("o", item("now", pole.now, EMERGENCY), pole.now + seconds(61))).run(120)
        assert (pole.starts, pole.refused[-1].why) == ([], "issued in the future")

    def test_an_order_of_another_commune_is_refused(self) -> None:
        pole = ready()
        order = Play(**{**fields("o", pole.now), "commune": "xa-khac"}, item=item("now", pole.now, EMERGENCY))
        pole.feed(OrderCame(order)).run(30)
        assert (pole.starts, pole.reports) == ([], [])

    def test_an_order_that_expired_on_its_way_is_reported_missed(self) -> None:
        pole = ready()
        pole.feed(play("o", item("now", pole.now - seconds(100)), pole.now - seconds(100))).run(5)
        assert (pole.final("now").outcome, pole.final("now").reason) == (Outcome.MISSED, Reason.TOO_LATE)

    def test_orders_wait_until_the_time_is_known(self) -> None:
        pole = Pole(trusted=False).feed(ConfigCame(config(1)), stored())
        old = pole.now - seconds(7200)
        pole.feed(play("fresh", item("flood", pole.now, EMERGENCY), pole.now))
        pole.feed(play("replayed", item("dam", old, EMERGENCY), old)).run(5)
        assert pole.starts == []
        pole.trusted = True
        pole.feed(Tick()).run(30)
        assert pole.began() == ["flood"]

    def test_a_stop_by_name_before_its_play_keeps_it_silent(self) -> None:
        pole = ready()
        pole.feed(stop("s", pole.now, "now"), play("o", item("now", pole.now + seconds(1)), pole.now)).run(30)
        assert (pole.starts, pole.final("now").reason) == ([], Reason.STOPPED)

    def test_a_stop_without_a_name_stops_what_sounds_and_nothing_else(self) -> None:
        pole = ready()
        at = pole.now + seconds(3)
        pole.feed(timetable(1, item("a", at, duration_s=30), item("b", at + seconds(60)))).run(10)
        pole.feed(stop("s", pole.now)).run(120)
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.CUT, Reason.STOPPED)
        assert pole.final("b").outcome is Outcome.PLAYED

    def test_a_pole_that_comes_back_hears_the_active_emergency_whole_once(self) -> None:
        pole = ready()
        order = Play(
            **fields("o", pole.now - seconds(600), 3600), item=item("flood", pole.now - seconds(600), EMERGENCY)
        )
        for version in (1, 2):
            document = Emergencies(
                commune=COMMUNE, version=version, issued_at=pole.now, zone="thon-tay", active=(order,)
            )
            pole.feed(EmergenciesCame(document)).run(60)
        assert [(start.broadcast, start.from_ms) for start in pole.starts] == [("flood", 0)]


class TestDocuments:
    def test_what_is_withdrawn_does_not_sound(self) -> None:
        pole = ready()
        at = pole.now + seconds(60)
        pole.feed(timetable(1, item("a", at), item("b", at))).run(5).feed(timetable(2, item("b", at))).run(120)
        assert pole.began() == ["b"]
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.MISSED, Reason.WITHDRAWN)

    def test_what_is_listed_again_before_its_minute_sounds(self) -> None:
        pole = ready()
        at = pole.now + seconds(60)
        pole.feed(timetable(1, item("a", at)), timetable(2), timetable(3, item("a", at))).run(120)
        assert pole.final("a").outcome is Outcome.PLAYED

    def test_what_another_zone_still_lists_sounds(self) -> None:
        pole = ready()
        at = pole.now + seconds(60)
        pole.feed(timetable(1, item("a", at)), timetable(1, item("a", at), zone="thon-tay"), timetable(2)).run(120)
        assert pole.began() == ["a"]

    def test_an_older_timetable_is_refused(self) -> None:
        pole = ready()
        at = pole.now + seconds(60)
        pole.feed(timetable(5), timetable(4, item("a", at))).run(120)
        assert (pole.starts, pole.reports, pole.refused[-1].what) == ([], [], "timetable/thon-dong")

    def test_what_was_moved_sounds_at_its_new_instant_only(self) -> None:
        pole = ready()
        at = pole.now + seconds(10)
        pole.feed(timetable(1, item("a", at))).run(9).feed(timetable(2, item("a", at + seconds(30)))).run(120)
        assert [start.at for start in pole.starts] == [at + seconds(30)]

    def test_a_zone_that_is_not_ours_is_refused(self) -> None:
        pole = ready()
        pole.feed(timetable(1, item("a", pole.now + seconds(5)), zone="thon-bac")).run(60)
        assert (pole.starts, pole.reports) == ([], [])


RULES = ZoneRules(zone="thon-dong")


def ruled(**rules: Any) -> Pole:
    """A pole with the rules of one of its zones."""
    return ready().feed(ConfigCame(config(2, rules=(RULES.model_copy(update=rules),))))


class TestRules:
    """The node refuses by its own signed copy, whatever the server says."""

    def test_it_sounds_no_oftener_a_day_than_its_zone_allows_and_again_the_next_day(self) -> None:
        pole = ruled(sessions_a_day=2)
        at = pole.now + seconds(5)
        names = ("a", "b", "c", "tomorrow")
        listed = zip(names, (0, 60, 120, 24 * 3600), strict=True)
        pole.feed(timetable(1, *(item(name, at + seconds(in_s)) for name, in_s in listed))).run(25 * 3600)
        assert pole.began() == ["a", "b", "tomorrow"]
        assert (pole.final("c").outcome, pole.final("c").reason) == (Outcome.MISSED, Reason.TOO_MANY_SESSIONS)

    def test_what_is_due_together_counts_one_by_one(self) -> None:
        pole = ruled(sessions_a_day=1)
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at), item("b", at))).run(60)
        assert (pole.began(), pole.final("b").reason) == (["a"], Reason.TOO_MANY_SESSIONS)

    def test_a_restart_does_not_forget_what_has_sounded(self) -> None:
        pole = ruled(sessions_a_day=1)
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at), item("b", at + seconds(60)))).run(20).restart(5).run(120)
        assert (pole.began(), pole.final("b").reason) == (["a"], Reason.TOO_MANY_SESSIONS)

    def test_what_is_longer_than_a_session_may_be_is_not_begun(self) -> None:
        pole = ruled(session_minutes=1)
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("long", at, duration_s=60.1), item("fits", at, duration_s=60))).run(120)
        assert (pole.began(), pole.final("long").reason) == (["fits"], Reason.SESSION_TOO_LONG)

    def test_what_does_not_fit_the_rest_of_the_day_is_not_begun_and_what_fits_is(self) -> None:
        pole = ruled(day_minutes=2)
        at = pole.now + seconds(5)
        items = (item("a", at, duration_s=90), item("b", at + seconds(100), duration_s=31))
        pole.feed(timetable(1, *items, item("c", at + seconds(200), duration_s=30))).run(300)
        assert (pole.began(), pole.final("b").reason) == (["a", "c"], Reason.DAY_FULL)

    def test_only_what_has_sounded_counts(self) -> None:
        pole = ruled(day_minutes=2)
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("a", at, duration_s=110), item("b", at + seconds(60), duration_s=60))).run(25)
        pole.feed(stop("s", pole.now, "a")).run(120)
        assert (pole.began(), pole.final("b").outcome) == (["a", "b"], Outcome.PLAYED)

    def test_emergencies_neither_count_nor_are_asked(self) -> None:
        pole = ruled(sessions_a_day=0, session_minutes=0, day_minutes=0)
        pole.feed(timetable(1, item("a", pole.now + seconds(5))))
        pole.feed(play("o", item("flood", pole.now, EMERGENCY, duration_s=90), pole.now)).run(300)
        assert (pole.began(), pole.final("a").outcome) == (["flood"], Outcome.MISSED)

    def test_a_zones_own_hours_keep_what_it_lists_and_nothing_else(self) -> None:
        evening = Window.model_validate({"opens": "16:00", "closes": "20:00"})
        pole = ruled(windows=(evening,))
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("east", at)), timetable(1, item("west", at), zone="thon-tay")).run(60)
        assert (pole.began(), pole.final("east").reason) == (["west"], Reason.QUIET_HOURS)

    def test_hours_of_single_weekdays(self) -> None:
        """DAWN is a Monday's."""
        weekend = Window.model_validate({"opens": "05:00", "closes": "21:00", "days": (5, 6)})
        pole = ready().feed(ConfigCame(config(2).model_copy(update={"windows": (weekend,)})))
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("monday", at), item("saturday", at + timedelta(days=5)))).run(6 * 24 * 3600)
        assert (pole.began(), pole.final("monday").reason) == (["saturday"], Reason.QUIET_HOURS)

    def test_a_volume_counts_for_what_begins_in_its_hours_and_never_for_an_emergency(self) -> None:
        volumes = ({"opens": "05:00", "closes": "06:00", "gain_db": -12},)
        pole = ready().feed(ConfigCame(config(2, volumes=volumes).model_copy(update={"gain_db": -3.0})))
        at = pole.now + seconds(5)
        items = (item("early", at), item("flood", at + seconds(60), EMERGENCY), item("late", at + seconds(3600)))
        pole.feed(timetable(1, *items)).run(2 * 3600)
        assert [(start.broadcast, start.gain_db) for start in pole.starts] == [
            ("early", -15.0),
            ("flood", 0.0),
            ("late", -3.0),
        ]


class TestBrokenOff:
    """What falls silent before its end goes on by its own rule, or is reported cut; an emergency begins again."""

    def test_after_a_power_cut_it_goes_on_where_it_was(self) -> None:
        pole = ready()
        at = pole.now + seconds(3)
        pole.feed(timetable(1, item("a", at, duration_s=60, resume_within_s=300))).run(13.7).restart(20).run(120)
        assert [(start.broadcast, start.from_ms) for start in pole.starts] == [("a", 0), ("a", 10_000)]
        final = pole.final("a")
        assert (final.outcome, final.started_at) == (Outcome.PLAYED, at)
        assert final.detail == "broken off (restarted); it went on from 10.0 s 21 s later"
        assert pole.outcomes("a") == ["received", "cued", "playing", "played"]

    def test_when_the_power_fails_as_it_is_about_to_join_late_it_goes_on_from_there(self) -> None:
        pole = Pole().feed(ConfigCame(config(1))).run(60)
        at = pole.now - seconds(5)
        pole.feed(timetable(1, item("a", at, duration_s=60, resume_within_s=300)), stored())
        assert pole.state.tracks["a"].phase == "starting"
        pole.restart(2).run(120)
        assert [start.from_ms for start in pole.starts] == [5120]
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.CUT, Reason.TOO_LATE)

    def test_when_the_power_is_back_too_late_it_is_cut_where_it_was(self) -> None:
        pole = ready()
        at = pole.now + seconds(3)
        pole.feed(timetable(1, item("a", at, duration_s=60, resume_within_s=30))).run(13.7).restart(31).run(120)
        final = pole.final("a")
        assert (final.outcome, final.reason, final.finished_at) == (Outcome.CUT, Reason.RESTARTED, at + seconds(10))
        assert pole.began() == ["a"]

    def test_killed_at_its_very_end_it_was_played(self) -> None:
        pole = ready()
        pole.feed(timetable(1, item("a", pole.now + seconds(3), duration_s=10.2))).run(13.1).restart(5).run(60)
        assert (pole.final("a").outcome, pole.began()) == (Outcome.PLAYED, ["a"])

    def test_an_emergency_killed_in_mid_air_begins_again_while_it_is_valid(self) -> None:
        pole = ready()
        pole.feed(play("o", item("flood", pole.now, EMERGENCY, duration_s=30), pole.now, 300)).run(10).restart(20).run(
            60
        )
        assert [(start.broadcast, start.from_ms) for start in pole.starts] == [("flood", 0), ("flood", 0)]
        assert pole.final("flood").outcome is Outcome.PLAYED

    def test_an_emergency_that_is_no_longer_valid_is_cut(self) -> None:
        pole = ready()
        pole.feed(play("o", item("flood", pole.now, EMERGENCY, duration_s=30), pole.now, 70)).run(10).restart(70).run(
            60
        )
        assert (pole.final("flood").outcome, pole.final("flood").reason) == (Outcome.CUT, Reason.RESTARTED)
        assert pole.began() == ["flood"]

    def test_nested_each_goes_on_after_what_pushed_it_aside(self) -> None:
        pole = ready()
        at = pole.now + seconds(5)
        pole.feed(
            timetable(
                1,
                item("normal", at, duration_s=60, resume_within_s=600),
                item("priority", at + seconds(10), PRIORITY, duration_s=60, resume_within_s=600),
                item("emergency", at + seconds(20), EMERGENCY, duration_s=30),
            )
        ).run(400)
        assert pole.began() == ["normal", "priority", "emergency", "priority", "normal"]
        assert all(pole.final(name).outcome is Outcome.PLAYED for name in pole.began())
        assert [round(start.from_ms, -3) for start in pole.starts] == [0, 0, 0, 10_000, 10_000]

    def test_what_waits_to_go_on_and_is_stopped_is_cut(self) -> None:
        pole = ready()
        pole.feed(timetable(1, item("a", pole.now + seconds(3), duration_s=60, resume_within_s=600))).run(10)
        pole.feed(play("o", item("flood", pole.now, EMERGENCY, duration_s=30), pole.now)).run(5)
        pole.feed(stop("s", pole.now, "a")).run(120)
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.CUT, Reason.STOPPED)
        assert pole.began() == ["a", "flood"]

    def test_what_waits_to_go_on_does_not_at_night(self) -> None:
        closes = DAWN + seconds(16 * 3600)
        pole = Pole(now=closes - seconds(60)).feed(ConfigCame(config(1)), stored())
        pole.feed(timetable(1, item("a", closes - seconds(30), duration_s=60, resume_within_s=600))).run(40)
        pole.feed(play("o", item("flood", pole.now, EMERGENCY, duration_s=30), pole.now)).run(120)
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.CUT, Reason.QUIET_HOURS)
        assert pole.began() == ["a", "flood"]

    @pytest.mark.parametrize(("resume_within_s", "expected"), [(0.0, Outcome.CUT), (60.0, Outcome.PLAYED)])
    def test_when_the_device_is_gone_for_a_moment(self, resume_within_s: float, expected: Outcome) -> None:
        pole = ready(breaks_after=seconds(4))
        pole.feed(timetable(1, item("a", pole.now + seconds(3), duration_s=20, resume_within_s=resume_within_s))).run(
            60
        )
        assert pole.final("a").outcome is expected

    def test_an_emergency_whose_device_is_gone_for_a_moment_begins_again(self) -> None:
        pole = ready(breaks_after=seconds(4))
        pole.feed(play("o", item("flood", pole.now, EMERGENCY, duration_s=20), pole.now)).run(50)
        assert [start.from_ms for start in pole.starts] == [0, 0]
        assert pole.final("flood").outcome is Outcome.PLAYED

    def test_told_to_end_in_order_it_goes_on_at_the_next_start(self) -> None:
        pole = ready()
        pole.feed(timetable(1, item("a", pole.now + seconds(3), duration_s=60, resume_within_s=300))).run(10)
        pole.feed(Leaving()).run(1).restart(5).run(120)
        assert pole.began() == ["a", "a"]
        assert pole.final("a").outcome is Outcome.PLAYED


class TestRestart:
    def test_in_mid_broadcast_it_is_cut_once_and_never_again(self) -> None:
        pole = ready()
        document = timetable(1, item("a", pole.now + seconds(3), duration_s=60))
        pole.feed(document).run(10).restart(5).feed(document).run(120).restart(5).run(120)
        final = pole.final("a")
        assert (final.outcome, final.reason, pole.began()) == (Outcome.CUT, Reason.RESTARTED, ["a"])

    def test_in_the_moment_it_was_being_cut_it_is_not_begun_again(self) -> None:
        pole = ready()
        pole.feed(timetable(1, item("a", pole.now + seconds(5)))).run(4.9)
        pole.feed(play("o", item("flood", pole.now, EMERGENCY), pole.now))
        assert pole.state.tracks["a"].phase == "stopping"
        pole.restart(5).run(60)
        assert pole.outcomes("a") == ["received", "cued", "cut"]

    def test_before_its_minute_it_sounds(self) -> None:
        pole = ready()
        pole.feed(timetable(1, item("a", pole.now + seconds(30)))).run(5).restart(5).run(60)
        assert pole.outcomes("a") == ["received", "cued", "playing", "played"]

    def test_what_was_due_while_it_was_off_is_joined_or_missed(self) -> None:
        pole = ready()
        at = pole.now + seconds(5)
        pole.feed(timetable(1, item("short", at), item("long", at, duration_s=50))).run(1).restart(20).run(120)
        assert (pole.final("short").reason, pole.final("short").detail) == (Reason.TOO_LATE, "the node was off")
        assert (pole.final("long").outcome, pole.final("long").reason) == (Outcome.CUT, Reason.TOO_LATE)
        assert pole.starts[0].at - seconds(pole.starts[0].from_ms / 1000) == at

    def test_with_an_unknown_time_what_is_planned_waits_and_says_why(self) -> None:
        pole = ready()
        pole.feed(timetable(1, item("a", pole.now + seconds(10)))).restart(5, trusted=False).run(60)
        assert pole.outcomes("a") == ["received", "cued"]
        pole.trusted = True
        pole.feed(Tick()).run(5)
        assert (pole.final("a").outcome, pole.final("a").reason) == (Outcome.MISSED, Reason.CLOCK_DISTRUSTED)

    @pytest.mark.parametrize("wrong_by", [timedelta(days=-365 * 56), timedelta(days=365 * 14)])
    def test_a_board_in_1970_or_2040_plays_what_was_listed_before_it_learnt_the_time(self, wrong_by: timedelta) -> None:
        pole = ready()
        at = pole.now + seconds(30)
        pole.trusted, pole.now = False, pole.now + wrong_by
        pole.feed(timetable(1, item("a", at))).run(5)
        assert pole.outcomes("a") == ["received", "cued"]
        pole.trusted, pole.now = True, at - seconds(20)
        pole.feed(Tick()).run(60)
        assert pole.outcomes("a") == ["received", "cued", "playing", "played"]
        assert [start.at for start in pole.starts] == [at]

    def test_a_board_that_wakes_in_2040_does_not_give_up_the_emergency_that_waits(self) -> None:
        pole = Pole().feed(ConfigCame(config(1)))
        came = pole.now
        pole.feed(play("o", item("flood", came, EMERGENCY), came, for_s=600))
        pole.now += timedelta(days=365 * 14)
        pole.restart(5, trusted=False).feed(stored()).run(60)
        assert pole.outcomes("flood") == ["received", "cued"]
        pole.trusted, pole.now = True, came + seconds(80)
        pole.feed(Tick()).run(60)
        assert pole.outcomes("flood") == ["received", "cued", "playing", "played"]

    def test_told_to_end_it_cuts_what_sounds_and_begins_nothing(self) -> None:
        pole = ready()
        at = pole.now + seconds(3)
        pole.feed(timetable(1, item("a", at, duration_s=60), item("b", at + seconds(20), PRIORITY))).run(10)
        pole.feed(Leaving()).run(60)
        assert (pole.final("a").reason, pole.began()) == (Reason.SHUT_DOWN, ["a"])


# Any sequence

EXAMPLES = int(os.environ.get("LOALANG_EXAMPLES", "150"))
"""More for a night: LOALANG_EXAMPLES=20000."""
CLIPS = st.integers(1, 3)


@dataclass(frozen=True)
class Happens:
    """One thing that happens after a pause; `what` picks which, the numbers how."""

    pause_s: float
    what: str
    number: int
    in_s: float
    urgency: Urgency
    duration_s: float
    stream: bool
    resume_within_s: float
    severity: Severity | None


HAPPENINGS = st.builds(
    Happens,
    pause_s=st.floats(0, 40),
    what=st.sampled_from(
        [
            "list",
            "list",
            "list",
            "unlist",
            "play",
            "play",
            "replay",
            "grow",
            "grow",
            "more",
            "more",
            "more",
            "last",
            "emergencies",
            "rehearse",
            "restart-order",
            "local-start",
            "local-start",
            "local-heard",
            "local-stop",
            "stop",
            "stop-all",
            "clip",
            "clip",
            "clip-lost",
            "restart",
            "restart-blind",
            "restart-forgetful",
            "time",
            "time-lost",
            "window",
            "rules",
            "no-disk",
            "leave",
            "fails",
            "breaks",
        ]
    ),
    number=st.integers(0, 7),
    in_s=st.floats(-100, 100),
    urgency=st.sampled_from(Urgency),
    duration_s=st.floats(0.5, 90),
    stream=st.booleans(),
    resume_within_s=st.sampled_from([0.0, 0.0, 30.0, 300.0]),
    severity=st.sampled_from([None, Severity.MINOR, Severity.EXTREME]),
)


class Story:
    """Makes events of what happens, with the versions and ids a real server would give."""

    def __init__(self, pole: Pole) -> None:
        self.pole = pole
        self.version = 1
        self.local = "local-0"
        self.listed: dict[str, CuedBroadcast] = {}
        self.orders: list[Order] = []
        self.growing: list[Play] = []
        """As each was sent last."""
        self.resumes: Counter[str] = Counter()
        """Which broadcasts may go on."""

    def tell(self, happens: Happens) -> None:
        self.pole.run(happens.pause_s)
        self.version += 1
        event, restarts = self._event(happens), len(self.pole.starts_anew)
        if event is not None:
            self.pole.feed(event)
        if len(self.pole.starts_anew) > restarts:
            self.pole.feed(Leaving()).run(1).restart(abs(happens.in_s))

    def _item(self, happens: Happens, name: str) -> CuedBroadcast:
        self.resumes[f"{name}{happens.number}"] += happens.resume_within_s > 0
        made = item(
            f"{name}{happens.number}",
            self.pole.now + seconds(happens.in_s),
            happens.urgency,
            duration_s=happens.duration_s,
            number=happens.number % 3 + 1,
            stream=happens.stream,
            resume_within_s=happens.resume_within_s,
        )
        return made.model_copy(update={"severity": happens.severity}) if made.is_emergency else made

    def _event(self, happens: Happens) -> Event | None:
        pole, number = self.pole, happens.number
        match happens.what:
            case "list":
                self.listed[f"t{number}"] = self._item(happens, "t")
                return timetable(self.version, *self.listed.values())
            case "unlist":
                self.listed.pop(f"t{number}", None)
                return timetable(self.version, *self.listed.values())
            case "play":
                order = Play(**fields(f"o{self.version}", pole.now, 90), item=self._item(happens, "p"))
                self.orders.append(order)
                return OrderCame(order)
            case "replay" if self.orders:
                return OrderCame(self.orders[number % len(self.orders)])
            case "grow" | "more" | "last":
                return self._grown(happens)
            case "emergencies":
                active = tuple(order for order in self.orders if isinstance(order, Play))[-3:]
                return EmergenciesCame(
                    Emergencies(commune=COMMUNE, version=self.version, issued_at=DAWN, zone="thon-dong", active=active)
                )
            case "local-start" | "local-heard" | "local-stop":
                return self._given_at_a_pole(happens)
            case "rehearse" | "restart-order":
                return self._without_sound(happens)
            case "stop" | "stop-all":
                name = ("t" if happens.stream else "p") + str(number) if happens.what == "stop" else None
                return stop(f"s{self.version}", pole.now, name)
        return self._of_disk(happens)

    def _without_sound(self, happens: Happens) -> Event:
        if happens.what == "rehearse":
            rehearsed = clip(happens.number % 3 + 1)
            return OrderCame(Rehearse(**fields(f"r{self.version}", self.pole.now, 30), clip=rehearsed))
        order = Restart(**fields(f"n{self.version}", self.pole.now, 90), node="dong-1")
        self.orders.append(order)
        return OrderCame(order)

    def _grown(self, happens: Happens) -> Event | None:
        """An emergency whose words come one after the other, under one order."""
        if happens.what == "grow":
            begun = item(
                f"g{self.version}",
                self.pole.now + seconds(happens.in_s / 20),
                EMERGENCY,
                duration_s=min(happens.duration_s, 20),
                number=happens.number % 3 + 1,
            ).model_copy(update={"growing": True, "severity": happens.severity})
            order = Play(**fields(f"o{self.version}", self.pole.now, 90), item=begun)
        elif not self.growing:
            return None
        else:
            order = self.growing.pop(happens.number % len(self.growing))
            more = (clip(happens.number % 3 + 1, happens.duration_s / 3),) if happens.what == "more" else ()
            changes = {"clips": order.item.clips + more, "growing": happens.what == "more"}
            order = order.model_copy(update={"item": order.item.model_copy(update=changes)})
        if order.item.growing:
            self.growing.append(order)
        self.orders.append(order)
        return OrderCame(order)

    def _given_at_a_pole(self, happens: Happens) -> Event:
        """By the button of a pole, as the pack allows it; what is stopped is what was started last."""
        is_stop = happens.what == "local-stop"
        name = f"local-{self.version}"
        what = local_order(name, card=12, issued_at=self.pole.now, expires_at=self.pole.now + LOCAL_VALID)
        if is_stop:
            what = what.model_copy(update={"kind": "stop", "message": None, "broadcast": self.local})
        else:
            self.local = name
        self.pole.feed(local_pack(self.version))
        return local_came(what, is_here=happens.what != "local-heard")

    def _of_disk(self, happens: Happens) -> Event | None:
        number = happens.number
        match happens.what:
            case "clip":
                return stored(number % 3 + 1)
            case "clip-lost":
                return ClipTrouble(clip(number % 3 + 1).sha256, Reason.CLIP_CORRUPT, "rotten")
            case "no-disk":
                return ClipTrouble(clip(number % 3 + 1).sha256, Reason.DISK_FULL, "no room")
            case "rules":
                rules = ZoneRules(zone="thon-dong", sessions_a_day=number, day_minutes=max(1, number))
                return ConfigCame(config(self.version, opens="04:00", rules=(rules,)))
            case "window":
                hour = f"{(5 + number) % 24:02d}:00"
                return ConfigCame(config(self.version, opens="04:00", closes=hour))
        self._mishap(happens)
        return None

    def _mishap(self, happens: Happens) -> None:
        match happens.what:
            case "restart":
                self.pole.restart(abs(happens.in_s))
            case "restart-blind":
                self.pole.restart(abs(happens.in_s), trusted=False)
            case "restart-forgetful":
                self.pole.restart(abs(happens.in_s), has_forgotten=True)
            case "leave":
                self.pole.feed(Leaving()).run(1).restart(abs(happens.in_s))
            case "time" | "time-lost":
                self.pole.trusted = happens.what == "time"
                self.pole.feed(Tick())
            case "fails":
                self.pole.prepare_fails = happens.number
            case "breaks":
                self.pole.breaks_after = seconds(happens.duration_s / 10)


def check_nothing_played_twice(pole: Pole, parts: list[Start], *, resumes: bool) -> None:
    """Begun once, or gone on where it was: what was written down a second before a power cut is heard again at most.

    A part that never began is none (`Pole.restart` takes it away): it has no place from which to go on.
    """
    assert resumes or len(parts) == 1
    for former, later in pairwise(parts):
        heard = pole.silent_at[former.broadcast, former.at] - former.at
        skipped = timedelta(milliseconds=later.from_ms - former.from_ms)
        assert skipped >= timedelta(), "it does not go back behind where it had begun"
        assert heard - seconds(1.001) <= skipped, "what was heard is not heard again"
        assert skipped <= heard + seconds(0.001), "nothing is left out"


@pytest.mark.parametrize("delay_ms", [-150, 0, 700])
def test_a_pole_with_a_delay_of_its_own_begins_so_much_later(delay_ms: int) -> None:
    delayed = config(1).model_copy(update={"delay_ms": delay_ms})
    planned = timetable(1, item("a", DAWN + seconds(10)))
    pole = Pole().feed(ConfigCame(delayed), planned, ClipStored(clip(1).sha256)).run(20)
    assert [start.at for start in pole.starts] == [DAWN + seconds(10 + delay_ms / 1000)]
    assert pole.final("a").outcome is Outcome.PLAYED


@pytest.mark.timeout(600)
@settings(max_examples=EXAMPLES, deadline=None)
@given(
    happenings=st.lists(HAPPENINGS, max_size=8) | st.lists(HAPPENINGS, min_size=15, max_size=40),
    offset_s=st.sampled_from([-120.0, -20.0, 0.0, 3600.0, 16 * 3600 - 60.0]),
    streams=st.booleans(),
    trusted=st.booleans(),
    has_clips=st.booleans(),
)
def test_whatever_happens_every_broadcast_ends_once_and_only_what_may_sounds(
    happenings: list[Happens], offset_s: float, streams: bool, trusted: bool, has_clips: bool
) -> None:
    """`Pole` itself checks at every step: one sounds at a time, the higher sounds, quiet hours are kept, and what
    comes while it sounds is played in its order, each clip once."""
    pole = Pole(now=DAWN + seconds(offset_s), streams=streams, trusted=trusted)
    pole.feed(ConfigCame(config(1)), *(stored(number) for number in (1, 2, 3) if has_clips))
    story = Story(pole)
    for happens in happenings:
        story.tell(happens)
    pole.trusted = True
    pole.prepare_fails = 0
    pole.feed(Tick()).run(timedelta(hours=3).total_seconds())

    accepted = {report.broadcast for report in pole.reports}
    finals = Counter(report.broadcast for report in pole.reports if report.outcome.is_final)
    assert finals == Counter(accepted), "each ends in exactly one final report"
    for name in accepted:
        parts = [start for start in pole.starts if start.broadcast == name]
        if parts and parts[0].urgency is not EMERGENCY:
            check_nothing_played_twice(pole, parts, resumes=story.resumes[name] > 0)
    answers = Counter(answer.order for answer in pole.rehearsed)
    assert not answers or max(answers.values()) == 1, "a rehearsal is answered once"
    assert len(set(pole.starts_anew)) == len(pole.starts_anew), "an order starts it anew once"
    ids = {(report.broadcast, report.outcome): report.report for report in pole.reports}
    assert len(set(ids.values())) == len(ids), "a report id stands for one fact"
    for name in set(pole.began()):
        final, first = pole.final(name), next(start for start in pole.starts if start.broadcast == name)
        assert final.outcome in {Outcome.PLAYED, Outcome.CUT}
        assert final.outcome is Outcome.CUT or first.from_ms <= 500, "what was joined late was not played whole"
    weights = {start.broadcast: start.weight for start in pole.starts}
    for report in pole.reports:
        if report.reason is Reason.PREEMPTED and report.detail in weights:
            higher, lower = weights[report.detail], weights[report.broadcast]
            is_newer = higher == lower and higher[0] == EMERGENCY.rank
            assert higher > lower or is_newer, "only the higher cuts, and of emergencies as bad the newer"
    silent = accepted - set(pole.began())
    assert all(pole.final(name).reason is not None for name in silent), "what did not sound has a reason"
