"""Emergencies that come while they sound, that outrank each other, and that a late node joins. Decided, not played."""

from datetime import UTC, datetime, timedelta

from players.messages import (
    ClipRef,
    CuedBroadcast,
    Outcome,
    Play,
    PreparedMessage,
    PreparedPack,
    Reason,
    Severity,
    Urgency,
)
from players.node.airing import EMERGENCY_START_LEAD
from players.node.clock import Instant
from players.node.cueing import kept_clips, wanted_clips
from players.node.events import (
    Action,
    Began,
    ClipStored,
    Ended,
    Event,
    Go,
    Hush,
    Lengthen,
    OrderCame,
    PackCame,
    Prepare,
    Silenced,
    Tell,
    Way,
)
from players.node.state import Abilities, NodeState, Phase
from players.node.step import step

NOW = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
CHIME, FIRST, SECOND = (
    ClipRef(sha256=sign * 64, size_bytes=10_000, duration_ms=ms) for sign, ms in (("a", 4400), ("b", 3000), ("c", 2000))
)
MS = timedelta(milliseconds=1)


def play(
    *clips: ClipRef, name: str = "x-1", growing: bool = False, severity: Severity = Severity.SEVERE, at: timedelta = MS
) -> Play:
    item = CuedBroadcast(
        broadcast=name,
        urgency=Urgency.EMERGENCY,
        starts_at=NOW + at,
        clips=clips,
        severity=severity,
        lead_ms=CHIME.duration_ms,
        growing=growing,
        join_within_ms=900_000,
    )
    issued_at = NOW + at - MS
    return Play(
        order=f"play-{name}",
        commune="xa",
        issued_at=issued_at,
        expires_at=issued_at + timedelta(minutes=15),
        item=item,
    )


class Pole:
    """A node's state, and what it was told to do."""

    def __init__(self, *clips: ClipRef) -> None:
        names = frozenset(clip.sha256 for clip in clips)
        self.state = NodeState("cum-1", "xa", ("dong",), Abilities("silent", None, pulls=True), clips=names)
        self.now = NOW

    def hears(self, event: Event, after: timedelta = timedelta()) -> tuple[Action, ...]:
        self.now += after
        instant = Instant(self.now, trusted=True, awake_since=NOW - timedelta(hours=1))
        self.state, actions = step(self.state, event, instant)
        return actions

    def phase(self, name: str = "x-1") -> Phase:
        return self.state.tracks[name].phase

    def begins(self, name: str = "x-1") -> tuple[Action, ...]:
        return self.hears(Began(name, self.state.tracks[name].serial, self.now))

    def ends(self, name: str = "x-1") -> tuple[Action, ...]:
        return self.hears(Ended(name, self.state.tracks[name].serial, self.now, self.now))


def of(kind: type[Action], actions: tuple[Action, ...]) -> list[Action]:
    return [action for action in actions if isinstance(action, kind)]


def said(actions: tuple[Action, ...]) -> list[tuple[Outcome, Reason | None]]:
    return [(action.report.outcome, action.report.reason) for action in actions if isinstance(action, Tell)]


def test_it_begins_with_its_chime_and_goes_on_with_each_clip_as_it_comes() -> None:
    pole = Pole(CHIME)
    begun = pole.hears(OrderCame(play(CHIME, growing=True)))
    (prepare,) = of(Prepare, begun)
    assert isinstance(prepare, Prepare)
    assert (prepare.begin_with, prepare.is_open, prepare.way) == (1, True, Way.FILES)
    assert len(of(Go, begun)) == 1
    pole.begins()
    assert of(Lengthen, pole.hears(OrderCame(play(CHIME, FIRST, growing=True)))) == []
    assert of(Lengthen, pole.hears(ClipStored(FIRST.sha256))) == [Lengthen("x-1", (FIRST,), is_last=False)]
    assert of(Lengthen, pole.hears(ClipStored(SECOND.sha256))) == []
    assert of(Lengthen, pole.hears(OrderCame(play(CHIME, FIRST, SECOND)))) == [Lengthen("x-1", (SECOND,), is_last=True)]
    assert said(pole.ends()) == [(Outcome.PLAYED, None)]


def test_the_last_repetition_may_bring_nothing_but_that_it_is_the_last() -> None:
    pole = Pole(CHIME, FIRST)
    pole.hears(OrderCame(play(CHIME, FIRST, growing=True)))
    assert of(Lengthen, pole.hears(OrderCame(play(CHIME, FIRST)))) == [Lengthen("x-1", (), is_last=True)]


def test_a_repetition_that_is_shorter_or_says_something_else_changes_nothing() -> None:
    pole = Pole(CHIME, FIRST, SECOND)
    pole.hears(OrderCame(play(CHIME, FIRST, growing=True)))
    before = pole.state
    for other in (play(CHIME, growing=True), play(CHIME, SECOND, FIRST), play(SECOND, FIRST, CHIME)):
        assert pole.hears(OrderCame(other)) == ()
    assert pole.state == before


