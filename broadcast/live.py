"""Live announcements as rows: who may speak where, what the poles are told, what is kept of it."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.airings import add_broadcast, end_before_start, zone_ids_of
from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.hours import load_hours
from broadcast.lifecycle import COMING, WhyNot, why_text
from broadcast.models import Broadcast, BroadcastState, LiveAnnouncement, Role, User, row_id
from broadcast.outlook import why_quiet
from broadcast.permissions import Action, require
from broadcast.relays import RelayPlan, set_relays
from broadcast.renderings import want_rendering
from broadcast.zones import zones_by_slug
from players.messages import OnFailure, Urgency
from tts.chimes import Chime

OPENING = "Thông báo trực tiếp."
"""Said after the chime: it is made once, and on every pole from then on."""
_KEY_LENGTHS = range(8, 101)


def open_live(
    session: Session,
    user: User,
    zone_slugs: Sequence[str],
    now: datetime,
    *,
    key: str,
    lasts_at_most: timedelta,
    heard_at: Callable[[str], str] | None = None,
) -> Broadcast:
    """Have somebody heard from every pole of these villages, after a chime, until they end it or their time is over.

    Args:
        session: a writing session.
        user: a village head for his own village; an officer or leader for any.
        zone_slugs: the villages.
        now: the present.
        key: names this press of the button, 8 to 100 characters: sent twice it is one announcement.
        lasts_at_most: the limit.
        heard_at: where poles hear a broadcast by its id, if not from this server.

    Raises:
        NotAllowed: the user may not speak live, or not there.
        InvalidInput: the villages or the key cannot be used.
        Conflict: it is not the hour for it, somebody speaks there already, or the key was used for other villages.
    """
    require(user, Action.SPEAK_LIVE)
    zones = zones_by_slug(session, zone_slugs)
    zone_ids = {row_id(zone.id) for zone in zones}
    if user.role is Role.VILLAGE_HEAD and zone_ids != {user.zone_id}:
        raise NotAllowed("other-village", "Trưởng thôn chỉ phát trực tiếp cho thôn của mình.")
    if len(key) not in _KEY_LENGTHS:
        raise InvalidInput("bad-key", "Mã của lần nhấn không hợp lệ. Hãy tải lại trang.", "key")
    broadcast_id = live_id(user, key)
    known = session.get(Broadcast, broadcast_id)
    if known is not None:
        if zone_ids_of(session, broadcast_id) != zone_ids:
            raise Conflict("key-in-use", "Lần nhấn này đã dùng cho khu vực khác. Hãy tải lại trang.")
        return known
    commune = get_commune(session)
    broadcast = Broadcast(
        id=broadcast_id,
        commune_id=row_id(commune.id),
        title=f"{user.name} phát trực tiếp",
        urgency=Urgency.PRIORITY,
        is_now=True,
        created_at=now,
        made_by_id=user.id,
    )
    why = why_quiet(broadcast, load_hours(session), now)
    if why is not None:
        raise Conflict("not-now", f"Chưa thể phát trực tiếp lúc này. {why_text(why)}")
    if _speaks_already(session, zone_ids):
        raise Conflict("somebody-speaks", "Đang có người phát trực tiếp ở khu vực này.")
    rendering = want_rendering(session, OPENING, commune.voice, Chime.NORMAL.value, Urgency.PRIORITY, now)
    made = add_broadcast(session, broadcast, zone_ids, [rendering.key])
    plan = RelayPlan(
        after_parts=1,
        name=user.name,
        url=heard_at(broadcast_id) if heard_at is not None else "",
        lasts_ms=round(lasts_at_most / timedelta(milliseconds=1)),
        on_failure=OnFailure.NEXT,
        is_live=True,
    )
    set_relays(session, broadcast_id, [plan])
    session.add(LiveAnnouncement(broadcast_id=broadcast_id, user_id=row_id(user.id), opened_at=now))
    record(session, now, user.username, "open-live", broadcast_id, {"zones": [zone.slug for zone in zones]})
    return made


def live_id(user: User, key: str) -> str:
    """The id of the broadcast that this user's press with that key makes."""
    return "l-" + hashlib.sha256(f"{user.id}|{key}".encode()).hexdigest()[:32]


def note_refusal(session: Session, user: User, zone_slugs: Sequence[str], code: str, now: datetime) -> None:
    """Write down that somebody was not let speak."""
    record(session, now, user.username, "refuse-live", code, {"zones": list(zone_slugs)[:64]})


def get_live(session: Session, broadcast_id: str, user: User) -> LiveAnnouncement:
    """An announcement that is this user's own.

    Raises:
        NotFound: there is none, or it is another's.
    """
    found = session.get(LiveAnnouncement, broadcast_id)
    if found is None or found.user_id != user.id:
        raise NotFound("no-live", "Không có buổi phát trực tiếp này.")
    return found


def end_live(session: Session, broadcast_id: str, clip_sha256: str | None, now: datetime) -> None:
    """It is over: say when, and keep what was said. Poles play what is on its way and report for themselves.

    Where nothing has sounded yet, no chime does either.
    """
    live = session.get(LiveAnnouncement, broadcast_id)
    broadcast = session.get(Broadcast, broadcast_id)
    if live is None or broadcast is None or live.ended_at is not None:
        return
    live.ended_at, live.clip_sha256 = now, clip_sha256
    session.add(live)
    if broadcast.state is BroadcastState.ON_AIR and broadcast.starts_at is not None:
        broadcast.duration_ms = max(0, round((now - broadcast.starts_at) / timedelta(milliseconds=1)))
        session.add(broadcast)
    user = session.get_one(User, live.user_id)
    if broadcast.state in COMING:
        end_before_start(session, broadcast, BroadcastState.CANCELLED, WhyNot.CANCELLED_BY_USER, now, user)
    record(session, now, user.username, "end-live", broadcast_id, {"clip": clip_sha256})


def still_aired(session: Session, broadcast_ids: Collection[str]) -> set[str]:
    """Which of these announcements are coming or on the air, and not stopped."""
    is_aired = col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR})
    return set(session.exec(select(Broadcast.id).where(col(Broadcast.id).in_(broadcast_ids), is_aired)))


def forget_open(session: Session, now: datetime) -> None:
    """After a restart nobody speaks any more: what was open is over."""
    query = select(LiveAnnouncement.broadcast_id).where(col(LiveAnnouncement.ended_at).is_(None))
    for broadcast_id in session.exec(query).all():
        end_live(session, broadcast_id, None, now)


def _speaks_already(session: Session, zone_ids: set[int]) -> bool:
    query = (
        select(Broadcast.id)
        .join(LiveAnnouncement)
        .where(col(LiveAnnouncement.ended_at).is_(None), col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR}))
    )
    return any(zone_ids_of(session, broadcast_id) & zone_ids for broadcast_id in session.exec(query))
