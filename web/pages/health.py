"""How the server is: its parts, its disk, its poles, its backups."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.audit import record
from broadcast.nodes import paired_nodes
from broadcast.permissions import Action
from broadcast.server_clock import ClockState, ServerClock, keep_seen
from players.child import ChildPhase
from players.presence import PresenceState
from web.deps import Door, allowed
from web.poles import Check
from web.settings import DATABASE_FILE
from web.station import Station
from web.templating import Page
from web.words import say_datetime, say_number

router = APIRouter(include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_USERS))]
DISK_LOW_BYTES = 500_000_000
_PROCESSES = {
    "mosquitto": "Bộ chuyển tin tới cụm loa (Mosquitto)",
    "renderer": "Bộ tạo âm thanh bản tin",
    "emergency-renderer": "Bộ tạo âm thanh tin khẩn cấp",
}
_PHASES = {ChildPhase.RUNNING: "đang chạy", ChildPhase.PAUSING: "vừa dừng, sắp chạy lại"}


@dataclass(frozen=True, kw_only=True)
class HealthPage(Page):
    """What was looked at, each with its answer."""

    template: ClassVar[str] = "health.html"
    checks: Sequence[Check]
    version: str
    clock: ServerClock


@router.get("/suc-khoe")
def show_health(door: Administrator) -> Response:
    """The page."""
    station = door.station
    with door.read() as session:
        slugs = [node.slug for node in paired_nodes(session)]
    online = sum(station.heard_of(slug).state is PresenceState.ONLINE for slug in slugs)
    checks = [
        Check("Đường tới các cụm loa", station.is_connected, "thông" if station.is_connected else "đứt"),
        Check("Cụm loa đang kết nối", online == len(slugs), f"{online} trên {len(slugs)}"),
        *_processes(station),
        *_disk(station),
        _backup(door),
        _clock(door),
        Check("Trang đang mở", is_well=True, said=say_number(station.live.clients)),
    ]
    return door.show(HealthPage(checks=checks, version=version("loalang"), clock=station.clock))


@router.post("/suc-khoe/dong-ho")
def confirm_clock(door: Administrator) -> Response:
    """The machine's clock is right, whatever was seen before."""
    clock = door.station.clock
    at, seen = clock.system_at, clock.seen_at
    with door.work() as session:
        keep_seen(session, at)
        record(session, at, door.user.username, "confirm-clock", "", {"seen": seen.isoformat() if seen else None})
    clock.know(at)
    door.station.nudge()
    return door.go("/suc-khoe", "da-xac-nhan-gio")


def _clock(door: Door) -> Check:
    clock = door.station.clock
    said = f"đang chỉ {say_datetime(clock.system_at, door.zone)}"
    return Check("Đồng hồ máy chủ", clock.state is ClockState.SOUND, said)


def _processes(station: Station) -> list[Check]:
    names = {state.name: _PROCESSES.get(state.name, f"Tiến trình {state.name}") for state in station.processes}
    return [
        Check(names[state.name], state.phase is ChildPhase.RUNNING, _PHASES.get(state.phase, "không chạy"))
        for state in station.processes
    ]


def _disk(station: Station) -> list[Check]:
    folder = station.settings.data_dir
    free, database = shutil.disk_usage(folder).free, (folder / DATABASE_FILE).stat().st_size
    return [
        Check("Ổ đĩa còn trống", free > DISK_LOW_BYTES, f"{say_number(free // 1_000_000)} MB"),
        Check("Cơ sở dữ liệu", is_well=True, said=f"{say_number(round(database / 1_000_000, 1))} MB"),
    ]


def _backup(door: Door) -> Check:
    kept = door.station.backups.list()
    said = f"lúc {say_datetime(kept[0].made_at, door.zone)}" if kept else "chưa có bản nào làm từ trang này"
    return Check("Bản sao lưu mới nhất", bool(kept) or None, said)
