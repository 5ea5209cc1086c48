"""What a programme is made of, and the weather line that its words may hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from sqlmodel import Session, col, delete, select

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.entries import FIRST_DAY, LAST_DAY
from broadcast.errors import InvalidInput, NotFound
from broadcast.models import Commune, DayWeather, Programme, ProgrammePart, ProgrammePartKind, User, row_id
from broadcast.recordings import get_recording
from broadcast.relays import clean_stream_url
from broadcast.slots import check_slots
from broadcast.typed_text import clean_line, clean_text
from players.messages import MAX_RELAYS, OnFailure

MAX_PARTS = 12
MAX_FRAME = 1_000
MAX_WEATHER = 200
MAX_STATION = 60
MAX_RELAY_MINUTES = 120
SPOKEN = frozenset({ProgrammePartKind.GREETING, ProgrammePartKind.CLOSING})


@dataclass(frozen=True, slots=True)
class ProgrammePartDraft:
    """A part as it is chosen; `recording` is an id. Of a relay, `text` is the station's name."""

    kind: ProgrammePartKind
    text: str = ""
    recording: str | None = None
    """Of a relay, what sounds in its place when it fails (`OnFailure.CLIP`)."""
    url: str = ""
    minutes: int = 0
    starts_after_minutes: int | None = None
    """Not before this long after the programme's start."""
    on_failure: OnFailure = OnFailure.SILENCE


def framed_by(greeting: str, closing: str) -> list[ProgrammePartDraft]:
    """The usual programme: a chime and a greeting, the day's bulletins, a closing; each text may be missing."""
    kinds = ProgrammePartKind
    opening = [ProgrammePartDraft(kinds.CHIME), ProgrammePartDraft(kinds.GREETING, greeting)] if greeting else []
    ending = [ProgrammePartDraft(kinds.CLOSING, closing)] if closing else []
    return [*opening, ProgrammePartDraft(kinds.BULLETINS), *ending]


def store_programme_parts(
    session: Session, programme: Programme, drafts: Sequence[ProgrammePartDraft], user: User | None
) -> None:
    """Keep these parts of a stored programme, and no others. `user` is who chose its recordings.

    Raises:
        InvalidInput: a part cannot be used, or the order makes no sense.
    """
    _check_order([draft.kind for draft in drafts])
    known = {part.recording_id: part.clip_sha256 for part in parts_of_programme(session, row_id(programme.id))}
    rows = [_row(session, programme, position, draft, known, user) for position, draft in enumerate(drafts)]
    session.exec(delete(ProgrammePart).where(col(ProgrammePart.programme_id) == programme.id))
    session.flush()
    session.add_all(rows)
    session.flush()


def parts_of_programme(session: Session, programme_id: int) -> list[ProgrammePart]:
    """Its parts, in order."""
    query = select(ProgrammePart).where(ProgrammePart.programme_id == programme_id)
    return list(session.exec(query.order_by(col(ProgrammePart.position))))


def set_weather(session: Session, on: date, text: str, now: datetime, actor: str) -> None:
    """Say what the weather is on a day; nothing takes it back.

    Raises:
        InvalidInput: the text or the day cannot be used.
    """
    if not FIRST_DAY <= on <= LAST_DAY:
        raise InvalidInput("day-out-of-range", f"Chọn ngày từ năm {FIRST_DAY.year} đến {LAST_DAY.year}.", "on")
    commune_id = row_id(get_commune(session).id)
    line = clean_line(text, "weather", max_chars=MAX_WEATHER) if text.strip() else ""
    known = session.get(DayWeather, (commune_id, on))
    if line:
        known = known or DayWeather(commune_id=commune_id, on=on, text="")
        known.text = line
        session.add(known)
    elif known is not None:
        session.delete(known)
    session.flush()
    record(session, now, actor, "set-weather", on.isoformat(), {"text": line})


