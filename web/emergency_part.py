"""An emergency pole by pole as a live part, and villages whose horns cannot be reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from sqlmodel import Session

from broadcast.errors import NotFound
from broadcast.models import HeldPress, HeldState, Zone, row_id
from broadcast.phone_tree import Contact, contacts_of
from broadcast.press_progress import SHOWN_FOR, TAKEN_BACK, PoleStep, Progress, progress_of
from broadcast.presses import emergency_of
from broadcast.views import node_rows
from broadcast.zones import list_zones
from players.presence import PresenceState
from web.live import Part
from web.templating import Page

if TYPE_CHECKING:
    from web.fragments import Moment
    from web.station import Station

STEP: Mapping[PoleStep, tuple[str, str]] = {
    PoleStep.SENDING: ("Đang gửi", "wait"),
    PoleStep.RECEIVED: ("Đã nhận", "wait"),
    PoleStep.SOUNDING: ("Đang phát", "live"),
    PoleStep.SOUNDED: ("Đã phát", "good"),
    PoleStep.HEARD: ("Đã nghe thấy", "good"),
    PoleStep.STOPPED: ("Bị dừng", "warn"),
    PoleStep.SILENT: ("Không phát", "bad"),
    PoleStep.OFFLINE: ("Mất kết nối", "bad"),
}
"""How a pole's step is said, and its tone."""


@dataclass(frozen=True, slots=True)
class VillageRow:
    """A village, its poles, and whom to call when none of them can be reached."""

    slug: str
    name: str
    poles: int
    reachable: int
    contacts: Sequence[Contact]

    @property
    def is_unreachable(self) -> bool:
        """Whether no horn would sound there now."""
        return self.reachable == 0


@dataclass(frozen=True, kw_only=True)
class EmergencyPart(Page):
    """An emergency pole by pole: a live part."""

    template: ClassVar[str] = "live/emergency.html"
    progress: Progress
    phones: Sequence[VillageRow]
    steps: Mapping[PoleStep, tuple[str, str]]
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class HeldPart(Page):
    """What became of a press that waits for a second person: a live part."""

    template: ClassVar[str] = "live/held.html"
    held: HeldPress
    is_over: bool
    zone: ZoneInfo


def is_offline(station: "Station", node: str) -> bool:
    """Whether a pole is out of reach."""
    return station.heard_of(node).state is PresenceState.OFFLINE


def villages_of(station: "Station", session: Session, zones: Sequence[Zone]) -> list[VillageRow]:
    """These villages, in their order."""
    contacts = contacts_of(session, [row_id(zone.id) for zone in zones])
    poles = [row for row in node_rows(session) if row.is_paired and not row.is_revoked]
    rows = []
    for zone in zones:
        own = [row for row in poles if zone.slug in row.zone_slugs]
        reachable = sum(not is_offline(station, row.slug) for row in own)
        rows.append(VillageRow(zone.slug, zone.name, len(own), reachable, contacts.get(row_id(zone.id), [])))
    return rows


def emergency_part(moment: "Moment", part: Part) -> Page | None:
    """The live part about one emergency; none when who sees the page may not see it."""
    try:
        broadcast = emergency_of(moment.session, part.subject)
    except NotFound:
        return None
    own = {row.slug for row in moment.own_nodes(part)}
    progress = progress_of(moment.session, broadcast, lambda node: is_offline(moment.station, node), moment.now, own)
    if not moment.open_to(part, progress.row.zone_slugs):
        return None
    phones: list[VillageRow] = []
    if broadcast.state not in TAKEN_BACK and moment.now < broadcast.created_at + SHOWN_FOR:
        zones = [zone for zone in list_zones(moment.session) if zone.slug in progress.row.zone_slugs]
        seen = [zone for zone in zones if moment.open_to(part, (zone.slug,))]
        phones = villages_of(moment.station, moment.session, _unheard(moment.session, progress, seen))
    return EmergencyPart(progress=progress, phones=phones, steps=STEP, zone=moment.zone)


def held_part(moment: "Moment", part: Part) -> Page | None:
    """The live part about one press that waits for a second person."""
    held = moment.session.get(HeldPress, part.subject)
    if held is None or not moment.open_to(part, held.zones):
        return None
    return HeldPart(held=held, is_over=held.state is HeldState.DECLINED or moment.now >= held.until, zone=moment.zone)


def _unheard(session: Session, progress: Progress, zones: Sequence[Zone]) -> list[Zone]:
    """The villages where no pole sounded it, nor is about to."""
    rows = node_rows(session)
    return [zone for zone in zones if progress.is_unheard([row.slug for row in rows if zone.slug in row.zone_slugs])]
