"""When anything but an emergency may sound in a commune: its windows, and no day of mourning. Reckoning is pure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from broadcast.communes import get_commune, local_zone, windows_of_commune
from broadcast.lifecycle import WhyNot
from broadcast.models import SpecialDay, SpecialDayKind
from broadcast.windows import fits_windows
from players.messages import Window


@dataclass(frozen=True, slots=True)
class Hours:
    """A commune's own: read once for all that is asked of them."""

    windows: tuple[Window, ...]
    zone: ZoneInfo
    mourning: frozenset[date]
    """Local days on which nothing sounds but emergencies."""

    def mourned(self, starts_at: datetime, lasts: timedelta = timedelta()) -> date | None:
        """The first day of mourning that a sound would touch, if it touches one."""
        day, last_instant = self._day(starts_at), starts_at + max(lasts - timedelta.resolution, timedelta())
        while day <= self._day(last_instant):
            if day in self.mourning:
                return day
            day += timedelta(days=1)
        return None

    def why_closed(self, starts_at: datetime, lasts: timedelta = timedelta()) -> WhyNot | None:
        """What they have against a sound that starts then and lasts that long."""
        if self.mourned(starts_at, lasts) is not None:
            return WhyNot.MOURNING_DAY
        return None if fits_windows(self.windows, self.zone, starts_at, lasts) else WhyNot.QUIET_HOURS

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()


def load_hours(session: Session) -> Hours:
    """The commune's hours as they stand. Raises as `get_commune`."""
    commune = get_commune(session)
    query = select(SpecialDay).where(SpecialDay.commune_id == commune.id, SpecialDay.kind == SpecialDayKind.MOURNING)
    mourning = frozenset(day.on for day in session.exec(query))
    return Hours(windows_of_commune(commune), local_zone(commune), mourning)
