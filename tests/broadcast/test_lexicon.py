"""The commune's words: checked as they are typed, kept apart from each other's edits, written down."""

from datetime import datetime

import pytest
from sqlmodel import Session, col, select

from broadcast import lexicon
from broadcast.audit import first_broken
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.lexicon import Word, add_word, change_word, check_word, keep_reading, list_words, remove_word
from broadcast.models import AuditEntry, LexiconEntry, row_id
from broadcast.reading_rules import rules_of, set_style
from tests.broadcast.conftest import House


def said(unit: Session, text: str) -> str:
    return rules_of(unit).read(text).spoken


def add(unit: Session, house: House, now: datetime, written: str, spoken: str, note: str = "") -> LexiconEntry:
    return add_word(unit, check_word(written, spoken, note), house.officer, now)


def id_of(entry: LexiconEntry) -> int:
    return row_id(entry.id)


def test_a_word_wins_from_the_moment_it_is_added_until_it_is_removed(
    unit: Session, house: House, now: datetime
) -> None:
    assert said(unit, "NVH thôn Nà Lạc") == "nhà văn hóa thôn Nà Lạc"
    hall = add(unit, house, now, "NVH", "nhà họp")
    add(unit, house, now, "Nà Lạc", "nà lác")
    assert said(unit, "NVH thôn NÀ LẠC") == "nhà họp thôn nà lác"
    changed = change_word(unit, id_of(hall), check_word("NVH", "nhà sàn"), 1, house.leader, now)
    assert (changed.revision, changed.edited_by_id) == (2, house.leader.id)
    assert said(unit, "NVH thôn Nà Lạc") == "nhà sàn thôn nà lác"
    remove_word(unit, id_of(hall), 2, house.administrator, now)
    assert said(unit, "NVH") == "nhà văn hóa"


def test_what_is_typed_is_put_in_order(unit: Session, house: House, now: datetime) -> None:
    typed = check_word("  Na\u0300\u200b  La\u0323c ", " nà \u00a0 lác, ", " người già nói \t thế ")
    assert typed == Word("Nà Lạc", "nà lác", "người già nói thế", "nà lạc")


