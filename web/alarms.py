"""What is wrong right now, in words a commune officer can act on. `broadcast.alarms` makes alarms of it that stay."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from broadcast.alarm_poles import Pole, look_at_pole
from broadcast.alarm_rules import Fact, Key, Look
from broadcast.cap.raising import messages_in
from broadcast.communes import get_commune, local_zone
from broadcast.lifecycle import COMING
from broadcast.models import (
    AlarmKind,
    Broadcast,
    BroadcastPart,
    BroadcastState,
    CapState,
    Clip,
    Delivery,
    DeliveryState,
    NoticeChannel,
    Rendering,
    RenderingState,
)
from broadcast.morning import say_silent
from broadcast.morning_checks import result_of_this_morning
from broadcast.notify import failing_channels
from broadcast.readiness import Verdict, latest_drill, readiness_of_poles
from broadcast.relay_source import TROUBLE_TEXTS
from broadcast.relay_source import Trouble as RelayTrouble
from broadcast.relays import recent_failures
from broadcast.second_person import all_waiting
from broadcast.server_clock import ClockState, ServerClock
from broadcast.sources_kept import list_sources
from broadcast.views import NodeRow, broadcast_rows, deliveries_of_each, missed, node_rows
from players.broker_watch import BrokerWatch, DoorEvent
from players.child import ChildPhase, ChildState
from players.hub import Refusal
from scheduler.runner import Trouble
from tts.render_job import Ready
from web.words import say_clock, say_datetime, say_number

if TYPE_CHECKING:
    from web.station import Station

MISSED_SHOWN_FOR = timedelta(hours=12)
REFUSED_SHOWN_FOR = timedelta(minutes=10)
DISK_TROUBLE_BYTES, DISK_WELL_BYTES = 500 * 1024 * 1024, 600 * 1024 * 1024
BEHIND_AFTER, IN_TIME_AFTER = timedelta(minutes=5), timedelta(minutes=2)
DRILL_HOLDS_FOR = timedelta(hours=48)
NAMES_AT_MOST = 5
_SAID_AT_MOST = 200
CAP_LOST_AFTER = timedelta(minutes=10)
_AT_THE_DOOR = {
    DoorEvent.REFUSED: "bị từ chối vì sai tên, sai mật khẩu hoặc đã thu hồi quyền",
    DoorEvent.FULL: "bị từ chối vì quá nhiều kết nối",
    DoorEvent.NOISE: "gửi dữ liệu không đúng giao thức",
    DoorEvent.OVERSIZE: "gửi gói tin quá lớn",
}
"""A client that took over its own connection is none: only two that do so all the time are, see `doubles`."""
_ENGINES = {"espeak": "espeak-ng"}
_LAST_CLIP = select(Clip).order_by(col(Clip.created_at).desc()).limit(1)
_PROCESS_NAMES = {
    "mosquitto": "Máy trung chuyển tin (Mosquitto)",
    "renderer": "Bộ tạo âm thanh",
    "emergency-renderer": "Bộ tạo âm thanh khẩn cấp",
}
_CHANNELS = {NoticeChannel.WEBHOOK: "webhook", NoticeChannel.MAIL: "thư điện tử"}


class Surroundings:
    """What can be seen from the station."""

    station: "Station"

    def __init__(self) -> None:
        self._listening_since: datetime | None = None

    def look(self, session: Session, open_keys: Collection[Key], now: datetime) -> Look:
        """Everything that is wrong. Poles are judged only while we hear them: without a broker all are silent."""
        station = self.station
        if not station.is_connected:
            self._listening_since = None
        elif self._listening_since is None:
            self._listening_since = now
        looks = [self._look_at_node(row, open_keys, now) for row in node_rows(session) if _is_ours(row)]
        facts = [fact for look in looks for fact in look.facts]
        facts += [*_of_processes(station.processes), *_of_wire(station), *_of_steps(station.runner.troubles)]
        facts += _of_documents(station.playout.broken)
        facts += _of_clock(station.clock, local_zone(get_commune(session)))
        facts += _of_disk(shutil.disk_usage(station.settings.data_dir).free, open_keys)
        facts += _of_refusals(station.hub.refusals, now)
        if station.broker.watch is not None:
            facts += _of_door(station.broker.watch, now)
        facts += [*_of_voice(session, station.renderers.loaded), *_of_renderer(session, open_keys, now)]
        facts += [*_of_missed(session, now), *_of_silent(session, now), *_of_notices(session)]
        facts += self._of_morning(session, now)
        facts += _of_held_presses(session, now)
        facts += [*_of_relays(session, now), *_of_cap_messages(session, now), *_of_cap_sources(session, now)]
        facts += _of_readiness(session, station.settings.readiness.limit_ms, now)
        return Look(tuple(facts), frozenset().union(*(look.unknown for look in looks)))

    def voice_trouble(self) -> str:
        """Why the commune's voice cannot speak now; empty when it can. In a worker thread."""
        renderers = self.station.renderers
        if any(state.phase is not ChildPhase.RUNNING for state in renderers.states):
            return "bộ tạo âm thanh không chạy."
        if renderers.loaded is None:
            return "bộ tạo âm thanh đang khởi động."
        return renderers.loaded.fallback_reason or ""

    def _of_morning(self, session: Session, now: datetime) -> Iterator[Fact]:
        notify, zone = self.station.settings.notify, local_zone(get_commune(session))
        result = result_of_this_morning(session, notify.morning_at, notify.morning_until, now)
        if result is not None and result.silent:
            on = result.checked_at.astimezone(zone).date()
            title = f"Sáng nay sẽ không phát: {say_silent(result, zone)}"
            yield Fact(
                AlarmKind.MORNING, on.isoformat(), title, "Xem trang Kiểm tra sáng để biết vì sao và phải làm gì."
            )

    def _look_at_node(self, row: NodeRow, open_keys: Collection[Key], now: datetime) -> Look:
        heard = self.station.heard_of(row.slug)
        began = self._listening_since or now
        pole = Pole(
            slug=row.slug,
            name=row.name,
            zones=row.zone_slugs,
            state=heard.state,
            silent_since=max(heard.last_seen_at or began, began, row.paired_at or began),
            beat=heard.heartbeat,
        )
        return look_at_pole(pole, {kind for kind, subject in open_keys if subject == row.slug}, now)