def test_a_repetition_after_the_end_or_after_its_expiry_changes_nothing() -> None:
    pole = Pole(CHIME, FIRST)
    pole.hears(OrderCame(play(CHIME, growing=True)))
    assert of(Lengthen, pole.hears(OrderCame(play(CHIME, FIRST)), after=timedelta(minutes=16))) == []
    pole = Pole(CHIME, FIRST)
    pole.hears(OrderCame(play(CHIME)))
    pole.begins()
    pole.ends()
    assert pole.hears(OrderCame(play(CHIME, FIRST))) == ()
    assert pole.phase() is Phase.DONE


def test_one_that_is_whole_but_not_all_there_begins_and_fetches_the_rest_after_a_while() -> None:
    pole = Pole(CHIME)
    (prepare,) = of(Prepare, pole.hears(OrderCame(play(CHIME, FIRST))))
    assert isinstance(prepare, Prepare)
    assert (prepare.begin_with, prepare.is_open) == (1, True)
    pole.begins()
    instant = Instant(pole.now, trusted=True, awake_since=NOW)
    (wanted,) = wanted_clips(pole.state, instant, timedelta(hours=1))
    assert (wanted.clip, wanted.is_on_its_way) == (FIRST, True)


def test_a_late_node_skips_of_the_chime_and_never_of_the_words() -> None:
    for late, skipped in ((0.5, 500), (3.0, 3000), (4.0, 0), (60.0, 0)):
        pole = Pole(CHIME, FIRST)
        pole.now = NOW + MS + timedelta(seconds=late) - EMERGENCY_START_LEAD
        (prepare,) = of(Prepare, pole.hears(OrderCame(play(CHIME, FIRST))))
        assert isinstance(prepare, Prepare)
        assert prepare.from_ms == skipped
        pole.begins()
        assert said(pole.ends()) == [(Outcome.PLAYED, None)]


def test_the_worse_emergency_silences_the_other_which_begins_again_after_it() -> None:
    pole = Pole(CHIME, FIRST)
    pole.hears(OrderCame(play(CHIME, FIRST, name="storm")))
    pole.begins("storm")
    flood = play(CHIME, FIRST, name="flood", severity=Severity.EXTREME, at=timedelta(seconds=3))
    assert of(Hush, pole.hears(OrderCame(flood), after=timedelta(seconds=3))) == [Hush("storm")]
    silenced = Silenced("storm", pole.state.tracks["storm"].serial, NOW, pole.now)
    pole.hears(silenced)
    pole.begins("flood")
    assert pole.phase("storm") is not Phase.DONE
    again = pole.ends("flood")
    assert [action.item.broadcast for action in again if isinstance(action, Prepare)] == ["storm"]
    assert [action.from_ms for action in again if isinstance(action, Prepare)] == [0]
    pole.begins("storm")
    assert said(pole.ends("storm")) == [(Outcome.PLAYED, None)]


def test_of_equals_the_newer_sounds_and_the_lesser_waits() -> None:
    for severity, is_cut in ((Severity.SEVERE, True), (Severity.MODERATE, False)):
        pole = Pole(CHIME, FIRST)
        pole.hears(OrderCame(play(CHIME, FIRST, name="storm")))
        pole.begins("storm")
        other = play(CHIME, FIRST, name="other", severity=severity, at=timedelta(seconds=3))
        assert bool(of(Hush, pole.hears(OrderCame(other), after=timedelta(seconds=4)))) == is_cut


def test_what_is_prepared_is_fetched_before_what_is_planned_and_never_makes_room() -> None:
    pole = Pole()
    message = PreparedMessage(
        key="lu", title="Lũ", severity=Severity.EXTREME, clips=(CHIME, FIRST), drill_clips=(SECOND,)
    )
    pack = PreparedPack(commune="xa", version=2, issued_at=NOW, zone="dong", messages=(message,))
    pole.hears(PackCame(pack))
    instant = Instant(NOW, trusted=True, awake_since=NOW)
    names = [wanted.clip for wanted in wanted_clips(pole.state, instant, timedelta())]
    assert names == [CHIME, FIRST, SECOND]
    assert kept_clips(pole.state, NOW) == (frozenset(clip.sha256 for clip in names), ())
    assert not pole.state.has_pack
    for clip in names:
        pole.hears(ClipStored(clip.sha256))
    assert pole.state.has_pack
    older = pack.model_copy(update={"version": 1, "messages": ()})
    pole.hears(PackCame(older))
    pole.hears(PackCame(replace_zone(pack)))
    assert pole.state.packs == {"dong": pack}


def replace_zone(pack: PreparedPack) -> PreparedPack:
    return pack.model_copy(update={"version": 3, "zone": "tay"})
