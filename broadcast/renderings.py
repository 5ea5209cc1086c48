"""Texts that are wanted as clips. Asking is cheap and repeatable; `broadcast.rendering` does the work."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlmodel import Session, col, select

from broadcast.communes import rate_of, tunes_of
from broadcast.errors import InvalidInput
from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, BroadcastPart, BroadcastState, Rendering, RenderingState
from broadcast.reading_rules import ReadingRules, rules_of
from broadcast.said_script import ClipMark, split_said
from players.messages import Urgency
from tts.chimes import Chime
from tts.spoken import Pause

SAID_OF_CLIP = "[đoạn ghi âm]"
MOST_SENTENCES = 12
"""A text in sentences is in so many pieces at most."""
_RECIPE = 1
"""Grows when the same sentences would be rendered otherwise."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A text that is to be spoken, and how; without a script its chimes alone."""

    script: str | None
    voice: str
    chime: str | None = None
    """What sounds before it: a `tts.chimes.Chime`."""
    urgency: Urgency = Urgency.NORMAL
    has_closing_chime: bool = False
    is_read_twice: bool = False
    is_only_heard: bool = False
    """By somebody who listens beforehand: then it is forgotten soon (`broadcast.heard`)."""


def want_rendering(
    session: Session,
    script: str,
    voice: str,
    chime: str | None,
    urgency: Urgency,
    now: datetime,
    *,
    has_closing_chime: bool = False,
    is_read_twice: bool = False,
    is_only_heard: bool = False,
) -> Rendering:
    """The rendering of a text as the commune reads it, by a voice, wanted from now on if it is not there yet.

    One that had failed is wanted anew; one that is asked for with a higher urgency is hurried. See
    `Wish.is_only_heard`: what is asked for otherwise, too, stays.

    Raises:
        InvalidInput: nothing in the text can be spoken.
    """
    wish = Wish(script, voice, chime, urgency, has_closing_chime, is_read_twice, is_only_heard)
    return want_renderings(session, [wish], now)[0]


def want_renderings(session: Session, wishes: Iterable[Wish], now: datetime) -> list[Rendering]:
    """The rendering of each of these texts, in order, in few statements. Raises as `want_rendering`."""
    rules = rules_of(session)
    read = [(wish, read_sentences(wish.script or "", rules)) for wish in wishes]
    if not all(sentences for _, sentences in read):
        raise InvalidInput("nothing-to-say", "Nội dung không có gì để đọc.", "script")
    return _wanted(session, read, now, rules.sha256)


def want_sentences(
    session: Session, script: str, voice: str, urgency: Urgency, now: datetime, *, is_only_heard: bool = False
) -> list[Rendering]:
    """The renderings of a text sentence by sentence, so that the first can sound while the next is made.

    Raises:
        InvalidInput: nothing in the text can be spoken.
    """
    pieces = _sentence_pieces(script, rules_of(session))
    if not pieces:
        raise InvalidInput("nothing-to-say", "Nội dung không có gì để đọc.", "text")
    wishes = [(Wish(piece, voice, None, urgency, is_only_heard=is_only_heard), lines) for piece, lines in pieces]
    return _wanted(session, wishes, now)


def sentence_keys(session: Session, script: str, voice: str) -> list[str]:
    """The keys of the renderings that `want_sentences` wants, whether they are there or not. Only reads."""
    rate = rate_of(session)
    return [
        compute_key(piece, lines, voice, None, has_closing_chime=False, is_read_twice=False, rate=rate)
        for piece, lines in _sentence_pieces(script, rules_of(session))
    ]


def chime_key(session: Session, chime: Chime, *, closing: bool = False) -> str:
    """The key of the rendering that `want_chime` wants. Only reads."""
    rate, tune = rate_of(session), tunes_of(session).get(chime, "")
    return compute_key(None, [], "", chime.value, has_closing_chime=closing, is_read_twice=False, rate=rate, tune=tune)


def want_chime(session: Session, chime: Chime, urgency: Urgency, now: datetime, *, closing: bool = False) -> Rendering:
    """The rendering of a chime alone: the sound before the words, or the one after them."""
    wish = Wish(None, "", chime.value, urgency, has_closing_chime=closing)
    return _wanted(session, [(wish, [])], now)[0]


def want_lost_clip(session: Session, sha256: str, now: datetime) -> int:
    """A stored clip is gone or damaged: have it rendered again; how many renderings want it."""
    lost = session.exec(select(Rendering).where(Rendering.clip_sha256 == sha256)).all()
    for rendering in lost:
        rendering.state, rendering.attempts, rendering.clip_sha256 = RenderingState.WANTED, 0, None
        rendering.try_after, rendering.wanted_at = None, now
        session.add(rendering)
    session.flush()
    return len(lost)


def warm_up() -> None:
    """Load what reading needs (half a second), so that the first emergency does not wait for it."""
    _read("Xin chào.", ReadingRules())


def read_sentences(script: str, rules: ReadingRules) -> list[dict[str, Any]]:
    """What is said, as the renderer takes it: sentences, and clips where `broadcast.said_script` marks them."""
    return [line for line, _ in read_with_words(script, rules)]


