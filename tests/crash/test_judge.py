"""The judge, judged: each way to be wrong is found, and a good run is found good."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.crash.hearing import Sounding
from tests.crash.judge import EMERGENCY, Facts, Told, judge

B = "b-1"
NODES = frozenset({"east", "west"})
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
WHOLE = Sounding(AT, 1.0)
PART = Sounding(AT, 0.4)


def told(node: str, outcome: str, name: str = "") -> Told:
    return Told(node, B, outcome, name or f"{node}-{outcome}")


REPORTS = tuple(told(node, outcome) for node in sorted(NODES) for outcome in ("received", "playing", "played"))
BULLETIN = {"title": "Tin", "script": "Bà con.", "state": "approved"}
GOOD = Facts(
    at_rest=True,
    why_not="",
    broadcasts={B: ("aired", {"east": "played", "west": "played"})},
    nodes=NODES,
    soundings={("east", B): [WHOLE]},
    killed={},
    announced=REPORTS,
    stored=REPORTS,
    waiting=(),
    done=frozenset({("east", B), ("west", B)}),
    acknowledged={"1": BULLETIN},
    kept={"1": {**BULLETIN, "broadcasts": [B]}},
    emergencies=(),
    asked_to_stop=(),
    stopped=(),
    broken_answers=(),
    broken_audit=None,
)


def without(*outcomes: str) -> tuple[Told, ...]:
    return tuple(one for one in REPORTS if one.node == "west" or one.outcome not in outcomes)


def east(state: str, broadcast: str = "aired") -> dict[str, tuple[str, dict[str, str]]]:
    return {B: (broadcast, {"east": state, "west": "played"})}


CUT = replace(
    GOOD,
    broadcasts=east("cut"),
    stored=(*without("played"), told("east", "cut")),
    announced=(*without("played"), told("east", "cut")),
    soundings={("east", B): [PART]},
)
NEVER = replace(
    GOOD,
    broadcasts=east("silent"),
    stored=without("received", "playing", "played"),
    announced=without("received", "playing", "played"),
    soundings={("east", B): []},
    done=frozenset({("west", B)}),
)


STOPPED = replace(CUT, broadcasts=east("cut", "cut"), asked_to_stop=(B,), stopped=(B,))


@pytest.mark.parametrize(
    "facts",
    [GOOD, CUT, NEVER, STOPPED, replace(STOPPED, stopped=())],
    ids=["played", "cut", "never heard of it", "stopped", "stopped without an answer"],
)
def test_a_good_run_has_no_findings(facts: Facts) -> None:
    assert judge(facts) == []


WRONG = {
    "not at rest": ("untrue", replace(GOOD, at_rest=False, why_not="tay-1 holds played")),
    "audit broken": ("untrue", replace(GOOD, broken_audit=7)),
    "answered 500": ("untrue", replace(GOOD, broken_answers=("500 internal-error",))),
    "a delivery missing": ("lost", replace(GOOD, nodes=NODES | {"north"})),
    "still open": ("untrue", replace(GOOD, broadcasts=east("playing", "on-air"))),
    "cut although one played": ("untrue", replace(CUT, broadcasts=east("cut", "cut"))),
    "aired although none played": (
        "untrue",
        replace(NEVER, broadcasts={B: ("aired", {"east": "silent", "west": "silent"})}, stored=(), announced=()),
    ),
    "sounded twice": ("doubled", replace(GOOD, soundings={("east", B): [WHOLE, PART]})),
    "played and not heard": ("untrue", replace(GOOD, soundings={("east", B): []})),
    "played and half heard": ("untrue", replace(GOOD, soundings={("east", B): [PART]})),
    "silent and heard": ("untrue", replace(NEVER, soundings={("east", B): [PART]})),
    "report not stored": ("lost", replace(GOOD, stored=without("playing"))),
    "report not handed over": ("lost", replace(GOOD, waiting=(told("east", "played"),))),
    "counted twice": ("doubled", replace(GOOD, stored=(*REPORTS, told("east", "playing", "other")))),
    "two last words": ("doubled", replace(GOOD, stored=(*REPORTS, told("east", "cut")))),
    "begun twice": ("doubled", replace(GOOD, announced=(*REPORTS, told("east", "playing")))),
    "the last word not believed": ("untrue", replace(CUT, stored=REPORTS, announced=REPORTS)),
    "no last word": ("lost", replace(NEVER, done=GOOD.done)),
    "bulletin gone": ("lost", replace(GOOD, kept={})),
    "bulletin changed": ("lost", replace(GOOD, kept={"1": {**GOOD.kept["1"], "script": "Bà"}})),
    "approval gone": ("lost", replace(GOOD, kept={"1": {**GOOD.kept["1"], "state": "submitted", "broadcasts": []}})),
    "approved and not aired": ("lost", replace(GOOD, kept={"1": {**GOOD.kept["1"], "broadcasts": []}})),
    "aired twice": ("doubled", replace(GOOD, kept={"1": {**GOOD.kept["1"], "broadcasts": [B, "b-2"]}})),
    "the stop is lost": ("untrue", replace(STOPPED, broadcasts=east("cut", "aired"))),
    "emergency gone": ("lost", replace(GOOD, emergencies=("x-1",))),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_way_to_be_wrong_is_found(name: str) -> None:
    kind, facts = WRONG[name]
    findings = judge(facts)
    assert kind in {finding.kind for finding in findings}, findings


@pytest.mark.parametrize(
    ("soundings", "kills", "kinds"),
    [
        ([PART, WHOLE], 1, []),
        ([WHOLE, WHOLE], 1, []),
        ([WHOLE, WHOLE], 0, ["doubled"]),
        ([WHOLE, WHOLE, WHOLE], 1, ["doubled"]),
        ([PART], 1, ["untrue"]),
    ],
)
def test_an_emergency_begins_again_when_its_node_was_killed(
    soundings: list[Sounding], kills: int, kinds: list[str]
) -> None:
    name = f"{EMERGENCY}1"
    reports = tuple(replace(one, broadcast=name) for one in REPORTS)
    facts = replace(
        GOOD,
        broadcasts={name: ("aired", {"east": "played", "west": "played"})},
        soundings={("east", name): soundings},
        killed={"east": kills},
        announced=reports,
        stored=reports,
        done=frozenset({("east", name), ("west", name)}),
        acknowledged={},
        kept={},
        emergencies=(name,),
    )
    assert [finding.kind for finding in judge(facts)] == kinds
