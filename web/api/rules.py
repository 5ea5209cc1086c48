"""The rules of commune and villages on when and how much may sound."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import ValidationError
from sqlmodel import Session

from broadcast.communes import get_commune
from broadcast.errors import InvalidInput
from broadcast.permissions import Action
from broadcast.rules import Rules, rules_of_commune, rules_of_zone, set_commune_rules, set_zone_rules
from broadcast.zones import list_zones
from players.messages import Window
from web.api.entries import Reader
from web.api.timetable_schemas import AllRulesReply, RulesBody, WindowBody
from web.deps import Door, allowed_to
from web.errors import answers

router = APIRouter(prefix="/api", tags=["timetable"])
Slug = Annotated[str, Path(max_length=50)]


Ruler = Annotated[Door, Depends(allowed_to(Action.EDIT_RULES))]


@router.get("/rules", responses=answers(401, 403))
def read_rules(door: Reader) -> AllRulesReply:
    """All rules. Of commune and village the stricter counts."""
    with door.read() as session:
        return _reply(session)


@router.put("/rules", responses=answers(401, 403, 409, 413, 422))
def keep_rules(asked: RulesBody, door: Ruler) -> AllRulesReply:
    """Set the commune's rules. Without a window nothing but emergencies may sound."""
    return _keep(door, lambda session: set_commune_rules(session, _rules(asked), door.now, door.user.username))


@router.put("/rules/zones/{slug}", responses=answers(401, 403, 404, 409, 413, 422))
def keep_zone_rules(slug: Slug, asked: RulesBody, door: Ruler) -> AllRulesReply:
    """Set a village's own rules. Without a window it has the commune's hours."""
    return _keep(door, lambda session: set_zone_rules(session, slug, _rules(asked), door.now, door.user.username))


def _keep(door: Door, keep: Callable[[Session], Any]) -> AllRulesReply:
    with door.work() as session:
        keep(session)
        reply = _reply(session)
    door.station.nudge()
    return reply


def _rules(asked: RulesBody) -> Rules:
    try:
        windows = [
            Window(opens=one.opens.replace(tzinfo=None), closes=one.closes.replace(tzinfo=None), days=one.days)
            for one in asked.windows
        ]
    except ValidationError as error:
        raise InvalidInput("bad-window", "Giờ mở phải đứng trước giờ đóng.", "windows") from error
    return Rules(
        windows=windows,
        sessions_a_day=asked.sessions_a_day,
        session_minutes=asked.session_minutes,
        day_minutes=asked.day_minutes,
    )


def _body(rules: Rules) -> RulesBody:
    return RulesBody(
        windows=tuple(WindowBody(opens=one.opens, closes=one.closes, days=one.days) for one in rules.windows),
        sessions_a_day=rules.sessions_a_day,
        session_minutes=rules.session_minutes,
        day_minutes=rules.day_minutes,
    )


def _reply(session: Session) -> AllRulesReply:
    zones = {zone.slug: _body(rules_of_zone(zone)) for zone in list_zones(session)}
    return AllRulesReply(commune=_body(rules_of_commune(get_commune(session))), zones=zones)
