"""The rules on when and how much may sound: for the commune, and stricter ones for a village."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.communes import get_commune
from broadcast.errors import BroadcastError
from broadcast.permissions import Action
from broadcast.rules import Rules, rules_of_commune, rules_of_zone, set_commune_rules, set_zone_rules
from broadcast.windows import say_windows
from broadcast.zones import list_zones
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.typed_days import parse_whole, parse_windows

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


@dataclass(frozen=True, kw_only=True)
class RulesPage(Page):
    """A form for the commune and one for each village."""

    template: ClassVar[str] = "rules.html"
    rows: Sequence[RulesRow]
    problem_in: str = ""
    problem: Refusal | None = None


@router.get("/gio-phat")
def show_rules(door: Ruler) -> Response:
    """The page."""
    return door.show(RulesPage(rows=_rows(door)))


@router.post("/gio-phat")
def keep_rules(form: PostedForm, door: Ruler) -> Response:
    """Set the rules of the commune, or of the village that is named."""
    slug = form.text("zone")
    try:
        rules = _rules_in(form)
        with door.work() as session:
            if slug:
                set_zone_rules(session, slug, rules, door.now, door.user.username)
            else:
                set_commune_rules(session, rules, door.now, door.user.username)
    except BroadcastError as error:
        problem = refusal_of(error)
        rows = [_typed(row, form) if row.slug == slug else row for row in _rows(door)]
        return door.show(RulesPage(rows=rows, problem_in=slug, problem=problem), problem.status)
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
        return rows + [_row(zone.slug, zone.name, rules_of_zone(zone)) for zone in list_zones(session)]


def _row(slug: str, name: str, rules: Rules) -> RulesRow:
    limits = [rules.sessions_a_day, rules.session_minutes, rules.day_minutes]
    texts = ["" if limit is None else str(limit) for limit in limits]
    return RulesRow(slug, name, say_windows(rules.windows).replace("–", "-"), *texts)


def _typed(row: RulesRow, form: Fields) -> RulesRow:
    names = ("windows", "sessions_a_day", "session_minutes", "day_minutes")
    return replace(row, **{name: form.text(name) for name in names})
