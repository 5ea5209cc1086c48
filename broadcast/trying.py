"""Trying one pole out: three notes and a sentence that it alone sounds, and what it reports of it."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.airings import add_broadcast
from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict, NotAllowed
from broadcast.hours import load_hours
from broadcast.lifecycle import COMING, why_text
from broadcast.models import Broadcast, BroadcastState, User, new_id, row_id
from broadcast.nodes import get_node, zones_of_node
from broadcast.outlook import why_quiet
from broadcast.permissions import Action, require
from broadcast.renderings import want_rendering
from players.messages import Urgency
from tts.chimes import Chime

WORDS = "Thử loa. Đây là {name}. Một, hai, ba, bốn, năm. Hết phần thử loa."
_ANOTHER_AFTER = timedelta(seconds=20)


def try_pole(session: Session, slug: str, user: User, now: datetime) -> Broadcast:
    """Have one pole sound a chime and say its own name, in the hours of the commune. Pressed twice it is one trial.

    Raises:
        NotFound: there is no such pole.
        NotAllowed: the user may not, or not there.
        Conflict: it is not paired, or this is no hour for it.
    """
    require(user, Action.STOP_BROADCAST)
    node = get_node(session, slug)
    zones = zones_of_node(session, node)
    if user.zone_id is not None and user.zone_id not in {zone.id for zone in zones}:
        raise NotAllowed("other-village", "Cụm loa này không thuộc thôn của bạn.")
    if node.public_key is None:
        raise Conflict("node-not-paired", "Cụm loa chưa được ghép với máy chủ.")
    known = last_trial(session, row_id(node.id))
    if known is not None and (known.state in COMING or now - known.created_at < _ANOTHER_AFTER):
        return known
    commune = get_commune(session)
    broadcast = Broadcast(
        id=f"t-{new_id()}",
        commune_id=row_id(commune.id),
        title=f"Thử loa: {node.name}",
        is_now=True,
        created_at=now,
        made_by_id=user.id,
        only_node_id=node.id,
    )
    why = why_quiet(broadcast, load_hours(session), now)
    if why is not None:
        raise Conflict("not-now", f"Chưa thể thử loa lúc này. {why_text(why)}")
    words = WORDS.format(name=node.name)
    rendering = want_rendering(session, words, commune.voice, Chime.NORMAL.value, Urgency.NORMAL, now)
    made = add_broadcast(session, broadcast, [row_id(zone.id) for zone in zones], [rendering.key])
    record(session, now, user.username, "try-pole", slug, {"broadcast": made.id})
    return made


def last_trial(session: Session, node_id: int) -> Broadcast | None:
    """The last time that a pole was tried out, if it ever was."""
    query = select(Broadcast).where(Broadcast.only_node_id == node_id, Broadcast.state != BroadcastState.CANCELLED)
    return session.exec(query.order_by(col(Broadcast.created_at).desc()).limit(1)).first()
