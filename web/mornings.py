"""What the check of the morning found, as the pages show it: by pole, each with what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcast.models import BroadcastZone, Zone
from broadcast.morning import Finding, MorningResult
from broadcast.views import NodeRow

EVERYWHERE = "Mọi cụm loa"


@dataclass(frozen=True)
class Obstacle:
    """One reason at one place, and what it is in the way of."""

    text: str
    todo: str
    is_silent: bool
    broadcasts: Sequence[Finding]
    """The findings it stands for, each with its broadcast; without one: everything."""


@dataclass(frozen=True)
class Place:
    """A pole, or all of them."""

    name: str
    obstacles: Sequence[Obstacle]

    @property
    def is_silent(self) -> bool:
        """Whether something will not sound there."""
        return any(one.is_silent for one in self.obstacles)


@dataclass(frozen=True)
class MorningView:
    """A result for one who sees the commune or a village."""

    result: MorningResult
    places: Sequence[Place]
    zone: ZoneInfo

    @property
    def silent_places(self) -> int:
        """In how many places something will not sound."""
        return sum(place.is_silent for place in self.places)


def view_of(
    session: Session, result: MorningResult, village: str | None, poles: Iterable[NodeRow], zone: ZoneInfo
) -> MorningView:
    """A result as a village sees it (its slug), or the commune (none); what will not sound comes first."""
    findings = result.findings if village is None else _of_village(session, result.findings, village, poles)
    by_place: dict[str, dict[tuple[str, str], list[Finding]]] = {}
    for one in findings:
        by_place.setdefault(one.pole_name or EVERYWHERE, {}).setdefault((one.code, one.text), []).append(one)
    places = [Place(name, [_obstacle(same) for same in reasons.values()]) for name, reasons in by_place.items()]
    return MorningView(result, sorted(places, key=lambda place: (not place.is_silent, place.name != EVERYWHERE)), zone)


def _obstacle(same: Sequence[Finding]) -> Obstacle:
    return Obstacle(same[0].text, same[0].todo, any(one.is_silent for one in same), same)


def _of_village(session: Session, findings: Iterable[Finding], village: str, poles: Iterable[NodeRow]) -> list[Finding]:
    own = {row.slug for row in poles if village in row.zone_slugs}
    named = {one.broadcast for one in findings if one.broadcast is not None}
    of_village = select(BroadcastZone.broadcast_id).join(Zone).where(col(Zone.slug) == village)
    broadcasts = set(session.exec(of_village.where(col(BroadcastZone.broadcast_id).in_(named)))) if named else set()
    return [
        one
        for one in findings
        if (one.pole is None or one.pole in own) and (one.broadcast is None or one.broadcast in broadcasts)
    ]
