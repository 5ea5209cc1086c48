"""What is forgotten in time, so that a server that runs for years does not grow for ever.

Kept as long as the database: bulletins, broadcasts and their deliveries (the as-run log), the audit log.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from broadcast.alarms import forget_old_alarms
from broadcast.models import IssuedOrder, StoredReport, UserSession
from broadcast.morning_checks import forget_old_checks
from broadcast.notify import forget_old_notices
from broadcast.pole_history import forget_old_history
from broadcast.readiness import forget_old_drills

REPORTS_KEPT = timedelta(days=90)
"""A pole tells a report again until it is acknowledged; one that comes still later changes nothing."""
ORDERS_KEPT = timedelta(days=30)
"""After an order has expired nobody obeys it; for a while it tells what was ordered."""


def forget_old(session: Session, now: datetime) -> None:
    """Forget counted reports, expired orders, sessions that are over, alarms that are settled."""
    session.exec(delete(StoredReport).where(col(StoredReport.stored_at) < now - REPORTS_KEPT))
    session.exec(delete(IssuedOrder).where(col(IssuedOrder.expires_at) < now - ORDERS_KEPT))
    session.exec(delete(UserSession).where(col(UserSession.expires_at) <= now))
    forget_old_alarms(session, now)
    forget_old_notices(session, now)
    forget_old_checks(session, now)
    forget_old_drills(session, now)
    forget_old_history(session, now)