def _is_ours(row: NodeRow) -> bool:
    return row.is_paired and not row.is_revoked


def _of_relays(session: Session, now: datetime) -> Iterator[Fact]:
    for relay in recent_failures(session, now):
        title = f"Tiếp âm {relay.name} không được: {TROUBLE_TEXTS[RelayTrouble(relay.failure or RelayTrouble.ENDED)]}"
        detail = "Cụm loa đã làm như chọn trong chương trình. Hãy mở thử địa chỉ của đài."
        yield Fact(AlarmKind.RELAY_FAILED, f"{relay.broadcast_id}/{relay.position}", title, detail)


def _of_readiness(session: Session, limit_ms: int, now: datetime) -> Iterator[Fact]:
    """Poles that failed in the last silent drill, until they do not in a later one."""
    drill = latest_drill(session)
    if drill is None or drill.done_at is None or now - drill.done_at >= DRILL_HOLDS_FOR:
        return
    todo = "Xem trang Sẵn sàng. Kiểm tra điện, mạng và thiết bị âm thanh của cụm loa rồi diễn tập lại."
    if drill.error is not None:
        yield Fact(AlarmKind.POLE_UNREADY, "", f"Diễn tập im lặng không chạy được: {drill.error}", todo)
        return
    for pole in readiness_of_poles(session, limit_ms, last=1):
        match pole.verdict:
            case Verdict.SILENT:
                text, is_bad = "không trả lời diễn tập im lặng", True
            case Verdict.FAILED:
                text, is_bad = f"không phát được trong diễn tập im lặng: {pole.error}", True
            case Verdict.SLOW:
                text, is_bad = f"sẵn sàng chậm: {say_number(pole.last_ms or 0)} ms", False
            case _:
                continue
        yield Fact(AlarmKind.POLE_UNREADY, pole.slug, f"{pole.name}: {text}", todo, is_bad, pole.zone_slugs)


def _of_held_presses(session: Session, now: datetime) -> Iterator[Fact]:
    zone = local_zone(get_commune(session))
    for held, presser in all_waiting(session, now):
        title = f"Tin khẩn cấp chờ người thứ hai xác nhận: {held.said[:_SAID_AT_MOST]}"
        detail = f"{presser.name} đã bấm. Mở trang Khẩn cấp để quyết định trước {say_clock(held.until, zone)}."
        yield Fact(AlarmKind.PRESS_WAITING, held.id, title, detail, zones=tuple(held.zones))


