"""Which villages a message is for: by geocodes, by shapes that hold a pole, by names. Pure."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from broadcast.cap.model import Area, Circle, Point

NEAR_KM = 3.0
"""A shape that ends this near a pole may well mean the village: a person decides."""
_KM_A_DEGREE = 111.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A village, or the whole commune (its `slug` is empty), as others call it.

    Attributes:
        codes: geocodes as `name=value`.
        names: as in `areaDesc`.
        points: where its poles stand.
    """

    slug: str
    codes: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()


class Here(StrEnum):
    """Whether a message is about us."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Where:
    """The villages by slug; none unless it is known to be about us."""

    here: Here
    zones: tuple[str, ...] = ()


def find_zones(areas: Sequence[Area], commune: Place, villages: Sequence[Place]) -> Where:
    """Which villages some areas mean. A message without any area is for nobody that we know."""
    found = [_zones_of(area, commune, villages) for area in areas]
    zones = {slug for where in found for slug in where.zones}
    if zones:
        return Where(Here.YES, tuple(village.slug for village in villages if village.slug in zones))
    if found and all(where.here is Here.NO for where in found):
        return Where(Here.NO)
    return Where(Here.UNKNOWN)


def holds(polygon: Sequence[Point], point: Point) -> bool:
    """Whether a closed polygon holds a point (even-odd rule on the plane of degrees)."""
    is_inside = False
    for start, end in pairwise(polygon):
        if (start.latitude > point.latitude) != (end.latitude > point.latitude):
            share = (point.latitude - start.latitude) / (end.latitude - start.latitude)
            is_inside ^= point.longitude < start.longitude + share * (end.longitude - start.longitude)
    return is_inside


def _zones_of(area: Area, commune: Place, villages: Sequence[Place]) -> Where:
    codes = {code_key(f"{one.name}={one.value}") for one in area.geocodes}
    by_code = _named_by(lambda place: bool(codes & place.codes), commune, villages)
    by_shape = {village.slug for village in villages if any(_covers(area, point) for point in village.points)}
    if by_shape and not by_code:
        # Where a village without poles on the map lies nobody knows: it is warned with the others.
        by_shape |= {village.slug for village in villages if not village.points}
    if by_code or by_shape:
        return Where(Here.YES, tuple(by_code | by_shape))
    said = f" {_plain(area.description)} "
    by_name = _named_by(lambda place: any(f" {_plain(name)} " in said for name in place.names), commune, villages)
    if by_name:
        return Where(Here.YES, tuple(by_name))
    return Where(Here.NO if _is_elsewhere(area, commune, villages) else Here.UNKNOWN)


def _named_by(is_meant: Callable[[Place], bool], commune: Place, villages: Sequence[Place]) -> set[str]:
    """The villages that are meant; all of them when it is the commune that is."""
    meant = {village.slug for village in villages if is_meant(village)}
    if not meant and is_meant(commune):
        return {village.slug for village in villages}
    return meant


def _is_elsewhere(area: Area, commune: Place, villages: Sequence[Place]) -> bool:
    """Whether an area that matched nothing is known not to be ours: each way in which it says where, we can judge."""
    if not (area.geocodes or area.polygons or area.circles):
        return False
    our_kinds = {code.partition("=")[0] for place in (commune, *villages) for code in place.codes}
    if any(code_key(one.name) not in our_kinds for one in area.geocodes):
        return False
    if not (area.polygons or area.circles):
        return True
    points = [point for village in villages for point in village.points]
    are_known = bool(villages) and all(village.points for village in villages)
    return are_known and all(_distance_km(area, point) > NEAR_KM for point in points)


def _covers(area: Area, point: Point) -> bool:
    in_polygon = any(holds(polygon, point) for polygon in area.polygons)
    return in_polygon or any(_from_circle_km(circle, point) <= 0 for circle in area.circles)


def _distance_km(area: Area, point: Point) -> float:
    """How far a point outside lies from the nearest edge."""
    edges = (_from_edge_km(start, end, point) for polygon in area.polygons for start, end in pairwise(polygon))
    circles = (_from_circle_km(circle, point) for circle in area.circles)
    return min([*edges, *circles], default=math.inf)


def _from_circle_km(circle: Circle, point: Point) -> float:
    return math.hypot(*_plane_km(circle.centre, point)) - circle.radius_km


def _from_edge_km(start: Point, end: Point, point: Point) -> float:
    along, here = _plane_km(start, end), _plane_km(start, point)
    square = along[0] ** 2 + along[1] ** 2
    share = 0.0 if not square else min(1.0, max(0.0, (along[0] * here[0] + along[1] * here[1]) / square))
    return math.hypot(here[0] - share * along[0], here[1] - share * along[1])


def _plane_km(origin: Point, point: Point) -> tuple[float, float]:
    """A point on a plane that touches the earth at the origin: good enough for a province."""
    north = (point.latitude - origin.latitude) * _KM_A_DEGREE
    east = (point.longitude - origin.longitude) * _KM_A_DEGREE * math.cos(math.radians(origin.latitude))
    return north, east


def code_key(code: str) -> str:
    """A geocode as it is compared."""
    return unicodedata.normalize("NFC", code).strip().casefold()


def codes_and_names(calls: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """What a commune's settings call a place, parted: geocodes hold an equals sign, names none."""
    listed = list(calls)
    codes = frozenset(code_key(one) for one in listed if "=" in one)
    return codes, tuple(one for one in listed if "=" not in one)


def _plain(text: str) -> str:
    kept = (sign if sign.isalnum() else " " for sign in unicodedata.normalize("NFC", text).casefold())
    return " ".join("".join(kept).split())