def read_with_words(script: str, rules: ReadingRules) -> list[tuple[dict[str, Any], str]]:
    """The same, each with what is written there."""
    parts = split_said(script)
    # Read as one text, as it is shown to who approves it; then each sentence goes back to its part.
    whole = "\n\n".join(part for part in parts if isinstance(part, str))
    read = _read(whole, rules)
    ends = [start for start, _, _ in read[1:]] + [len(whole)]
    waiting = [(*sentence, whole[sentence[0] : end].strip()) for sentence, end in zip(read, ends, strict=bool(read))]
    lines: list[tuple[dict[str, Any], str]] = []
    end = 0
    for part in parts:
        if lines:
            lines[-1][0]["pause"] = Pause.PARAGRAPH.value
        if isinstance(part, ClipMark):
            lines.append(({"clip": part.sha256, "pause": Pause.PARAGRAPH.value}, SAID_OF_CLIP))
            continue
        end += len(part) + 2
        lines += [({"spoken": spoken, "pause": pause}, said) for start, spoken, pause, said in waiting if start < end]
        waiting = [sentence for sentence in waiting if sentence[0] >= end]
    return lines


def compute_key(
    script: str | None,
    sentences: list[dict[str, Any]],
    voice: str,
    chime: str | None,
    *,
    has_closing_chime: bool,
    is_read_twice: bool,
    rate: float,
    tune: str = "",
) -> str:
    """SHA-256 of what was written and of all that decides how it sounds.

    Two texts that are read alike today may be read otherwise tomorrow: they share a clip, not a rendering.
    """
    said = [_RECIPE, script, sentences, voice, chime, has_closing_chime, is_read_twice, rate]
    if tune:  # what was made before there was a choice keeps its key
        said.append(tune)
    asked = json.dumps(said, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


@lru_cache(maxsize=512)
def _read(script: str, rules: ReadingRules) -> tuple[tuple[int, str, str], ...]:
    """Where each sentence begins, how it is said, and the rest after it. Planning asks for the same texts again."""
    return tuple((s.start, s.spoken, s.pause.value) for s in rules.read(script).sentences if s.spoken.strip())


def _sentence_pieces(script: str, rules: ReadingRules) -> list[tuple[str, list[dict[str, Any]]]]:
    """A text in its sentences, each as it was written and as the renderer takes it."""
    read = _read(script, rules)
    if not read:
        return []
    # What is left of a long text is one piece: an airing has only so many.
    starts = [0, *(start for start, _, _ in read[1:MOST_SENTENCES])]
    return [
        (
            script[start:end],
            [{"spoken": spoken, "pause": pause} for at, spoken, pause in read if start <= at < end],
        )
        for start, end in zip(starts, [*starts[1:], len(script)], strict=True)
    ]


def _wanted(
    session: Session,
    read: Sequence[tuple[Wish, list[dict[str, Any]]]],
    now: datetime,
    rules_sha256: str | None = None,
) -> list[Rendering]:
    """The renderings of wishes with what is said of each; those that are not there are made."""
    rate, tunes = rate_of(session), tunes_of(session)
    keys = [
        compute_key(
            wish.script,
            sentences,
            wish.voice,
            wish.chime,
            has_closing_chime=wish.has_closing_chime,
            is_read_twice=wish.is_read_twice,
            rate=rate,
            tune=tunes.get(wish.chime or "", ""),
        )
        for wish, sentences in read
    ]
    known = {one.key: one for one in session.exec(select(Rendering).where(col(Rendering.key).in_(set(keys))))}
    for key, (wish, sentences) in zip(keys, read, strict=True):
        rendering = known.get(key)
        if rendering is None:
            rendering = known[key] = _new(key, wish, sentences, rate, now)
            rendering.tune = tunes.get(rendering.chime or "", "")
        elif rendering.state is not RenderingState.RENDERED or _is_stale_signal(session, rendering):
            _want_again(rendering, wish.urgency, now)
        rendering.is_only_heard &= wish.is_only_heard
        if rules_sha256 is not None:
            rendering.rules_sha256 = rules_sha256
        session.add(rendering)
    session.flush()
    return [known[key] for key in keys]


def _new(key: str, wish: Wish, sentences: list[dict[str, Any]], rate: float, now: datetime) -> Rendering:
    return Rendering(
        key=key,
        script=wish.script,
        spoken=" ".join(sentence.get("spoken", SAID_OF_CLIP) for sentence in sentences),
        sentences=sentences,
        voice=wish.voice,
        chime=wish.chime,
        has_closing_chime=wish.has_closing_chime,
        is_read_twice=wish.is_read_twice,
        rate=rate,
        urgency=wish.urgency,
        is_only_heard=wish.is_only_heard,
        wanted_at=now,
    )


def _is_stale_signal(session: Session, rendering: Rendering) -> bool:
    """Whether no voice could speak it when it was wanted before, for a broadcast that is over."""
    if not rendering.is_signal:
        return False
    holds = select(Broadcast.id).join(BroadcastPart).where(BroadcastPart.rendering_key == rendering.key)
    is_open = col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR})
    return session.exec(holds.where(is_open).limit(1)).first() is None


def _want_again(rendering: Rendering, urgency: Urgency, now: datetime) -> None:
    if rendering.state is not RenderingState.WANTED:
        rendering.state, rendering.attempts, rendering.error = RenderingState.WANTED, 0, None
        rendering.wanted_at, rendering.try_after = now, None
    if urgency.rank > rendering.urgency.rank:
        rendering.urgency = urgency
