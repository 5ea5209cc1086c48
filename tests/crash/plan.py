"""What happens in a run, all decided by its seed: what is aired, and who is struck when. Pure."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any

NODES = ("dong-1", "tay-1", "dong-2")
SERVER_PARTS = ("mosquitto", "renderer", "emergency-renderer")
_SYLLABLES = (
    "bà con mưa lũ đê điều hộ dân họp thôn sáng mai tiêm phòng trâu bò điện nước khẩn trương thu hoạch lúa ngô "
    "khoai trường học trẻ em y tế xã đường cầu chợ rác thải cây trồng giống phân bón sâu bệnh bão gió thuyền ao cá "
    "gà vịt hội phụ nữ thanh niên cựu chiến binh nông dân quỹ đất rừng suối núi đèo kho bãi xe máy tàu biển đảo lửa"
)


class Aired(StrEnum):
    """What a run puts on the air."""

    NOW = "now"
    PLANNED = "planned"
    EMERGENCY = "emergency"
    PREEMPTED = "preempted"
    """A bulletin now, and an emergency some seconds later."""
    STOPPED = "stopped"
    """A bulletin now, which the leader stops some seconds later."""


@dataclass(frozen=True, slots=True)
class Kill:
    """`kill -9` of some victims at one moment; those that nobody supervises are started again after a pause."""

    at_s: float
    victims: tuple[str, ...]
    back_after_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """A node's line is dead for a while: `freeze` lets bytes wait, as TCP would; otherwise connections are reset."""

    at_s: float
    node: str
    for_s: float
    freeze: bool


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run. Instants are seconds from its beginning."""

    seed: int
    aired: Aired
    script: str
    emergency: str
    draft: str
    ahead_s: float
    """Of a planned bulletin: how long before its minute it is written."""
    second_at_s: float
    """When the emergency is raised, or the bulletin stopped."""
    blows: tuple[Kill | Cut, ...]

    def told(self) -> dict[str, Any]:
        """For the journal."""
        blows = [{"kind": type(blow).__name__.lower(), **asdict(blow)} for blow in self.blows]
        return {**asdict(self), "blows": blows}


QUICK_SEEDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 22, 24, 29, 44, 56, 95)
"""Twenty runs that strike everybody in every way, and air everything: `make test` plays them."""


def plan_run(seed: int, longest_cut_s: float = 60.0) -> RunPlan:
    """The run of a seed. Most cuts last up to 10 s, some up to a minute; those above `longest_cut_s` end there."""
    random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    aired = random.choices(list(Aired), weights=(4, 3, 2, 2, 1))[0]
    ahead_s = random.uniform(7, 12)
    # From typing (0) to the last report: rendering takes about a second, the lead is 3 s, the sound lasts 6 s to 8 s.
    lasts_s = {Aired.PLANNED: ahead_s + 9, Aired.EMERGENCY: 10.0, Aired.PREEMPTED: 18.0}.get(aired, 13.0)
    blows = [_blow(random, lasts_s, longest_cut_s)]
    if random.random() < 0.25:
        blows.append(_blow(random, lasts_s, longest_cut_s))
    return RunPlan(
        seed=seed,
        aired=aired,
        script=_words(random, 10),
        emergency=_words(random, 8),
        draft=_words(random, 12),
        ahead_s=ahead_s,
        second_at_s=random.uniform(2, 9),
        blows=tuple(sorted(blows, key=lambda blow: blow.at_s)),
    )


def _blow(random: Random, lasts_s: float, longest_cut_s: float) -> Kill | Cut:
    at_s = random.uniform(0, lasts_s)
    if random.random() < 0.3:
        for_s = random.uniform(10, 60) if random.random() < 0.3 else random.uniform(1, 10)
        return Cut(at_s, random.choice(NODES), min(for_s, longest_cut_s), freeze=random.random() < 0.6)
    return Kill(at_s, _victims(random), back_after_s=random.choice((0.2, 1.0, random.uniform(0.2, 4))))


def _victims(random: Random) -> tuple[str, ...]:
    draw = random.random()
    if draw < 0.3:
        return ("server",)
    if draw < 0.45:
        return ("mosquitto",)
    if draw < 0.6:
        return (random.choice(SERVER_PARTS[1:]),)
    if draw < 0.8:
        return (random.choice(NODES),)
    if draw < 0.9:
        return tuple(random.sample(("server", "mosquitto", *NODES), 2))
    return ("server", *NODES)


def _words(random: Random, count: int) -> str:
    syllables = _SYLLABLES.split()
    words = [random.choice(syllables) for _ in range(count)]
    half = count // 2
    first, second = " ".join(words[:half]), " ".join(words[half:])
    return f"{first.capitalize()}, {second}."
