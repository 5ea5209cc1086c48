"""What a person typed, before it is believed."""

import re
import unicodedata

from broadcast.errors import InvalidInput

MAX_TITLE = 200
MAX_SCRIPT = 20_000
MAX_EMERGENCY = 600
MAX_REASON = 1_000
MAX_NAME = 100

_NEWLINES = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
# Marks that turn or hide text: what is approved must be what is seen.
_UNSEEN = re.compile(
    r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")


def clean_line(text: str, field: str, *, max_chars: int = MAX_NAME) -> str:
    """One line: as `clean_text`, with every run of white space made one space."""
    return " ".join(clean_text(text, field, max_chars=max_chars).split())


def clean_text(text: str, field: str, *, max_chars: int) -> str:
    """The text in NFC, with plain newlines and without invisible marks, trimmed.

    Raises:
        InvalidInput: it is empty, longer than `max_chars`, or holds control characters.
    """
    if len(text) > 4 * max_chars:  # before any work is done on it
        raise _too_long(field, max_chars)
    kept = _UNSEEN.sub("", _NEWLINES.sub("\n", unicodedata.normalize("NFC", text)).replace("\t", " ")).strip()
    if not kept:
        raise InvalidInput("empty", "Chưa nhập nội dung.", field)
    if len(kept) > max_chars:
        raise _too_long(field, max_chars)
    if any(unicodedata.category(sign) in {"Cc", "Cs", "Co"} and sign != "\n" for sign in kept):
        raise InvalidInput("control-characters", "Nội dung có ký tự điều khiển không đọc được. Hãy gõ lại.", field)
    return kept


def clean_slug(text: str, field: str) -> str:
    """A short name for addresses: small letters, digits and hyphens, at most 50.

    Raises:
        InvalidInput: it is anything else.
    """
    if not _SLUG.fullmatch(text):
        raise InvalidInput(
            "bad-slug", "Tên ngắn chỉ gồm chữ thường không dấu, chữ số và dấu gạch nối, tối đa 50 ký tự.", field
        )
    return text


def slug_of(name: str) -> str:
    """A short name for addresses, made of a Vietnamese one: `thon-dong-1` of `Thôn Đông 1`; empty of signs alone."""
    # U+0111, d with a stroke, is no d with a mark.
    plain = unicodedata.normalize("NFD", name.lower().replace(chr(0x111), "d"))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:50].rstrip("-")


def _too_long(field: str, max_chars: int) -> InvalidInput:
    return InvalidInput("too-long", f"Nội dung quá dài: tối đa {max_chars} ký tự.", field)
