"""The verdict on a run: what the database says, against what the poles really sounded and reported. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from players.messages import Outcome
from tests.crash.hearing import Sounding

OPEN = frozenset({"pending", "cued", "playing"})
PLAYED = frozenset({"played", "heard"})
OVER = frozenset({"aired", "cut", "missed", "cancelled"})
UNHEARD = frozenset({"failed", "missed", "cancelled", "silent"})
_TAKEN_BACK = frozenset({"cut", "cancelled"})
_RANK = {"draft": 0, "submitted": 1, "approved": 2}
_OUTCOMES = frozenset(outcome.value for outcome in Outcome)
_FINAL = frozenset(outcome.value for outcome in Outcome if outcome.is_final)
EMERGENCY = "x-"
"""How the ids of emergencies begin."""


class Kind(StrEnum):
    """How a run can fail."""

    LOST = "lost"
    DOUBLED = "doubled"
    UNTRUE = "untrue"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be."""

    kind: Kind
    what: str


@dataclass(frozen=True, slots=True)
class Told:
    """A report: announced by a node, or stored by the server."""

    node: str
    broadcast: str
    outcome: str
    report: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a run when it has come to rest, or when the time for that was over."""

    at_rest: bool
    why_not: str
    """What was still open."""
    broadcasts: Mapping[str, tuple[str, Mapping[str, str]]]
    """By id: its state, and its deliveries' states by node."""
    nodes: frozenset[str]
    """Who is to have a delivery of each broadcast."""
    soundings: Mapping[tuple[str, str], Sequence[Sounding]]
    """By node and broadcast, for the nodes that record."""
    killed: Mapping[str, int]
    """How often each node was killed."""
    announced: Sequence[Told]
    """What the nodes said on their terminals."""
    stored: Sequence[Told]
    """What the server has counted."""
    waiting: Sequence[Told]
    """What is still in a node's outbox."""
    done: frozenset[tuple[str, str]]
    """Broadcasts that a node holds for over, by node and broadcast."""
    acknowledged: Mapping[str, Mapping[str, Any]]
    """Bulletins as the API answered them last."""
    kept: Mapping[str, Mapping[str, Any]]
    """Bulletins as they are in the database, with the ids of their broadcasts."""
    emergencies: Sequence[str]
    """Broadcasts of emergencies that were answered."""
    asked_to_stop: Sequence[str]
    """Broadcasts that somebody tried to stop, and may have."""
    stopped: Sequence[str]
    """Broadcasts whose stop was answered."""
    broken_answers: Sequence[str]
    broken_audit: int | None
    """The first entry of the audit log that does not follow from the one before."""


def judge(facts: Facts) -> list[Finding]:
    """Everything that must not be; an empty list is a good run."""
    return [
        *_judge_rest(facts),
        *_judge_states(facts),
        *_judge_sound(facts),
        *_judge_reports(facts),
        *_judge_writings(facts),
    ]


def _judge_rest(facts: Facts) -> Iterator[Finding]:
    if not facts.at_rest:
        yield Finding(Kind.UNTRUE, f"it did not come to rest: {facts.why_not}")
    if facts.broken_audit is not None:
        yield Finding(Kind.UNTRUE, f"the audit log is broken at entry {facts.broken_audit}")
    for answer in facts.broken_answers:
        yield Finding(Kind.UNTRUE, f"the server answered {answer}")


def _judge_states(facts: Facts) -> Iterator[Finding]:
    for broadcast, (state, deliveries) in facts.broadcasts.items():
        if set(deliveries) != set(facts.nodes):
            yield Finding(Kind.LOST, f"{broadcast} has deliveries at {sorted(deliveries)} only")
        if state not in OVER or any(one in OPEN for one in deliveries.values()):
            yield Finding(Kind.UNTRUE, f"{broadcast} is {state} with {dict(deliveries)}")
            continue
        wanted = _TAKEN_BACK if broadcast in facts.stopped else _conclusion(deliveries.values())
        if broadcast in facts.asked_to_stop:
            wanted |= _TAKEN_BACK
        if state not in wanted:
            yield Finding(Kind.UNTRUE, f"{broadcast} is {state}, but its deliveries are {dict(deliveries)}")


def _conclusion(deliveries: Iterable[str]) -> frozenset[str]:
    """The states that a broadcast may have with such deliveries, when nobody stopped it."""
    states = set(deliveries)
    if states & PLAYED:
        return frozenset({"aired"})
    return frozenset({"cut"}) if "cut" in states else frozenset({"missed", "cancelled"})


