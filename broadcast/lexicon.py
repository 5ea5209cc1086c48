"""The commune's lexicon: how it says its places, names and local abbreviations. It wins over what is built in.

What the change of a word means for clips that wait to be aired is `broadcast.rereading`'s.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from broadcast.audit import record
from broadcast.collation import vietnamese_key
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import LexiconEntry, User, row_id
from broadcast.permissions import Action, require
from broadcast.reading_rules import ReadingRules, forget_rules
from broadcast.typed_text import clean_line

MAX_WORDS = 5_000
MAX_WRITTEN = 100
MAX_SPOKEN = 300
MAX_NOTE = 300


@dataclass(frozen=True, slots=True)
class Word:
    """What is typed of an entry, checked: NFC, one line each, no invisible marks.

    `key` is the written form as texts are compared with it.
    """

    written: str
    spoken: str
    note: str
    key: str


def check_word(written: str, spoken: str, note: str = "") -> Word:
    """What was typed, if it can be an entry.

    Raises:
        InvalidInput: it cannot; the message is for the officer.
    """
    written = clean_line(written, "written", max_chars=MAX_WRITTEN)
    spoken = clean_line(spoken, "spoken", max_chars=MAX_SPOKEN).strip(" ,")
    note = clean_line(note, "note", max_chars=MAX_NOTE) if note.strip() else ""
    return Word(written, spoken, note, _key_of(written, spoken))


def _key_of(written: str, spoken: str) -> str:
    from tts.errors import LexiconError  # noqa: PLC0415
    from tts.normalize import LexiconEntry as Entry  # noqa: PLC0415 - see broadcast.reading_rules
    from tts.normalize.syllables import place_tones  # noqa: PLC0415

    if not any(sign.isalnum() for sign in written):
        raise InvalidInput("bad-written", "Chữ viết phải có ít nhất một chữ cái hoặc chữ số.", "written")
    try:
        key = Entry(written, spoken).key
    except LexiconError as error:
        said = "Cách đọc chỉ gồm chữ, dấu cách và dấu phẩy: số và ký hiệu phải viết thành lời."
        raise InvalidInput("bad-spoken", said, "spoken") from error
    read = " ".join(sentence.spoken for sentence in ReadingRules().read(spoken).sentences)
    if _letters(read) != _letters(place_tones(spoken)):
        said = f"Máy không đọc “{spoken[:60]}” đúng như viết mà thành “{read[:60]}”. Hãy viết bằng âm tiếng Việt."
        raise InvalidInput("not-speakable", said, "spoken")
    if not 0 < len(key) <= MAX_WRITTEN:
        raise InvalidInput("bad-written", "Chữ viết này không dùng được trong từ điển.", "written")
    return key


def _letters(text: str) -> str:
    return " ".join("".join(sign if sign.isalpha() else " " for sign in text.lower()).split())


def add_word(session: Session, word: Word, by: User | None, now: datetime) -> LexiconEntry:
    """Add an entry. `by` is none at the server's terminal.

    Raises:
        NotAllowed: this user may not.
        Conflict: the commune has that word already, or no room.
    """
    require_editor(by)
    _require_new(session, word)
    if session.exec(select(func.count()).select_from(LexiconEntry)).one() >= MAX_WORDS:
        raise Conflict("lexicon-full", f"Từ điển đã đủ {MAX_WORDS} mục.")
    entry = LexiconEntry(commune_id=row_id(get_commune(session).id), written="", key="", spoken="", edited_at=now)
    write_word(session, entry, word, by, now)
    session.flush()
    forget_rules(session)
    record(session, now, actor_of(by), "add-word", word.written, {"spoken": word.spoken})
    return entry


def change_word(
    session: Session, entry_id: int, word: Word, revision: int, by: User | None, now: datetime
) -> LexiconEntry:
    """Change an entry that is still as it was read.

    Raises:
        NotAllowed: this user may not.
        NotFound: there is no such entry any more.
        Conflict: somebody changed it since that revision, or the commune has that word already.
    """
    require_editor(by)
    entry = entry_at(session, entry_id, revision)
    if entry.key != word.key:
        _require_new(session, word)
    before = {"written": entry.written, "spoken": entry.spoken}
    if (entry.written, entry.spoken, entry.note) == (word.written, word.spoken, word.note):
        return entry
    entry.revision += 1
    write_word(session, entry, word, by, now)
    session.flush()
    forget_rules(session)
    record(session, now, actor_of(by), "change-word", word.written, {"before": before, "spoken": word.spoken})
    return entry


def remove_word(session: Session, entry_id: int, revision: int, by: User | None, now: datetime) -> None:
    """Remove an entry that is still as it was read: the built-in reading holds again.

    Raises:
        NotAllowed: this user may not.
        NotFound: there is no such entry any more.
        Conflict: somebody changed it since that revision.
    """
    require_editor(by)
    entry = entry_at(session, entry_id, revision)
    session.delete(entry)
    session.flush()
    forget_rules(session)
    record(session, now, actor_of(by), "remove-word", entry.written, {"spoken": entry.spoken})


def keep_reading(session: Session, word: Word, by: User | None, now: datetime) -> LexiconEntry:
    """Have a written form always read so from now on, whether the commune had a reading for it or not.

    Raises:
        NotAllowed: this user may not.
        Conflict: no room.
    """
    known = word_of(session, word.key)
    if known is None:
        return add_word(session, word, by, now)
    kept = Word(known.written, word.spoken, known.note, known.key)
    return change_word(session, row_id(known.id), kept, known.revision, by, now)


def get_word(session: Session, entry_id: int) -> LexiconEntry:
    """One entry.

    Raises:
        NotFound: there is none.
    """
    entry = session.get(LexiconEntry, entry_id)
    if entry is None:
        raise NotFound("no-word", "Không có mục này trong từ điển.")
    return entry


def word_of(session: Session, key: str) -> LexiconEntry | None:
    """The entry with that key, if there is one."""
    return session.exec(select(LexiconEntry).where(LexiconEntry.key == key)).first()


def list_words(session: Session) -> list[LexiconEntry]:
    """All entries in the order of the Vietnamese alphabet."""
    return sorted(session.exec(select(LexiconEntry)), key=lambda one: (vietnamese_key(one.written), one.key))


def words_since(session: Session, since: datetime) -> list[LexiconEntry]:
    """The entries that were added or changed after an instant, the last first."""
    query = select(LexiconEntry).where(col(LexiconEntry.edited_at) > since)
    return list(session.exec(query.order_by(col(LexiconEntry.edited_at).desc(), col(LexiconEntry.key))))


def write_word(session: Session, entry: LexiconEntry, word: Word, by: User | None, now: datetime) -> None:
    """Have an entry say this; whether it may was decided."""
    entry.written, entry.key, entry.spoken, entry.note = word.written, word.key, word.spoken, word.note
    entry.edited_at, entry.edited_by_id = now, by.id if by else None
    session.add(entry)


def entry_at(session: Session, entry_id: int, revision: int) -> LexiconEntry:
    """An entry that is still as it was read.

    Raises:
        NotFound: there is none any more.
        Conflict: somebody changed it since that revision.
    """
    entry = get_word(session, entry_id)
    if entry.revision != revision:
        said = f"Mục “{entry.written}” vừa được người khác sửa thành “{entry.spoken}”. Hãy tải lại trang."
        raise Conflict("edited-since", said)
    return entry


def _require_new(session: Session, word: Word) -> None:
    known = word_of(session, word.key)
    if known is not None:
        said = f"Từ điển đã có “{known.written}”, đọc là “{known.spoken}”. Hãy sửa mục đó."
        raise Conflict("word-exists", said)


def require_editor(by: User | None) -> None:
    """Let pass who may change the lexicon; none is whoever sits at the server's terminal.

    Raises:
        NotAllowed: this user may not.
    """
    if by is not None:
        require(by, Action.EDIT_LEXICON)


def actor_of(by: User | None) -> str:
    """As the audit log names them."""
    return by.username if by else "loalang"
