"""How the screens say states, times and numbers: in the reader's language and the commune's local time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from broadcast.models import BroadcastState, BulletinState, DeliveryState, FeedbackKind, NoticeEvent, Role
from players.messages import Urgency
from players.presence import PresenceState
from tts.spoken import SpanKind
from web.texts import Language, Words, gettext, language

SCOPE: Words[str] = Words({"read": "xem", "write": "soạn và phát", "admin": "quản trị", "*": "mọi việc"})
"""What a program's token may do."""
ROLE: Words[Role] = Words(
    {
        Role.OFFICER: "Cán bộ văn hóa",
        Role.LEADER: "Lãnh đạo duyệt",
        Role.VILLAGE_HEAD: "Trưởng thôn",
        Role.ADMINISTRATOR: "Quản trị",
    }
)
URGENCY: Words[Urgency] = Words(
    {
        Urgency.NORMAL: "Thông thường",
        Urgency.PRIORITY: "Ưu tiên",
        Urgency.EMERGENCY: "Khẩn cấp",
    }
)
BULLETIN: Words[BulletinState] = Words(
    {
        BulletinState.DRAFT: "Bản nháp",
        BulletinState.SUBMITTED: "Chờ duyệt",
        BulletinState.APPROVED: "Đã duyệt",
        BulletinState.RETURNED: "Trả lại",
        BulletinState.WITHDRAWN: "Đã rút",
    }
)
RETURN_REASONS = ("Nội dung chưa đúng.", "Sai giờ hoặc sai nơi phát.", "Hãy viết ngắn hơn.", "Chưa có căn cứ, văn bản.")
"""What leaders most often return a bulletin for: one press each."""
BROADCAST: Words[BroadcastState] = Words(
    {
        BroadcastState.PLANNED: "Đã lên lịch",
        BroadcastState.CUED: "Chuẩn bị",
        BroadcastState.ON_AIR: "Đang phát",
        BroadcastState.AIRED: "Đã phát",
        BroadcastState.CUT: "Bị cắt",
        BroadcastState.MISSED: "Không phát được",
        BroadcastState.CANCELLED: "Đã hủy",
    }
)
DELIVERY: Words[DeliveryState] = Words(
    {
        DeliveryState.PENDING: "Chờ",
        DeliveryState.CUED: "Sẵn sàng",
        DeliveryState.PLAYING: "Đang phát",
        DeliveryState.PLAYED: "Đã phát",
        DeliveryState.HEARD: "Đã nghe thấy",
        DeliveryState.CUT: "Bị cắt",
        DeliveryState.FAILED: "Lỗi",
        DeliveryState.MISSED: "Không phát",
        DeliveryState.CANCELLED: "Đã hủy",
        DeliveryState.SILENT: "Chưa báo về",
    }
)
PRESENCE: Words[PresenceState] = Words(
    {
        PresenceState.ONLINE: "Đang kết nối",
        PresenceState.LATE: "Chậm tín hiệu",
        PresenceState.OFFLINE: "Mất kết nối",
    }
)
TONE: dict[str, str] = {
    "draft": "quiet", "submitted": "wait", "approved": "good", "returned": "bad", "withdrawn": "quiet",
    "planned": "quiet", "cued": "wait", "on-air": "live", "aired": "good", "cut": "warn", "missed": "bad",
    "cancelled": "quiet", "pending": "quiet", "playing": "live", "played": "good", "heard": "good",
    "failed": "bad", "silent": "warn", "online": "good", "late": "warn", "offline": "bad",
    "normal": "quiet", "priority": "warn", "emergency": "bad",
}  # fmt: skip
"""Which of the style's tones a state is shown in, by its value."""
SPAN: Words[SpanKind] = Words({
    SpanKind.CARDINAL: "số", SpanKind.ORDINAL: "số thứ tự", SpanKind.DECIMAL: "số thập phân",
    SpanKind.DATE: "ngày tháng", SpanKind.TIME: "giờ", SpanKind.RANGE: "khoảng", SpanKind.MEASURE: "đơn vị đo",
    SpanKind.MONEY: "tiền", SpanKind.PERCENT: "phần trăm", SpanKind.FRACTION: "phân số", SpanKind.RATIO: "tỷ lệ",
    SpanKind.PHONE: "số điện thoại", SpanKind.DOCUMENT: "số văn bản", SpanKind.ROAD: "đường",
    SpanKind.PLATE: "biển số", SpanKind.ROMAN: "số La Mã", SpanKind.ABBREVIATION: "chữ viết tắt",
    SpanKind.LETTERS: "đọc từng chữ", SpanKind.CODE: "mã", SpanKind.ADDRESS: "địa chỉ",
    SpanKind.WEB: "địa chỉ mạng", SpanKind.FOREIGN: "tiếng nước ngoài", SpanKind.LEXICON: "từ điển của xã",
    SpanKind.SPELLING: "chính tả", SpanKind.SYMBOL: "ký hiệu", SpanKind.PAUSE: "ngắt nghỉ",
})  # fmt: skip
STYLE: dict[str, tuple[str, dict[str, str]]] = {
    "thousand": ("Hàng nghìn", {"nghìn": "nghìn (1.000: một nghìn)", "ngàn": "ngàn (1.000: một ngàn)"}),
    "gap": ("Hàng chục là số không", {"linh": "linh (105: một trăm linh năm)", "lẻ": "lẻ (105: một trăm lẻ năm)"}),
    "four": ("Số bốn ở cuối", {"tư": "tư (24: hai mươi tư)", "bốn": "bốn (24: hai mươi bốn)"}),
    "early_days": (
        "Ngày đầu tháng",
        {"": "không thêm gì (5/9: ngày năm tháng chín)", "mùng": "mùng (mùng năm)", "mồng": "mồng (mồng năm)"},
    ),
}
"""How numbers may be said: for each field of `tts.normalize.ReadingStyle` its legend and its choices."""
NOTICE: Words[NoticeEvent] = Words(
    {
        NoticeEvent.OPENED: "cảnh báo mới",
        NoticeEvent.OVER: "đã hết",
        NoticeEvent.ACKNOWLEDGED: "đã có người nhận",
    }
)
"""What a program is told of an alarm."""
FEEDBACK: Words[FeedbackKind] = Words(
    {
        FeedbackKind.NOT_HEARD: "Tôi không nghe được",
        FeedbackKind.TOO_LOUD: "Loa quá to",
        FeedbackKind.UNCLEAR: "Nghe không rõ lời",
        FeedbackKind.OTHER: "Ý kiến khác",
    }
)
WEEKDAYS = ("Thứ hai", "Thứ ba", "Thứ tư", "Thứ năm", "Thứ sáu", "Thứ bảy", "Chủ nhật")


