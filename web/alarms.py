"""What is wrong right now, in words a commune officer can act on."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from broadcast.models import Clip
from broadcast.views import NodeRow, missed
from players.broker_watch import BrokerWatch, DoorEvent
from players.child import ChildPhase, ChildState
from players.hub import Refusal
from players.presence import PresenceState
from scheduler.runner import Trouble
from web.words import say_number

if TYPE_CHECKING:
    from web.station import Station

MISSED_SHOWN_FOR = timedelta(hours=12)
REFUSED_SHOWN_FOR = timedelta(minutes=10)
DISK_TROUBLE_BYTES = 500 * 1024 * 1024
NAMES_AT_MOST = 5
_AT_THE_DOOR = {
    DoorEvent.REFUSED: "bị từ chối vì sai tên, sai mật khẩu hoặc đã thu hồi quyền",
    DoorEvent.FULL: "bị từ chối vì quá nhiều kết nối",
    DoorEvent.NOISE: "gửi dữ liệu không đúng giao thức",
    DoorEvent.OVERSIZE: "gửi gói tin quá lớn",
}
"""A client that took over its own connection is none: only two that do so all the time are, see `doubles`."""
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


def alarms_of(station: "Station", session: Session, nodes: Iterable[NodeRow], now: datetime) -> list[Alarm]:
    """Everything that is wrong, the worst first. `nodes` are the poles that are not revoked."""
    found = [*_of_processes(station.processes), *_of_wire(station), *_of_steps(station.runner.troubles)]
    found += [*_of_disk(shutil.disk_usage(station.settings.data_dir).free), *_of_refusals(station.hub.refusals, now)]
    if station.broker.watch is not None:
        found += _of_door(station.broker.watch, now)
    found += [*_of_nodes(station, nodes), *_of_voice(session), *_of_missed(session, now)]
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


def _of_disk(free_bytes: int) -> Iterator[Alarm]:
    if free_bytes < DISK_TROUBLE_BYTES:
        left = f"Còn {say_number(free_bytes // (1024 * 1024))} MB."
        yield Alarm("bad", "Ổ đĩa của máy chủ sắp đầy", f"{left} Khi đầy, không lưu được bản tin và kết quả phát.")


def _of_door(watch: BrokerWatch, now: datetime) -> Iterator[Alarm]:
    """Strangers at the broker, and boxes that throw each other out. What they are called is theirs: never markup."""
    for node in watch.doubles(now):
        yield Alarm(
            "bad",
            f"Hai thiết bị cùng dùng danh tính của cụm loa {node}",
            "Hãy thu hồi quyền rồi ghép lại cụm loa thật.",
        )
    for note in watch.notes(now):
        if note.event in _AT_THE_DOOR:
            yield Alarm(
                "warn",
                f"{say_number(note.count)} lần trong phút qua có thiết bị {_AT_THE_DOOR[note.event]}",
                _some(note.clients),
            )


def _of_refusals(refusals: Iterable[Refusal], now: datetime) -> Iterator[Alarm]:
    recent = [refusal for refusal in refusals if now - refusal.at < REFUSED_SHOWN_FOR]
    if recent:
        last = recent[-1]
        yield Alarm(
            "warn",
            f"Đã từ chối {say_number(len(recent))} gói tin không hợp lệ từ {_some({one.node for one in recent})}",
            f"{last.kind}: {last.why}",
        )


def _of_steps(troubles: Iterable[Trouble]) -> Iterator[Alarm]:
    for trouble in troubles:
        yield Alarm("bad", f"Một bước của máy chủ gặp lỗi: {trouble.step}", trouble.error)


def _of_nodes(station: "Station", rows: Iterable[NodeRow]) -> Iterator[Alarm]:
    gone = [row.name for row in rows if row.is_paired and station.heard_of(row.slug).state is PresenceState.OFFLINE]
    if gone:
        yield Alarm("bad", f"{len(gone)} cụm loa mất kết nối", _some(gone))


def _some(names: Iterable[str]) -> str:
    """The names, not too many of them."""
    names = list(names)
    return ", ".join(names[:NAMES_AT_MOST]) + (", …" if len(names) > NAMES_AT_MOST else "")


def _of_voice(session: Session) -> Iterator[Alarm]:
    last = session.exec(select(Clip).order_by(col(Clip.created_at).desc()).limit(1)).first()
    if last is not None and last.fallback_reason:
        yield Alarm(
            "warn", f"Giọng đọc dự phòng {_ENGINES.get(last.engine, last.engine)} đang được dùng", last.fallback_reason
        )


def _of_missed(session: Session, now: datetime) -> Iterator[Alarm]:
    for row in missed(session, now - MISSED_SHOWN_FOR):
        yield Alarm("warn", f"Không phát được: {row.title}", row.why)
