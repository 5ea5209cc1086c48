"""The prepared messages a commune begins with. It changes them as it likes (`broadcast.prepared`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from broadcast.models import PreparedPurpose
from players.messages import Severity

ALL_CLEAR, CORRECTION, DRILL_START, DRILL_END = "het-nguy-hiem", "dinh-chinh", "dien-tap-bat-dau", "dien-tap-ket-thuc"
"""Keys of the messages that the server itself says around others."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A prepared message as it is first offered."""

    key: str
    title: str
    icon: str
    severity: Severity
    text: str
    slots: tuple[Mapping[str, Any], ...] = field(default=())
    purpose: PreparedPurpose = PreparedPurpose.ALERT
    said_times: int = 2
    repeat_every_minutes: int | None = None
    repeat_hours: tuple[str, str] | None = None


_WINDS = [f"cấp {force}" for force in range(6, 16)]
_ALARMS = ["một", "hai", "ba", "trên báo động ba"]


def _slot(name: str, label: str, kind: str, default: str, choices: list[str] | None = None) -> Mapping[str, Any]:
    return {"name": name, "label": label, "kind": kind, "default": default, "choices": choices or []}


DRAFTS = (
    Draft(
        "bao",
        "Bão",
        "storm",
        Severity.SEVERE,
        "Thông báo khẩn cấp. Bão đang ảnh hưởng đến {noi}, gió mạnh {cap}, dự kiến mạnh nhất {gio}."
        " Bà con chằng chống nhà cửa, cắt điện nơi không an toàn, không ra ngoài, không qua sông suối,"
        " và theo dõi thông báo tiếp theo trên loa.",
        (
            _slot("noi", "Nơi ảnh hưởng", "place", "địa bàn xã ta"),
            _slot("cap", "Cấp gió", "level", "cấp 8", _WINDS),
            _slot("gio", "Mạnh nhất lúc", "time", "trong vài giờ tới"),
        ),
        # The storm routine of Sa Pa: every hour from 7:00 to 20:00, in every village.
        repeat_every_minutes=60,
        repeat_hours=("07:00", "20:00"),
    ),
    Draft(
        "lu",
        "Lũ, ngập",
        "flood",
        Severity.EXTREME,
        "Thông báo khẩn cấp. Nước lũ đang lên nhanh tại {noi}, mức báo động {cap}."
        " Bà con đưa ngay người già, trẻ em và người bệnh lên nơi cao, ngắt cầu dao điện,"
        " tuyệt đối không đi qua chỗ nước chảy xiết.",
        (
            _slot("noi", "Nơi ngập", "place", "các xóm ven sông, ven suối"),
            _slot("cap", "Báo động", "level", "ba", _ALARMS),
        ),
        said_times=3,
        repeat_every_minutes=15,
    ),
    Draft(
        "xa-lu",
        "Xả lũ",
        "dam",
        Severity.EXTREME,
        "Thông báo khẩn cấp. {noi} xả lũ {gio}, lưu lượng {so} mét khối trên giây."
        " Tất cả bà con đang ở lòng sông, bãi sông, ven suối rời đi ngay, đưa người, gia súc và tài sản lên cao.",
        (
            _slot("noi", "Hồ chứa", "place", "Hồ chứa phía thượng nguồn"),
            _slot("gio", "Xả lúc", "time", "ngay bây giờ"),
            _slot("so", "Lưu lượng (m³/s)", "number", "hàng trăm"),
        ),
        said_times=3,
        repeat_every_minutes=15,
    ),
    Draft(
        "chay",
        "Cháy",
        "fire",
        Severity.EXTREME,
        "Thông báo khẩn cấp. Có cháy tại {noi}. Bà con ở gần rời ra xa ngay, nhường đường cho xe chữa cháy."
        " Lực lượng dân phòng và thanh niên đến ngay hiện trường. Thấy người mắc kẹt, gọi một một bốn.",
        (_slot("noi", "Nơi cháy", "place", "thôn ta"),),
    ),
    Draft(
        "tre-lac",
        "Trẻ lạc",
        "child",
        Severity.MODERATE,
        "Thông báo khẩn. Một em nhỏ {so} tuổi bị lạc tại {noi}, lần cuối có người thấy em {gio}."
        " Bà con ai gặp em xin giữ em ở chỗ an toàn và báo ngay cho trưởng thôn hoặc công an xã.",
        (
            _slot("so", "Tuổi", "number", "mấy"),
            _slot("noi", "Nơi lạc", "place", "thôn ta"),
            _slot("gio", "Thấy lần cuối lúc", "time", "cách đây không lâu"),
        ),
    ),
    Draft(
        "dich",
        "Dịch bệnh",
        "epidemic",
        Severity.SEVERE,
        "Thông báo khẩn. Có ca bệnh truyền nhiễm tại {noi}. Bà con đeo khẩu trang, rửa tay, không tụ tập,"
        " ăn chín uống sôi. Ai sốt, ho, tiêu chảy hoặc nổi ban báo ngay cho trạm y tế xã.",
        (_slot("noi", "Nơi có bệnh", "place", "địa bàn xã ta"),),
    ),
    Draft(
        "so-tan",
        "Sơ tán",
        "evacuate",
        Severity.EXTREME,
        "Thông báo khẩn cấp. Mời bà con {noi} sơ tán {gio}, tập trung tại {diem}."
        " Mang theo giấy tờ, thuốc men, nước uống và áo ấm. Giúp đỡ người già, trẻ em, người khuyết tật đi trước.",
        (
            _slot("noi", "Ai phải đi", "place", "trong thôn"),
            _slot("gio", "Đi lúc", "time", "ngay bây giờ"),
            _slot("diem", "Nơi tập trung", "place", "nhà văn hóa thôn"),
        ),
        said_times=3,
        repeat_every_minutes=10,
    ),
    Draft(
        ALL_CLEAR,
        "Hết nguy hiểm",
        "all-clear",
        Severity.MODERATE,
        "Thông báo. Tình hình nguy hiểm tại {noi} đã qua. Bà con có thể trở lại sinh hoạt bình thường."
        " Cảm ơn bà con đã chấp hành.",
        (_slot("noi", "Nơi", "place", "địa bàn ta"),),
        PreparedPurpose.ALL_CLEAR,
    ),
    Draft(
        CORRECTION,
        "Đính chính",
        "correction",
        Severity.MODERATE,
        "Xin đính chính thông báo vừa phát. Nội dung đúng như sau.",
        purpose=PreparedPurpose.CORRECTION,
        said_times=1,
    ),
    Draft(
        DRILL_START,
        "Bắt đầu diễn tập",
        "drill",
        Severity.MINOR,
        "Đây là diễn tập. Đây là diễn tập. Bà con yên tâm, không có nguy hiểm thật.",
        purpose=PreparedPurpose.DRILL_START,
        said_times=1,
    ),
    Draft(
        DRILL_END,
        "Kết thúc diễn tập",
        "drill",
        Severity.MINOR,
        "Diễn tập đến đây là hết. Xin nhắc lại, đây chỉ là diễn tập.",
        purpose=PreparedPurpose.DRILL_END,
        said_times=1,
    ),
)
