"""The commune's map: what pages draw it from, and where the administrator draws villages and lays a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends, Response
from starlette.responses import FileResponse, JSONResponse

from broadcast.commune_map import Bounds, Point, read_geojson, set_ground, set_outline
from broadcast.communes import get_commune
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import Zone
from broadcast.permissions import Action
from broadcast.zones import get_zone, list_zones
from web.deps import Door, Fields, PostedForm, SignedIn, allowed
from web.errors import SAID, Refusal, refusal_of
from web.map_picture import MAX_BYTES, keep_picture, picture_path
from web.templating import Page

router = APIRouter(prefix="/ban-do", include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_NODES))]
UPLOAD_PATHS = {"/ban-do/nen": MAX_BYTES}
_SIDES = ("south", "west", "north", "east")


@dataclass(frozen=True, kw_only=True)
class MapPage(Page):
    """The map with its villages, and the picture under it; `sides` is what was typed as its corners."""

    template: ClassVar[str] = "map.html"
    zones: Sequence[Zone]
    has_ground: bool
    sides: dict[str, str]
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class VillagePage(Page):
    """A village's outline: drawn by touch, typed, or sent as GeoJSON."""

    template: ClassVar[str] = "village.html"
    zone: Zone
    outline: str
    """As the form holds it: a line `latitude, longitude` for each point."""
    problem: Refusal | None = None


@router.get("")
def show_map(door: Administrator) -> Response:
    """The page."""
    return _show(door)


@router.get("/hinh.json")
def shapes(door: SignedIn) -> Response:
    """Villages' outlines and the picture under them, for the script that draws the map."""
    with door.read() as session:
        ground = get_commune(session).map_ground
        zones = [{"name": zone.name, "slug": zone.slug, "outline": zone.outline} for zone in list_zones(session)]
    said: dict[str, Any] = {"villages": [zone for zone in zones if zone["outline"]], "ground": None}
    if ground:
        corners = [[ground["south"], ground["west"]], [ground["north"], ground["east"]]]
        said["ground"] = {"address": f"/ban-do/nen.jpg?v={ground['sha256'][:16]}", "corners": corners}
    return JSONResponse(said)


@router.get("/nen.jpg")
def send_picture(door: SignedIn) -> Response:
    """The picture. Its address changes with its content, so that browsers may keep it."""
    with door.read() as session:
        sha256 = get_commune(session).map_ground.get("sha256")
    path = picture_path(door.station.settings.map_dir, sha256 or "none")
    if not path.is_file():
        raise Refusal(404, *SAID[404])
    return FileResponse(path, media_type="image/jpeg", headers={"cache-control": "private, max-age=31536000"})


@router.post("/nen")
def lay_picture(form: PostedForm, door: Administrator) -> Response:
    """Lay a picture under the map, move the one that is there, or take it away."""
    try:
        bounds = _bounds_in(form)
        with door.read() as session:
            sha256 = get_commune(session).map_ground.get("sha256", "")
        if form.text("act") == "remove":
            sha256 = ""
        elif data := form.file("file"):
            sha256 = keep_picture(door.station.settings.map_dir, data)
        elif not sha256:
            raise InvalidInput("no-file", "Chưa chọn ảnh.", "file")
        with door.work() as session:
            set_ground(session, sha256, bounds, door.now, door.user.username)
    except BroadcastError as error:
        return _show(door, form, refusal_of(error))
    return door.go("/ban-do", "da-luu-ban-do")


@router.get("/thon/{slug}")
def show_village(slug: str, door: Administrator) -> Response:
    """A village."""
    return _show_village(door, slug)


@router.post("/thon/{slug}")
def draw_village(slug: str, form: PostedForm, door: Administrator) -> Response:
    """Keep its outline; a GeoJSON file goes before what was drawn."""
    try:
        sent = form.file("file")
        points = read_geojson(sent.decode("utf-8", "replace")) if sent else _points_in(form.text("outline"))
        with door.work() as session:
            set_outline(session, slug, points, door.now, door.user.username)
    except InvalidInput as error:
        problem = Refusal(422, error.code, error.message, "outline")  # whichever number in it is wrong
        return _show_village(door, slug, form.text("outline"), problem)
    return door.go("/ban-do", "da-luu-ban-do")


def number_in(text: str, field: str) -> float:
    """A number as people type it, with a decimal comma or point.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as error:
        raise InvalidInput("bad-number", "Hãy nhập một số, ví dụ 16,463713.", field) from error


def _bounds_in(form: Fields) -> Bounds | None:
    typed = {side: form.text(side) for side in _SIDES}
    if not any(text.strip() for text in typed.values()):
        return None
    return Bounds(**{side: number_in(text, side) for side, text in typed.items()})


def _points_in(text: str) -> list[Point]:
    points = []
    for line in text.splitlines():
        latitude, comma, longitude = line.partition(",")
        if line.strip() and not comma:
            raise InvalidInput("bad-outline", "Mỗi dòng là một điểm: vĩ độ, kinh độ.", "outline")
        if line.strip():
            points.append((number_in(latitude, "outline"), number_in(longitude, "outline")))
    return points


def _show(door: Door, form: Fields | None = None, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        ground, zones = get_commune(session).map_ground, list_zones(session)
    sides = {side: form.text(side) if form else str(ground.get(side, "")) for side in _SIDES}
    page = MapPage(zones=zones, has_ground=bool(ground), sides=sides, problem=problem)
    return door.show(page, problem.status if problem else 200)


def _show_village(door: Door, slug: str, typed: str | None = None, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        zone = get_zone(session, slug)
    outline = "\n".join(f"{latitude}, {longitude}" for longitude, latitude in zone.outline)
    page = VillagePage(zone=zone, outline=outline if typed is None else typed, problem=problem)
    return door.show(page, problem.status if problem else 200)
