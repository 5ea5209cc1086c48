"""Emergencies: one person's word, on the air at once. Their rule is their own: see `permissions` and below.

Each is aired as parts: its chime, then sentence by sentence, so that the chime and what is ready sound while the rest
is still being spoken (docs/decisions/080-emergency.md).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from broadcast.airings import add_broadcast, renderings_of, zone_ids_of
from broadcast.airtime import begin_now
from broadcast.audit import record
from broadcast.communes import get_commune, voice_for
from broadcast.emergency_repeats import begin_repeats, end_all_repeats, end_repeats
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.hours import load_hours
from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, BroadcastState, Follows, PreparedMessage, Rendering, Role, User, Zone, row_id
from broadcast.orders import zones_of
from broadcast.permissions import Action, require
from broadcast.prepared import fill, get_prepared
from broadcast.prepared_texts import ALL_CLEAR, CORRECTION, DRILL_END, DRILL_START
from broadcast.renderings import want_chime, want_sentences
from broadcast.stopping import stop_broadcast
from broadcast.typed_text import MAX_EMERGENCY, clean_text
from broadcast.zones import zones_by_slug
from players.messages import Severity, Urgency
from tts.chimes import Chime

AGAIN = "Xin nhắc lại."
_KEY_LENGTHS = range(8, 101)
_TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class _Alarm:
    """What is to be aired, before it is known whether this press was seen before."""

    title: str
    texts: tuple[str, ...]
    severity: Severity
    is_drill: bool
    action: str
    detail: Mapping[str, Any]
    prepared_key: str | None = None
    follows: Broadcast | None = None
    follows_as: Follows | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What a source outside says.

    Attributes:
        title: for the screens.
        text: what is said.
        source: whose words they are, for the audit log.
        valid_until: nothing of it begins after that.
        ends: emergencies of the same source that it takes the place of: they are silenced.
        is_over: it says that they are over, and no more.
    """

    title: str
    text: str
    source: Mapping[str, str]
    severity: Severity
    is_drill: bool
    valid_until: datetime | None = None
    ends: Sequence[Broadcast] = ()
    is_over: bool = False


def raise_emergency(
    session: Session,
    user: User,
    zone_slugs: Sequence[str],
    text: str,
    now: datetime,
    key: str,
    *,
    severity: Severity = Severity.SEVERE,
    is_drill: bool = False,
) -> Broadcast:
    """Have a text aired at once in these villages, over whatever sounds there.

    Args:
        session: a writing session.
        user: a village head for his own village; a leader or administrator for any.
        zone_slugs: the villages.
        text: what is said, at most 600 characters.
        now: the present.
        key: names this press of the button, made by the page, 8 to 100 characters: pressed twice or sent twice
            with one key, it airs once.
        severity: of two emergencies the worse sounds, of equals the newer.
        is_drill: it is said to be an exercise before and after, and counted apart.

    Raises:
        NotAllowed: the user may raise no emergency, or not there.
        InvalidInput: a field cannot be used.
        Conflict: the key was used for another emergency, or it is a drill on a day of mourning.
    """
    zones = _zones_for(session, user, zone_slugs)
    said = clean_text(text, "text", max_chars=MAX_EMERGENCY)
    alarm = _Alarm(
        title=_title(said),
        texts=_drilled(session, (said,)) if is_drill else (said,),
        severity=severity,
        is_drill=is_drill,
        action="raise-drill" if is_drill else "raise-emergency",
        detail={"text": said},
    )
    return _air(session, user, zones, alarm, now, key)


def raise_prepared(
    session: Session,
    user: User,
    zone_slugs: Sequence[str],
    key: str,
    slots: Mapping[str, str],
    now: datetime,
    press_key: str,
    *,
    is_drill: bool = False,
) -> Broadcast:
    """Have a prepared message aired at once, and again as its rule says until its all-clear. A drill is aired once.

    Args:
        session: a writing session.
        user: as in `raise_emergency`.
        zone_slugs: the villages.
        key: of the message.
        slots: what was typed, by the slot's name; what is not there says its default.
        now: the present.
        press_key: names this press of the button, as `key` in `raise_emergency`.
        is_drill: as in `raise_emergency`.

    Raises:
        NotFound: there is no such message.
        NotAllowed, InvalidInput, Conflict: as `raise_emergency`; the message was switched off.
    """
    zones = _zones_for(session, user, zone_slugs)
    message = get_prepared(session, key)
    if not message.is_active:
        raise Conflict("prepared-off", "Mẫu tin khẩn cấp này đã được tắt.")
    said = fill(message, slots)
    alarm = _Alarm(
        title=message.title,
        texts=drilled_texts(session, message, slots) if is_drill else said_texts(message, slots),
        severity=message.severity,
        is_drill=is_drill,
        action="raise-drill" if is_drill else "raise-emergency",
        detail={"prepared": key, "text": said},
        prepared_key=key,
    )
    broadcast = _air(session, user, zones, alarm, now, press_key)
    if not is_drill:
        begin_repeats(session, broadcast, message, now)
    return broadcast