def say_datetime(at: datetime, zone: ZoneInfo) -> str:
    """`05/09/2026 05:30`."""
    return f"{at.astimezone(zone):%d/%m/%Y %H:%M}"


def say_clock(at: datetime, zone: ZoneInfo) -> str:
    """`05:30:07`: what a pole did, to the second."""
    return f"{at.astimezone(zone):%H:%M:%S}"


def say_minute(at: datetime, zone: ZoneInfo) -> str:
    """`05:30`."""
    return f"{at.astimezone(zone):%H:%M}"


def say_day(at: datetime, zone: ZoneInfo) -> str:
    """`Thứ bảy, 05/09/2026`."""
    local = at.astimezone(zone)
    return f"{gettext(WEEKDAYS[local.weekday()])}, {local:%d/%m/%Y}"


def say_length(length: timedelta) -> str:
    """`1 phút 05 giây`; hours from an hour on."""
    seconds = max(0, round(length.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return gettext("{hours} giờ {minutes:02} phút").format(hours=hours, minutes=minutes)
    said = gettext("{minutes} phút {seconds:02} giây") if minutes else gettext("{seconds} giây")
    return said.format(minutes=minutes, seconds=seconds)


def say_number(number: float) -> str:
    """`1.234,5`; to an English reader `1,234.5`."""
    if language() is Language.ENGLISH:
        return f"{number:,}"
    return f"{number:,}".replace(",", " ").replace(".", ",").replace(" ", ".")


def instant_attribute(at: datetime) -> str:
    """For `<time datetime=…>`: RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def say_weekdays(weekdays: Iterable[int]) -> str:
    """`Hằng ngày`, or the days by name (0 = Monday)."""
    days = sorted(set(weekdays))
    return gettext("Hằng ngày") if len(days) == 7 else ", ".join(gettext(WEEKDAYS[day]) for day in days)
