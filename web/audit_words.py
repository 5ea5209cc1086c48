"""What the audit log's actions are called on its page; the log itself keeps the English verb."""

import re
from collections.abc import Mapping
from typing import Any

from web.texts import Words, gettext

ACTION: Words[str] = Words(
    {
        "acknowledge-alarm": "Đã nhận một cảnh báo",
        "activate-entry": "Đã cho lịch phát hoạt động lại",
        "activate-user": "Đã mở lại tài khoản",
        "add-prepared": "Đã thêm mẫu tin khẩn cấp",
        "add-recording": "Đã gửi bản ghi",
        "add-source": "Đã thêm nguồn tin",
        "add-template": "Đã thêm mẫu tin",
        "add-user": "Đã thêm người dùng",
        "add-webhook": "Đã thêm webhook",
        "add-word": "Đã thêm mục vào từ điển",
        "answer-resident": "Đã trả lời góp ý của dân",
        "approve-bulletin": "Đã duyệt bản tin",
        "bad-item": "Đã nhận tin hỏng từ nguồn",
        "begin-second-factor": "Đã bật xác thực hai lớp",
        "cancel-broadcast": "Đã hủy lượt phát",
        "cancel-voice": "Đã hủy tải giọng đọc",
        "change-entry-day": "Đã đổi lịch phát riêng một ngày",
        "change-recording": "Đã sửa bản ghi",
        "change-user": "Đã sửa tài khoản",
        "change-webhook": "Đã sửa webhook",
        "change-word": "Đã sửa mục trong từ điển",
        "choose-button": "Đã chọn tin cho nút bấm tại cụm loa",
        "choose-item": "Đã chọn tin từ hộp thư",
        "clear-entry-day": "Đã bỏ thay đổi riêng một ngày của lịch phát",
        "clear-special-day": "Đã bỏ ngày đặc biệt",
        "confirm-clock": "Đã xác nhận giờ của máy chủ",
        "confirm-press": "Đã xác nhận tin khẩn cấp của người khác",
        "create-commune": "Đã đặt máy chủ cho xã",
        "create-entry": "Đã thêm lịch phát",
        "create-node": "Đã thêm cụm loa",
        "create-programme": "Đã thêm chương trình",
        "create-zone": "Đã thêm khu vực",
        "decline-press": "Đã từ chối tin khẩn cấp của người khác",
        "delegate-approval": "Đã ủy quyền duyệt bản tin",
        "distrust-cap-certificate": "Đã thôi tin một chứng thư CAP",
        "distrust-local-start": "Không công nhận lượt phát tại cụm loa",
        "distrust-nodes": "Đã thu hồi quyền của mọi cụm loa",
        "download-backup": "Đã tải bản sao lưu về",
        "edit-bulletin": "Đã sửa bản tin",
        "edit-entry": "Đã sửa lịch phát",
        "edit-prepared": "Đã sửa mẫu tin khẩn cấp",
        "edit-programme": "Đã sửa chương trình",
        "edit-source": "Đã sửa nguồn tin",
        "edit-template": "Đã sửa mẫu tin",
        "end-delegation": "Đã kết thúc ủy quyền",
        "end-entry": "Đã kết thúc lịch phát",
        "end-live": "Đã kết thúc phát trực tiếp",
        "end-second-factor": "Đã tắt xác thực hai lớp",
        "fail-voice": "Cài giọng đọc không thành",
        "fetch-voice": "Đã tải giọng đọc",
        "hold-press": "Đã bấm tin khẩn cấp, chờ người thứ hai",
        "import-lexicon": "Đã nhập bảng vào từ điển",
        "install-voice": "Đã cài xong giọng đọc",
        "issue-card": "Đã cấp thẻ phát khẩn cấp",
        "lock-user": "Đã khóa tài khoản",
        "make-backup": "Đã sao lưu",
        "make-token": "Đã tạo mã truy cập",
        "new-pairing-code": "Đã tạo mã ghép mới cho cụm loa",
        "open-live": "Đã bắt đầu phát trực tiếp",
        "order-bulletins": "Đã đổi thứ tự bản tin trong chương trình",
        "order-clash": "Đã chọn thứ tự hai tin ưu tiên",
        "pair-node": "Đã ghép cụm loa",
        "pass-bulletin": "Đã cho tin của nguồn qua mà không cần duyệt",
        "place-bulletin": "Đã xếp bản tin vào chương trình",
        "place-node": "Đã đặt vị trí cụm loa",
        "press-readiness": "Đã diễn tập im lặng",
        "raise-all-clear": "Đã báo yên",
        "raise-correction": "Đã phát đính chính",
        "raise-drill": "Đã phát diễn tập",
        "raise-emergency": "Đã phát tin khẩn cấp",
        "raise-reported": "Đã phát cảnh báo từ ngoài xã",
        "refuse-live": "Bị từ chối phát trực tiếp",
        "refuse-local-start": "Không nhận báo cáo phát tại cụm loa",
        "refuse-press": "Bấm tin khẩn cấp bị từ chối",
        "throttle-press": "Bấm tin khẩn cấp quá nhiều lần, phải chờ",
        "remove-placement": "Đã bỏ bản tin khỏi chương trình",
        "remove-recording": "Đã xóa bản ghi",
        "remove-template": "Đã bỏ mẫu tin",
        "remove-voice": "Đã gỡ giọng đọc",
        "remove-webhook": "Đã bỏ webhook",
        "remove-word": "Đã xóa mục khỏi từ điển",
        "remove-zone": "Đã xóa thôn",
        "rename-commune": "Đã đổi tên xã",
        "rename-node": "Đã đổi tên cụm loa",
        "rename-zone": "Đã đổi tên thôn",
        "renew-node": "Cụm loa đổi khóa",
        "renew-nodes": "Đã bảo mọi cụm loa đổi khóa",
        "renew-webhook": "Đã đổi khóa ký của webhook",
        "repeat-emergency": "Đã phát lại tin khẩn cấp",
        "reread-broadcast": "Đã đọc lại lượt phát theo quy tắc mới",
        "reread-too-late": "Không kịp đọc lại lượt phát",
        "reset-pin": "Đã xóa mã PIN",
        "restart-node": "Đã bảo cụm loa khởi động lại",
        "return-bulletin": "Đã trả lại bản tin",
        "revoke-card": "Đã thu hồi thẻ phát khẩn cấp",
        "revoke-node": "Đã thu hồi quyền của cụm loa",
        "revoke-token": "Đã thu hồi mã truy cập",
        "rotate-broker": "Đã đổi mật khẩu của máy trung chuyển tin",
        "rotate-keys": "Đã đổi khóa của xã",
        "seed-prepared": "Đã đặt sẵn các mẫu tin khẩn cấp",
        "seed-templates": "Đã đặt sẵn các mẫu tin",
        "set-approval-rules": "Đã đổi quy tắc duyệt",
        "set-cap-aside": "Đã bỏ qua một cảnh báo CAP",
        "set-cap-options": "Đã đổi cách nhận tin của nguồn CAP",
        "set-cap-rules": "Đã đổi địa bàn CAP",
        "set-chime": "Đã chọn nhạc hiệu",
        "set-commune-rules": "Đã đổi giờ phát của xã",
        "set-emergency-policy": "Đã đổi quy định bấm nút khẩn cấp",
        "set-emergency-voice": "Đã chọn giọng đọc tin khẩn cấp",
        "set-item-aside": "Đã bỏ qua một tin trong hộp thư",
        "set-map-ground": "Đã đổi ảnh nền của bản đồ",
        "set-node-volumes": "Đã đổi âm lượng theo giờ của cụm loa",
        "set-node-zones": "Đã đổi khu vực của cụm loa",
        "set-outline": "Đã vẽ ranh giới thôn",
        "set-password": "Đã đổi mật khẩu",
        "set-phone-tree": "Đã đổi danh bạ gọi khẩn",
        "set-pin": "Đã đặt mã PIN",
        "set-public": "Đã mở hoặc đóng trang công khai",
        "set-rate": "Đã đổi tốc độ đọc",
        "set-reading-style": "Đã đổi cách đọc số",
        "set-special-day": "Đã đặt ngày đặc biệt",
        "set-voice": "Đã chọn giọng đọc",
        "set-weather": "Đã ghi thời tiết",
        "set-windows": "Đã đổi giờ được phép phát",
        "set-zone-rules": "Đã đổi giờ phát của thôn",
        "set-zone-volumes": "Đã đổi âm lượng theo giờ của thôn",
        "start-at-pole": "Đã phát tại cụm loa khi mất mạng",
        "stop-broadcast": "Đã dừng lượt phát",
        "stop-broadcast-at-node": "Đã dừng lượt phát ở một cụm loa",
        "stop-entry": "Đã ngừng lịch phát",
        "submit-bulletin": "Đã gửi duyệt bản tin",
        "take-cap": "Đã nhận cảnh báo CAP",
        "take-item": "Đã nhận tin từ nguồn",
        "trim-recording": "Đã chọn đoạn phát của bản ghi",
        "trust-cap-certificate": "Đã tin một chứng thư CAP",
        "try-pole": "Đã thử loa",
        "tune-node": "Đã đổi thiết lập của cụm loa",
        "upload-voice": "Đã gửi giọng đọc lên",
        "use-recovery-code": "Đã đăng nhập bằng mã dự phòng",
        "verify-voice": "Đã kiểm tra tệp của giọng đọc",
        "withdraw-bulletin": "Đã rút bản tin",
        "write-bulletin": "Đã soạn bản tin",
    }
)


