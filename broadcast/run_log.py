"""The as-run log: for each broadcast of a span of time, what each pole really did."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from broadcast.models import Broadcast, DeliveryState
from broadcast.views import BroadcastRow, DeliveryRow, broadcast_rows, deliveries_of_each

LISTED_AT_MOST = 2_000
AS_IT_SHOULD = frozenset({DeliveryState.PLAYED, DeliveryState.HEARD})


@dataclass(frozen=True, slots=True)
class LoggedBroadcast:
    """A broadcast and its poles, by name; one that ended before it had any has none."""

    row: BroadcastRow
    poles: tuple[DeliveryRow, ...]

    @property
    def at(self) -> datetime:
        """When it was to begin; without that, when it ended or, still open, was made."""
        return self.row.starts_at or self.row.ended_at or self.row.created_at

    @property
    def left_out(self) -> int:
        """How many of its poles are not among `poles`: there it sounded as it should."""
        return sum(self.row.deliveries.values()) - len(self.poles)


def as_run_log(
    session: Session, since: datetime, until: datetime, most_poles: int | None = None
) -> list[LoggedBroadcast]:
    """The log from an instant to another, the latest first; each broadcast is in it once, also what never began.

    Args:
        session: for reading.
        since: the first instant of `LoggedBroadcast.at`.
        until: the first one after.
        most_poles: of a broadcast at more poles than this, those where it sounded as it should are left out.
    """
    at = func.coalesce(Broadcast.starts_at, Broadcast.ended_at, Broadcast.created_at)
    query = select(Broadcast).where(at >= since, at < until).order_by(at.desc(), col(Broadcast.id))
    rows = broadcast_rows(session, session.exec(query.limit(LISTED_AT_MOST)))
    large = {row.id for row in rows if most_poles is not None and sum(row.deliveries.values()) > most_poles}
    poles = deliveries_of_each(session, [row.id for row in rows if row.id not in large])
    poles |= deliveries_of_each(session, large, AS_IT_SHOULD) if large else {}
    return [LoggedBroadcast(row, tuple(poles.get(row.id, ()))) for row in rows]
