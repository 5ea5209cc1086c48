"""Telephone numbers, said digit by digit, and the long numbers of cards and accounts."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.normalize.tables import context
from tts.spoken import SpanKind

_PHONE = re.compile(
    r"(?<![\w+,-])(?<!\d\.)(?<!(?<!\d)\d/)(?<!(?<!\d)\d\d/)(?:\(?\+84\)?[ .-]?|\(84\)[ .-]?|\(0\d{1,4}\)|0)"
    r"(?:[ .-]{0,3}\d){7,11}(?!\w|[.,-]\d|/\d(?!\d{5}|\d\d[ .]\d)| \d{3}(?!\d))"
)
_SERVICE = re.compile(
    r"(?<!\d[.,])(?<![\w/+-])1[89]00"
    r"(?:[ .-]?\d{4}(?:[ .]?\d{2})?|[ .-]?\d{2}[ .-]\d{2}|[ .-]\d{3}[ .-]\d{3})(?![\w]|[.,/-]\d)"
)
_SHORT = re.compile(r"(?<!\d[.,])(?<![\w/+-])1\d{2,3}(?![\w]|[.,/-]\d)")
_CALLED = re.compile(
    rf"(?<!\w)(?:{context('dialled')})(?:\s*(?:[:(.]|{context('dialled-filler')})){{0,6}}[\s:(.]*"
    r"(?:[\d.]{3,14}[\s,;/()-]*(?:và|hoặc|hay)?[\s,;/()-]*){0,4}\Z"
)
_COUNTED = re.compile(
    r"\A(?:hộ|người|con|ha|trường hợp|ca|vụ|đồng|triệu|tỷ|nghìn|cây|suất|em|lượt|bao|cái|chiếc|lần|tấn|tạ|kg)(?!\w)"
)
_GENERAL = {"111", "112", "113", "114", "115", "1022", "1080", "116", "117", "118", "119", "1039", "156", "5656"}
_LISTED = re.compile(r"[^.!?\n\d]{1,40}(?:[,;]|\s(?:và|hoặc|hay))\s")
_EXTENSION = re.compile(r"(?<!\w)(?:máy lẻ|nhánh|bấm phím|phím)\s*(\d{1,5})(?!\w)")
_MMI = re.compile(r"(?<![\w*])[*#]\d{1,5}(?:[*#]\d{0,8}){0,3}#?(?!\w)")
_BROKEN = re.compile(r"(?<![\w.,/+-])\d[\dxX]{1,14}(?:[ .-]{1,2}[\dxX]{1,8}){0,4}(?![\w]|[.,/-]\d)")
_CONTACT = re.compile(
    r"(?<!\w)(?:điện thoại|đt|sđt|đtdđ|hotline|đường dây nóng|số máy|zalo|fax|tài khoản|stk)[\s:.(]*(?:số)?[\s:]*\Z"
)
_CONTACT_NEAR = re.compile(r"(?<!\w)(?:điện thoại|đt|sđt|hotline|đường dây nóng|liên hệ|gọi)[^.;\n]{0,30}\Z")
_YEAR = re.compile(r"(?:19|20)\d\d")
_SHORTEST = 6
_NAMES = {"x": "ích", "X": "ích"}
_SERIAL = re.compile(r"(?<![^\W_])(?P<letters>[A-ZĐ]{1,3}) (?P<digits>\d{5,9})(?![^\W_]|[.,/-]\d)")
_SERIAL_BEFORE = re.compile(r"(?<!\w)(?:số|sê ri|seri|mã|phát hành|hiệu|thẻ)[\s:]*\Z")
_IDENTITY = re.compile(r"(?<!\d[.,])(?<![\w/+-])\d{7,24}(?![\w]|[.,]\d)")
_IDENTITY_GROUPED = re.compile(r"(?<!\d[.,])(?<![\w/+-])0\d{2}(?:[ .]\d{3}){3}(?![\w]|[.,/-]\d)")
_NAMED = re.compile(rf"(?<!\w)(?:{context('copied')})(?:\s*(?:{context('copied-filler')})){{0,4}}[\s:.]*\Z")
_DIGITS = re.compile(r"(?<!\d[.,])(?<![\w/+-])\d{3,24}(?![\w]|[.,/-]\d)")


def read_phones(draft: Draft) -> Iterator[Reading]:
    """Read numbers that are dialled or copied, not counted."""
    yield from draft.search(_PHONE, _read_phone)
    yield from draft.search(_SERVICE, _read_service)
    yield from _read_short(draft)
    yield from draft.search(_EXTENSION, _read_extension)
    yield from draft.search(_MMI, _read_mmi)
    yield from draft.search(_BROKEN, _read_broken)
    yield from draft.search(_SERIAL, _read_serial)
    yield from draft.search(_IDENTITY_GROUPED, _read_identity)
    yield from draft.search(_DIGITS, _read_named)
    yield from draft.search(_IDENTITY, _read_identity)


def _grouped(draft: Draft, written: str) -> str:
    groups = re.findall(r"\d+", written)
    return ", ".join(draft.numbers.digits(group) for group in groups)


def _read_phone(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    digits = re.sub(r"\D", "", match[0])
    groups = re.findall(r"\d+", match[0])
    international = "84" in match[0][:4] and digits.startswith("84")
    fits = 10 <= len(digits) <= 12 if international else 10 <= len(digits) <= 11
    if not fits or (
        len(groups[0]) < 3 and not international and "(" not in match[0] and len(groups) > 1 and digits[1] not in "24"
    ):
        return
    if len(groups) == 3 and len(groups[0]) <= 2 and len(groups[1]) <= 2:
        return
    plus = "cộng " if "+" in match[0] else ""
    yield Reading(*match.span(), plus + _grouped(draft, match[0]), SpanKind.PHONE)


def _read_service(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    years = re.fullmatch(r"1[89]00-\d{4}", match[0])
    if (years and not _CALLED.search(draft.before(match.start()))) or _COUNTED.search(draft.after(match.end())):
        return
    digits = re.sub(r"\D", "", match[0])
    yield Reading(
        *match.span(), f"{draft.numbers.digits(digits[:4])}, {draft.numbers.digits(digits[4:])}", SpanKind.PHONE
    )


def _read_short(draft: Draft) -> Iterator[Reading]:
    """Read 113, 114 behind "gọi", and the others of the same list: gọi 114 khi có cháy, 115 cấp cứu."""
    last = None
    for match in _SHORT.finditer(draft.open):
        police = draft.text.startswith(" CA", match.end())
        if match[0] not in _GENERAL or (_COUNTED.search(draft.after(match.end())) and not police):
            continue
        listed = last is not None and _LISTED.fullmatch(draft.text, last, match.start())
        if listed or _CALLED.search(draft.before(match.start())):
            last = match.end()
            yield Reading(*match.span(), draft.numbers.digits(match[0]), SpanKind.PHONE)


def _read_extension(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(1), draft.numbers.digits(match[1]), SpanKind.PHONE)


def _read_mmi(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = [
        {"*": "sao", "#": "thăng"}.get(part) or draft.numbers.digits(part) for part in re.findall(r"[*#]|\d+", match[0])
    ]
    yield Reading(*match.span(), " ".join(said), SpanKind.PHONE)


def _read_broken(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read a number behind "ĐT" that is too long, too short or has letters: as it stands, and in doubt."""
    if len(re.sub(r"[^\dxX]", "", match[0])) < _SHORTEST or not _near_contact(draft, match):
        return
    groups = re.split(r"[ .-]+", match[0])
    said = ", ".join(" ".join(_NAMES[c] if c in _NAMES else draft.numbers.digits(c) for c in group) for group in groups)
    yield Reading(*match.span(), said, SpanKind.PHONE, certain=False)


def _near_contact(draft: Draft, match: re.Match[str]) -> bool:
    before = draft.before(match.start())
    masked = "x" in match[0].lower() and (_CALLED.search(before) or _CONTACT_NEAR.search(before))
    return bool(_CONTACT.search(before) or masked)


def _read_identity(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), _grouped(draft, match[0]), SpanKind.CODE)


def _read_serial(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read the number of a certificate or banknote: BT 123456."""
    if _SERIAL_BEFORE.search(draft.before(match.start())):
        said = f"{spell(match['letters'])} {draft.numbers.digits(match['digits'])}"
        yield Reading(*match.span(), said, SpanKind.CODE)


def _read_named(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    before = draft.before(match.start())
    if _NAMED.search(before) and not _YEAR.fullmatch(match[0]):
        yield Reading(*match.span(), draft.numbers.digits(match[0]), SpanKind.CODE)
    elif len(match[0]) >= 4 and re.search(
        r"(?:tổng đài|hotline|đường dây nóng|fax|số máy|đầu số|gửi|tin nhắn gửi|nhắn tin đến)\W*(?:số)?\W*\Z", before
    ):
        yield Reading(*match.span(), draft.numbers.digits(match[0]), SpanKind.PHONE)
