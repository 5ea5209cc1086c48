"""What is wrong right now, in words a commune officer can act on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from broadcast.models import BroadcastState, Clip
from broadcast.views import NodeRow, ended, node_rows
from players.child import ChildPhase, ChildState
from players.presence import PresenceState
from scheduler.runner import Trouble

if TYPE_CHECKING:
    from web.station import Station

MISSED_SHOWN_FOR = timedelta(hours=12)
NAMES_AT_MOST = 5
_ENGINES = {"espeak": "espeak-ng"}
_PROCESS_NAMES = {
    "mosquitto": "Máy trung chuyển tin (Mosquitto)",
    "renderer": "Bộ tạo âm thanh",
    "emergency-renderer": "Bộ tạo âm thanh khẩn cấp",
}


@dataclass(frozen=True)
class Alarm:
    """Something is wrong. `tone` is `bad` or `warn`."""

    tone: str
    title: str
    detail: str = ""


def alarms_of(station: "Station", session: Session, now: datetime) -> list[Alarm]:
    """Everything that is wrong, the worst first."""
    found = [*_of_processes(station.processes), *_of_wire(station), *_of_steps(station.runner.troubles)]
    found += [*_of_nodes(station, node_rows(session)), *_of_voice(session), *_of_missed(session, now)]
    return sorted(found, key=lambda alarm: alarm.tone != "bad")


def _of_processes(states: Iterable[ChildState]) -> Iterator[Alarm]:
    for state in states:
        if state.phase is not ChildPhase.RUNNING:
            name = _PROCESS_NAMES.get(state.name, state.name)
            again = "sẽ tự khởi động lại" if state.phase is ChildPhase.PAUSING else "không chạy"
            yield Alarm("bad", f"{name} đã dừng, {again}", state.last_lines[-1] if state.last_lines else "")


def _of_wire(station: "Station") -> Iterator[Alarm]:
    if not station.is_connected:
        yield Alarm("bad", "Máy chủ chưa nối được với các cụm loa", "Cụm loa vẫn tự phát theo lịch đã nhận.")


def _of_steps(troubles: Iterable[Trouble]) -> Iterator[Alarm]:
    for trouble in troubles:
        yield Alarm("bad", f"Một bước của máy chủ gặp lỗi: {trouble.step}", trouble.error)


def _of_nodes(station: "Station", rows: Iterable[NodeRow]) -> Iterator[Alarm]:
    trusted = [row for row in rows if row.is_paired and not row.is_revoked]
    gone = [row.name for row in trusted if station.heard_of(row.slug).state is PresenceState.OFFLINE]
    if gone:
        named = ", ".join(gone[:NAMES_AT_MOST]) + (", …" if len(gone) > NAMES_AT_MOST else "")
        yield Alarm("bad", f"{len(gone)} cụm loa mất kết nối", named)


def _of_voice(session: Session) -> Iterator[Alarm]:
    last = session.exec(select(Clip).order_by(col(Clip.created_at).desc()).limit(1)).first()
    if last is not None and last.fallback_reason:
        yield Alarm(
            "warn", f"Giọng đọc dự phòng {_ENGINES.get(last.engine, last.engine)} đang được dùng", last.fallback_reason
        )


def _of_missed(session: Session, now: datetime) -> Iterator[Alarm]:
    for row in ended(session, now - MISSED_SHOWN_FOR):
        if row.state is BroadcastState.MISSED:
            yield Alarm("warn", f"Không phát được: {row.title}", row.why)