def _of_cap_messages(session: Session, now: datetime) -> Iterator[Fact]:
    for message, source in messages_in(session, [CapState.WAITING]):
        if message.expires_at is None or message.expires_at > now:
            title = f"Cảnh báo từ {source.name} chờ quyết định: {message.title}"
            yield Fact(
                AlarmKind.CAP_WAITING, str(message.id), title, "Mở trang Khẩn cấp, xem tin rồi phát hoặc bỏ qua."
            )


def _of_cap_sources(session: Session, now: datetime) -> Iterator[Fact]:
    for source in list_sources(session):
        unread_since = source.answered_at or source.asked_at
        is_lost = source.error and unread_since is not None and now - unread_since > CAP_LOST_AFTER
        if source.is_active and source.kind.is_cap and is_lost:
            title = f"Không đọc được nguồn cảnh báo {source.name}"
            yield Fact(AlarmKind.CAP_SOURCE, source.slug, title, source.error or "", is_bad=False)


def _of_processes(states: Iterable[ChildState]) -> Iterator[Fact]:
    for state in states:
        if state.phase is not ChildPhase.RUNNING:
            name = _PROCESS_NAMES.get(state.name, state.name)
            again = "sẽ tự khởi động lại" if state.phase is ChildPhase.PAUSING else "không chạy"
            last_line = state.last_lines[-1] if state.last_lines else ""
            yield Fact(AlarmKind.SERVER_PROCESS, state.name, f"{name} đã dừng, {again}", last_line)


def _of_wire(station: "Station") -> Iterator[Fact]:
    if not station.is_connected:
        title = "Máy chủ chưa nối được với các cụm loa"
        yield Fact(AlarmKind.BROKER_LOST, "", title, "Cụm loa vẫn tự phát theo lịch đã nhận.")


def _of_disk(free_bytes: int, open_keys: Collection[Key]) -> Iterator[Fact]:
    key = (AlarmKind.SERVER_DISK, "")
    if free_bytes < (DISK_WELL_BYTES if key in open_keys else DISK_TROUBLE_BYTES):
        left = f"Còn {say_number(free_bytes // (1024 * 1024))} MB."
        detail = f"{left} Khi đầy, không lưu được bản tin và kết quả phát."
        yield Fact(*key, "Ổ đĩa của máy chủ sắp đầy", detail)


def _of_clock(clock: ServerClock, zone: ZoneInfo) -> Iterator[Fact]:
    if clock.state is ClockState.SOUND:
        return
    title = f"Đồng hồ máy chủ sai: đang chỉ {say_datetime(clock.system_at, zone)}"
    if clock.state is ClockState.BY_POLES:
        detail = "Máy chủ tạm đi theo giờ của các cụm loa. Hãy chỉnh lại ngày giờ của máy chủ."
    else:
        detail = "Lịch mới phải chờ. Hãy chỉnh lại, hoặc xác nhận giờ đó đúng ở trang Tình trạng máy chủ."
    yield Fact(AlarmKind.SERVER_CLOCK, "", title, detail)


def _of_door(watch: BrokerWatch, now: datetime) -> Iterator[Fact]:
    """Strangers at the broker, and boxes that throw each other out. What they are called is theirs: never markup."""
    for node in watch.doubles(now):
        title = f"Hai thiết bị cùng dùng danh tính của cụm loa {node}"
        yield Fact(AlarmKind.POLE_DOUBLE, node[:100], title, "Hãy thu hồi quyền rồi ghép lại cụm loa thật.")
    for note in watch.notes(now):
        if note.event in _AT_THE_DOOR:
            title = f"{say_number(note.count)} lần trong phút qua có thiết bị {_AT_THE_DOOR[note.event]}"
            yield Fact(AlarmKind.BROKER_DOOR, note.event, title, _some(note.clients), is_bad=False)


def _of_refusals(refusals: Iterable[Refusal], now: datetime) -> Iterator[Fact]:
    recent = [refusal for refusal in refusals if now - refusal.at < REFUSED_SHOWN_FOR]
    if recent:
        last = recent[-1]
        names = _some(dict.fromkeys(one.node for one in recent))
        title = f"Đã từ chối {say_number(len(recent))} gói tin không hợp lệ từ {names}"
        yield Fact(AlarmKind.WIRE_REFUSED, "", title, f"{last.kind}: {last.why}", is_bad=False)