def _judge_sound(facts: Facts) -> Iterator[Finding]:
    """What is planned sounds once at most; an emergency begins again when the node was killed under it."""
    for (node, broadcast), soundings in facts.soundings.items():
        said = facts.broadcasts[broadcast][1].get(node, "nothing")
        heard = [f"{sounding.part:.0%} from {sounding.begun_at:%H:%M:%S.%f}" for sounding in soundings]
        whole = [sounding for sounding in soundings if sounding.is_whole]
        is_emergency = broadcast.startswith(EMERGENCY)
        at_most = 1 + facts.killed.get(node, 0) if is_emergency else 1
        if len(whole if is_emergency else soundings) > at_most:
            yield Finding(Kind.DOUBLED, f"{node} sounded {broadcast} {len(soundings)} times: {heard}")
        elif said in PLAYED and not whole:
            yield Finding(Kind.UNTRUE, f"{node} is said to have played {broadcast}, but sounded {heard or 'nothing'}")
        elif said in UNHEARD and soundings:
            yield Finding(Kind.UNTRUE, f"{node} sounded {broadcast} ({heard[0]}), which is {said}")


def _judge_reports(facts: Facts) -> Iterator[Finding]:
    stored = {(told.node, told.report) for told in facts.stored}
    for told in facts.announced:
        if (told.node, told.report) not in stored:
            yield Finding(Kind.LOST, f"{told.node} reported {told.outcome} of {told.broadcast}; the server has it not")
    for told in facts.waiting:
        yield Finding(Kind.LOST, f"{told.node} still holds its report {told.outcome} of {told.broadcast}")
    counted = Counter((told.node, told.broadcast, told.outcome) for told in facts.stored)
    yield from (Finding(Kind.DOUBLED, f"counted {n} times: {what}") for what, n in counted.items() if n > 1)
    finals = Counter((told.node, told.broadcast) for told in facts.stored if told.outcome in _FINAL)
    yield from (Finding(Kind.DOUBLED, f"{n} last words: {what}") for what, n in finals.items() if n > 1)
    begun = Counter((told.node, told.broadcast) for told in facts.announced if told.outcome == Outcome.PLAYING)
    yield from (Finding(Kind.DOUBLED, f"begun {n} times: {what}") for what, n in begun.items() if n > 1)
    for told in facts.stored:
        state = facts.broadcasts[told.broadcast][1].get(told.node) if told.broadcast in facts.broadcasts else None
        if state is not None and told.outcome in _FINAL and not _agrees(state, told.outcome):
            yield Finding(Kind.UNTRUE, f"{told.node} reported {told.outcome} of {told.broadcast}, which is {state}")
    for node, broadcast in facts.done:
        if broadcast in facts.broadcasts and (node, broadcast) not in finals:
            yield Finding(Kind.LOST, f"{node} is done with {broadcast} and the server has no last word of it")


def _agrees(state: str, outcome: str) -> bool:
    """Whether a delivery may be in that state after that last word."""
    if outcome == Outcome.PLAYED:
        return state in PLAYED
    return state == outcome or (state == "cancelled" and outcome == Outcome.MISSED)


def _judge_writings(facts: Facts) -> Iterator[Finding]:
    for bulletin, answered in facts.acknowledged.items():
        kept = facts.kept.get(bulletin)
        if kept is None:
            yield Finding(Kind.LOST, f"bulletin {bulletin} was answered and is gone")
            continue
        if any(kept[key] != answered[key] for key in ("title", "script")):
            yield Finding(Kind.LOST, f"bulletin {bulletin} has another text")
        if _RANK[kept["state"]] < _RANK[answered["state"]]:
            yield Finding(Kind.LOST, f"bulletin {bulletin} was {answered['state']} and is {kept['state']}")
        wanted = 1 if kept["state"] == "approved" else 0
        if len(kept["broadcasts"]) != wanted:
            kind = Kind.DOUBLED if len(kept["broadcasts"]) > wanted else Kind.LOST
            yield Finding(kind, f"bulletin {bulletin}, {kept['state']}, has broadcasts {kept['broadcasts']}")
    for broadcast in facts.emergencies:
        if broadcast not in facts.broadcasts:
            yield Finding(Kind.LOST, f"emergency {broadcast} was answered and is gone")


def is_report(outcome: object) -> bool:
    """Whether a line of a node's terminal tells of a report."""
    return outcome in _OUTCOMES
