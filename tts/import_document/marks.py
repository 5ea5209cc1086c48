"""What stands on an official Vietnamese letter and nobody reads aloud, line by line. Pure.

The parts and their wording are those of Decree 30/2020/NĐ-CP, Annex I; scanners misread, so the motto is compared
loosely.
"""

import re
from difflib import SequenceMatcher

from tts.import_document.texts import is_capitals, plain, tidy

_MOTTO = ("CONG HOA XA HOI CHU NGHIA VIET NAM", "DOC LAP TU DO HANH PHUC", "DANG CONG SAN VIET NAM")
_ALIKE = 0.82
_OFFICE = (
    "ỦY BAN|UỶ BAN|UBND|HỘI ĐỒNG|HĐND|ĐẢNG|TỈNH|HUYỆN|THÀNH PHỐ|TP|THỊ XÃ|THỊ TRẤN|PHƯỜNG|XÃ|THÔN|XÓM|BẢN|ẤP|KHU|"
    "TỔ|BAN|SỞ|PHÒNG|CÔNG AN|QUÂN|TRƯỜNG|TRẠM|TRUNG TÂM|MẶT TRẬN|MTTQ|HỘI|ĐOÀN|LIÊN ĐOÀN|CHI|HỢP TÁC XÃ|HTX|"
    "VĂN PHÒNG|BỘ|CỤC|CÔNG TY|ĐIỆN LỰC|BHXH|BẢO HIỂM|NGÂN HÀNG|TIỂU BAN|TỔNG|BCH"
)
_AGENCY = re.compile(rf"(?:{_OFFICE})\b.{{0,80}}", re.IGNORECASE)
_NUMBER = re.compile(
    r"S[ốôóồoọ]\s*[:.;]?\s*[\d\s.…_]{0,12}\s*[-/–]\s*[A-ZĐ0-9][\wĐđ./&-]{0,25}(?:\s*[-–/]\s*[\wĐđ]{1,12}){0,3}"
)
_DATE = r"ngày\s*[\d\s.…_]{0,8}\s*tháng\s*[\d\s.…_]{0,8}\s*năm\s*[\d\s.…_]{0,10}"
_PLACE_DATE = re.compile(rf"(?:[^.;:!?]{{2,45}}[,.]\s*)?{_DATE}\.?", re.IGNORECASE)
_STAMP = re.compile(
    r"(?:THƯỢNG KHẨN|HỎA TỐC|HOẢ TỐC|KHẨN|MẬT|TỐI MẬT|TUYỆT MẬT|CÔNG VĂN ĐẾN|ĐẾN|BẢN SAO|SAO Y BẢN CHÍNH|SAO Y|DỰ THẢO)"
    r"(?:\s*(?:Số|Ngày)\s*:?.{0,30})?"
    r"|(?:Người ký|Ký bởi|Thời gian ký|Ngày ký|Signed by|Signature)\s*:.{0,150}"
)
_STAMP_MORE = re.compile(r"(?:Email|Cơ quan|Chức vụ|Tổ chức|Ngày|Chuyển|Số|Lưu hồ sơ số)\s*:.{0,100}", re.IGNORECASE)
_TITLE = (
    "CHỦ TỊCH|PHÓ CHỦ TỊCH|TRƯỞNG THÔN|PHÓ TRƯỞNG THÔN|TRƯỞNG BAN|PHÓ TRƯỞNG BAN|TRƯỞNG BẢN|TRƯỞNG XÓM|TRƯỞNG ẤP|"
    "TRƯỞNG KHU|TỔ TRƯỞNG|BÍ THƯ|PHÓ BÍ THƯ|GIÁM ĐỐC|PHÓ GIÁM ĐỐC|TRẠM TRƯỞNG|PHÓ TRẠM TRƯỞNG|HIỆU TRƯỞNG|"
    "PHÓ HIỆU TRƯỞNG|TRƯỞNG CÔNG AN|PHÓ TRƯỞNG CÔNG AN|CHỈ HUY TRƯỞNG|CHÁNH VĂN PHÒNG|TRƯỞNG PHÒNG|PHÓ TRƯỞNG PHÒNG|"
    "CHI HỘI TRƯỞNG|NGƯỜI VIẾT|NGƯỜI LẬP|THƯ KÝ|CHỦ TỌA|ĐẠI DIỆN"
)
_FOR = re.compile(r"(?:T\.?\s?M|K\.?\s?T|T\.?\s?L|T\.?\s?U\.?\s?Q|T/M|Q)[.,]?\s+[A-ZĐÀ-Ỹ].{0,80}")
_TITLED = re.compile(rf"(?:Q\.\s*)?(?:{_TITLE})\b[^.;:!?]{{0,50}}", re.IGNORECASE)
_SIGNED = re.compile(
    r"\(?\s*(?:đã\s+ký|ký\s+tên|ký,|ký\s+và|ký\s+thay|ký\s+bởi|chữ\s+ký|ký\s*\)|(?:đã\s+)?đóng\s+dấu)[^.]{0,60}\)?",
    re.IGNORECASE,
)
_RANK = r"(?:Ông|Bà|ThS|TS|BS|BSCKI|Ths|Bs|KS|CN|Đại úy|Thiếu tá|Trung tá|Thượng tá|Thượng úy|Trung úy|Đ/c)\.?\s+"
_CAPITAL = r"[A-ZĐÀ-ỸĂÂÊÔƠƯ][\wĐđ]*"
_NAME = re.compile(rf"(?:{_RANK})?{_CAPITAL}(?:\s+{_CAPITAL}){{1,5}}")
_RECIPIENTS = re.compile(
    r"Nơi\s+(?:nhận|gửi)\s*[:;.]?\s*(?:[-–+].*|Như (?:trên|kính gửi).*|.*\bLưu\b.*)?", re.IGNORECASE
)
_RECIPIENT = re.compile(r"(?:[-–—+•*]|Như\s|Lưu\b|TT\.?\s|VT\b).{0,120}|.{0,60}[;.]")
_DASHED = re.compile(r"[-–—+•*]\s?\w")
PAGE_NUMBER = re.compile(r"(?:trang|page|tờ)?\s*[-–—(|\[]?\s*\d{1,3}\s*(?:[/|]\s*\d{1,3})?\s*[-–—)|\]]?", re.IGNORECASE)
_TYPES = (
    "THÔNG BÁO|GIẤY MỜI|QUYẾT ĐỊNH|CÔNG VĂN|KẾ HOẠCH|BÁO CÁO|CÔNG ĐIỆN|THÔNG CÁO|LỜI KÊU GỌI|THƯ NGỎ|THƯ MỜI|TỜ TRÌNH|"
    "NGHỊ QUYẾT|CHỈ THỊ|HƯỚNG DẪN|QUY CHẾ|QUY ĐỊNH|CHƯƠNG TRÌNH|PHƯƠNG ÁN|GIẤY TRIỆU TẬP|BIÊN BẢN|BẢN TIN|THÔNG TIN"
)
BARE_TYPE = re.compile(rf"(?:{_TYPES})(?: KHẨN)?")
DOCUMENT_TYPE = re.compile(rf"(?:{_TYPES})\b.{{0,120}}")
SUBJECT = re.compile(r"(?:V\s*/\s*v|Về việc)\b[:.]?\s*(.+)", re.IGNORECASE)
APPENDIX = re.compile(r"(?:PHỤ LỤC|DANH SÁCH|BIỂU|MẪU|PHỤ BIỂU)\b.{0,120}")