def weather_of(session: Session, commune: Commune, days: Sequence[date]) -> dict[date, str]:
    """What was typed of the weather of these days."""
    query = select(DayWeather).where(DayWeather.commune_id == commune.id, col(DayWeather.on).in_(days))
    return {weather.on: weather.text for weather in session.exec(query)}


def _check_order(kinds: Sequence[ProgrammePartKind]) -> None:
    if len(kinds) > MAX_PARTS:
        raise InvalidInput("too-many-parts", f"Chương trình có tối đa {MAX_PARTS} phần.", "parts")
    if kinds.count(ProgrammePartKind.BULLETINS) > 1:
        raise InvalidInput("bulletins-twice", "Phần “bản tin trong ngày” chỉ có một lần.", "parts")
    if not set(kinds) - {ProgrammePartKind.CHIME}:
        raise InvalidInput("no-parts", "Chương trình cần ít nhất một phần có nội dung.", "parts")
    if any(one is two is ProgrammePartKind.CHIME for one, two in pairwise(kinds)):
        raise InvalidInput("chime-twice", "Hai phần nhạc hiệu đứng liền nhau.", "parts")
    if kinds.count(ProgrammePartKind.RELAY) > MAX_RELAYS:
        raise InvalidInput("too-many-relays", f"Chương trình có tối đa {MAX_RELAYS} phần tiếp âm.", "parts")
    if kinds and not set(kinds) - {ProgrammePartKind.CHIME, ProgrammePartKind.RELAY}:
        said = "Ngoài tiếp âm, chương trình cần một phần khác, ví dụ lời chào nói sắp nghe đài nào."
        raise InvalidInput("only-relays", said, "parts")


def _row(
    session: Session,
    programme: Programme,
    position: int,
    draft: ProgrammePartDraft,
    known: dict[str | None, str | None],
    user: User | None,
) -> ProgrammePart:
    part = ProgrammePart(programme_id=row_id(programme.id), position=position, kind=draft.kind)
    if draft.kind in SPOKEN:
        part.text = clean_text(draft.text, "parts", max_chars=MAX_FRAME)
        check_slots(part.text, "parts")
    elif draft.kind is ProgrammePartKind.RECORDING:
        part.recording_id = draft.recording
        part.clip_sha256 = known.get(draft.recording) or _clip_of(session, draft.recording, user)
    elif draft.kind is ProgrammePartKind.RELAY:
        _take_relay(session, part, draft, known, user)
    return part


def _take_relay(
    session: Session,
    part: ProgrammePart,
    draft: ProgrammePartDraft,
    known: dict[str | None, str | None],
    user: User | None,
) -> None:
    part.text = clean_line(draft.text, "parts", max_chars=MAX_STATION)
    part.stream_url = clean_stream_url(draft.url)
    session_minutes = get_commune(session).session_minutes
    most = min(MAX_RELAY_MINUTES, session_minutes or MAX_RELAY_MINUTES)
    if not 1 <= draft.minutes <= most:
        raise InvalidInput("bad-length", f"Thời lượng tiếp âm từ 1 đến {most} phút.", "parts")
    if draft.starts_after_minutes is not None and not 0 <= draft.starts_after_minutes <= most:
        raise InvalidInput("bad-start", f"Phút bắt đầu tiếp âm từ 0 đến {most}.", "parts")
    part.lasts_s = draft.minutes * 60
    part.starts_after_s = None if draft.starts_after_minutes is None else draft.starts_after_minutes * 60
    part.on_failure = draft.on_failure
    if draft.on_failure is OnFailure.CLIP:
        part.recording_id = draft.recording
        part.clip_sha256 = known.get(draft.recording) or _clip_of(session, draft.recording, user)


def _clip_of(session: Session, recording_id: str | None, user: User | None) -> str:
    try:
        recording = get_recording(session, recording_id or "", user) if user is not None else None
    except NotFound:
        recording = None
    if recording is None or recording.clip_sha256 is None:
        raise InvalidInput("unknown-recording", "Chọn một bản ghi có trong danh sách.", "parts")
    return recording.clip_sha256
