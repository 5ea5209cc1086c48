"""The rules on when and how much may sound: for the commune, and stricter ones for a village."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.communes import get_commune
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import Zone
from broadcast.nodes import list_nodes
from broadcast.permissions import Action
from broadcast.rules import Rules, rules_of_commune, rules_of_zone, set_commune_rules, set_zone_rules
from broadcast.volumes import say_volumes, set_node_volumes, set_zone_volumes, volumes_of
from broadcast.windows import say_windows
from broadcast.zones import list_zones
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.typed_days import parse_volumes, parse_whole, parse_windows

router = APIRouter(include_in_schema=False)
Ruler = Annotated[Door, Depends(allowed(Action.EDIT_RULES))]


@dataclass(frozen=True)
class RulesRow:
    """One set of rules in its form, as text; the commune's has no slug."""

    slug: str
    name: str
    windows: str
    sessions_a_day: str
    session_minutes: str
    day_minutes: str
    volumes: str = ""


@dataclass(frozen=True)
class VolumeRow:
    """How loud one pole is by time of day, as text."""

    slug: str
    name: str
    volumes: str


@dataclass(frozen=True, kw_only=True)
class RulesPage(Page):
    """A form for the commune, one for each village, and a small one for each pole's volume."""

    template: ClassVar[str] = "rules.html"
    rows: Sequence[RulesRow]
    poles: Sequence[VolumeRow]
    problem_in: str = ""
    problem: Refusal | None = None


@router.get("/gio-phat")
def show_rules(door: Ruler) -> Response:
    """The page."""
    return door.show(RulesPage(rows=_rows(door), poles=_poles(door)))


@router.post("/gio-phat")
def keep_rules(form: PostedForm, door: Ruler) -> Response:
    """Set the rules of the commune, or of the village that is named."""
    slug = form.text("zone")
    try:
        rules = _rules_in(form)
        with door.work() as session:
            if slug:
                set_zone_rules(session, slug, rules, door.now, door.user.username)
                volumes = parse_volumes(form.text("volumes"), "volumes")
                set_zone_volumes(session, slug, volumes, door.now, door.user.username)
            else:
                set_commune_rules(session, rules, door.now, door.user.username)
    except BroadcastError as error:
        problem = refusal_of(error)
        rows = [_typed(row, form) if row.slug == slug else row for row in _rows(door)]
        page = RulesPage(rows=rows, poles=_poles(door), problem_in=slug, problem=problem)
        return door.show(page, problem.status)
    door.station.nudge()
    return door.go("/gio-phat", "da-luu-lich")


@router.post("/gio-phat/cum-loa/{slug}")
def keep_volumes(slug: str, form: PostedForm, door: Ruler) -> Response:
    """Set one pole's own volume by time of day."""
    try:
        with door.work() as session:
            volumes = parse_volumes(form.text("volumes"), "volumes")
            set_node_volumes(session, slug, volumes, door.now, door.user.username)
    except InvalidInput as error:
        problem = refusal_of(error)
        poles = [replace(one, volumes=form.text("volumes")) if one.slug == slug else one for one in _poles(door)]
        page = RulesPage(rows=_rows(door), poles=poles, problem_in=f"cum-loa/{slug}", problem=problem)
        return door.show(page, problem.status)
    door.station.nudge()
    return door.go("/gio-phat", "da-luu-lich")


def _rules_in(form: Fields) -> Rules:
    def limit(name: str) -> int | None:
        return parse_whole(form.text(name), name) if form.text(name).strip() else None

    return Rules(
        windows=parse_windows(form.text("windows"), "windows"),
        sessions_a_day=limit("sessions_a_day"),
        session_minutes=limit("session_minutes"),
        day_minutes=limit("day_minutes"),
    )


def _rows(door: Door) -> list[RulesRow]:
    with door.read() as session:
        commune = get_commune(session)
        rows = [_row("", commune.name, rules_of_commune(commune))]
        return rows + [_row_of_zone(zone) for zone in list_zones(session)]


def _row_of_zone(zone: Zone) -> RulesRow:
    row = _row(zone.slug, zone.name, rules_of_zone(zone))
    return replace(row, volumes=_as_typed(say_volumes(volumes_of(zone))))


def _poles(door: Door) -> list[VolumeRow]:
    with door.read() as session:
        nodes = [node for node in list_nodes(session) if node.revoked_at is None]
        return [VolumeRow(node.slug, node.name, _as_typed(say_volumes(volumes_of(node)))) for node in nodes]


def _as_typed(said: str) -> str:
    return said.replace("–", "-")


def _row(slug: str, name: str, rules: Rules) -> RulesRow:
    limits = [rules.sessions_a_day, rules.session_minutes, rules.day_minutes]
    texts = ["" if limit is None else str(limit) for limit in limits]
    return RulesRow(slug, name, _as_typed(say_windows(rules.windows)), *texts)


def _typed(row: RulesRow, form: Fields) -> RulesRow:
    names = ("windows", "sessions_a_day", "session_minutes", "day_minutes", "volumes")
    return replace(row, **{name: form.text(name) for name in names})