def raise_correction(
    session: Session, user: User, broadcast_id: str, text: str, now: datetime, press_key: str
) -> Broadcast:
    """Say what is right instead of an emergency that was wrong (đính chính): it is silenced and not repeated.

    Raises:
        NotFound: there is no such emergency.
        NotAllowed, InvalidInput, Conflict: as `raise_emergency`.
    """
    wrong, zones = _emergency_for(session, user, broadcast_id)
    said = clean_text(text, "text", max_chars=MAX_EMERGENCY)
    announced = fill(get_prepared(session, CORRECTION))
    texts = (announced, said)
    alarm = _Alarm(
        title=_title(f"Đính chính: {said}"),
        texts=_drilled(session, texts) if wrong.is_drill else (*texts, AGAIN, said),
        severity=wrong.severity or Severity.SEVERE,
        is_drill=wrong.is_drill,
        action="raise-correction",
        detail={"corrects": wrong.id, "text": said},
        prepared_key=CORRECTION,
        follows=wrong,
        follows_as=Follows.CORRECTION,
    )
    return _air(session, user, zones, alarm, now, press_key)


def all_clear(
    session: Session,
    user: User,
    broadcast_id: str,
    now: datetime,
    press_key: str,
    slots: Mapping[str, str] | None = None,
) -> Broadcast:
    """Say that an emergency is over: it is silenced, not repeated any more, and the all-clear is aired in its villages.

    Whoever else pressed the same message there: it is not repeated there either.

    Raises:
        NotFound: there is no such emergency.
        NotAllowed, InvalidInput, Conflict: as `raise_prepared`.
    """
    over, zones = _emergency_for(session, user, broadcast_id)
    message = get_prepared(session, ALL_CLEAR)
    words = fill(message, slots)
    alarm = _Alarm(
        title=message.title,
        texts=drilled_texts(session, message, slots) if over.is_drill else said_texts(message, slots),
        severity=over.severity or Severity.SEVERE,
        is_drill=over.is_drill,
        action="raise-all-clear",
        detail={"ends": over.id, "text": words},
        prepared_key=ALL_CLEAR,
        follows=over,
        follows_as=Follows.ALL_CLEAR,
    )
    said = _air(session, user, zones, alarm, now, press_key)
    if over.prepared_key is not None and not over.is_drill:
        here = {row_id(zone.id) for zone in zones}
        for other in end_all_repeats(session, over.prepared_key, now):
            if zone_ids_of(session, other.id) <= here:
                _silence(session, other, user, now)
    return said


def raise_reported(
    session: Session, user: User, zone_slugs: Sequence[str], said: Reported, now: datetime, press_key: str
) -> Broadcast:
    """Have aired what a source outside says, in the name of who answers for it.

    Raises:
        NotAllowed, InvalidInput, Conflict: as `raise_emergency`.
    """
    zones = _zones_for(session, user, zone_slugs)
    text = clean_text(said.text, "text", max_chars=MAX_EMERGENCY)
    follows = next(iter(said.ends), None)
    alarm = _Alarm(
        title=said.title,
        texts=_drilled(session, (text,)) if said.is_drill else (text, AGAIN, text),
        severity=said.severity,
        is_drill=said.is_drill,
        action="raise-reported",
        detail={"text": text, "source": dict(said.source), "ends": [one.id for one in said.ends]},
        follows=follows,
        follows_as=None if follows is None else Follows.ALL_CLEAR if said.is_over else Follows.UPDATE,
        valid_until=said.valid_until,
    )
    for one in said.ends[1:]:
        _silence(session, one, user, now)
    return _air(session, user, zones, alarm, now, press_key)


