"""The as-run log: for each broadcast of a span of time, what each pole really did."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, func, or_, select

from broadcast.airings import parts_of
from broadcast.models import Broadcast, Bulletin, BulletinState, DeliveryState, User
from broadcast.views import BroadcastRow, DeliveryRow, broadcast_rows, deliveries_of_each
from players.messages import Urgency

LISTED_AT_MOST = 2_000
AS_IT_SHOULD = frozenset({DeliveryState.PLAYED, DeliveryState.HEARD})


@dataclass(frozen=True, slots=True)
class LoggedBroadcast:
    """A broadcast and its poles, by name; one that ended before it had any has none."""

    row: BroadcastRow
    poles: tuple[DeliveryRow, ...]
    is_narrowed: bool = False
    """Whether poles were left out because they were not looked for."""

    @property
    def at(self) -> datetime:
        """When it was to begin; without that, when it ended or, still open, was made."""
        return self.row.starts_at or self.row.ended_at or self.row.created_at

    @property
    def left_out(self) -> int:
        """How many of its poles are not among `poles`: there it sounded as it should."""
        return 0 if self.is_narrowed else sum(self.row.deliveries.values()) - len(self.poles)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What of the log is looked for; none: all of it. Slugs of a village and of a pole."""

    zone: str | None = None
    node: str | None = None
    grade: DeliveryState | None = None
    urgency: Urgency | None = None

    @property
    def is_of_poles(self) -> bool:
        """Whether single poles are looked for."""
        return self.node is not None or self.grade is not None

    def kept(self, log: Iterable[LoggedBroadcast]) -> list[LoggedBroadcast]:
        """Those broadcasts, each with those poles only, that are looked for."""
        found = [one for one in log if self._fits(one.row)]
        if not self.is_of_poles:
            return found
        narrowed = [replace(one, poles=tuple(filter(self._fits_pole, one.poles)), is_narrowed=True) for one in found]
        return [one for one in narrowed if one.poles]

    def _fits(self, row: BroadcastRow) -> bool:
        return self.zone in {None, *row.zone_slugs} and self.urgency in {None, row.urgency}

    def _fits_pole(self, pole: DeliveryRow) -> bool:
        return self.node in {None, pole.node} and self.grade in {None, pole.state}


@dataclass(frozen=True, slots=True)
class Approval:
    """What of a broadcast somebody approved; `text` is as they read it."""

    title: str
    text: str
    by: str
    at: datetime


def approvals_of(session: Session, broadcast_id: str) -> list[Approval]:
    """Who approved the bulletin of a broadcast, or all that its programme says, and when."""
    broadcast = session.get(Broadcast, broadcast_id)
    if broadcast is not None and broadcast.bulletin_id is not None:
        said = col(Bulletin.id) == broadcast.bulletin_id  # another one may say the same
    else:
        keys = [part.rendering_key for part in parts_of(session, broadcast_id)]
        said = or_(col(Bulletin.rendering_key).in_(keys), col(Bulletin.programme_key).in_(keys))
    query = select(Bulletin, User.name).join(User, col(User.id) == col(Bulletin.decided_by_id))
    query = query.where(said, Bulletin.state == BulletinState.APPROVED)
    return [
        Approval(bulletin.title, bulletin.script, name, bulletin.decided_at)
        for bulletin, name in session.exec(query.order_by(col(Bulletin.title), col(Bulletin.id)))
        if bulletin.decided_at is not None
    ]


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
