"""Lists, blanks, rules and tables: what is seen on paper and not said."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.spoken import SpanKind

_BULLET = re.compile(r"(?m)^[ \t]*([-+*•>~=#|]{1,400})(?=[\s|]|$)")
_NUMBERED = re.compile(r"(?m)^[ \t]*\(?(\d{1,2}(?:\.\d{1,2}){0,3})(?:[.)/](?=[ \t\n])|[.)](?=[^\W\d_]))")
_SECTION = re.compile(r"(?<=[:;.]\s)(\d{1,2}(?:\.\d{1,2}){1,3})\.(?=\s[^\W\d_])")
_LETTERED = re.compile(r"(?m)(?:^|(?<=[\s(;,.:]))([A-Za-zđĐ])(?=[)])")
_INLINE = re.compile(r"(?:(?<=[;:.,]\s)|(?<=^))[-+*•](?=\s[^\W\d_])")
_RULE = re.compile(r"[-=_*+~#^|]{3,}|\.{4,}|[|\t]+|(?:[.…][ /]?){0,3}/\.")


def read_layout(draft: Draft) -> Iterator[Reading]:
    """Silence bullets, ruled lines and column borders; read list numbers and letters."""
    yield from draft.search(_BULLET, _silence_bullet)
    yield from draft.search(_INLINE, _silence_inline)
    yield from draft.search(_NUMBERED, _read_number)
    yield from draft.search(_SECTION, _read_number)
    yield from draft.search(_LETTERED, _read_letter)
    yield from draft.search(_RULE, _silence)


def _silence_bullet(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(1), "", SpanKind.PAUSE)


def _silence_inline(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), "", SpanKind.PAUSE)


def _read_number(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    parts = [draft.numbers.cardinal(int(part)) for part in match[1].split(".")]
    yield Reading(match.start(1), match.end(), " chấm ".join(parts) + ",", SpanKind.ORDINAL)


def _read_letter(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(1), spell(match[1]), SpanKind.LETTERS)


def _silence(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), ",", SpanKind.PAUSE)
