"""Which texts the catalogue has: `python -m web.text_sources` (`make texts`) brings it up to date with the sources.

From templates what stands in `_()`, from our browser modules what stands in `gettext()`, and from Python every string
with Vietnamese letters in it: the code's own language is English, so a Vietnamese string is a text for people. No line
numbers, dates or names of tools are written, so that two branches seldom touch the same line.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from web.texts import LOCALES

ROOT = Path(__file__).parent.parent
CATALOGUE = LOCALES / "en" / "LC_MESSAGES" / "web.po"
VIETNAMESE = re.compile("[À-ÃÈ-ÊÌÍÒ-ÕÙÚÝà-ãè-êìíò-õùúýĂăĐđĨĩŨũƠơƯưẠ-ỹ]")
NOT_SHOWN: Mapping[str, str] = {
    "broadcast/cap/outgoing.py": "what is written into a CAP message, which is in Vietnamese",
    "broadcast/cap/speaking.py": "what a voice says",
    "broadcast/collation.py": "the alphabet",
    "broadcast/migrations/": "rows of a database",
    "broadcast/notify_mail.py": "a letter to the commune, which is in Vietnamese",
    "broadcast/prepared_texts.py": "what a voice says",
    "broadcast/seed.py": "what a new commune begins with",
    "broadcast/slots.py": "what a voice says",
    "web/calendar_feed.py": "a calendar in Vietnamese",
    "web/cap_feed.py": "a feed in Vietnamese",
    "web/cli/": "the terminal",
    "web/demo/": "a made-up commune",
    "web/month_pdf.py": "a paper that is handed upward, in Vietnamese",
}
"""Python with Vietnamese that is no text of a screen, and why."""
SHOWN_OF_TTS = (
    "errors.py",
    "voice_troubles.py",
    "import_document/ocr.py",
    "import_document/pdf.py",
    "import_document/refusals.py",
)
"""Of the speech package most Vietnamese is read aloud; the pole's own page (`players`) is in Vietnamese only."""
_HEADER = b"""msgid ""
msgstr ""
"Language: en\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
_A_PATTERN = re.compile(r"\\[sdw]|\(\?|\[[^\]]+\]\*")
"""A regular expression is no text."""


def texts() -> dict[str, set[str]]:
    """Every text of the catalogue, with the files that have it."""
    found: dict[str, set[str]] = {}
    for path, text in [*_of_templates(), *_of_scripts(), *_of_python()]:
        found.setdefault(text, set()).add(path.relative_to(ROOT).as_posix())
    return found


def updated(known: Mapping[str, str]) -> Catalog:
    """The catalogue as the sources want it, with what is already translated; the rest has no English yet."""
    catalogue = Catalog(locale="en", fuzzy=False)
    for text, paths in texts().items():
        catalogue.add(text, known.get(text, ""), locations=[(path, 0) for path in sorted(paths)])
    return catalogue


def translations() -> dict[str, str]:
    """What the catalogue says now, also where that is nothing yet."""
    with CATALOGUE.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file, locale="en") if message.id}


def write(catalogue: Catalog, file: BinaryIO) -> None:
    """Write it the same way on every machine."""
    file.write(_HEADER)
    write_po(file, catalogue, omit_header=True, sort_output=True, include_lineno=False)


def _of_templates() -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / "web" / "templates").rglob("*.html")):
        yield from _extracted(path, "jinja2.ext:babel_extract", ("_", "gettext"))


def _of_scripts() -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / "web" / "static").glob("*.js")):
        yield from _extracted(path, "javascript", ("gettext",))


def _extracted(path: Path, method: str, names: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
    with path.open("rb") as file:
        for _, message, _, _ in extract(method, file, dict.fromkeys(names), (), options):
            yield path, message if isinstance(message, str) else message[0]


def _of_python() -> Iterator[tuple[Path, str]]:
    below = [ROOT / "tts" / name for name in SHOWN_OF_TTS]
    for path in [
        *below,
        *(path for package in ("broadcast", "scheduler", "web") for path in (ROOT / package).rglob("*.py")),
    ]:
        if not path.relative_to(ROOT).as_posix().startswith(tuple(NOT_SHOWN)):
            yield from ((path, text) for text in vietnamese_in(path.read_text("utf-8")))


def vietnamese_in(source: str) -> list[str]:
    """The texts of a module: Vietnamese strings that are no docstring, their places by name; tables of words."""
    tree = ast.parse(source)
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= {id(part) for part in node.values}
            found.append(_with_places(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            found.append(node.value)
    shown = [text for text in found if VIETNAMESE.search(text) and not _A_PATTERN.search(text)]
    return [*shown, *(word for node in ast.walk(tree) for word in _words_of(node))]


def _words_of(node: ast.AST) -> list[str]:
    """The values of a table of words, which need no Vietnamese letter: `xem`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Words"):
        return []
    tables = [one for one in node.args if isinstance(one, ast.Dict)]
    return [str(value.value) for one in tables for value in one.values if isinstance(value, ast.Constant)]


def _with_places(node: ast.JoinedStr) -> str:
    said, names = "", list[str]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            said += str(part.value)
        elif isinstance(part, ast.FormattedValue):
            name = _name_of(part.value)
            names.append(name)
            times = names.count(name)
            said += f"{{{name}{times if times > 1 else ''}}}"
    return said


def _name_of(node: ast.expr) -> str:
    """The last plain name in an expression: `{zone.name}` and `{say(zone.name)}` are both `name`."""
    called = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute | ast.Name) and one not in called:
            return one.attr if isinstance(one, ast.Attribute) else one.id
    return "value"


def main() -> int:
    """Bring the catalogue up to date and say what is left to translate."""
    known = translations() if CATALOGUE.exists() else {}
    catalogue = updated(known)
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    with CATALOGUE.open("wb") as file:
        write(catalogue, file)
    missing = sum(not message.string for message in catalogue if message.id)
    sys.stdout.write(f"{len(catalogue)} texts, {missing} without English: {CATALOGUE}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
