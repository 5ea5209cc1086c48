"""Administration: everything that is set for the commune, each with how it stands; and who may do what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response
from sqlmodel import Session

from broadcast.communes import get_commune
from broadcast.models import Role
from broadcast.permissions import ALLOWED, Action
from broadcast.sources_kept import list_sources
from broadcast.users import list_users
from broadcast.webhooks import list_webhooks
from broadcast.windows import say_windows, windows_of
from broadcast.zones import list_zones
from web.deps import Door, allowed
from web.templating import Page
from web.texts import Words, gettext
from web.words import ROLE, say_datetime

router = APIRouter(include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_USERS))]
DUTIES: Words[Action] = Words(
    {
        Action.WRITE_BULLETIN: "Soạn bản tin và gửi duyệt",
        Action.WITHDRAW_BULLETIN: "Rút bản tin của người khác",
        Action.RAISE_EMERGENCY: "Phát tin khẩn cấp",
        Action.EDIT_PREPARED: "Sửa mẫu tin khẩn cấp và danh bạ gọi khẩn",
        Action.SPEAK_LIVE: "Phát trực tiếp bằng giọng mình",
        Action.STOP_BROADCAST: "Dừng lượt phát, thử loa",
        Action.EDIT_TIMETABLE: "Xếp lịch phát",
        Action.EDIT_PROGRAMMES: "Sửa chương trình",
        Action.EDIT_RULES: "Đặt giờ yên tĩnh, hạn mức, âm lượng",
        Action.EDIT_LEXICON: "Sửa từ điển",
        Action.KEEP_RECORDINGS: "Thu và giữ bản ghi",
        Action.ACKNOWLEDGE_ALARMS: "Nhận cảnh báo",
        Action.MANAGE_NODES: "Thêm, ghép, thu hồi cụm loa; các thôn; bản đồ",
        Action.MANAGE_USERS: "Người dùng, webhook, sao lưu",
        Action.MANAGE_VOICES: "Giọng đọc và nhạc hiệu",
        Action.MANAGE_SOURCES: "Nguồn tin từ ngoài xã",
        Action.READ_AUDIT: "Xem nhật ký hệ thống",
        Action.ANSWER_RESIDENTS: "Trả lời góp ý của dân",
    }
)


@dataclass(frozen=True)
class Topic:
    """A page of the administration: what it is for, and how it stands."""

    path: str
    title: str
    what: str
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class AdministrationPage(Page):
    """The topics, by group."""

    template: ClassVar[str] = "administration.html"
    groups: Mapping[str, Sequence[Topic]]


@dataclass(frozen=True, kw_only=True)
class RolesPage(Page):
    """Who may do what: the table by which it is decided, in words."""

    template: ClassVar[str] = "roles.html"
    roles: Mapping[Role, str]
    duties: Mapping[Action, str]
    allowed: Mapping[Action, frozenset[Role]]


@router.get("/quan-tri")
def show_administration(door: Administrator) -> Response:
    """The page."""
    kept = door.station.backups.list()
    with door.read() as session:
        groups = {
            "Con người": tuple(_people(session)),
            "Xã và loa": tuple(_places(session)),
            "Tiếng nói": tuple(_sounds(session)),
            "Với bên ngoài": tuple(_outside(session)),
            "Máy chủ": tuple(_server(kept[0].made_at if kept else None, door)),
        }
    return door.show(AdministrationPage(groups=groups))


@router.get("/vai-tro")
def show_roles(door: Administrator) -> Response:
    """The table."""
    return door.show(RolesPage(roles=ROLE, duties=DUTIES, allowed=ALLOWED))


def _people(session: Session) -> Iterator[Topic]:
    users = [user for user in list_users(session) if user.is_active]
    secured = sum(user.totp_since is not None for user in users)
    state = gettext("Số người: {users}, bật hai lớp: {secured}").format(users=len(users), secured=secured)
    yield Topic("/nguoi-dung", "Người dùng", "Thêm, sửa, khóa tài khoản; đặt lại mật khẩu.", state)
    yield Topic("/vai-tro", "Vai trò", "Ai được làm gì.")
    yield Topic("/quy-tac-duyet", "Quy tắc duyệt", "Ai duyệt tin nào; ủy quyền khi đi vắng.")
    yield Topic("/khan-cap/quy-dinh", "Quy định bấm nút khẩn cấp", "Mã PIN, người thứ hai xác nhận.")
    yield Topic("/hai-lop", "Xác thực hai lớp", "Mã trên điện thoại cho tài khoản của bạn.")
    yield Topic("/ma-truy-cap", "Mã truy cập", "Mã cho chương trình khác dùng API; thu hồi của mọi người.")


def _places(session: Session) -> Iterator[Topic]:
    zones = list_zones(session)
    state = gettext("Số thôn: {zones}").format(zones=len(zones))
    yield Topic("/thon", "Xã và các thôn", "Tên xã; thêm, đổi tên, xóa thôn.", state)
    yield Topic("/ban-do", "Bản đồ xã", "Ranh giới thôn và ảnh nền.")
    yield Topic("/cum-loa", "Cụm loa", "Thêm, ghép bằng mã hoặc QR, thử, thu hồi.")
    windows = say_windows(windows_of(get_commune(session).windows))
    yield Topic("/gio-phat", "Giờ và hạn mức", "Giờ yên tĩnh, số lần và số phút mỗi ngày, âm lượng.", windows)
    yield Topic("/khan-cap/khong-mang", "Khi mất mạng", "Thẻ và nút bấm tại cụm loa.")


def _sounds(session: Session) -> Iterator[Topic]:
    yield Topic("/giong-doc", "Giọng đọc", "Cài, chọn, nghe thử.", get_commune(session).voice)
    yield Topic("/nhac-hieu", "Nhạc hiệu", "Tiếng mở đầu và kết thúc của từng loại tin.")
    yield Topic("/tu-dien", "Từ điển", "Tên riêng và chữ viết tắt của xã đọc thế nào.")
    yield Topic("/khan-cap/mau", "Mẫu tin khẩn cấp", "Lời soạn sẵn cho nút khẩn cấp.")


def _outside(session: Session) -> Iterator[Topic]:
    sources = gettext("Số nguồn: {sources}").format(sources=len(list_sources(session)))
    yield Topic("/nguon-tin", "Nguồn tin", "Nhận tin của tỉnh, của trung ương.", sources)
    yield Topic("/nguon-tin-cap", "Cảnh báo từ ngoài xã (CAP)", "Địa bàn nào ứng với thôn nào.")
    webhooks = gettext("Số webhook: {webhooks}").format(webhooks=len(list_webhooks(session)))
    yield Topic("/webhook", "Webhook", "Báo cảnh báo cho phần mềm khác.", webhooks)
    public = gettext("đang mở") if get_commune(session).is_public else gettext("đang đóng")
    yield Topic("/gop-y", "Trang công khai và góp ý", "Mở, đóng trang cho bà con nghe lại.", public)


def _server(backed_up_at: datetime | None, door: Door) -> Iterator[Topic]:
    yield Topic("/suc-khoe", "Tình trạng máy chủ", "Các phần đang chạy, ổ đĩa, đồng hồ.")
    said = say_datetime(backed_up_at, door.zone) if backed_up_at else gettext("chưa có bản nào")
    yield Topic("/sao-luu", "Sao lưu và khôi phục", "Sao lưu ngay, tải về, cách khôi phục.", said)
    yield Topic("/canh-bao", "Cảnh báo", "Cái gì đang hỏng; thử thư báo.")
    yield Topic("/nhat-ky-he-thong", "Nhật ký hệ thống", "Ai đã làm gì; kiểm tra nhật ký còn nguyên vẹn.")