_WIDE = re.compile(r"\t+|[ \u00a0]{4,}")


def is_motto(text: str) -> bool:
    """The national motto or its second line, or the party's, as far as a scanner may have bent it."""
    said = plain(text)
    return any(
        abs(len(said) - len(motto)) <= 8 and SequenceMatcher(None, said, motto, autojunk=False).ratio() >= _ALIKE
        for motto in _MOTTO
    ) or said == " ".join(_MOTTO[:2])


def is_broken_line(above: str, below: str) -> bool:
    """Whether two lines are the motto or the date, broken in the middle."""
    whole = f"{above} {below}"
    if is_motto(whole) and plain(whole) in _MOTTO and not is_motto(below):
        return True
    return is_place_date(whole) and not is_place_date(below) and not re.search(r"năm\s*[\d.…_]", above)


def is_agency(text: str) -> bool:
    """Who issues the letter, as its head names them."""
    return len(text) <= 90 and _AGENCY.fullmatch(text) is not None and not text.endswith((".", ";", ":", "!", "?"))


def is_number(text: str) -> bool:
    """The number and code of the letter: `Số: 12/TB-UBND`, or with the number still to be written."""
    return _NUMBER.fullmatch(text) is not None


def is_place_date(text: str) -> bool:
    """`Hòa Bình An, ngày 12 tháng 9 năm 2026`, and nothing else."""
    return _PLACE_DATE.fullmatch(text) is not None


def is_stamp(text: str, *, after_stamp: bool = False) -> bool:
    """A stamp's or an electronic signature's words; some are one only below another."""
    return _STAMP.fullmatch(text) is not None or (after_stamp and _STAMP_MORE.fullmatch(text) is not None)


def is_recipients(text: str) -> bool:
    """The line that begins the list of who gets a copy."""
    return _RECIPIENTS.fullmatch(text) is not None


def is_recipient(text: str) -> bool:
    """An entry of that list."""
    return _RECIPIENT.fullmatch(text) is not None


def is_dashed(text: str) -> bool:
    """Whether it stands in a list with dashes."""
    return _DASHED.match(text) is not None


def is_signed_for(text: str) -> bool:
    """`TM. ỦY BAN NHÂN DÂN`, `KT. CHỦ TỊCH`: in whose name it is signed."""
    return _FOR.fullmatch(text) is not None and is_capitals(text)


def is_title(text: str) -> bool:
    """The office of who signs, alone on its line."""
    return len(text) <= 60 and _TITLED.fullmatch(text) is not None


def is_signed(text: str) -> bool:
    """`(Đã ký)` and the like."""
    return _SIGNED.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """A person's name, alone on its line."""
    return len(text) <= 50 and _NAME.fullmatch(text) is not None


def is_letter_part(text: str) -> bool:
    """Whether a table with this line in it is the head or the foot of a letter, not data."""
    return is_motto(text) or is_number(text) or is_recipients(text) or is_signed_for(text) or is_signed(text)


def part_columns(line: str) -> list[str]:
    """A line of a head or a foot that was set in columns by tabs or spaces, as these columns; any other in one piece.

    Both tidied; nothing for an empty line.
    """
    parts = [part for part in map(tidy, _WIDE.split(line)) if part]
    is_letter = len(parts) > 1 and any(map(is_letter_part, parts))
    return parts if is_letter else [whole for whole in (tidy(line),) if whole]
