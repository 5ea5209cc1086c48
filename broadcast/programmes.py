"""Programmes: their words, what is placed in them, and what one time of them consists of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, delete, or_, select

from broadcast.audit import record
from broadcast.bulletin_parts import said_of
from broadcast.communes import get_commune, local_zone
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import (
    Bulletin,
    BulletinState,
    BulletinZone,
    Commune,
    Placement,
    Programme,
    Rendering,
    row_id,
)
from broadcast.reading_rules import rules_of
from broadcast.renderings import want_rendering
from broadcast.typed_text import clean_line, clean_text
from players.messages import MAX_CLIPS, Urgency
from tts.chimes import Chime

PLACED_FOR = timedelta(days=3)
"""How long a bulletin stays in a programme when nobody says otherwise."""
MAX_PLACED = MAX_CLIPS - 2
"""Bulletins in a programme at a time: with greeting and closing they fill what a node takes as one broadcast."""
MAX_FRAME = 1_000
_WEEKDAYS = ("thứ hai", "thứ ba", "thứ tư", "thứ năm", "thứ sáu", "thứ bảy", "chủ nhật")


def create_programme(
    session: Session, commune: Commune, *, name: str, greeting: str, closing: str, now: datetime, actor: str
) -> Programme:
    """Add a programme. `{xã}`, `{thứ}` and `{ngày}` in its greeting and closing stand for commune, weekday and date.

    Raises:
        InvalidInput: a text cannot be used.
    """
    programme = Programme(
        commune_id=row_id(commune.id),
        name=clean_line(name, "name"),
        greeting=clean_text(greeting, "greeting", max_chars=MAX_FRAME) if greeting else "",
        closing=clean_text(closing, "closing", max_chars=MAX_FRAME) if closing else "",
    )
    session.add(programme)
    record(session, now, actor, "create-programme", programme.name)
    return programme


def list_programmes(session: Session) -> list[Programme]:
    """All programmes by name."""
    return list(session.exec(select(Programme).order_by(col(Programme.name), col(Programme.id))))


def place_bulletin(
    session: Session, bulletin: Bulletin, programmes: Sequence[int], now: datetime, *, lasts: timedelta = PLACED_FOR
) -> None:
    """Put a bulletin into these programmes, and no others, from today; where it is already it keeps days and place.

    Raises:
        InvalidInput: there is no such programme.
        Conflict: one of them is full.
    """
    wanted = set(programmes)
    unknown = wanted - {row_id(programme.id) for programme in list_programmes(session)}
    if unknown:
        raise InvalidInput("unknown-programme", "Không có chương trình này.", "programmes")
    kept = set(programmes_of(session, bulletin.id))
    gone = kept - wanted
    session.exec(
        delete(Placement).where(
            col(Placement.bulletin_id) == bulletin.id, col(Placement.programme_id).in_(sorted(gone))
        )
    )
    today = now.astimezone(local_zone(get_commune(session))).date()
    last = today + lasts - timedelta(days=1)
    for programme_id in sorted(wanted - kept):
        others = session.exec(select(Placement).where(Placement.programme_id == programme_id)).all()
        if sum(other.until_on is None or other.until_on >= today for other in others) >= MAX_PLACED:
            raise Conflict("programme-full", f"Chương trình đã có {MAX_PLACED} bản tin.")
        position = max((other.position for other in others), default=-1) + 1
        session.add(
            Placement(
                bulletin_id=bulletin.id,
                programme_id=programme_id,
                from_on=today,
                until_on=last,
                position=position,
            )
        )
    session.flush()


def programmes_of(session: Session, bulletin_id: str) -> list[int]:
    """The ids of the programmes a bulletin is placed in."""
    query = select(Placement.programme_id).where(Placement.bulletin_id == bulletin_id).distinct()
    return list(session.exec(query.order_by(col(Placement.programme_id))))


def parts_by_day(
    session: Session, programme_id: int, zone_ids: Collection[int], days: Iterable[date], now: datetime
) -> dict[date, list[str]]:
    """The rendering keys of a programme on each of these days: greeting, the approved bulletins of that day, closing.

    Without a bulletin there is nothing to air, and the list is empty. What is not rendered yet is wanted from now on.

    Raises:
        NotFound: there is no such programme.
    """
    programme = session.get(Programme, programme_id)
    if programme is None:
        raise NotFound("no-programme", "Không có chương trình này.")
    commune = session.get_one(Commune, programme.commune_id)
    placed = placed_bulletins(session, programme_id, zone_ids, days)
    keys = _bulletin_keys(session, {one.id: one for bulletins in placed.values() for one in bulletins}, commune, now)
    return {
        on: _framed(session, programme, commune, [keys[one.id] for one in bulletins], on, now)
        for on, bulletins in placed.items()
    }


def placed_bulletins(
    session: Session, programme_id: int, zone_ids: Collection[int], days: Iterable[date]
) -> dict[date, list[Bulletin]]:
    """The approved bulletins placed in a programme on each of these days, in order.

    A bulletin goes where it was meant to go: it is left out where none of its villages is spoken to.
    """
    days = sorted(days)
    if not days:
        return {}
    for_zones = select(BulletinZone.bulletin_id).where(col(BulletinZone.zone_id).in_(zone_ids))
    query = (
        select(Bulletin, Placement)
        .join(Placement)
        .where(
            Placement.programme_id == programme_id,
            Placement.from_on <= days[-1],
            or_(col(Placement.until_on).is_(None), col(Placement.until_on) >= days[0]),
            Bulletin.state == BulletinState.APPROVED,
            col(Bulletin.id).in_(for_zones),
        )
        .order_by(col(Placement.position), col(Placement.id))
    )
    rows = session.exec(query).all()
    return {
        on: list(
            {
                bulletin.id: bulletin
                for bulletin, placement in rows
                if placement.from_on <= on and (placement.until_on is None or on <= placement.until_on)
            }.values()
        )
        for on in days
    }


def say_frame(text: str, commune_name: str, on: date) -> str:
    """A greeting or closing with its slots filled."""
    day = f"ngày {on.day} tháng {on.month} năm {on.year}"
    slots = {"{xã}": commune_name, "{thứ}": _WEEKDAYS[on.weekday()], "{ngày}": day}
    for slot, said in slots.items():
        text = text.replace(slot, said)
    return text


def _framed(
    session: Session, programme: Programme, commune: Commune, keys: list[str], on: date, now: datetime
) -> list[str]:
    if not keys:
        return []
    if programme.greeting:
        keys.insert(0, _frame(session, programme.greeting, commune, on, now, Chime.NORMAL).key)
    if programme.closing:
        keys.append(_frame(session, programme.closing, commune, on, now, None).key)
    return keys


def _frame(session: Session, text: str, commune: Commune, on: date, now: datetime, chime: Chime | None) -> Rendering:
    said = say_frame(text, commune.name, on)
    return want_rendering(session, said, commune.voice, chime.value if chime else None, Urgency.NORMAL, now)


def _bulletin_keys(
    session: Session, bulletins: Mapping[str, Bulletin], commune: Commune, now: datetime
) -> dict[str, str]:
    """The keys of bulletins as they are aired within a programme, by the commune's voice and reading rules of now."""
    current = select(Rendering.key).where(
        col(Rendering.key).in_([one.programme_key for one in bulletins.values() if one.programme_key]),
        Rendering.voice == commune.voice,
        Rendering.rate == commune.rate,
        Rendering.rules_sha256 == rules_of(session).sha256,
    )
    known = set(session.exec(current))
    for bulletin in bulletins.values():
        if bulletin.programme_key not in known:
            rendering = want_rendering(
                session,
                said_of(session, bulletin),
                commune.voice,
                None,
                bulletin.urgency,
                now,
                is_read_twice=bulletin.is_read_twice,
            )
            bulletin.programme_key = rendering.key
            session.add(bulletin)
    return {id_: bulletin.programme_key or "" for id_, bulletin in bulletins.items()}
