"""The allowed moves of bulletins, broadcasts and deliveries, and every reason why something did not sound."""

from collections.abc import Mapping
from enum import StrEnum
from typing import overload

from broadcast.errors import Conflict
from broadcast.models import Broadcast, BroadcastState, Bulletin, BulletinState, Delivery, DeliveryState
from players.messages import Reason

_B, _X, _D = BulletinState, BroadcastState, DeliveryState

BULLETIN_MOVES: Mapping[BulletinState, frozenset[BulletinState]] = {
    _B.DRAFT: frozenset({_B.SUBMITTED, _B.WITHDRAWN}),
    _B.SUBMITTED: frozenset({_B.APPROVED, _B.RETURNED, _B.WITHDRAWN}),
    _B.RETURNED: frozenset({_B.DRAFT, _B.SUBMITTED, _B.WITHDRAWN}),
    # An approved text that is changed must be approved again.
    _B.APPROVED: frozenset({_B.SUBMITTED, _B.WITHDRAWN}),
    _B.WITHDRAWN: frozenset(),
}

BROADCAST_MOVES: Mapping[BroadcastState, frozenset[BroadcastState]] = {
    _X.PLANNED: frozenset({_X.CUED, _X.ON_AIR, _X.MISSED, _X.CANCELLED}),
    # Back to planned: what was ready no longer is, because its parts or the commune's hours have changed.
    _X.CUED: frozenset({_X.PLANNED, _X.ON_AIR, _X.MISSED, _X.CANCELLED}),
    _X.ON_AIR: frozenset({_X.AIRED, _X.CUT, _X.MISSED}),
    # Nobody reported in time; a pole that was out of reach then says that it did play.
    # On the air: it had waited for its turn at a pole that was out of reach.
    # Back to planned: the clock jumped over its instant and is back (`broadcast.jumped_over`).
    _X.MISSED: frozenset({_X.ON_AIR, _X.AIRED, _X.CUT, _X.PLANNED}),
    _X.AIRED: frozenset(),
    # Concluded while a pole was out of reach, which then says that it played whole. What a person stopped stays cut.
    _X.CUT: frozenset({_X.AIRED}),
    _X.CANCELLED: frozenset(),
}

_NOT_WHOLE = frozenset({_D.CUT, _D.FAILED, _D.MISSED})
_ENDED_BY_NODE = frozenset({_D.PLAYED}) | _NOT_WHOLE
DELIVERY_MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _D.PENDING: frozenset({_D.CUED, _D.PLAYING, _D.CANCELLED, _D.SILENT}) | _ENDED_BY_NODE,
    _D.CUED: frozenset({_D.PLAYING, _D.CANCELLED, _D.SILENT}) | _ENDED_BY_NODE,
    _D.PLAYING: frozenset({_D.SILENT}) | _ENDED_BY_NODE,
    _D.PLAYED: frozenset({_D.HEARD}),
    _D.HEARD: frozenset(),
    _D.CUT: frozenset(),
    _D.FAILED: frozenset(),
    # The three that the server concludes by itself yield to the node's own word.
    _D.SILENT: frozenset({_D.PLAYING}) | _ENDED_BY_NODE,
    _D.MISSED: frozenset({_D.PLAYED, _D.CUT, _D.FAILED}),
    _D.CANCELLED: frozenset({_D.PLAYED, _D.CUT, _D.FAILED}),
}

OPEN_DELIVERIES = frozenset({_D.PENDING, _D.CUED, _D.PLAYING})
"""Something may still come of these."""
COMING = frozenset({_X.PLANNED, _X.CUED})
"""Broadcasts that have not begun."""


class WhyNot(StrEnum):
    """Why a broadcast, or its delivery at one node, did not sound whole: the server's reasons beside the node's."""

    RENDERING_FAILED = "rendering-failed"
    CLIP_NOT_READY = "clip-not-ready"
    NOTHING_TO_AIR = "nothing-to-air"
    QUIET_HOURS = "quiet-hours"
    SERVER_OFF = "server-off"
    NOT_SENT = "not-sent"
    NO_NODES = "no-nodes"
    NODE_NOT_PAIRED = "node-not-paired"
    NODE_GONE = "node-gone"
    NODES_SILENT = "nodes-silent"
    NO_NODE_PLAYED = "no-node-played"
    STOPPED_BY_USER = "stopped-by-user"
    CANCELLED_BY_USER = "cancelled-by-user"
    BULLETIN_WITHDRAWN = "bulletin-withdrawn"
    BULLETIN_EDITED = "bulletin-edited"
    TIMETABLE_CHANGED = "timetable-changed"
    MOURNING_DAY = "mourning-day"
    HOLIDAY = "holiday"
    DAY_OFF = "day-off"
    SESSION_TOO_LONG = "session-too-long"
    TOO_MANY_SESSIONS = "too-many-sessions"
    DAY_FULL = "day-full"


