"""A pole as the pages show it: what the database knows and what was heard of it last, in words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from broadcast.alarm_poles import HOT_C, troubles_of
from broadcast.models import Node
from broadcast.views import NodeRow
from players.messages import Heartbeat
from players.presence import NodePresence, PresenceState
from web.texts import gettext, told
from web.words import PRESENCE, TONE, say_datetime, say_length, say_number

if TYPE_CHECKING:
    from web.station import Station

_MANY_REPORTS = 100
"""More than this, and it does not get through to the server."""
_NETWORKS = {"wifi": "wifi", "mobile": "sóng di động"}


@dataclass(frozen=True)
class PoleRow:
    """A pole in a list. `state` and `troubles` are in the reader's language; `tone` is the style's."""

    slug: str
    name: str
    zones: str
    state: str
    tone: str
    sign: str
    """The shape it has in list and on the map, for who does not see colours: a class of the style."""
    at: str
    """Its place as `latitude,longitude`; empty when it is not on the map."""
    playing: str
    troubles: tuple[str, ...]
    health: str
    """How its board is, in one line; empty when it is not heard."""
    is_paired: bool
    is_revoked: bool


def pole_rows(station: "Station", rows: Iterable[NodeRow], titles: Mapping[str, str], zone: ZoneInfo) -> list[PoleRow]:
    """The poles of `rows`; `titles` names what may be playing."""
    return [_pole(station, row, titles, zone) for row in rows]


def _pole(station: "Station", row: NodeRow, titles: Mapping[str, str], zone: ZoneInfo) -> PoleRow:
    heard = station.heard_of(row.slug)
    beat = heard.heartbeat if heard.state is not PresenceState.OFFLINE else None
    is_playing = beat is not None and beat.broadcast is not None
    state, tone, sign = PRESENCE[heard.state], TONE[heard.state], heard.state.value
    if row.is_revoked:
        state, tone, sign = gettext("Đã thu hồi quyền"), "quiet", "unpaired"
    elif not row.is_paired:
        state, tone, sign = gettext("Chưa ghép với máy chủ"), "quiet", "unpaired"
    elif is_playing:
        state, tone, sign = gettext("Đang phát"), "live", "playing"
    seen_at = heard.last_seen_at or row.last_seen_at
    if heard.state is PresenceState.OFFLINE and row.is_paired and not row.is_revoked and seen_at:
        state += told(f" từ {say_datetime(seen_at, zone)}")
    return PoleRow(
        slug=row.slug,
        name=row.name,
        zones=", ".join(row.zones),
        state=state,
        tone=tone,
        sign=sign,
        at="" if row.place is None else f"{row.place[0]},{row.place[1]}",
        playing=titles.get(beat.broadcast, "") if beat and beat.broadcast else "",
        troubles=tuple(_sentence(told(trouble.text)) for trouble in troubles_of(beat)) if beat else (),
        health=say_health(beat) if beat else "",
        is_paired=row.is_paired,
        is_revoked=row.is_revoked,
    )


def say_health(beat: Heartbeat) -> str:
    """What the board tells of itself, in one line: `âm lượng 85 % · 61 °C · sóng di động 67 %`."""
    said = [f"đầu ra {beat.output}", f"bộ nhớ còn {say_number(beat.disk_free_bytes // 1024**2)} MB"]
    if beat.volume_percent is not None:
        said.append(f"âm lượng {beat.volume_percent} %")
    if beat.gain_db:
        said.append(f"chỉnh {say_number(beat.gain_db)} dB")
    if beat.temperature_c is not None:
        said.append(f"{beat.temperature_c} °C")
    if beat.under_voltage is not None:
        said.append("điện yếu" if beat.under_voltage else "điện đủ")
    if beat.signal is not None:
        said.append(f"{told(_NETWORKS[beat.signal])} {beat.signal_percent} %")
    if beat.memory_free_bytes is not None:
        said.append(f"RAM còn {say_number(beat.memory_free_bytes // 1024**2)} MB")
    if beat.processor_percent is not None:
        said.append(f"bộ xử lý {beat.processor_percent} %")
    if beat.data is not None:
        said.append(f"tháng này dùng {say_number(beat.data.total // 1_000_000)} MB dữ liệu")
    return " · ".join(told(one) for one in [*said, *_say_clock(beat), f"phiên bản {beat.version}"])


def _say_clock(beat: Heartbeat) -> Iterator[str]:
    if beat.clock_error_ms is not None:
        offset, error = say_number(round(beat.clock_offset_ms or 0)), say_number(round(beat.clock_error_ms))
        yield f"đồng hồ lệch {offset} ms, sai số {error} ms"
    if beat.clock_age_ms is not None:
        yield f"hỏi giờ {say_length(timedelta(milliseconds=beat.clock_age_ms))} trước"
    if beat.uptime_s is not None:
        yield f"bật máy {say_length(timedelta(seconds=beat.uptime_s))}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Check:
    """One thing that a pole is asked about, and its answer in words; `is_well` is none when it cannot be known."""

    name: str
    is_well: bool | None
    said: str


def checks_of(heard: NodePresence, node: Node, keys_version: int) -> list[Check]:
    """A pole's own account of itself, taken from its last sign of life: what a technician would look at."""
    beat = heard.heartbeat
    if heard.state is PresenceState.OFFLINE or beat is None:
        return [Check("Kết nối", is_well=False, said="Không nghe thấy cụm loa. Kiểm tra điện và mạng tại cột.")]
    clock = beat.clock_trusted and beat.clock_offset_ms is not None
    power = None if beat.under_voltage is None else not beat.under_voltage
    heat = None if beat.temperature_c is None else beat.temperature_c < HOT_C
    return [
        Check("Kết nối", heard.state is PresenceState.ONLINE, PRESENCE[heard.state]),
        Check("Đầu ra âm thanh", not beat.output_error, beat.output_error or beat.output),
        Check(
            "Âm lượng",
            None if beat.volume_percent is None else beat.volume_percent > 0,
            "Hộp loa không cho biết" if beat.volume_percent is None else f"{beat.volume_percent} %",
        ),
        Check("Đồng hồ", clock, "đáng tin" if clock else "chưa đồng bộ, chỉ phát tin khẩn cấp"),
        Check(
            "Bộ nhớ", not beat.disk_error, beat.disk_error or f"còn {say_number(beat.disk_free_bytes // 1024**2)} MB"
        ),
        Check("Nguồn điện", power, {None: "Hộp loa không cho biết", True: "đủ", False: "yếu"}[power]),
        Check("Nhiệt độ", heat, "Hộp loa không cho biết" if heat is None else f"{beat.temperature_c} °C"),
        Check(
            "Khóa của xã", node.keys_version >= keys_version, "mới nhất" if node.keys_version >= keys_version else "cũ"
        ),
        Check("Báo cáo chờ gửi", beat.outbox < _MANY_REPORTS, say_number(beat.outbox)),
    ]
