"""Languages that villages speak, by their ISO 639-3 codes. The list is open: any other code can be given too."""

import re

from broadcast.errors import InvalidInput

LANGUAGES = {
    "vie": "Tiếng Việt", "ium": "Dao", "hmn": "Mông", "hnj": "Mông Hoa, Mông Xanh", "mww": "Mông Trắng", "tyz": "Tày",
    "blt": "Thái (Thái Đen)", "twh": "Thái (Thái Trắng)", "nut": "Nùng", "mtq": "Mường", "khm": "Khmer",
    "rad": "Ê Đê", "jra": "Gia Rai", "bdq": "Ba Na", "sed": "Xơ Đăng", "kpm": "Cơ Ho", "cmo": "M’Nông",
    "hre": "Hrê", "rog": "Ra Glai", "sti": "Xtiêng", "bru": "Bru – Vân Kiều", "cua": "Co", "jeh": "Giẻ Triêng",
    "cje": "Chu Ru", "cjm": "Chăm (Phan Rang)", "cja": "Chăm (An Giang)", "mlc": "Sán Chay (Cao Lan)", "pcc": "Giáy",
    "kjg": "Khơ Mú", "hni": "Hà Nhì", "lbt": "La Chí", "khb": "Lự", "lao": "Lào", "tou": "Thổ", "yue": "Hoa",
}  # fmt: skip
_CODE = re.compile(r"[a-z]{3}")


def check_language(code: str) -> str:
    """The code, if it can be one.

    Raises:
        InvalidInput: it is not three small letters.
    """
    if not _CODE.fullmatch(code):
        raise InvalidInput("unknown-language", "Mã ngôn ngữ gồm ba chữ cái thường (ISO 639-3), ví dụ ium.", "language")
    return code


def say_language(code: str) -> str:
    """Its Vietnamese name; for one that is not in the list, the code."""
    return LANGUAGES.get(code, code)
