"""The commune's special days: mourning, when nothing sounds but emergencies, and days that follow another weekday."""

from datetime import date, datetime, time, timedelta

from sqlmodel import Session, col, select

from broadcast.airtime import refresh_coming
from broadcast.audit import record
from broadcast.communes import local_zone
from broadcast.entries import EVERY_DAY, FIRST_DAY, LAST_DAY
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Broadcast, Commune, SpecialDay, SpecialDayKind, row_id
from broadcast.typed_text import clean_line


def set_special_day(
    session: Session,
    commune: Commune,
    *,
    on: date,
    name: str,
    kind: SpecialDayKind,
    like_weekday: int | None,
    now: datetime,
    actor: str,
) -> SpecialDay:
    """Keep a day as special; `like_weekday` (0 = Monday) goes with `SpecialDayKind.LIKE_WEEKDAY` alone.

    What is coming on a day of mourning is left out from now on; what sounds already goes on until somebody stops it.

    Raises:
        InvalidInput: the day, its name or its weekday cannot be used.
        Conflict: that day is special already; it must be cleared first, so that nobody overwrites another's.
    """
    if not FIRST_DAY <= on <= LAST_DAY:
        raise InvalidInput("day-out-of-range", f"Chọn ngày từ năm {FIRST_DAY.year} đến {LAST_DAY.year}.", "on")
    if (kind is SpecialDayKind.LIKE_WEEKDAY) != (like_weekday in EVERY_DAY):
        raise InvalidInput("bad-weekday", "Chọn thứ trong tuần mà ngày này theo.", "like_weekday")
    if session.get(SpecialDay, (commune.id, on)) is not None:
        raise Conflict("day-taken", "Ngày này đã được đặt là ngày đặc biệt. Hãy bỏ đặt trước khi đặt lại.")
    day = SpecialDay(
        commune_id=row_id(commune.id), on=on, name=clean_line(name, "name"), kind=kind, like_weekday=like_weekday
    )
    session.add(day)
    said = {"name": day.name, "kind": kind.value, "like_weekday": like_weekday}
    record(session, now, actor, "set-special-day", on.isoformat(), said)
    _look_over(session, commune, on, now)
    return day


def clear_special_day(session: Session, commune: Commune, on: date, now: datetime, actor: str) -> None:
    """Let a day be as any other.

    Raises:
        NotFound: it is.
    """
    day = session.get(SpecialDay, (commune.id, on))
    if day is None:
        raise NotFound("no-special-day", "Ngày này không phải ngày đặc biệt.")
    session.delete(day)
    session.flush()
    record(session, now, actor, "clear-special-day", on.isoformat(), {"name": day.name})
    _look_over(session, commune, on, now)


def _look_over(session: Session, commune: Commune, on: date, now: datetime) -> None:
    """Say of what is coming on a day, or runs over into it, whether it will sound."""
    session.flush()
    begins = datetime.combine(on, time(), local_zone(commune))
    is_near = (
        col(Broadcast.starts_at) >= begins - timedelta(days=1),
        col(Broadcast.starts_at) < begins + timedelta(days=1),
    )
    refresh_coming(session, now, session.exec(select(Broadcast.id).where(*is_near)).all())
