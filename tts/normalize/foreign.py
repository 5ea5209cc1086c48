"""Words that are not Vietnamese: those of the lexicon as people say them, the rest left and marked."""

import re
from collections.abc import Iterator
from functools import cache

from tts.normalize.canonical import LATIN, VIETNAMESE
from tts.normalize.draft import TAKEN, Draft, Reading
from tts.normalize.legacy import seems_legacy
from tts.normalize.letters import spell
from tts.normalize.syllables import is_syllable, without_marks
from tts.normalize.tables import pairs, senses, words
from tts.spoken import SpanKind

_RUN = re.compile(r"(?<![^\W_])[^\W\d_]{1,60}(?![^\W\d_])|[^\W\d_]{60}")
_LATIN = re.compile(rf"[a-z{VIETNAMESE}]+")
_SCRIPTS = (
    (re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), "chữ Hán"),
    (re.compile(r"[\u3040-\u30ff]"), "chữ Nhật"),
    (re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"), "chữ Hàn"),
    (re.compile(r"[\u0400-\u052f]"), "chữ Nga"),
    (re.compile(r"[\u0e80-\u0eff]"), "chữ Lào"),
    (re.compile(r"[\u1780-\u17ff]"), "chữ Khơ me"),
    (re.compile(r"[\u0e00-\u0e7f]"), "chữ Thái"),
    (re.compile(r"[\uaa80-\uaadf]"), "chữ Thái"),
    (re.compile(r"[\uaa00-\uaa5f]"), "chữ Chăm"),
)
_OTHER_LETTERS = re.compile(rf"[^\W\d_{LATIN}]+(?:[ ,]*[^\W\d_{LATIN}]+){{0,40}}")


@cache
def _phrases() -> dict[str, tuple[str, ...]]:
    index: dict[str, list[str]] = {}
    for written in pairs("foreign"):
        run = re.match(r"[^\W\d_]+", written)
        if run is not None:
            index.setdefault(run[0], []).append(written)
    return {run: tuple(sorted(found, key=len, reverse=True)) for run, found in index.items()}


def read_known_foreign(draft: Draft) -> Iterator[Reading]:
    """Read the foreign words and brands of the lexicon: Zalo, online, VNeID."""
    done = 0
    for run in _RUN.finditer(draft.open):
        if run.start() < done or (run[0].isupper() and run[0] in senses("abbreviations")):
            continue
        for written in _phrases().get(draft.lower[run.start() : run.end()], ()):
            end = run.start() + len(written)
            stands = draft.lower.startswith(written, run.start()) and not draft.text[end : end + 1].isalnum()
            if stands and TAKEN not in draft.open[run.start() : end]:
                done = end
                if pairs("foreign")[written] != written:
                    yield Reading(run.start(), end, pairs("foreign")[written], SpanKind.FOREIGN)
                break


def read_foreign(draft: Draft) -> Iterator[Reading]:
    """Mark unknown foreign words; spell what cannot be pronounced; name other scripts."""
    yield from draft.search(_OTHER_LETTERS, _read_script)
    yield from draft.search(_RUN, _read_word)


def _read_script(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    plain = without_marks(match[0]).lower()
    greek = pairs("symbols").get(match[0])
    if greek:
        yield Reading(*match.span(), greek, SpanKind.SYMBOL, certain=False)
        return
    if _LATIN.fullmatch(plain):
        return
    name = next((name for pattern, name in _SCRIPTS if pattern.search(match[0])), "chữ nước ngoài")
    yield Reading(*match.span(), f"đoạn {name.lower()}", SpanKind.FOREIGN, certain=False)


def _spelled_like_one(plain: str) -> bool:
    return is_syllable(plain) or is_syllable(plain, toneless=True)


def _short_form(plain: str) -> str | None:
    """Give what an abbreviation stands for that shows only when foreign marks are taken off."""
    small = senses("abbreviations").get(plain)
    if small is not None:
        return small[-1].spoken
    found = senses("abbreviations").get(plain.upper()) if len(plain) > 2 and not _spelled_like_one(plain) else None
    return found[-1].spoken if found and found[-1].before is None and found[-1].after is None else None


def _read_word(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    word = match[0]
    lower = word.lower()
    if is_syllable(lower) or lower in words("names"):
        return
    plain = lower if _LATIN.fullmatch(lower) else without_marks(lower)
    if not _LATIN.fullmatch(plain):
        plain = "".join(re.findall(r"[a-z]", plain))
    if seems_legacy(plain):
        plain = without_marks(plain)
    if not plain:
        yield Reading(*match.span(), "từ nước ngoài", SpanKind.FOREIGN, certain=False)
    elif len(plain) > 1 and re.search("[aeiouy]", without_marks(plain)):
        as_written = word if plain == lower and not word.isupper() else plain
        said = pairs("foreign").get(plain) or _short_form(plain) or as_written
        yield Reading(*match.span(), said, SpanKind.FOREIGN, certain=False)
    else:
        yield Reading(*match.span(), spell(without_marks(plain)) or plain, SpanKind.LETTERS, certain=False)
