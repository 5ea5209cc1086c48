"""What lines of a paper look like: small judgements that several steps share."""

import re
import unicodedata

from tts.normalize.syllables import is_syllable, place_tones

LIST_MARK = re.compile(
    r"(?:[-–—+*•·●▪◦‣○■□◆➢➤❖]\s|[-–+•](?=[^\W\d_])"
    r"|(?:\d{1,2}(?:\.\d{1,2}){0,3}|[a-zđ]|[IVX]{1,5})[.)/]\s|(?:Điều|Chương|Mục|Phần)\s+(?:\d+|[IVX]+)\b)"
)
_SENTENCE_END = re.compile(r"[.!?;:…][\"”’)\]]*$|/\.$")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000]+")
_BULLET = re.compile("[\uf02d\uf076\uf0a7\uf0a8\uf0b7\uf0d8\uf0e0\uf0e8\uf0fc]")
"""The bullets of Word's symbol fonts."""
_UNSEEN = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufffc-\uffff\ud800-\udfff\ue000-\uf8ff]|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_BEFORE_MARK = re.compile(r"(?<=\w) +(?=[,;:!?](?:\s|$))")
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])-$")
_WORD = re.compile(r"[^\W\d_]+")


def tidy(text: str) -> str:
    """One line of text in NFC, its spaces single, without what is not seen.

    Soft hyphens stay: in TCVN3 they are the letter ư, and not every reader knows the encoding.
    """
    marked = _BULLET.sub("- ", text.replace("\n", " ").replace("\t", " "))
    composed = unicodedata.normalize("NFC", _UNSEEN.sub("", marked))
    return _BEFORE_MARK.sub("", _SPACES.sub(" ", composed)).strip()


def even_capitals(text: str) -> str:
    """Words in capitals made so throughout: TCVN3 has no capitals with tones, so "CHỦ TỊCH" was typed "CHủ TịCH"."""
    return _WORD.sub(lambda word: word[0].upper() if _is_meant_in_capitals(word[0]) else word[0], text)


def _is_meant_in_capitals(word: str) -> bool:
    bare = [char for char in word if char.isascii()]
    return any(map(str.isupper, bare)) and all(map(str.isupper, bare)) and (len(bare) > 1 or word[0].islower())


def is_list_item(text: str) -> bool:
    """Whether a line begins a list item or an article."""
    return LIST_MARK.match(text) is not None


def is_list_mark(text: str) -> bool:
    """Whether it is the mark of a list item and nothing else."""
    return LIST_MARK.fullmatch(f"{text} ") is not None


def ends_sentence(text: str) -> bool:
    """Whether a line ends where a sentence or a clause does."""
    return _SENTENCE_END.search(text.rstrip()) is not None


def is_capitals(text: str) -> bool:
    """Whether a line is written in capitals."""
    letters = [char for char in text if char.isalpha()]
    return len(letters) > 1 and sum(char.isupper() for char in letters) >= 0.9 * len(letters)


def has_words(text: str) -> bool:
    """Whether there is something to read: rules and ornaments have no letter and no digit."""
    return any(char.isalnum() for char in text)


def plain(text: str) -> str:
    """Capitals without marks and signs, to compare what a scanner may have misread."""
    base = "".join(char for char in unicodedata.normalize("NFD", text.upper()) if not unicodedata.combining(char))
    return " ".join(re.findall(r"\w+", base.replace("Đ", "D")))


def share_of_syllables(text: str) -> float:
    """How much of the text's words can be Vietnamese, 0 to 1; 0 for no words."""
    words = _WORD.findall(text)
    return sum(is_syllable(place_tones(word.lower())) for word in words) / len(words) if words else 0.0


def continues(previous: str, following: str) -> bool:
    """Whether a line goes on in the next, by their words alone: cut in mid-sentence, and nothing new begins."""
    if ends_sentence(previous) or is_list_item(following) or is_capitals(previous):
        return False
    first = next((char for char in following if char.isalnum() or char in '("“'), "")
    return first.islower() or previous.rstrip().endswith((",", "-"))


def join_lines(previous: str, following: str) -> str:
    """Two lines of one paragraph; a word that was broken by a hyphen is made whole."""
    if _BROKEN_WORD.search(previous):
        return (previous[:-1] if following[:1].islower() else previous) + following
    return f"{previous} {following}"