# Quiet hours are said once: the server refuses by the same code as a pole.
_WHY_TEXTS: Mapping[WhyNot | Reason, str] = {
    WhyNot.RENDERING_FAILED: "Không tạo được âm thanh cho bản tin.",
    WhyNot.CLIP_NOT_READY: "Đến giờ phát mà âm thanh chưa tạo xong.",
    WhyNot.NOTHING_TO_AIR: "Chương trình không có bản tin đã duyệt nào cho hôm đó.",
    WhyNot.QUIET_HOURS: "Ngoài giờ được phép phát của xã hoặc của thôn (giờ yên tĩnh).",
    WhyNot.SERVER_OFF: "Máy chủ tắt vào giờ phát.",
    WhyNot.NOT_SENT: "Lệnh phát không gửi được tới các cụm loa trước khi hết hạn.",
    WhyNot.NO_NODES: "Khu vực chưa có cụm loa nào.",
    WhyNot.NODE_NOT_PAIRED: "Cụm loa chưa được ghép với máy chủ.",
    WhyNot.NODE_GONE: "Cụm loa không còn thuộc khu vực này.",
    WhyNot.NODES_SILENT: "Không cụm loa nào báo về; sẽ cập nhật khi có báo cáo.",
    WhyNot.NO_NODE_PLAYED: "Không cụm loa nào phát được.",
    WhyNot.STOPPED_BY_USER: "Bị dừng khi đang phát.",
    WhyNot.CANCELLED_BY_USER: "Bị hủy trước giờ phát.",
    WhyNot.BULLETIN_WITHDRAWN: "Bản tin đã được rút lại.",
    WhyNot.BULLETIN_EDITED: "Bản tin đã được sửa và phải duyệt lại.",
    WhyNot.TIMETABLE_CHANGED: "Lịch phát đã thay đổi.",
    WhyNot.MOURNING_DAY: "Ngày để tang: chỉ phát tin khẩn cấp.",
    WhyNot.HOLIDAY: "Chương trình nghỉ vào ngày lễ.",
    WhyNot.DAY_OFF: "Lịch phát được cho nghỉ riêng ngày này.",
    WhyNot.SESSION_TOO_LONG: "Dài hơn thời lượng cho phép của một lần phát.",
    WhyNot.TOO_MANY_SESSIONS: "Trong ngày đã đủ số lần phát cho phép ở một thôn.",
    WhyNot.DAY_FULL: "Trong ngày đã hết số phút cho phép ở một thôn.",
    Reason.STOPPED: "Được lệnh dừng.",
    Reason.PREEMPTED: "Bị lượt phát ưu tiên hơn cắt ngang.",
    Reason.TOO_LATE: "Cụm loa nhận được khi đã quá giờ phát.",
    Reason.CLOCK_DISTRUSTED: "Đồng hồ của cụm loa không tin cậy được.",
    Reason.DATA_SPARED: "Dung lượng SIM tháng này gần hết, phần còn lại để dành cho tin khẩn cấp.",
    Reason.CLIP_UNAVAILABLE: "Cụm loa không tải được âm thanh.",
    Reason.CLIP_CORRUPT: "Âm thanh tải về bị hỏng.",
    Reason.RELAY_FAILED: "Phần tiếp âm hoặc phát trực tiếp không nghe được hết.",
    Reason.STREAM_FAILED: "Luồng phát trực tiếp bị đứt.",
    Reason.OUTPUT_MISSING: "Cụm loa không có thiết bị âm thanh.",
    Reason.OUTPUT_FAILED: "Thiết bị âm thanh của cụm loa ngừng giữa chừng.",
    Reason.DISK_FULL: "Bộ nhớ của cụm loa đã đầy.",
    Reason.RESTARTED: "Cụm loa khởi động lại khi đang phát.",
    Reason.SHUT_DOWN: "Cụm loa được tắt khi đang phát.",
    Reason.WITHDRAWN: "Lượt phát đã bị hủy trước khi cụm loa phát.",
    Reason.REFUSED: "Cụm loa từ chối lệnh.",
}


_BY_PEOPLE = frozenset({WhyNot.STOPPED_BY_USER.value, WhyNot.BULLETIN_WITHDRAWN.value})


def is_taken_back(state: BroadcastState, reason: str | None) -> bool:
    """Whether people have said of a broadcast that it is not to sound, or not any more.

    One that was concluded as cut (a pole restarted) may well sound on at another.
    """
    return state is _X.CANCELLED or (state is _X.CUT and reason in _BY_PEOPLE)


def why_text(code: str | None) -> str:
    """A reason's Vietnamese text; empty for none, the code itself for one that a newer node invented."""
    if code is None:
        return ""
    return next((text for reason, text in _WHY_TEXTS.items() if reason.value == code), code)


@overload
def move(thing: Bulletin, to: BulletinState) -> None: ...
@overload
def move(thing: Broadcast, to: BroadcastState, reason: StrEnum | str | None = None) -> None: ...
@overload
def move(thing: Delivery, to: DeliveryState, reason: StrEnum | str | None = None) -> None: ...
def move(
    thing: Bulletin | Broadcast | Delivery,
    to: BulletinState | BroadcastState | DeliveryState,
    reason: StrEnum | str | None = None,
) -> None:
    """Move it to its next state, with the reason that belongs there (none clears it).

    Raises:
        Conflict: its state does not allow that move.
    """
    if not may_move(thing.state, to):
        raise Conflict("wrong-state", "Trạng thái hiện tại không cho phép việc này. Hãy tải lại trang.")
    thing.state = to
    if not isinstance(thing, Bulletin):
        thing.reason = None if reason is None else str(reason)


def may_move(
    from_: BulletinState | BroadcastState | DeliveryState, to: BulletinState | BroadcastState | DeliveryState
) -> bool:
    """Whether the tables above allow it."""
    if isinstance(from_, BulletinState):
        return isinstance(to, BulletinState) and to in BULLETIN_MOVES[from_]
    if isinstance(from_, BroadcastState):
        return isinstance(to, BroadcastState) and to in BROADCAST_MOVES[from_]
    return isinstance(to, DeliveryState) and to in DELIVERY_MOVES[from_]
