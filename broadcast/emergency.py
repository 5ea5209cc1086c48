"""Emergencies: one person's word, on the air at once. Their rule is their own: see `permissions` and below."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from broadcast.airings import add_broadcast, parts_of, zone_ids_of
from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput, NotAllowed
from broadcast.models import Broadcast, Role, User, row_id
from broadcast.permissions import Action, require
from broadcast.renderings import want_rendering
from broadcast.typed_text import MAX_EMERGENCY, clean_text
from broadcast.zones import zones_by_slug
from players.messages import Urgency
from tts.chimes import Chime

_KEY_LENGTHS = range(8, 101)
_TITLE_LENGTH = 60


def raise_emergency(
    session: Session, user: User, zone_slugs: Sequence[str], text: str, now: datetime, key: str
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

    Raises:
        NotAllowed: the user may raise no emergency, or not there.
        InvalidInput: a field cannot be used.
        Conflict: the key was used for another emergency.
    """
    require(user, Action.RAISE_EMERGENCY)
    zones = zones_by_slug(session, zone_slugs)
    zone_ids = {row_id(zone.id) for zone in zones}
    if user.role is Role.VILLAGE_HEAD and zone_ids != {user.zone_id}:
        raise NotAllowed("other-village", "Trưởng thôn chỉ phát khẩn cấp cho thôn của mình.")
    said = clean_text(text, "text", max_chars=MAX_EMERGENCY)
    if len(key) not in _KEY_LENGTHS:
        raise InvalidInput("bad-key", "Mã của lần nhấn không hợp lệ. Hãy tải lại trang.", "key")
    commune = get_commune(session)
    rendering = want_rendering(
        session, said, commune.voice, Chime.EMERGENCY.value, Urgency.EMERGENCY, now, has_closing_chime=True
    )
    broadcast_id = "x-" + hashlib.sha256(f"{user.id}|{key}".encode()).hexdigest()[:32]
    known = session.get(Broadcast, broadcast_id)
    if known is not None:
        parts = [part.rendering_key for part in parts_of(session, known.id)]
        if parts != [rendering.key] or zone_ids_of(session, known.id) != zone_ids:
            raise Conflict("key-in-use", "Lần nhấn này đã phát một tin khẩn cấp khác. Hãy tải lại trang.")
        return known
    broadcast = Broadcast(
        id=broadcast_id,
        commune_id=row_id(commune.id),
        title=_title(said),
        urgency=Urgency.EMERGENCY,
        is_now=True,
        created_at=now,
        made_by_id=user.id,
    )
    detail = {"zones": [zone.slug for zone in zones], "text": said}
    record(session, now, user.username, "raise-emergency", broadcast_id, detail)
    return add_broadcast(session, broadcast, zone_ids, [rendering.key])


def _title(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"
