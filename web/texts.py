"""The texts of the screens, in the language that the reader chose.

The source text is Vietnamese and is its own name in the catalogue (gettext); English is in
`locales/en/LC_MESSAGES/web.po`. What has no English there is said in Vietnamese. What is composed or stored below the
web (a refusal, why a pole was silent, an alarm) is a Vietnamese sentence too: `told` knows it again by its pattern. See
docs/decisions/093-texts.md.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar

from babel.messages.pofile import read_po
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

LOCALES = Path(__file__).parent / "locales"
COOKIE = "loalang-language"
_SCRIPTS = "web/static/"
LONGEST_TOLD = 1_000
"""Longer texts are nobody's composed sentence."""
PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?:![rsa])?(?::[^{}]*)?\}")
"""A place in a text that is filled in: `{name}`, as in `str.format` and f-strings."""
_FEWEST_LETTERS = 2
"""Fewer letters around its places do not make a pattern: it would fit anything. `từ {day}` has two."""
Key = TypeVar("Key")


class Language(StrEnum):
    """A language of the screens."""

    VIETNAMESE = "vi"
    ENGLISH = "en"


_chosen: ContextVar[Language] = ContextVar("language", default=Language.VIETNAMESE)


def language() -> Language:
    """What the reader of this request chose; Vietnamese when nobody did."""
    return _chosen.get()


@contextmanager
def speaking(chosen: Language) -> Iterator[None]:
    """Texts said within are in this language."""
    before = _chosen.set(chosen)
    try:
        yield
    finally:
        _chosen.reset(before)


def gettext(text: str) -> str:
    """A text of the catalogue, by its Vietnamese."""
    return text if language() is Language.VIETNAMESE else english().get(text, text)


def ngettext(_one: str, many: str, _number: int) -> str:
    """Vietnamese knows no plural, and no text of ours has one."""
    return gettext(many)


def told(text: str) -> str:
    """A sentence that was composed below the web, or long ago, in the reader's language."""
    if language() is Language.VIETNAMESE or not text or len(text) > LONGEST_TOLD:
        return text
    return _in_english(str(text))


class Words(Mapping[Key, str]):
    """A table of words by what they stand for, which says them in the reader's language."""

    def __init__(self, said: Mapping[Key, str]) -> None:
        self._said = dict(said)

    def __getitem__(self, key: Key) -> str:
        """The word."""
        return gettext(self._said[key])

    def __iter__(self) -> Iterator[Key]:
        """What they stand for, in the order of the table."""
        return iter(self._said)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._said)


def script_texts() -> Mapping[str, str]:
    """What our browser modules say, in English, by its Vietnamese."""
    return _catalogue()[1]


def english() -> Mapping[str, str]:
    """What is translated, by its Vietnamese."""
    return _catalogue()[0]


@cache
def _catalogue() -> tuple[Mapping[str, str], Mapping[str, str]]:
    with (LOCALES / "en" / "LC_MESSAGES" / "web.po").open("rb") as file:
        messages = [message for message in read_po(file, locale="en") if message.id and message.string]
    return {str(message.id): str(message.string) for message in messages}, {
        str(message.id): str(message.string)
        for message in messages
        if any(path.startswith(_SCRIPTS) for path, _ in message.locations)
    }


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Sentences with places, the most telling first, each with its English."""
    found = []
    for text, translation in english().items():
        letters = sum(letter.isalpha() for letter in PLACE.sub("", text))
        if PLACE.search(text) and letters >= _FEWEST_LETTERS:
            found.append((letters, _pattern_of(text), translation))
    return tuple((pattern, translation) for _, pattern, translation in sorted(found, key=lambda one: -one[0]))


def _pattern_of(text: str) -> re.Pattern[str]:
    parts, last, names = [], 0, set[str]()
    for place in PLACE.finditer(text):
        again = place[1] in names
        parts += [re.escape(text[last : place.start()]), f"(?P={place[1]})" if again else f"(?P<{place[1]}>.*?)"]
        names.add(place[1])
        last = place.end()
    return re.compile("".join(parts) + re.escape(text[last:]), re.DOTALL)


@lru_cache(maxsize=4096)
def _in_english(text: str) -> str:
    known = english().get(text)
    if known is not None:
        return known
    for pattern, translation in _patterns():
        match = pattern.fullmatch(text)
        if match:
            return _filled(translation, match.groupdict())
    return text


def _filled(translation: str, parts: Mapping[str, str]) -> str:
    return PLACE.sub(lambda place: _in_english(parts[place[1]]), translation)


class ReadersLanguage:
    """ASGI middleware: what is said while a request is answered is in the language of its cookie, else Vietnamese.

    Never by `Accept-Language`: in a commune's office the browser is often an English one, its reader is not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the reader's language."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with speaking(language_of(scope)):
            await self.app(scope, receive, send)


def language_of(scope: Scope) -> Language:
    """What a request's cookie chose."""
    for name, value in scope["headers"]:
        if name == b"cookie" and cookie_parser(value.decode("latin-1")).get(COOKIE) == Language.ENGLISH:
            return Language.ENGLISH
    return Language.VIETNAMESE
