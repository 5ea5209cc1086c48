"""The parts of pages that live, rendered from the database and from what was heard last."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from sqlmodel import Session

from broadcast.alarms import alarms_in
from broadcast.communes import get_commune, local_zone
from broadcast.db import reading
from broadcast.imports import waiting_before
from broadcast.models import Alarm, DeliveryState, DocumentImport, ImportState, User
from broadcast.morning_checks import result_of_this_morning
from broadcast.permissions import Action, may
from broadcast.views import (
    BroadcastRow,
    DeliveryRow,
    NodeRow,
    broadcast_row,
    coming,
    deliveries_of_each,
    delivery_rows,
    node_rows,
    on_air,
)
from broadcast.zones import zones_open_to
from web.emergency_part import emergency_part, held_part
from web.live import Part
from web.mornings import MorningView, view_of
from web.poles import PoleRow, pole_rows
from web.templating import Page, render_text
from web.texts import speaking

if TYPE_CHECKING:
    from web.station import Station

AHEAD = timedelta(hours=24)
EVERYTHING = "all"
ALARMS_SHOWN = 4
"""On the first page; the page of alarms has all."""


@dataclass(frozen=True, kw_only=True)
class AlarmsPart(Page):
    """What is wrong: the worst of what nobody has acknowledged, and how much there is in all."""

    template: ClassVar[str] = "live/alarms.html"
    alarms: Sequence[Alarm]
    waiting: int
    known: int


@dataclass(frozen=True, kw_only=True)
class MorningPart(Page):
    """What the check of this morning found; nothing before and after the morning."""

    template: ClassVar[str] = "live/morning.html"
    view: MorningView | None


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
    may_sound: bool
    may_stop: bool


@dataclass(frozen=True, kw_only=True)
class ImportPart(Page):
    """How far a document is read."""

    template: ClassVar[str] = "live/import.html"
    import_id: str
    state: ImportState
    before: int
    page: int
    pages: int | None
    bulletin_id: str | None
    message: str | None


@dataclass(frozen=True)
class Moment:
    """What parts are rendered from: one view of the database at one instant, read once for all of them."""

    station: "Station"
    session: Session
    now: datetime
    zone: ZoneInfo

    @cached_property
    def nodes(self) -> list[NodeRow]:
        """The poles that are not revoked, by name."""
        return [row for row in node_rows(self.session) if not row.is_revoked]

    @cached_property
    def on_air(self) -> list[BroadcastRow]:
        """What sounds."""
        return on_air(self.session, self.now)

    @cached_property
    def playing(self) -> dict[str, list[DeliveryRow]]:
        """Where it sounds, by broadcast."""
        others = set(DeliveryState) - {DeliveryState.PLAYING}
        return deliveries_of_each(self.session, [row.id for row in self.on_air], others)

    @cached_property
    def coming(self) -> list[BroadcastRow]:
        """What sounds next."""
        return coming(self.session, self.now, self.now + AHEAD)

    def own_nodes(self, part: Part) -> list[NodeRow]:
        """The poles that belong to the part's scope."""
        return [row for row in self.nodes if self.open_to(part, row.zone_slugs)]

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
    return tuple(Part(name, scope) for name in ("alarms", "morning", "onair", "nodes", "coming"))


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
            made = {part: _make(moment, part) for part in parts if part.name in _MAKERS}
        return {part: html for part, page in made.items() if (html := _show(part, page)) is not None}


def _make(moment: Moment, part: Part) -> Page | str | None:
    with speaking(part.language):
        return _MAKERS[part.name](moment, part)


def _show(part: Part, page: Page | str | None) -> str | None:
    """The part's HTML, made when the database is let go."""
    if page is None or isinstance(page, str):
        return page
    with speaking(part.language):
        return render_text(page)


def _alarms(moment: Moment, part: Part) -> Page:
    alarms = alarms_in(moment.session, None if part.scope == EVERYTHING else part.scope)
    waiting = [alarm for alarm in alarms if alarm.acknowledged_at is None]
    return AlarmsPart(alarms=waiting[:ALARMS_SHOWN], waiting=len(waiting), known=len(alarms) - len(waiting))


def _morning(moment: Moment, part: Part) -> Page:
    notify = moment.station.settings.notify
    result = result_of_this_morning(moment.session, notify.morning_at, notify.morning_until, moment.now)
    own = None if part.scope == EVERYTHING else part.scope
    if result is None:
        return MorningPart(view=None)
    return MorningPart(view=view_of(moment.session, result, own, moment.nodes, moment.zone))


def _on_air(moment: Moment, part: Part) -> Page:
    own = {row.slug for row in moment.own_nodes(part)}
    items = [
        OnAirItem(
            row,
            [pole for pole in moment.playing.get(row.id, ()) if pole.node in own],
            moment.answers_for(part, row.zone_slugs),
        )
        for row in moment.on_air
        if moment.open_to(part, row.zone_slugs)
    ]
    return OnAirPart(items=items, zone=moment.zone)


def _coming(moment: Moment, part: Part) -> Page:
    rows = [row for row in moment.coming if moment.open_to(part, row.zone_slugs)]
    return ComingPart(rows=[(row, moment.answers_for(part, row.zone_slugs)) for row in rows], zone=moment.zone)


def _nodes(moment: Moment, part: Part) -> Page:
    titles = {row.id: row.title for row in moment.on_air}
    return NodesPart(poles=pole_rows(moment.station, moment.own_nodes(part), titles, moment.zone))


def _deliveries(moment: Moment, part: Part) -> Page | None:
    row = broadcast_row(moment.session, part.subject)
    if row is None or not moment.open_to(part, row.zone_slugs):
        return None
    own = None if part.scope == EVERYTHING else {pole.slug for pole in moment.own_nodes(part)}
    poles = delivery_rows(moment.session, row.id)
    return DeliveriesPart(
        row=row,
        deliveries=[pole for pole in poles if own is None or pole.node in own],
        zone=moment.zone,
        may_sound=row.may_sound(moment.now),
        may_stop=moment.answers_for(part, row.zone_slugs),
    )


def _import(moment: Moment, part: Part) -> Page | None:
    """Of a document everybody but who sent it is told nothing: the part's scope is that user."""
    document = moment.session.get(DocumentImport, part.subject)
    if document is None or str(document.user_id) != part.scope:
        return None
    return ImportPart(
        import_id=document.id,
        state=document.state,
        before=waiting_before(moment.session, document),
        page=document.page,
        pages=document.pages,
        bulletin_id=document.bulletin_id,
        message=document.error_message,
    )


def _status(moment: Moment, part: Part) -> str:
    """For programs: what sounds, and how each pole is, as JSON."""
    nodes = {}
    for row in moment.own_nodes(part):
        heard = moment.station.heard_of(row.slug)
        nodes[row.slug] = {
            "presence": heard.state,
            "playing": heard.heartbeat.broadcast if heard.heartbeat else None,
        }
    sounding = [row.id for row in moment.on_air if moment.open_to(part, row.zone_slugs)]
    return json.dumps({"on_air": sounding, "nodes": nodes})


_MAKERS: Mapping[str, Callable[[Moment, Part], Page | str | None]] = {
    "alarms": _alarms,
    "morning": _morning,
    "onair": _on_air,
    "coming": _coming,
    "nodes": _nodes,
    "deliveries": _deliveries,
    "emergency": emergency_part,
    "held": held_part,
    "import": _import,
    "status": _status,
}
