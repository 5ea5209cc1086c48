"""The commune this server speaks for. One server, one commune."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session, select

from broadcast.audit import record
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Commune
from broadcast.typed_text import clean_line, clean_slug
from broadcast.windows import stored_windows, windows_of
from players.messages import Urgency, Window
from tts.chimes import TUNES, Chime

DEFAULT_VOICE = "vi_VN-vais1000-medium"
SLOWEST, FASTEST = 0.7, 1.3
"""How fast a voice may read, against its own speed: beyond these a horn is not understood."""
_RATE, _TUNES = "loalang_rate", "loalang_tunes"


def create_commune(
    session: Session,
    *,
    slug: str,
    name: str,
    windows: Sequence[Window],
    now: datetime,
    timezone: str = "Asia/Ho_Chi_Minh",
    voice: str = DEFAULT_VOICE,
) -> Commune:
    """Make the commune; its slug is in every topic and never changes.

    Raises:
        Conflict: there is one already.
        InvalidInput: the slug, the name or the time zone cannot be used.
    """
    if session.exec(select(Commune.id)).first() is not None:
        raise Conflict("commune-exists", "Máy chủ này đã được đặt cho một xã.")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidInput("unknown-timezone", f"Không có múi giờ «{timezone}».", "timezone") from error
    commune = Commune(
        slug=clean_slug(slug, "slug"),
        name=clean_line(name, "name"),
        timezone=timezone,
        windows=stored_windows(windows),
        voice=voice,
    )
    session.add(commune)
    record(session, now, "loalang", "create-commune", commune.slug, {"windows": commune.windows})
    return commune


def get_commune(session: Session) -> Commune:
    """The commune.

    Raises:
        NotFound: it has not been set up yet.
    """
    commune = session.exec(select(Commune)).first()
    if commune is None:
        raise NotFound("no-commune", "Máy chủ chưa được đặt cho xã nào.")
    return commune


def set_windows(session: Session, windows: Sequence[Window], actor: str, now: datetime) -> Commune:
    """Say when anything but an emergency may sound."""
    commune = get_commune(session)
    before, commune.windows = commune.windows, stored_windows(windows)
    session.add(commune)
    record(session, now, actor, "set-windows", commune.slug, {"before": before, "after": commune.windows})
    return commune


def set_voice(session: Session, voice: str, actor: str, now: datetime) -> Commune:
    """Choose the voice that reads from now on; what is rendered already stays as it is."""
    commune = get_commune(session)
    if commune.voice != voice:
        before, commune.voice = commune.voice, voice
        session.add(commune)
        record(session, now, actor, "set-voice", commune.slug, {"before": before, "after": voice})
    return commune


def set_emergency_voice(session: Session, voice: str | None, actor: str, now: datetime) -> Commune:
    """Choose who speaks emergencies and drills from now on; none: the commune's voice."""
    commune = get_commune(session)
    if commune.emergency_voice != voice:
        before, commune.emergency_voice = commune.emergency_voice, voice
        session.add(commune)
        record(session, now, actor, "set-emergency-voice", commune.slug, {"before": before, "after": voice})
    return commune


def voice_for(commune: Commune, urgency: Urgency) -> str:
    """Who speaks a text of that urgency."""
    own = commune.emergency_voice if urgency is Urgency.EMERGENCY else None
    return own or commune.voice


def set_rate(session: Session, rate: float, actor: str, now: datetime) -> Commune:
    """Say how fast the voice reads from now on; what is rendered already stays as it is.

    Raises:
        InvalidInput: too slow or too fast to be followed.
    """
    if not SLOWEST <= rate <= FASTEST:
        raise InvalidInput("bad-rate", "Tốc độ đọc phải từ 0,7 đến 1,3 lần.", "rate")
    commune = get_commune(session)
    if commune.rate != rate:
        before, commune.rate = commune.rate, rate
        session.add(commune)
        session.info.pop(_RATE, None)
        record(session, now, actor, "set-rate", commune.slug, {"before": before, "after": rate})
    return commune


def rate_of(session: Session) -> float:
    """How fast the voice reads, as this unit of work sees it; looked up once in it."""
    if _RATE not in session.info:
        session.info[_RATE] = session.exec(select(Commune.rate)).first() or 1.0
    rate: float = session.info[_RATE]
    return rate


def set_tune(session: Session, chime: Chime, tune: str, actor: str, now: datetime) -> Commune:
    """Choose what sounds before and after that kind of broadcast from now on; what is rendered stays as it is.

    Raises:
        InvalidInput: that kind has no such tune.
    """
    if tune not in TUNES[chime]:
        raise InvalidInput("unknown-tune", "Không có nhạc hiệu này.", "tune")
    commune = get_commune(session)
    before = commune.chimes.get(chime, TUNES[chime][0])
    if before != tune:
        chosen = {**commune.chimes, chime.value: tune}
        commune.chimes = {kind: name for kind, name in chosen.items() if name != TUNES[Chime(kind)][0]}
        session.add(commune)
        session.info.pop(_TUNES, None)
        said = {"before": before, "after": tune}
        record(session, now, actor, "set-chime", chime.value, said)
    return commune


def tunes_of(session: Session) -> Mapping[str, str]:
    """The tune of each kind of chime that is not the first; looked up once in a unit of work."""
    if _TUNES not in session.info:
        session.info[_TUNES] = session.exec(select(Commune.chimes)).first() or {}
    tunes: dict[str, str] = session.info[_TUNES]
    return tunes


def rename_commune(session: Session, name: str, actor: str, now: datetime) -> Commune:
    """Call the commune otherwise on screens; its slug stays.

    Raises:
        InvalidInput: the name cannot be used.
    """
    commune = get_commune(session)
    before, commune.name = commune.name, clean_line(name, "name")
    session.add(commune)
    if commune.name != before:
        record(session, now, actor, "rename-commune", commune.slug, {"before": before, "after": commune.name})
    return commune


def local_zone(commune: Commune) -> ZoneInfo:
    """The commune's time zone."""
    return ZoneInfo(commune.timezone)


def windows_of_commune(commune: Commune) -> tuple[Window, ...]:
    """When the commune's horns may sound."""
    return windows_of(commune.windows)
