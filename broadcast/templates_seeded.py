"""The templates that come with the house: what a commune announces again and again, to be changed at will."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from players.messages import Urgency

_KEYS = (
    "meeting", "power-cut", "water-cut", "vaccination", "storm", "cleaning", "conscription", "pay-out", "mosquitoes",
)  # fmt: skip
_PRIORITY = frozenset({"storm"})


@dataclass(frozen=True, slots=True)
class SeededTemplate:
    """A template as it is first offered."""

    key: str
    name: str
    title: str
    script: str
    urgency: Urgency


@cache
def seeded_templates() -> tuple[SeededTemplate, ...]:
    """All of them; each is a file: its name, the bulletin's title, and the text."""
    return tuple(_load(key) for key in _KEYS)


def _load(key: str) -> SeededTemplate:
    text = files("broadcast").joinpath("bulletin_templates", f"{key}.txt").read_text(encoding="utf-8")
    name, title, script = text.split("\n", 2)
    return SeededTemplate(key, name, title, script.strip(), Urgency.PRIORITY if key in _PRIORITY else Urgency.NORMAL)
