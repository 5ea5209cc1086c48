"""Emergencies as a signed-in person may see them."""

from sqlmodel import Session

from broadcast.errors import NotFound
from broadcast.press_progress import Progress, progress_of, recent_emergencies
from broadcast.presses import emergency_of
from web.deps import Door
from web.emergency_part import is_offline
from web.fragments import is_open_to, scope_of


def progress_at(door: Door, broadcast_id: str) -> Progress:
    """An emergency.

    Raises:
        NotFound: there is none, or it is for other villages than a village head's.
    """
    with door.read() as session:
        return _visible(door, session, broadcast_id)


def recent_at(door: Door, session: Session) -> list[Progress]:
    """The emergencies of late in the user's villages, the newest first."""
    zone = None if door.user.zone_id is None else scope_of(session, door.user)
    return [_visible(door, session, broadcast.id) for broadcast in recent_emergencies(session, door.now, zone)]


def _visible(door: Door, session: Session, broadcast_id: str) -> Progress:
    emergency = emergency_of(session, broadcast_id)
    progress = progress_of(session, emergency, lambda node: is_offline(door.station, node), door.now)
    if not is_open_to(session, door.user, progress.row.zone_slugs):
        raise NotFound("no-emergency", "Không có tin khẩn cấp này.")
    return progress
