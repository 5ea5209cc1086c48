"""The lexicon as a table: taken out whole, brought in all or nothing, what would change shown first."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, select

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput
from broadcast.lexicon import (
    MAX_WORDS,
    Word,
    actor_of,
    check_word,
    entry_at,
    list_words,
    require_editor,
    write_word,
)
from broadcast.models import LexiconEntry, User, row_id
from broadcast.reading_rules import forget_rules, rules_of

MAX_TABLE = 1_000_000
"""Characters."""
SEEN_ANOTHER = "Từ điển đã được sửa sau khi bạn xem trước. Hãy xem lại rồi nhập."
_SAID_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Change:
    """A line of a table that changes something, and the entry that it changes; none for a new word."""

    word: Word
    entry: LexiconEntry | None


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What bringing in a table would do. `errors` name lines by number, in Vietnamese; with one nothing is done.

    `seen` names the lexicon that was compared with: another one is another plan.
    """

    changes: tuple[Change, ...]
    unchanged: int
    errors: tuple[str, ...]
    seen: str

    @property
    def added(self) -> int:
        """How many words are new."""
        return sum(change.entry is None for change in self.changes)


def plan_table(session: Session, tsv: str) -> TablePlan:
    """Compare a table (written, spoken, note) with the lexicon; words that it does not name stay.

    Raises:
        InvalidInput: it is too long, empty, or not in Unicode.
    """
    _check_table(tsv)
    known = {entry.key: entry for entry in session.exec(select(LexiconEntry))}
    changes: list[Change] = []
    errors: list[str] = []
    unchanged = 0
    at_line: dict[str, int] = {}
    for number, found in _words(tsv):
        if isinstance(found, str):
            errors.append(f"Dòng {number}: {found}")
        elif found.key in at_line:
            errors.append(f"Dòng {number}: “{found.written}” đã có ở dòng {at_line[found.key]}.")
        else:
            at_line[found.key] = number
            entry = known.get(found.key)
            if entry and (entry.written, entry.spoken, entry.note) == (found.written, found.spoken, found.note):
                unchanged += 1
            else:
                changes.append(Change(found, entry))
    plan = TablePlan(tuple(changes), unchanged, tuple(errors), rules_of(session).sha256)
    if len(known) + plan.added > MAX_WORDS:
        return replace(plan, errors=(*errors, f"Từ điển chỉ chứa được {MAX_WORDS} mục."))
    return plan


def bring_in(session: Session, plan: TablePlan, by: User | None, now: datetime) -> None:
    """Do what the plan says, all of it or nothing.

    Checking thousands of words takes seconds, in which others want to write: it was done in a view of its own.

    Raises:
        NotAllowed: this user may not.
        InvalidInput: a line cannot be used; the message names each.
        Conflict: the lexicon is another than the one that the plan was made for.
    """
    require_editor(by)
    if plan.errors:
        more = len(plan.errors) - _SAID_AT_MOST
        said = [*plan.errors[:_SAID_AT_MOST], *([f"và {more} lỗi nữa."] if more > 0 else [])]
        raise InvalidInput("bad-lines", "\n".join(said), "tsv")
    if plan.seen != rules_of(session).sha256:
        raise Conflict("edited-since", SEEN_ANOTHER)
    commune_id = row_id(get_commune(session).id)
    for change in plan.changes:
        if change.entry is None:
            entry = LexiconEntry(commune_id=commune_id, written="", key="", spoken="", edited_at=now)
        else:
            entry = entry_at(session, row_id(change.entry.id), change.entry.revision)
            entry.revision += 1
        write_word(session, entry, change.word, by, now)
    session.flush()
    forget_rules(session)
    said_of = {change.word.written: change.word.spoken for change in plan.changes}
    record(session, now, actor_of(by), "import-lexicon", f"{len(said_of)} words", {"words": said_of})


def take_out(session: Session) -> str:
    """The lexicon as TSV, in the order of the alphabet; brought into an empty lexicon it comes out the same."""
    from tts.normalize import LexiconEntry as Entry  # noqa: PLC0415
    from tts.normalize import dump_lexicon  # noqa: PLC0415

    return dump_lexicon(Entry(one.written, one.spoken, one.note) for one in list_words(session))


def decode_table(data: bytes) -> str:
    """A table's file as spreadsheets save it: UTF-8, or UTF-16 with its mark ("Unicode Text").

    Raises:
        InvalidInput: it is neither.
    """
    is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        said = "Tệp không phải Unicode (UTF-8). Hãy lưu lại dạng “Unicode Text”."
        raise InvalidInput("not-unicode", said, "tsv") from error


def _check_table(tsv: str) -> None:
    from tts.normalize import detect_legacy  # noqa: PLC0415

    if len(tsv) > MAX_TABLE:
        raise InvalidInput("too-long", f"Bảng quá dài: tối đa {MAX_TABLE} ký tự.", "tsv")
    if not tsv.strip("\ufeff \t\r\n"):
        raise InvalidInput("empty", "Bảng chưa có dòng nào.", "tsv")
    legacy = detect_legacy(tsv)
    if legacy is not None:
        said = f"Bảng gõ bằng bảng mã cũ ({legacy.encoding}). Hãy chuyển sang Unicode rồi nhập."
        raise InvalidInput("not-unicode", said, "tsv")


def _words(tsv: str) -> list[tuple[int, Word | str]]:
    """Each line's number and its word, or what is wrong with it."""
    from tts.errors import LexiconError  # noqa: PLC0415
    from tts.normalize import read_lines  # noqa: PLC0415

    found: list[tuple[int, Word | str]] = []
    for number, entry in read_lines(tsv):
        if isinstance(entry, LexiconError):
            found.append((number, str(entry)))
            continue
        try:
            found.append((number, check_word(entry.written, entry.spoken, entry.note)))
        except InvalidInput as error:
            found.append((number, error.message))
    return found
