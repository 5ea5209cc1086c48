"""The commune's map: where its poles stand, its villages' outlines, the picture that may lie under them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import InvalidInput
from broadcast.models import Commune, Node, Zone
from broadcast.nodes import get_node
from broadcast.zones import get_zone

MIN_POINTS, MAX_POINTS = 3, 500
_DECIMALS = 6
"""Of a degree: about 0.1 m."""
Point = tuple[float, float]
"""Latitude and longitude in degrees (WGS 84)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A rectangle on the map, in degrees.

    Raises:
        InvalidInput: it is not on the globe, or turned over.
    """

    south: float
    west: float
    north: float
    east: float

    def __post_init__(self) -> None:
        check_point(self.south, self.west)
        check_point(self.north, self.east)
        if not (self.south < self.north and self.west < self.east):
            raise InvalidInput(
                "map-bounds", "Cạnh dưới phải ở phía nam cạnh trên, cạnh trái ở phía tây cạnh phải.", "south"
            )


def check_point(latitude: float, longitude: float) -> Point:
    """The point, rounded to what a map can tell.

    Raises:
        InvalidInput: it is not on the globe.
    """
    if not (isfinite(latitude) and -90 <= latitude <= 90):
        raise InvalidInput("bad-place", "Vĩ độ là một số từ -90 đến 90.", "latitude")
    if not (isfinite(longitude) and -180 <= longitude <= 180):
        raise InvalidInput("bad-place", "Kinh độ là một số từ -180 đến 180.", "longitude")
    return round(latitude, _DECIMALS), round(longitude, _DECIMALS)


def place_node(session: Session, slug: str, place: Point | None, now: datetime, actor: str) -> Node:
    """Say where a pole stands; none takes it off the map.

    Raises:
        NotFound: there is no such pole.
        InvalidInput: the place is not on the globe.
    """
    node = get_node(session, slug)
    before = (node.latitude, node.longitude)
    node.latitude, node.longitude = (None, None) if place is None else check_point(*place)
    session.add(node)
    if (node.latitude, node.longitude) != before:
        record(session, now, actor, "place-node", slug, {"before": before, "after": [node.latitude, node.longitude]})
    return node


def set_outline(session: Session, slug: str, outline: Iterable[Point], now: datetime, actor: str) -> Zone:
    """Draw a village's border, point by point; no point takes it off the map.

    Raises:
        NotFound: there is no such village.
        InvalidInput: a point is not on the globe, or there are too few or too many.
    """
    zone = get_zone(session, slug)
    points = [check_point(*point) for point in outline]
    if len(points) > 1 and points[0] == points[-1]:
        points.pop()  # GeoJSON closes its rings
    if points and not MIN_POINTS <= len(points) <= MAX_POINTS:
        raise InvalidInput("outline-points", f"Ranh giới cần từ {MIN_POINTS} đến {MAX_POINTS} điểm.", "outline")
    zone.outline = [[longitude, latitude] for latitude, longitude in points]
    session.add(zone)
    record(session, now, actor, "set-outline", slug, {"points": len(points)})
    return zone


def read_geojson(text: str) -> list[Point]:
    """The outer border of the largest polygon in a GeoJSON (RFC 7946), thinned to `MAX_POINTS`.

    Raises:
        InvalidInput: it is no GeoJSON, or holds no polygon of points on the globe.
    """
    try:
        rings = [[check_point(float(at[1]), float(at[0])) for at in ring] for ring in _rings(json.loads(text))]
    except (ValueError, TypeError, IndexError, KeyError, RecursionError) as error:
        raise _no_polygon() from error
    if not rings:
        raise _no_polygon()
    ring = max(rings, key=_area)
    step = -(-len(ring) // MAX_POINTS)
    return ring[::step]


def set_ground(session: Session, sha256: str, bounds: Bounds | None, now: datetime, actor: str) -> Commune:
    """Lay a picture, which is in its folder by its digest, under the map; without bounds under all that is on it."""
    commune = get_commune(session)
    if not sha256:
        commune.map_ground = {}
    else:
        lies = bounds or bounds_of_all(session)
        place = {"south": lies.south, "west": lies.west, "north": lies.north, "east": lies.east}
        commune.map_ground = {"sha256": sha256, **place}
    session.add(commune)
    record(session, now, actor, "set-map-ground", commune.slug, commune.map_ground)
    return commune


def bounds_of_all(session: Session) -> Bounds:
    """What holds all poles and outlines, with some room around them; the middle of the country when there are none."""
    places = session.exec(select(Node.latitude, Node.longitude).where(col(Node.revoked_at).is_(None)))
    points = [(latitude, longitude) for latitude, longitude in places if latitude is not None and longitude is not None]
    for outline in session.exec(select(Zone.outline)):
        points += [(latitude, longitude) for longitude, latitude in outline]
    points = points or [(16.0, 107.5)]
    latitudes, longitudes = zip(*points, strict=True)
    room = max(0.01, 0.1 * (max(latitudes) - min(latitudes)), 0.1 * (max(longitudes) - min(longitudes)))
    return Bounds(min(latitudes) - room, min(longitudes) - room, max(latitudes) + room, max(longitudes) + room)


def _rings(shape: Mapping[str, Any]) -> Iterator[list[list[float]]]:
    """The outer rings in a GeoJSON object, however deep."""
    kind = shape["type"]
    if kind == "FeatureCollection":
        for feature in shape["features"]:
            yield from _rings(feature)
    elif kind == "Feature" and shape["geometry"] is not None:
        yield from _rings(shape["geometry"])
    elif kind == "GeometryCollection":
        for geometry in shape["geometries"]:
            yield from _rings(geometry)
    elif kind == "Polygon":
        yield shape["coordinates"][0]
    elif kind == "MultiPolygon":
        yield from (polygon[0] for polygon in shape["coordinates"])


def _area(ring: list[Point]) -> float:
    """Twice its area, in square degrees (the shoelace formula)."""
    pairs = zip(ring, [*ring[1:], *ring[:1]], strict=True)
    return abs(sum(one[1] * other[0] - other[1] * one[0] for one, other in pairs))


def _no_polygon() -> InvalidInput:
    return InvalidInput("bad-geojson", "Tệp này không phải GeoJSON có hình đa giác (Polygon).", "outline")
