"""The villages (administrator): added, renamed, removed while nothing is bound to them; and the commune's own name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.communes import get_commune, rename_commune
from broadcast.errors import BroadcastError, NotFound
from broadcast.models import Zone
from broadcast.permissions import Action
from broadcast.typed_text import MAX_NAME, slug_of
from broadcast.views import node_rows
from broadcast.zones import create_zone, get_zone, list_zones, remove_zone, rename_zone, uses_of_zone
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page

router = APIRouter(include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_NODES))]


@dataclass(frozen=True)
class VillageRow:
    """A village in the list."""

    slug: str
    name: str
    is_drawn: bool
    poles: int
    """How many speak for it; revoked ones do not."""


@dataclass(frozen=True, kw_only=True)
class VillagesPage(Page):
    """The villages, the form of a new one, and the commune's name; `problem_in` is the form that was refused."""

    template: ClassVar[str] = "villages.html"
    villages: Sequence[VillageRow]
    commune: str
    name: str = ""
    slug: str = ""
    max_name: int = MAX_NAME
    problem_in: str = ""
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class VillageEditPage(Page):
    """One village: its name, and what is bound to it."""

    template: ClassVar[str] = "village_edit.html"
    zone: Zone
    name: str
    uses: Sequence[str]
    max_name: int = MAX_NAME
    problem: Refusal | None = None


@router.get("/thon")
def show_villages(door: Administrator) -> Response:
    """The list."""
    return _show(door)


@router.post("/thon")
def add_village(form: PostedForm, door: Administrator) -> Response:
    """Add a village; without a short name it gets one made of its name."""
    try:
        with door.work() as session:
            slug = form.text("slug").strip() or slug_of(form.text("name"))
            create_zone(
                session, get_commune(session), slug=slug, name=form.text("name"), now=door.now,
                actor=door.user.username,
            )  # fmt: skip
    except BroadcastError as error:
        return _show(door, form, "village", refusal_of(error))
    door.station.nudge()
    return door.go("/thon", "da-luu-thon")


@router.post("/ten-xa")
def name_commune(form: PostedForm, door: Administrator) -> Response:
    """Call the commune otherwise."""
    try:
        with door.work() as session:
            rename_commune(session, form.text("name"), door.user.username, door.now)
    except BroadcastError as error:
        return _show(door, form, "commune", refusal_of(error))
    door.station.nudge()
    return door.go("/thon", "da-luu-ten-xa")


@router.get("/thon/{slug}")
def show_village(slug: str, door: Administrator) -> Response:
    """One village."""
    return _show_one(door, slug)


@router.post("/thon/{slug}")
def act_on_village(slug: str, form: PostedForm, door: Administrator) -> Response:
    """Rename it, or remove it."""
    try:
        with door.work() as session:
            if form.text("act") == "remove":
                remove_zone(session, slug, door.now, door.user.username)
            else:
                rename_zone(session, slug, form.text("name"), door.now, door.user.username)
    except NotFound:
        raise
    except BroadcastError as error:
        return _show_one(door, slug, form, refusal_of(error))
    door.station.nudge()
    return door.go("/thon", "da-xoa-thon" if form.text("act") == "remove" else "da-luu-thon")


def _show(door: Door, form: Fields | None = None, problem_in: str = "", problem: Refusal | None = None) -> Response:
    with door.read() as session:
        poles = [slug for row in node_rows(session) if not row.is_revoked for slug in row.zone_slugs]
        commune = get_commune(session).name
        villages = [
            VillageRow(zone.slug, zone.name, bool(zone.outline), poles.count(zone.slug)) for zone in list_zones(session)
        ]
    typed = {problem_in: form} if form else {}
    page = VillagesPage(
        villages=villages,
        commune=typed["commune"].text("name") if "commune" in typed else commune,
        name=typed["village"].text("name") if "village" in typed else "",
        slug=typed["village"].text("slug") if "village" in typed else "",
        problem_in=problem_in,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)


def _show_one(door: Door, slug: str, form: Fields | None = None, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        zone = get_zone(session, slug)
        uses = uses_of_zone(session, zone)
    name = form.text("name") if form and form.text("act") != "remove" else zone.name
    page = VillageEditPage(zone=zone, name=name, uses=uses, problem=problem)
    return door.show(page, problem.status if problem else 200)
