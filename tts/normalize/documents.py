"""Codes of official documents: 82/KH-UBND, 10/2020/NQ-HĐND, 18-NQ/TW, 31/2024/QH15."""

import re
from collections.abc import Iterator

from tts.normalize.compounds import long_form, split_known
from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.normalize.romans import roman_value
from tts.normalize.tables import pairs
from tts.spoken import SpanKind

_PART = r"[A-ZĐƯ][A-Za-zĐđƯư]{0,14}\d{0,3}(?:&[A-ZĐ]{1,8})?"
_CODE = re.compile(
    rf"(?<![\w/-])(?P<number>\d{{1,6}}[A-Za-zđĐ]?(?:-\d{{1,4}})?)?(?:\s?/\s?(?P<year>(?:19|20)\d\d))?"
    rf"\s?(?P<sep>[/-])\s?(?P<code>{_PART}(?:\s?[-/.]\s?{_PART}){{0,4}})(?![^\W_])"
)
_STANDARD = re.compile(
    r"(?<!\w)(?P<name>TCVN|QCVN|TCCS|QCĐP|ISO|TCXDVN)\s?(?P<number>\d{1,6}(?:-\d{1,3})?)"
    r"(?:\s?[:-]\s?(?P<year>(?:19|20)\d\d))?(?:/(?P<office>[A-ZĐ]{2,10}))?(?!\w)"
)
_SHORT = re.compile(r"(?<![^\W_])(?P<number>\d{1,5})/(?P<year>(?:19|20)\d\d)(?![\w/])")
_SHORT_BEFORE = re.compile(
    r"(?<!\w)(?:luật|tt|nđ|nq|ct|qđ|pháp lệnh|quy định|kết luận|công điện|"
    r"nghị định|thông tư|quyết định|nghị quyết|chỉ thị|thông báo)(?: số)?\s*\Z"
)
_SPLIT = re.compile(r"\s?[-/.]\s?")
_NUMBERED_PART = re.compile(r"(\D{1,20})(\d{1,4})")
_WORD = re.compile(r"[^\W\d_]+")
_PROJECT = re.compile(r"(?<!\w)đề án(?: số)?\s*\Z")
_CALLED_NUMBER = re.compile(r"(?<!\w)(?:số|cv|công văn|kế hoạch|quyết định|thông báo|nghị quyết|chỉ thị|tờ trình)\W*\Z")


def read_documents(draft: Draft) -> Iterator[Reading]:
    """Read document codes by the long forms of their kind and their office."""
    yield from draft.search(_STANDARD, _read_standard)
    yield from draft.search(_CODE, _read_code)
    yield from draft.search(_SHORT, _read_short)


def _read_code(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    parts = _SPLIT.split(match["code"])
    called = bool(_CALLED_NUMBER.search(draft.before(match.start())))
    kinds = pairs("documents")
    known = parts[0] in kinds or parts[0] in pairs("offices") or _numbered_office(parts[0])
    if not (called or (known and match["number"])) or not (match["number"] or match["year"] or parts[0] in kinds):
        return
    if not known and len(parts) == 1 and not match["year"]:
        return
    before = draft.before(match.start())
    by_digits = _PROJECT.search(before) is not None
    said = [_say_number(draft, match["number"], by_digits=by_digits)] if match["number"] else []
    said += [f"năm {draft.numbers.cardinal(int(match['year']))}"] if match["year"] else []
    certain = True
    named = _kind_named(before, parts[0])
    if named is not None:
        said.append(named)
    for index, part in enumerate(parts):
        if index == 0 and named is not None:
            continue
        spoken, sure = _say_part(draft, part, kind=index == 0, party="/" in match["code"] and match["sep"] == "-")
        said.append(spoken)
        certain = certain and sure
    yield Reading(match.start(), match.end(), ", ".join(said), SpanKind.DOCUMENT, certain)


def _read_short(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    if _SHORT_BEFORE.search(draft.before(match.start())):
        said = f"{draft.numbers.cardinal(int(match['number']))}, năm {draft.numbers.cardinal(int(match['year']))}"
        yield Reading(*match.span(), said, SpanKind.DOCUMENT)


def _numbered_office(part: str) -> bool:
    numbered = _NUMBERED_PART.fullmatch(part)
    return numbered is not None and (numbered[1] in pairs("offices") or numbered[1] in pairs("documents"))


def _kind_named(before: str, kind: str) -> str | None:
    """Give the kind as the text itself has just named it: the QĐ of "Quy định số 294-QĐ/TW" is "quy định"."""
    words = _WORD.findall(before.removesuffix("số"))[-len(kind) :]
    said = " ".join(words)
    initials = "".join(word[0] for word in words)
    return said if initials == kind.lower() and said in pairs("documents").values() else None


def _say_number(draft: Draft, number: str, *, by_digits: bool) -> str:
    digits, letter = re.fullmatch(r"([\d-]+)([A-Za-zđĐ]?)", number).groups()  # type: ignore[union-attr]
    if by_digits and digits.startswith("0"):
        return draft.numbers.digits(digits)
    said = " ".join(draft.numbers.cardinal(int(part)) for part in digits.split("-"))
    return f"{said} {spell(letter)}".strip()


def _say_part(draft: Draft, part: str, *, kind: bool, party: bool) -> tuple[str, bool]:
    """Say one part of a code; party codes (18-NQ/TW) have kinds of their own."""
    if "&" in part:
        said = [_say_part(draft, side, kind=False, party=party) for side in part.split("&")]
        return " và ".join(spoken for spoken, _ in said), all(sure for _, sure in said)
    kinds, offices = pairs("documents"), pairs("offices")
    if kind and party and f"{part}/" in kinds:
        return kinds[f"{part}/"], True
    if kind and part in kinds:
        return kinds[part], True
    if part in offices:
        return offices[part], True
    numbered = _NUMBERED_PART.fullmatch(part)
    if numbered:
        spoken, sure = _say_part(draft, numbered[1], kind=kind, party=party)
        term = "khóa " if numbered[1] in {"QH", "UBTVQH", "HĐND"} else ""
        return f"{spoken} {term}{draft.numbers.cardinal(int(numbered[2]))}", sure
    if part in kinds:
        return kinds[part], True
    return _say_unknown(draft, part)


def _say_unknown(draft: Draft, part: str) -> tuple[str, bool]:
    known = draft.introduced.get(part) or long_form(part)
    if known:
        return known, True
    value = roman_value(part)
    if value is not None and len(part) > 1:
        return draft.numbers.cardinal(value), False
    upper = part if part.isupper() else part.upper()
    return split_known(upper) or spell(part), False


def _read_standard(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = [long_form(match["name"]) or spell(match["name"])]
    said += [" ".join(draft.numbers.written(part) for part in match["number"].split("-"))]
    said += [f"năm {draft.numbers.cardinal(int(match['year']))}"] if match["year"] else []
    said += [_say_part(draft, match["office"], kind=False, party=False)[0]] if match["office"] else []
    yield Reading(*match.span(), ", ".join(said), SpanKind.DOCUMENT)