def _of_steps(troubles: Iterable[Trouble]) -> Iterator[Fact]:
    for trouble in troubles:
        title = f"Một bước của máy chủ gặp lỗi: {trouble.step}"
        yield Fact(AlarmKind.SERVER_STEP, trouble.step, title, trouble.error)


def _of_documents(broken: Mapping[str, str]) -> Iterator[Fact]:
    for name, why in broken.items():
        title = f"Không gửi được lịch hoặc cấu hình cho cụm loa: {name}"
        yield Fact(AlarmKind.SERVER_STEP, name, title, f"Cụm loa giữ bản cũ. {why}")


def _some(names: Iterable[str]) -> str:
    """The names, not too many of them."""
    names = list(names)
    return ", ".join(names[:NAMES_AT_MOST]) + (", …" if len(names) > NAMES_AT_MOST else "")


def _of_voice(session: Session, loaded: Ready | None) -> Iterator[Fact]:
    """Another voice than the chosen one is loaded for emergencies, speaks in what is to come, or has spoken last."""
    if loaded is not None and loaded.fallback_reason:
        engine, reason = loaded.engine or "", loaded.fallback_reason
    else:
        coming = (
            select(Clip)
            .join(Rendering, col(Rendering.clip_sha256) == col(Clip.sha256))
            .join(BroadcastPart, col(BroadcastPart.rendering_key) == col(Rendering.key))
            .join(Broadcast, col(Broadcast.id) == col(BroadcastPart.broadcast_id))
            .where(col(Broadcast.state).in_(COMING), col(Clip.fallback_reason).is_not(None))
        )
        clip = session.exec(coming.limit(1)).first() or session.exec(_LAST_CLIP).first()
        if clip is None or not clip.fallback_reason:
            return
        engine, reason = clip.engine, clip.fallback_reason
    title = f"Giọng đọc dự phòng {_ENGINES.get(engine, engine)} đang được dùng" if engine else "Không có giọng đọc nào"
    yield Fact(AlarmKind.VOICE_FALLBACK, "", title, reason, is_bad=False)


def _of_renderer(session: Session, open_keys: Collection[Key], now: datetime) -> Iterator[Fact]:
    key = (AlarmKind.RENDERER_BEHIND, "")
    limit = IN_TIME_AFTER if key in open_keys else BEHIND_AFTER
    is_late = (Rendering.state == RenderingState.WANTED, col(Rendering.wanted_at) <= now - limit)
    count = session.exec(select(func.count()).select_from(Rendering).where(*is_late)).one()
    if count:
        title = f"Tạo âm thanh bị chậm: {say_number(count)} nội dung đã chờ quá {limit.seconds // 60} phút"
        yield Fact(*key, title, "Lượt phát sắp tới có thể không kịp. Xem trang Giọng đọc và máy chủ.")


def _of_missed(session: Session, now: datetime) -> Iterator[Fact]:
    for row in missed(session, now - MISSED_SHOWN_FOR):
        title = f"Không phát được: {row.title}"
        yield Fact(AlarmKind.BROADCAST_MISSED, row.id, title, row.why, zones=row.zone_slugs)


def _of_silent(session: Session, now: datetime) -> Iterator[Fact]:
    """Broadcasts of which some poles have not said whether they sounded them."""
    query = select(Broadcast).join(Delivery).where(Delivery.state == DeliveryState.SILENT)
    recent = query.where(col(Broadcast.ended_at) >= now - MISSED_SHOWN_FOR, Broadcast.state != BroadcastState.MISSED)
    rows = broadcast_rows(session, session.exec(recent.distinct()))
    others = set(DeliveryState) - {DeliveryState.SILENT}
    poles = deliveries_of_each(session, [row.id for row in rows], others) if rows else {}
    for row in rows:
        names = [pole.node_name for pole in poles.get(row.id, ())]
        title = f"{len(names)} cụm loa chưa báo về: {row.title}"
        yield Fact(AlarmKind.DELIVERY_SILENT, row.id, title, _some(names), is_bad=False, zones=row.zone_slugs)


def _of_notices(session: Session) -> Iterator[Fact]:
    for channel, why in failing_channels(session).items():
        title = f"Không gửi được cảnh báo qua {_CHANNELS[channel]}"
        yield Fact(AlarmKind.NOTIFY_FAILED, channel, title, why, is_bad=False)
