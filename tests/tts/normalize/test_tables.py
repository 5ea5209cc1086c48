"""The lexicon's files are well made: readable, unambiguous, without a row that can never be reached."""

import re
from importlib import resources

import pytest

from tts.normalize import normalize
from tts.normalize.tables import pairs, rows, senses, units

SPOKEN_FILES = [
    "abbreviations",
    "offices",
    "documents",
    "roads",
    "units",
    "foreign",
    "letters",
    "numbered",
    "symbols",
    "web",
]
READABLE = re.compile(r"[a-zà-ỹđ]+(?:,? [a-zà-ỹđ]+)*")


def spoken_forms(name: str) -> list[str]:
    """Give every spoken form of a file that is not silent."""
    return [row[1].removesuffix("?") for row in rows(name) if len(row) > 1 and row[1]]


@pytest.mark.parametrize("name", SPOKEN_FILES)
def test_every_spoken_form_is_plain_words(name: str) -> None:
    wrong = [spoken for spoken in spoken_forms(name) if not READABLE.fullmatch(spoken)]
    assert wrong == []


@pytest.mark.parametrize("name", SPOKEN_FILES)
def test_every_spoken_form_is_read_as_itself(name: str) -> None:
    wrong = {spoken: said for spoken in spoken_forms(name) if (said := normalize(spoken).spoken) != spoken}
    assert wrong == {}


@pytest.mark.parametrize(
    "name", ["offices", "documents", "roads", "units", "foreign", "letters", "symbols", "web", "contexts"]
)
def test_nothing_is_written_twice(name: str) -> None:
    written = [row[0] for row in rows(name)]
    assert sorted({word for word in written if written.count(word) > 1}) == []


def test_the_sense_without_neighbours_comes_last() -> None:
    hidden = [
        written
        for written, found in senses("abbreviations").items()
        if any(sense.before is None and sense.after is None for sense in found[:-1])
    ]
    assert hidden == []


def test_foreign_words_are_in_small_letters() -> None:
    assert [word for word in pairs("foreign") if word != word.lower()] == []


def test_units_have_a_family() -> None:
    assert [unit.written for unit in units().values() if not unit.family] == []


def test_every_file_says_what_its_columns_are() -> None:
    files = [
        file for file in resources.files("tts.normalize").joinpath("lexicon").iterdir() if file.name.endswith(".tsv")
    ]
    assert len(files) >= 14
    for file in files:
        assert file.read_text(encoding="utf-8").startswith("# "), file.name


@pytest.mark.parametrize("name", ["abbreviations", "counted", "shared"])
def test_long_files_are_in_order(name: str) -> None:
    written = [row[0] for row in rows(name)]
    assert written == sorted(written)


def test_no_sense_is_given_twice() -> None:
    seen = [tuple(row) for row in rows("abbreviations")]
    assert sorted({row for row in seen if seen.count(row) > 1}) == []


def test_a_word_somewhere_before_tells_a_meaning() -> None:
    assert normalize("Lớp nuôi ong có 35 HV").spoken == "Lớp nuôi ong có ba mươi lăm học viên"
    assert normalize("Chi hội có 35 HV").spoken == "Chi hội có ba mươi lăm hội viên"
    assert normalize("Mở lớp. Chi hội có 35 HV").spoken.endswith("ba mươi lăm hội viên")
