"""Opening a live announcement, for the page and for programs."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from broadcast.errors import BroadcastError
from broadcast.live import get_live, live_id, note_refusal, open_live
from broadcast.live_microphone import Microphone
from broadcast.models import LiveAnnouncement
from broadcast.zones import zones_by_slug
from web.deps import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveWish:
    """Where to speak, and into what.

    Attributes:
        zones: villages by slug.
        key: names the press: sent twice it is one announcement.
        is_office: whether the server hears its own microphone, and not what the speaker sends.
        device: which of its microphones; empty: as the settings say.
        minutes: the limit, if less than the commune's.
    """

    zones: tuple[str, ...]
    key: str
    is_office: bool = False
    device: str = ""
    minutes: int | None = None


async def open_talk(door: Door, wish: LiveWish) -> LiveAnnouncement:
    """Chime at once in these villages, then let who asks be heard. Refusals are in the audit log.

    Raises:
        BroadcastError: as `open_live`; or too many speak, or the office has no microphone that can be opened.
    """
    try:
        door.station.talks.require_room()
        live = await (_open_office(door, wish) if wish.is_office else _open_own(door, wish))
    except BroadcastError as error:
        await asyncio.to_thread(_note_refusal, door, wish, error.code)
        raise
    door.station.nudge()
    return live


async def _open_own(door: Door, wish: LiveWish) -> LiveAnnouncement:
    live = await asyncio.to_thread(_open, door, wish)
    if live.ended_at is None:
        await door.station.talks.begin(live.broadcast_id, _limit(door, wish))
    return live


async def _open_office(door: Door, wish: LiveWish) -> LiveAnnouncement:
    """The microphone first: without one no chime is heard."""
    await asyncio.to_thread(_require_zones, door, wish)
    if door.station.talks.is_open(live_id(door.user, wish.key)):
        return await asyncio.to_thread(_open, door, wish)
    microphone = await Microphone.open(wish.device or door.station.settings.streams.microphone)
    is_heard = False
    try:
        live = await _open_own(door, wish)
        if live.ended_at is None:
            door.station.talks.hear(live.broadcast_id, microphone)
            is_heard = True
        return live
    finally:
        if not is_heard:
            await microphone.close()


def _require_zones(door: Door, wish: LiveWish) -> None:
    with door.read() as session:
        zones_by_slug(session, wish.zones)


def _limit(door: Door, wish: LiveWish) -> timedelta:
    most = door.station.settings.streams.live_minutes
    return timedelta(minutes=min(wish.minutes or most, most))


def _open(door: Door, wish: LiveWish) -> LiveAnnouncement:
    icecast = door.station.talks.icecast
    with door.work() as session:
        made = open_live(
            session,
            door.user,
            wish.zones,
            door.now,
            key=wish.key,
            lasts_at_most=_limit(door, wish),
            heard_at=icecast.heard_at if icecast is not None else None,
        )
        return get_live(session, made.id, door.user)


def _note_refusal(door: Door, wish: LiveWish, code: str) -> None:
    with door.work() as session:
        note_refusal(session, door.user, wish.zones, code, door.now)