@pytest.mark.parametrize(
    ("written", "spoken", "code", "field"),
    [
        ("", "nà lác", "empty", "written"),
        ("\u200b", "nà lác", "empty", "written"),
        ("./.", "hết", "bad-written", "written"),
        ("x" * 101, "x", "too-long", "written"),
        ("Nà\x00", "nà", "control-characters", "written"),
        ("Nà Lạc", "  ", "empty", "spoken"),
        ("Nà Lạc", ",", "bad-spoken", "spoken"),
        ("Km 5", "ki lô mét 5", "bad-spoken", "spoken"),
        ("Km 5", "ki-lô-mét năm", "bad-spoken", "spoken"),
        ("Nà Lạc", "UBND", "not-speakable", "spoken"),
        ("Zalo", "zalo", "not-speakable", "spoken"),
        ("中", "中", "not-speakable", "spoken"),
        ("Nà Lạc", "a" * 301, "too-long", "spoken"),
    ],
)
def test_what_cannot_be_an_entry_says_why(written: str, spoken: str, code: str, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_word(written, spoken)
    assert (raised.value.code, raised.value.field) == (code, field)
    assert raised.value.message


@pytest.mark.parametrize("spoken", ["hòa bền", "hoà bền", "nà lác, bản trên", "Krông Pắk", "bản phuồng", "e líc"])
def test_how_a_name_sounds_may_be_spelled_as_no_dictionary_has_it(spoken: str) -> None:
    assert check_word("Nà Lạc", spoken).spoken == spoken


@pytest.mark.parametrize("again", ["bản phùng", "BẢN PHÙNG", "Bản  Phùng", "Ba\u0309n Phu\u0300ng"])
def test_one_word_is_there_once(unit: Session, house: House, now: datetime, again: str) -> None:
    add(unit, house, now, "Bản Phùng", "bản phuồng")
    spoken = "bản phùng"
    # In capitals only it is another word: it is meant so.
    if again.isupper():
        add(unit, house, now, again, spoken)
        assert said(unit, "Bản Phùng, BẢN PHÙNG") == "bản phuồng, bản phùng"
        return
    with pytest.raises(Conflict, match="word-exists") as raised:
        add(unit, house, now, again, spoken)
    assert raised.value.message == "Từ điển đã có “Bản Phùng”, đọc là “bản phuồng”. Hãy sửa mục đó."


def test_capitals_are_a_word_of_their_own(unit: Session, house: House, now: datetime) -> None:
    add(unit, house, now, "CTĐ", "chữ thập đỏ")
    add(unit, house, now, "ctđ", "cờ tờ đờ")
    assert said(unit, "Hội CTĐ, ctđ") == "Hội chữ thập đỏ, cờ tờ đờ"


def test_two_who_edit_one_word_do_not_overwrite_each_other(unit: Session, house: House, now: datetime) -> None:
    entry = add(unit, house, now, "Nà Lạc", "nà lác")
    change_word(unit, id_of(entry), check_word("Nà Lạc", "nà lạc"), 1, house.officer, now)
    for act in (
        lambda: change_word(unit, id_of(entry), check_word("Nà Lạc", "nà lắc"), 1, house.other_officer, now),
        lambda: remove_word(unit, id_of(entry), 1, house.other_officer, now),
    ):
        with pytest.raises(Conflict, match="edited-since") as raised:
            act()
        assert "nà lạc" in raised.value.message
    assert said(unit, "Nà Lạc") == "nà lạc"


def test_a_word_does_not_become_another_that_is_there(unit: Session, house: House, now: datetime) -> None:
    add(unit, house, now, "Nà Lạc", "nà lác")
    other = add(unit, house, now, "Nà Mó", "nà mò")
    with pytest.raises(Conflict, match="word-exists"):
        change_word(unit, id_of(other), check_word("nà lạc", "nà mò"), 1, house.officer, now)
    assert change_word(unit, id_of(other), check_word("NÀ MÓ", "nà mò"), 1, house.officer, now).written == "NÀ MÓ"


def test_who_may_edit_and_who_reads(unit: Session, house: House, now: datetime) -> None:
    entry = add(unit, house, now, "Nà Lạc", "nà lác")
    word = check_word("Nà Mó", "nà mò")
    for act in (
        lambda: add_word(unit, word, house.head_east, now),
        lambda: change_word(unit, id_of(entry), word, 1, house.head_east, now),
        lambda: remove_word(unit, id_of(entry), 1, house.head_east, now),
        lambda: set_style(unit, {"thousand": "ngàn"}, house.head_east, now),
    ):
        with pytest.raises(NotAllowed):
            act()
    add_word(unit, word, None, now)
    assert [one.written for one in list_words(unit)] == ["Nà Lạc", "Nà Mó"]


def test_what_is_gone_is_said(unit: Session, house: House, now: datetime) -> None:
    with pytest.raises(NotFound, match="no-word"):
        remove_word(unit, 7, 1, house.officer, now)


def test_a_reading_is_kept_whether_the_word_is_there_or_not(unit: Session, house: House, now: datetime) -> None:
    add(unit, house, now, "Nà Lạc", "nà lác", "cụ Páo nói thế")
    kept = keep_reading(unit, check_word("NÀ LẠC", "nà lạc"), house.leader, now)
    assert kept.written == "NÀ LẠC"  # in capitals only: a word of its own
    kept = keep_reading(unit, check_word("nà lạc", "nà lắc"), house.leader, now)
    assert (kept.written, kept.spoken, kept.note, kept.revision) == ("Nà Lạc", "nà lắc", "cụ Páo nói thế", 2)


def test_the_lexicon_has_an_end(unit: Session, house: House, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MAX_WORDS", 1)
    add(unit, house, now, "Nà Lạc", "nà lác")
    with pytest.raises(Conflict, match="lexicon-full"):
        add(unit, house, now, "Nà Mó", "nà mò")


def test_the_audit_log_holds_who_changed_what(unit: Session, house: House, now: datetime) -> None:
    entry = add(unit, house, now, "Nà Lạc", "nà lác")
    change_word(unit, id_of(entry), check_word("Nà Lạc", "nà lạc"), 1, house.leader, now)
    change_word(unit, id_of(entry), check_word("Nà Lạc", "nà lạc"), 2, house.leader, now)
    remove_word(unit, id_of(entry), 2, None, now)
    set_style(unit, {"thousand": "ngàn"}, house.officer, now)
    query = select(AuditEntry).where(col(AuditEntry.action).in_({"add-word", "change-word", "remove-word"}))
    rows = [(row.actor, row.action, row.subject) for row in unit.exec(query.order_by(col(AuditEntry.id)))]
    assert rows == [
        ("canbo", "add-word", "Nà Lạc"),
        ("lanhdao", "change-word", "Nà Lạc"),
        ("loalang", "remove-word", "Nà Lạc"),
    ]
    style = unit.exec(select(AuditEntry).where(AuditEntry.action == "set-reading-style")).one()
    assert (style.detail["before"]["thousand"], style.detail["after"]["thousand"]) == ("nghìn", "ngàn")
    assert first_broken(unit) is None


def test_numbers_are_said_as_the_region_says_them(unit: Session, house: House, now: datetime) -> None:
    text = "Còn 1.105 hộ, 24 nhà."
    assert said(unit, text) == "Còn một nghìn một trăm linh năm hộ, hai mươi tư nhà."
    set_style(unit, {"thousand": "ngàn", "gap": "lẻ", "four": "bốn"}, house.officer, now)
    assert said(unit, text) == "Còn một ngàn một trăm lẻ năm hộ, hai mươi bốn nhà."
    set_style(unit, {"four": "tư"}, house.officer, now)
    assert said(unit, "24") == "hai mươi tư"


@pytest.mark.parametrize("style", [{"thousand": "nghin"}, {"hundred": "trăm"}, {"four": ""}])
def test_a_style_that_is_none_is_named(unit: Session, house: House, now: datetime, style: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="unknown-style") as raised:
        set_style(unit, style, house.officer, now)
    assert raised.value.field == next(iter(style))
