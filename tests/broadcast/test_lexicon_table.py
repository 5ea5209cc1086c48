"""The lexicon as a table: in and out again without a byte's difference, and all or nothing."""

import time
from datetime import datetime

import pytest
from sqlmodel import Session, select

from broadcast import lexicon_table
from broadcast.errors import Conflict, InvalidInput, NotAllowed
from broadcast.lexicon import add_word, check_word, list_words
from broadcast.lexicon_table import bring_in, decode_table, plan_table, take_out
from broadcast.models import AuditEntry
from broadcast.reading_rules import rules_of
from tests.broadcast.conftest import House

TABLE = (
    "viết\tđọc\tghi chú\nCTĐ\tchữ thập đỏ\t\nĐắk Xế\tđắc xế\tngười già nói thế\nNà “Lạc”\tnà lác, bản trên\t\n"
    '"""Ngõ"" 5"\tngõ năm\t"# ""số"" cũ"\n'
)


def take_in(unit: Session, house: House, tsv: str, now: datetime) -> tuple[int, int, int]:
    plan = plan_table(unit, tsv)
    bring_in(unit, plan, house.officer, now)
    return plan.added, len(plan.changes) - plan.added, plan.unchanged


def test_a_table_comes_out_as_it_went_in(unit: Session, house: House, now: datetime) -> None:
    take_in(unit, house, TABLE, now)
    out = take_out(unit)
    assert out.splitlines()[0] == "viết\tđọc\tghi chú"
    assert sorted(out.splitlines()) == sorted(TABLE.splitlines())
    assert take_in(unit, house, out, now) == (0, 0, 4)
    assert take_out(unit).encode() == out.encode()
    for entry in list_words(unit):
        unit.delete(entry)
    unit.flush()
    assert take_in(unit, house, out, now) == (4, 0, 0)
    assert take_out(unit).encode() == out.encode()


def test_what_would_change_is_said_and_nothing_is_done(unit: Session, house: House, now: datetime) -> None:
    add_word(unit, check_word("CTĐ", "chữ thập"), house.officer, now)
    add_word(unit, check_word("Bản Phùng", "bản phuồng"), house.officer, now)
    plan = plan_table(unit, "ctđ \t cờ tờ đờ\nCTĐ\tchữ thập đỏ\nBẢN phùng\tbản phuồng\n")
    assert [(change.word.written, change.entry and change.entry.spoken) for change in plan.changes] == [
        ("ctđ", None),
        ("CTĐ", "chữ thập"),
        ("BẢN phùng", "bản phuồng"),
    ]
    assert rules_of(unit).read("Hội CTĐ").spoken == "Hội chữ thập"
    bring_in(unit, plan, house.leader, now)
    assert rules_of(unit).read("Hội CTĐ, ctđ").spoken == "Hội chữ thập đỏ, cờ tờ đờ"
    assert [(one.written, one.revision) for one in list_words(unit)] == [("BẢN phùng", 2), ("CTĐ", 2), ("ctđ", 1)]


def test_one_bad_line_and_nothing_is_taken(unit: Session, house: House, now: datetime) -> None:
    tsv = "viết\tđọc\nCTĐ\tchữ thập đỏ\nmột cột\n\nCTĐ\tkhác\nKm\tsố 5\nZalo\tzalo\n"
    plan = plan_table(unit, tsv)
    assert [error.partition(":")[0] for error in plan.errors] == ["Dòng 3", "Dòng 5", "Dòng 6", "Dòng 7"]
    assert plan.errors[1] == "Dòng 5: “CTĐ” đã có ở dòng 2."
    assert "da lô" in plan.errors[3]
    with pytest.raises(InvalidInput, match="bad-lines") as raised:
        bring_in(unit, plan, house.officer, now)
    assert raised.value.message.splitlines() == list(plan.errors)
    assert list_words(unit) == []


def test_many_bad_lines_are_said_shortly(unit: Session, house: House, now: datetime) -> None:
    plan = plan_table(unit, "x\n" * 50)
    with pytest.raises(InvalidInput) as raised:
        bring_in(unit, plan, house.officer, now)
    assert raised.value.message.splitlines()[-1] == "và 30 lỗi nữa."


def test_a_plan_holds_for_the_lexicon_it_was_made_for(unit: Session, house: House, now: datetime) -> None:
    plan = plan_table(unit, TABLE)
    add_word(unit, check_word("Nà Mó", "nà mò"), house.other_officer, now)
    with pytest.raises(Conflict, match="edited-since"):
        bring_in(unit, plan, house.officer, now)


def test_a_village_head_brings_nothing_in(unit: Session, house: House, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        bring_in(unit, plan_table(unit, TABLE), house.head_east, now)


def test_the_audit_log_holds_every_word_of_a_table(unit: Session, house: House, now: datetime) -> None:
    take_in(unit, house, TABLE, now)
    row = unit.exec(select(AuditEntry).where(AuditEntry.action == "import-lexicon")).one()
    assert (row.actor, row.detail["words"]["CTĐ"]) == ("canbo", "chữ thập đỏ")


@pytest.mark.parametrize(
    ("tsv", "code"),
    [
        ("", "empty"),
        ("\ufeff\r\n \t", "empty"),
        ("x" * 1_000_001, "too-long"),
        ("B¶n Phïng\tb¶n phuång", "not-unicode"),
    ],
)
def test_a_table_that_is_none_is_said(unit: Session, house: House, tsv: str, code: str) -> None:
    with pytest.raises(InvalidInput, match=code):
        plan_table(unit, tsv)


def test_room_for_so_many_words(unit: Session, house: House, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon_table, "MAX_WORDS", 3)
    assert plan_table(unit, TABLE).errors == ("Từ điển chỉ chứa được 3 mục.",)


@pytest.mark.parametrize(
    "data",
    [
        TABLE.encode(),
        b"\xef\xbb\xbf" + TABLE.encode(),
        TABLE.replace("\n", "\r\n").encode("utf-16"),
        b"\xfe\xff" + TABLE.encode("utf-16-be"),
    ],
)
def test_what_spreadsheets_save_is_read(unit: Session, house: House, now: datetime, data: bytes) -> None:
    assert take_in(unit, house, decode_table(data), now) == (4, 0, 0)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", "Đắk".encode("utf-16-le")[:-1] + b"\xd8", b"\xc0\xaf"])
def test_what_is_no_unicode_is_said(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="not-unicode"):
        decode_table(data)


def test_the_largest_table_is_written_in_no_time(unit: Session, house: House, now: datetime) -> None:
    """Checking it takes seconds, in a view that holds up nobody; writing it, when all others wait, does not."""
    tsv = "".join(f"Bản {number}A\tbản số nào đó\t\n" for number in range(3000))
    began = time.perf_counter()
    plan = plan_table(unit, tsv)
    checked = time.perf_counter()
    bring_in(unit, plan, house.officer, now)
    assert time.perf_counter() - checked < (checked - began)
    assert len(list_words(unit)) == 3000
