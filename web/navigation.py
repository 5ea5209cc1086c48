"""The menu, and what a page may say after something was done."""

from collections.abc import Mapping

from broadcast.models import User
from broadcast.permissions import Action, may
from web.templating import NavItem
from web.texts import gettext

_APPROVALS = "/duyet"
"""Who may approve is the commune's own rule, not a role's."""
_MENU: tuple[tuple[str, str, str, Action | None], ...] = (
    ("/khan-cap", "Khẩn cấp", "siren", Action.RAISE_EMERGENCY),
    ("/", "Đang phát", "speaker", None),
    ("/soan", "Soạn tin", "pen", Action.WRITE_BULLETIN),
    (_APPROVALS, "Duyệt", "check", None),
    ("/ban-tin", "Bản tin", "list", Action.WRITE_BULLETIN),
    ("/hop-thu", "Hộp thư", "inbox", Action.WRITE_BULLETIN),
    ("/phat-truc-tiep", "Phát trực tiếp", "mic", Action.SPEAK_LIVE),
    ("/ban-ghi", "Bản ghi", "mic", Action.KEEP_RECORDINGS),
    ("/lich-phat", "Lịch phát", "calendar", None),
    ("/nhat-ky", "Nhật ký", "log", None),
    ("/gop-y", "Góp ý của dân", "people", Action.ANSWER_RESIDENTS),
    ("/canh-bao", "Cảnh báo", "warn", None),
    ("/kiem-tra-sang", "Kiểm tra sáng", "check", None),
    ("/san-sang", "Sẵn sàng", "check", None),
    ("/cum-loa", "Cụm loa", "pole", None),
    ("/khan-cap/cac-thon", "Khẩn cấp các thôn", "warn", Action.EDIT_PREPARED),
    ("/khan-cap/khong-mang", "Khi mất mạng", "warn", Action.MANAGE_NODES),
    ("/tu-dien", "Từ điển", "book", None),
    ("/giong-doc", "Giọng đọc", "voice", Action.MANAGE_VOICES),
    ("/nguon-tin", "Nguồn tin", "inbox", Action.MANAGE_SOURCES),
    ("/quan-tri", "Quản trị", "gear", Action.MANAGE_USERS),
    ("/thon", "Xã và các thôn", "people", Action.MANAGE_NODES),
    ("/nhac-hieu", "Nhạc hiệu", "voice", Action.MANAGE_VOICES),
    ("/gio-phat", "Giờ và hạn mức", "calendar", Action.EDIT_RULES),
    ("/webhook", "Webhook", "warn", Action.MANAGE_USERS),
    ("/nguoi-dung", "Người dùng", "people", Action.MANAGE_USERS),
    ("/nhat-ky-he-thong", "Nhật ký hệ thống", "log", Action.READ_AUDIT),
    ("/sao-luu", "Sao lưu", "inbox", Action.MANAGE_USERS),
    ("/suc-khoe", "Tình trạng máy chủ", "check", Action.MANAGE_USERS),
)
_SELDOM = frozenset(
    {
        "/ban-ghi", "/kiem-tra-sang", "/san-sang", "/khan-cap/cac-thon", "/khan-cap/khong-mang", "/tu-dien",
        "/giong-doc", "/nguon-tin", "/nhat-ky-he-thong", "/suc-khoe", "/thon", "/nhac-hieu", "/gio-phat", "/webhook",
    }
)  # fmt: skip
"""What is not a day's work, or is led to from the page where it is wanted."""
NOTICES: Mapping[str, str] = {
    "da-luu": "Đã lưu bản nháp.",
    "da-gui": "Đã gửi bản tin chờ duyệt.",
    "da-duyet": "Đã duyệt. Bản tin sẽ được phát đúng giờ đã chọn.",
    "da-duyet-ngay": "Đã duyệt. Bản tin được phát ngay khi tạo xong âm thanh.",
    "da-duyet-chuong-trinh": "Đã duyệt. Bản tin sẽ được đọc trong chương trình đã chọn.",
    "da-tra": "Đã trả lại bản tin cho người soạn.",
    "da-rut": "Đã rút bản tin.",
    "da-nhan-ban-ghi": "Đã nhận bản ghi. Hãy nghe lại và chọn đoạn sẽ phát.",
    "da-luu-ban-ghi": "Đã lưu tên và ngôn ngữ của bản ghi.",
    "da-xoa-ban-ghi": "Đã xóa bản ghi.",
    "da-cat": "Đã chọn đoạn sẽ phát.",
    "da-cat-duyet-lai": "Đã chọn đoạn sẽ phát. Bản tin dùng bản ghi này phải được duyệt lại.",
    "da-huy": "Đã hủy lượt phát.",
    "da-dung": "Đã gửi lệnh dừng.",
    "da-thu-hoi": "Đã thu hồi quyền của cụm loa.",
    "da-doi-mat-khau": "Đã đổi mật khẩu. Hãy đăng nhập lại.",
    "da-ra": "Bạn đã đăng xuất.",
    "da-thu-hoi-ma": "Đã thu hồi mã truy cập.",
    "da-khoa": "Đã khóa tài khoản.",
    "da-mo": "Đã mở lại tài khoản.",
    "da-chon-giong": "Đã chọn giọng đọc. Các bản tin tạo âm thanh từ bây giờ sẽ dùng giọng này.",
    "giong-nguyen-ven": "Giọng này còn nguyên vẹn như khi cài.",
    "da-go-giong": "Đã gỡ giọng đọc.",
    "da-xac-nhan": "Đã ghi nhận.",
    "da-luu-mau-tin": "Đã lưu mẫu tin.",
    "da-bo-mau-tin": "Đã bỏ mẫu tin.",
    "da-dien-mau": "Đã điền mẫu vào bản nháp. Hãy xem lại, chọn khu vực và giờ phát.",
    "da-chon-tin": "Đã chọn tin. Hãy xem lại, chọn khu vực và giờ phát rồi gửi duyệt.",
    "da-bo-qua": "Đã bỏ qua tin.",
    "da-chon-thu-tu": "Đã chọn thứ tự đọc.",
    "da-luu-nguon": "Đã lưu nguồn tin.",
    "da-thu-nguon": "Đã đọc thử. Kết quả ở dưới.",
    "da-tin-chung-thu": "Đã tin chứng thư này.",
    "da-bo-chung-thu": "Đã thôi tin chứng thư.",
    "da-luu-quy-tac": "Đã lưu quy tắc duyệt.",
    "da-uy-quyen": "Đã ủy quyền duyệt bản tin.",
    "da-ket-thuc-uy-quyen": "Đã kết thúc ủy quyền.",
    "da-luu-mau": "Đã lưu mẫu tin khẩn cấp.",
    "da-luu-danh-ba": "Đã lưu danh bạ gọi khẩn.",
    "da-luu-quy-dinh": "Đã lưu quy định bấm nút khẩn cấp.",
    "da-xoa-pin": "Đã xóa mã PIN. Người đó phải đặt mã mới.",
    "da-biet": "Đã ghi nhận: mọi người thấy là bạn đã biết.",
    "da-thu-hoi-the": "Đã thu hồi thẻ. Cụm loa từ chối thẻ này từ lần nhận quy tắc tới.",
    "da-luu-nut": "Đã lưu. Cụm loa nhận lựa chọn mới ngay.",
    "da-dien-tap": "Đang diễn tập im lặng. Kết quả hiện ở đây khi các cụm loa trả lời.",
    "da-kiem-tra": "Đã kiểm tra xong.",
    "da-thu-webhook": "Đã gửi tin thử tới webhook.",
    "da-thu-thu": "Đã gửi thư thử. Hãy xem hộp thư.",
    "da-tat-hai-lop": "Đã tắt xác thực hai lớp.",
    "da-bo-hai-lop": "Đã bỏ xác thực hai lớp của người đó.",
    "da-tra-loi": "Đã trả lời. Mọi người đọc được trên trang công khai.",
    "da-doi-cong-khai": "Đã lưu.",
    "da-sao-luu": "Đã sao lưu xong.",
    "da-xac-nhan-gio": "Đã xác nhận giờ của máy chủ.",
    "da-luu-cum-loa": "Đã lưu cụm loa.",
    "dang-thu-loa": "Đã gửi lệnh thử loa. Kết quả hiện ở dưới khi cụm loa báo về.",
    "dang-khoi-dong-lai": "Đã gửi lệnh khởi động lại. Kết quả hiện ở dưới khi cụm loa báo về.",
    "da-luu-thon": "Đã lưu thôn.",
    "da-xoa-thon": "Đã xóa thôn.",
    "da-luu-ten-xa": "Đã đổi tên xã.",
    "da-luu-tai-khoan": "Đã lưu tài khoản.",
    "da-luu-webhook": "Đã lưu webhook.",
    "da-bo-webhook": "Đã bỏ webhook.",
    "da-chon-nhac-hieu": "Đã chọn nhạc hiệu. Bản tin tạo âm thanh từ bây giờ sẽ dùng tiếng này.",
    "da-luu-ban-do": "Đã lưu bản đồ.",
    "da-luu-lich": "Đã lưu. Các cụm loa nhận lịch mới ngay.",
}
"""By what follows `?da=` in the address: never a user's own words."""


def nav_for(user: User, here: str, *, approves: bool) -> tuple[NavItem, ...]:
    """The lines of the menu for this user, who may approve some bulletins or none, in the order of their day."""
    items = [item for item in _MENU if (item[3] is None or may(user, item[3])) and (approves or item[0] != _APPROVALS)]
    return tuple(
        NavItem(
            path=path,
            label=gettext(label),
            icon=icon,
            is_here=here == path or (path != "/" and here.startswith(path + "/")),
            is_daily=path not in _SELDOM,
        )
        for path, label, icon, _ in items
    )


def say_notice(key: str) -> str:
    """What to say after something was done; nothing for a key that nobody gave out."""
    said = NOTICES.get(key)
    return gettext(said) if said else ""
