"""The parts of pages that live, rendered from the database and from what was heard last."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from sqlmodel import Session

from broadcast.communes import get_commune, local_zone
from broadcast.db import reading
from broadcast.errors import NotFound
from broadcast.models import DeliveryState, User
from broadcast.permissions import Action, may
from broadcast.views import BroadcastRow, DeliveryRow, broadcast_card, coming, delivery_rows, node_rows, on_air
from broadcast.zones import zones_open_to
from web.alarms import Alarm, alarms_of
from web.live import Part
from web.poles import PoleRow, pole_rows
from web.templating import Page, render_text

if TYPE_CHECKING:
    from web.station import Station

AHEAD = timedelta(hours=24)
EVERYTHING = "all"


@dataclass(frozen=True, kw_only=True)
class AlarmsPart(Page):
    """What is wrong."""

    template: ClassVar[str] = "live/alarms.html"
    alarms: Sequence[Alarm]


@dataclass(frozen=True)
class OnAirItem:
    """A broadcast that sounds, and where it does."""

    row: BroadcastRow
    playing: Sequence[DeliveryRow]
    may_stop: bool


@dataclass(frozen=True, kw_only=True)
class OnAirPart(Page):
    """What sounds now."""

    template: ClassVar[str] = "live/onair.html"
    items: Sequence[OnAirItem]
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class ComingPart(Page):
    """What sounds next."""

    template: ClassVar[str] = "live/coming.html"
    rows: Sequence[tuple[BroadcastRow, bool]]
    """Each with whether it may be cancelled by who sees it."""
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class NodesPart(Page):
    """The poles."""

    template: ClassVar[str] = "live/nodes.html"
    poles: Sequence[PoleRow]


@dataclass(frozen=True, kw_only=True)
class DeliveriesPart(Page):
    """A broadcast, pole by pole."""

    template: ClassVar[str] = "live/deliveries.html"
    row: BroadcastRow
    deliveries: Sequence[DeliveryRow]
    zone: ZoneInfo
    may_stop: bool


@dataclass(frozen=True)
class Moment:
    """What a part is rendered from: one view of the database at one instant."""

    station: "Station"
    session: Session
    now: datetime
    zone: ZoneInfo

    def open_to(self, part: Part, zone_slugs: Iterable[str]) -> bool:
        """Whether something in these villages belongs to the part's scope."""
        return part.scope == EVERYTHING or part.scope in zone_slugs

    def answers_for(self, part: Part, zone_slugs: Sequence[str]) -> bool:
        """Whether who sees the part may stop it everywhere: a village head only what is for his village alone."""
        return part.scope == EVERYTHING or list(zone_slugs) == [part.scope]


def scope_of(session: Session, user: User) -> str:
    """Who sees the same as this user: a village head sees the village, everybody else the commune."""
    if user.zone_id is None:
        return EVERYTHING
    return next((zone.slug for zone in zones_open_to(session, user)), "")


def now_parts(scope: str) -> tuple[Part, ...]:
    """The live parts of the page "Now"."""
    return tuple(Part(name, scope) for name in ("alarms", "onair", "nodes", "coming"))


def is_open_to(session: Session, user: User, zone_slugs: Iterable[str]) -> bool:
    """Whether a user may see and stop what sounds in these villages."""
    return scope_of(session, user) in {EVERYTHING, *zone_slugs} and may(user, Action.STOP_BROADCAST)


class Fragments:
    """Renders live parts for `web.live`, in a worker thread."""

    station: "Station"

    def render(self, parts: Iterable[Part]) -> dict[Part, str]:
        """The HTML of each part; one that is about nothing any more is left out."""
        station = self.station
        with reading(station.engine) as session:
            moment = Moment(station, session, station.clock(), local_zone(get_commune(session)))
            made = {part: _MAKERS[part.name](moment, part) for part in parts if part.name in _MAKERS}
        return {
            part: page if isinstance(page, str) else render_text(page)
            for part, page in made.items()
            if page is not None
        }


def _alarms(moment: Moment, _part: Part) -> Page:
    return AlarmsPart(alarms=alarms_of(moment.station, moment.session, moment.now))


def _on_air(moment: Moment, part: Part) -> Page:
    rows = [row for row in on_air(moment.session, moment.now) if moment.open_to(part, row.zone_slugs)]
    items = [OnAirItem(row, _playing(moment, part, row.id), moment.answers_for(part, row.zone_slugs)) for row in rows]
    return OnAirPart(items=items, zone=moment.zone)


def _playing(moment: Moment, part: Part, broadcast_id: str) -> list[DeliveryRow]:
    own = {row.slug for row in node_rows(moment.session) if moment.open_to(part, row.zone_slugs)}
    rows = delivery_rows(moment.session, broadcast_id)
    return [row for row in rows if row.state is DeliveryState.PLAYING and row.node in own]


def _coming(moment: Moment, part: Part) -> Page:
    rows = coming(moment.session, moment.now, moment.now + AHEAD)
    mine = [(row, moment.answers_for(part, row.zone_slugs)) for row in rows if moment.open_to(part, row.zone_slugs)]
    return ComingPart(rows=mine, zone=moment.zone)


def _nodes(moment: Moment, part: Part) -> Page:
    rows = [row for row in node_rows(moment.session) if not row.is_revoked and moment.open_to(part, row.zone_slugs)]
    titles = {row.id: row.title for row in on_air(moment.session, moment.now)}
    return NodesPart(poles=pole_rows(moment.station, rows, titles, moment.zone))


def _deliveries(moment: Moment, part: Part) -> Page | None:
    try:
        card = broadcast_card(moment.session, part.subject)
    except NotFound:
        return None
    if not moment.open_to(part, card.row.zone_slugs):
        return None
    own = {row.slug for row in node_rows(moment.session) if moment.open_to(part, row.zone_slugs)}
    return DeliveriesPart(
        row=card.row,
        deliveries=[row for row in card.deliveries if row.node in own],
        zone=moment.zone,
        may_stop=moment.answers_for(part, card.row.zone_slugs),
    )


def _status(moment: Moment, part: Part) -> str:
    """For programs: what sounds, and how each pole is, as JSON."""
    sounding = [row.id for row in on_air(moment.session, moment.now) if moment.open_to(part, row.zone_slugs)]
    nodes = {}
    for row in node_rows(moment.session):
        if not row.is_revoked and moment.open_to(part, row.zone_slugs):
            heard = moment.station.heard_of(row.slug)
            nodes[row.slug] = {
                "presence": heard.state,
                "playing": heard.heartbeat.broadcast if heard.heartbeat else None,
            }
    return json.dumps({"on_air": sounding, "nodes": nodes})


_MAKERS: Mapping[str, Callable[[Moment, Part], Page | str | None]] = {
    "alarms": _alarms,
    "onair": _on_air,
    "coming": _coming,
    "nodes": _nodes,
    "deliveries": _deliveries,
    "status": _status,
}