DETAIL: Words[str] = Words(
    {
        "after": "sau",
        "before": "trước",
        "bytes": "số byte",
        "clip": "đoạn âm thanh",
        "heard": "đã nghe",
        "is_active": "hoạt động",
        "is_public": "công khai",
        "item": "tin",
        "key": "khóa",
        "name": "tên",
        "nodes": "cụm loa",
        "points": "số điểm",
        "programme": "chương trình",
        "reason": "lý do",
        "revision": "bản",
        "role": "vai trò",
        "scopes": "quyền",
        "spoken": "đọc là",
        "title": "tiêu đề",
        "windows": "giờ phát",
        "zone": "thôn",
        "zones": "thôn",
    }
)
"""What the details of an entry are called; others are shown as they were written."""
_ID = re.compile(r"[0-9a-f]{24,}")


def say_detail(detail: Mapping[str, Any]) -> str:
    """The details of an entry in one line."""
    return "; ".join(f"{DETAIL.get(name, name)}: {_say_value(value)}" for name, value in detail.items())


def shorten_id(subject: str) -> str:
    """What an entry is about; of a long number its beginning, which is enough to know it again."""
    return f"{subject[:8]}…" if _ID.fullmatch(subject) else subject


def _say_value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return gettext("có") if value else gettext("không")
    if isinstance(value, Mapping):
        return f"({say_detail(value)})"
    if isinstance(value, list | tuple):
        return ", ".join(_say_value(one) for one in value) or "–"
    return shorten_id(str(value))


def say_action(action: str) -> str:
    """An action in the reader's language; one that no version of ours writes any more as it was written."""
    return ACTION.get(action, action)