def said_texts(message: PreparedMessage, slots: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What is said when a message is raised: its words, as often as it says. Raises as `prepared.fill`."""
    said = fill(message, slots)
    return (said, *(text for _ in range(message.said_times - 1) for text in (AGAIN, said)))


def drilled_texts(
    session: Session, message: PreparedMessage, slots: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The same in a drill: once, between the words that say that it is one."""
    return _drilled(session, (fill(message, slots),))


def _zones_for(session: Session, user: User, zone_slugs: Sequence[str]) -> list[Zone]:
    require(user, Action.RAISE_EMERGENCY)
    zones = zones_by_slug(session, zone_slugs)
    _require_own(user, zones)
    return zones


def _require_own(user: User, zones: Sequence[Zone]) -> None:
    if user.role is Role.VILLAGE_HEAD and {zone.id for zone in zones} != {user.zone_id}:
        raise NotAllowed("other-village", "Trưởng thôn chỉ phát khẩn cấp cho thôn của mình.")


def _emergency_for(session: Session, user: User, broadcast_id: str) -> tuple[Broadcast, list[Zone]]:
    """The first airing of an emergency, and its villages."""
    require(user, Action.RAISE_EMERGENCY)
    broadcast = session.get(Broadcast, broadcast_id)
    if broadcast is not None and broadcast.follows_as is Follows.REPEAT and broadcast.follows_id is not None:
        broadcast = session.get(Broadcast, broadcast.follows_id)
    if broadcast is None or broadcast.urgency is not Urgency.EMERGENCY:
        raise NotFound("no-emergency", "Không có tin khẩn cấp này.")
    zones = zones_of(session, broadcast.id)
    _require_own(user, zones)
    return broadcast, zones


def _air(
    session: Session, user: User, zones: Sequence[Zone], alarm: _Alarm, now: datetime, press_key: str
) -> Broadcast:
    if len(press_key) not in _KEY_LENGTHS:
        raise InvalidInput("bad-key", "Mã của lần nhấn không hợp lệ. Hãy tải lại trang.", "key")
    zone_ids = {row_id(zone.id) for zone in zones}
    broadcast_id = "x-" + hashlib.sha256(f"{user.id}|{press_key}".encode()).hexdigest()[:32]
    known = session.get(Broadcast, broadcast_id)
    if known is not None:
        if not _is_same(session, known, alarm, zone_ids):
            raise Conflict("key-in-use", "Lần nhấn này đã phát một tin khẩn cấp khác. Hãy tải lại trang.")
        return known
    if alarm.is_drill and alarm.follows is None and load_hours(session).mourned(now) is not None:
        raise Conflict("mourning-day", "Hôm nay là ngày để tang: chỉ phát tin khẩn cấp thật, không diễn tập.")
    parts = _want_parts(session, alarm, now)
    if alarm.follows is not None:
        _silence(session, alarm.follows, user, now)
    commune = get_commune(session)
    broadcast = Broadcast(
        id=broadcast_id,
        commune_id=row_id(commune.id),
        title=f"Diễn tập: {alarm.title}" if alarm.is_drill else alarm.title,
        urgency=Urgency.EMERGENCY,
        is_now=True,
        created_at=now,
        made_by_id=user.id,
        severity=alarm.severity,
        is_drill=alarm.is_drill,
        prepared_key=alarm.prepared_key,
        follows_id=alarm.follows.id if alarm.follows else None,
        follows_as=alarm.follows_as,
        valid_until=alarm.valid_until,
    )
    detail = {"zones": [zone.slug for zone in zones], **alarm.detail}
    record(session, now, user.username, alarm.action, broadcast_id, detail)
    made = add_broadcast(session, broadcast, zone_ids, [rendering.key for rendering in parts])
    # Its order goes into the same unit of work: what is prepared is on the poles and waits for nothing else.
    begin_now(session, made.id, now)
    return made


def _is_same(session: Session, known: Broadcast, alarm: _Alarm, zone_ids: set[int]) -> bool:
    """Whether a press is one that was seen before. By its words: how they are read may have changed meanwhile."""
    said = "".join(rendering.script or "" for rendering in renderings_of(session, known.id))
    asked = (alarm.is_drill, alarm.follows.id if alarm.follows else None, "".join(alarm.texts), zone_ids)
    return asked == (known.is_drill, known.follows_id, said, zone_ids_of(session, known.id))


def _want_parts(session: Session, alarm: _Alarm, now: datetime) -> list[Rendering]:
    voice = voice_for(get_commune(session), Urgency.EMERGENCY)
    chime = Chime.DRILL if alarm.is_drill else Chime.EMERGENCY
    words = [part for text in alarm.texts for part in want_sentences(session, text, voice, Urgency.EMERGENCY, now)]
    opening = want_chime(session, chime, Urgency.EMERGENCY, now)
    return [opening, *words, want_chime(session, chime, Urgency.EMERGENCY, now, closing=True)]


def _drilled(session: Session, texts: tuple[str, ...]) -> tuple[str, ...]:
    """What is said in a drill: that it is one, the words once, and that it was one."""
    return (fill(get_prepared(session, DRILL_START)), *texts, fill(get_prepared(session, DRILL_END)))


def _silence(session: Session, first: Broadcast, user: User, now: datetime) -> None:
    """Stop an emergency and its repeats, as far as they sound or are still to sound."""
    end_repeats(session, first.id, now)
    query = select(Broadcast.id).where(or_(Broadcast.id == first.id, Broadcast.follows_id == first.id))
    is_open = col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR})
    for broadcast_id in session.exec(query.where(is_open).order_by(col(Broadcast.id))).all():
        stop_broadcast(session, broadcast_id, user, now)


def _title(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"
