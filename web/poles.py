"""A pole as the pages show it: what the database knows and what was heard of it last, in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from broadcast.views import NodeRow
from players.messages import Heartbeat
from players.presence import PresenceState
from web.words import PRESENCE, TONE, say_datetime, say_number

if TYPE_CHECKING:
    from web.station import Station

CLOCK_TROUBLE_MS = 500
REFUSALS_SHOWN_FOR = timedelta(days=1)
DISK_TROUBLE_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True)
class PoleRow:
    """A pole in a list. `state` and `troubles` are in Vietnamese; `tone` is the style's."""

    slug: str
    name: str
    zones: str
    state: str
    tone: str
    playing: str
    troubles: tuple[str, ...]
    is_paired: bool
    is_revoked: bool


def pole_rows(station: "Station", rows: Iterable[NodeRow], titles: Mapping[str, str], zone: ZoneInfo) -> list[PoleRow]:
    """The poles of `rows`; `titles` names what may be playing."""
    return [_pole(station, row, titles, zone) for row in rows]


def _pole(station: "Station", row: NodeRow, titles: Mapping[str, str], zone: ZoneInfo) -> PoleRow:
    heard = station.heard_of(row.slug)
    beat = heard.heartbeat if heard.state is not PresenceState.OFFLINE else None
    is_playing = beat is not None and beat.broadcast is not None
    state, tone = PRESENCE[heard.state], TONE[heard.state]
    if row.is_revoked:
        state, tone = "Đã thu hồi quyền", "quiet"
    elif not row.is_paired:
        state, tone = "Chưa ghép với máy chủ", "quiet"
    elif is_playing:
        state, tone = "Đang phát", "live"
    seen_at = heard.last_seen_at or row.last_seen_at
    if heard.state is PresenceState.OFFLINE and row.is_paired and not row.is_revoked and seen_at:
        state += f" từ {say_datetime(seen_at, zone)}"
    return PoleRow(
        slug=row.slug,
        name=row.name,
        zones=", ".join(row.zones),
        state=state,
        tone=tone,
        playing=titles.get(beat.broadcast, "") if beat and beat.broadcast else "",
        troubles=tuple(troubles_of(beat)) if beat else (),
        is_paired=row.is_paired,
        is_revoked=row.is_revoked,
    )


def troubles_of(beat: Heartbeat) -> Iterable[str]:
    """What a pole itself says is wrong with it."""
    if beat.output_error:
        yield f"Âm thanh lỗi: {beat.output_error}"
    if beat.refused_at is not None and beat.at - beat.refused_at < REFUSALS_SHOWN_FOR:
        yield f"Đã từ chối {say_number(beat.refused)} tin không đáng tin, lần cuối: {beat.refused_why}"
    if beat.clock_offset_ms is None:
        yield "Chưa đồng bộ đồng hồ"
    elif beat.clock_error_ms is not None and beat.clock_error_ms > CLOCK_TROUBLE_MS:
        yield f"Đồng hồ sai số {say_number(round(beat.clock_error_ms))} ms"
    if beat.disk_free_bytes < DISK_TROUBLE_BYTES:
        yield f"Bộ nhớ còn {say_number(beat.disk_free_bytes // (1024 * 1024))} MB"
