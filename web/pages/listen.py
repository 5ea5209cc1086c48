"""Listening to a text before it is aired: it is rendered like everything else, and waited for."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import anyio.from_thread

from broadcast.communes import get_commune, voice_for
from broadcast.models import Clip, Rendering, RenderingState
from broadcast.renderings import want_rendering
from players.messages import Urgency
from web.deps import Door
from web.errors import Refusal
from web.templating import Page

PATIENCE = timedelta(seconds=90)


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What was rendered, or why there is nothing to hear."""

    clip: str = ""
    duration_ms: int = 0
    voice: str = ""
    fallback_reason: str | None = None
    plays: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ListenFragment(Page):
    """The place of the sound in a page."""

    template: ClassVar[str] = "listen.html"
    sound: Sound | None


def hear(
    door: Door,
    script: str,
    urgency: Urgency,
    *,
    is_alone: bool,
    is_read_twice: bool = False,
    voice: str = "",
    plays: bool = False,
) -> Sound:
    """Have the text rendered just as it would be aired (`is_alone`: with its chimes) and wait for it.

    Called in a worker thread. Without a `voice` the commune's speaks.

    Raises:
        InvalidInput: nothing in the text can be spoken.
        Refusal: 429, too many at once.
    """
    take_turn(door)
    with door.work() as session:
        chime = urgency.value if is_alone else None
        voice = voice or voice_for(get_commune(session), urgency if is_alone else Urgency.NORMAL)
        key = want_rendering(
            session,
            script,
            voice,
            chime,
            urgency,
            door.now,
            has_closing_chime=is_alone,
            is_read_twice=is_read_twice,
            is_only_heard=True,
        ).key
    door.station.nudge()
    return wait_for_sound(door, key, plays=plays)


def take_turn(door: Door) -> None:
    """Count one more listening of this person.

    Raises:
        Refusal: 429, too many at once.
    """
    wait = door.station.preview_throttle.take(door.user.username, door.now)
    if wait:
        seconds = math.ceil(wait.total_seconds())
        raise Refusal(429, "too-many-previews", f"Xin chờ {seconds} giây rồi nghe thử tiếp.")


def wait_for_sound(door: Door, key: str, *, plays: bool = False) -> Sound:
    """The sound of a rendering, once it is made; or why there is none. Called in a worker thread."""
    return anyio.from_thread.run(_await_sound, door, key, plays)


async def _await_sound(door: Door, key: str, plays: bool) -> Sound:
    deadline = anyio.current_time() + PATIENCE.total_seconds()
    while True:
        sound = await anyio.to_thread.run_sync(_sound_of, door, key, plays)
        if sound is not None:
            return sound
        if anyio.current_time() > deadline:
            return Sound(problem="Chưa tạo xong âm thanh. Xin thử lại sau ít phút.")
        await door.station.next_change()


def _sound_of(door: Door, key: str, plays: bool) -> Sound | None:
    with door.read() as session:
        rendering = session.get(Rendering, key)
        if rendering is None or rendering.state is RenderingState.FAILED:
            return Sound(problem="Không tạo được âm thanh cho nội dung này.")
        clip = session.get(Clip, rendering.clip_sha256) if rendering.clip_sha256 else None
        if rendering.state is not RenderingState.RENDERED or clip is None:
            return None
        return Sound(
            clip=clip.sha256,
            duration_ms=clip.duration_ms,
            voice=clip.voice,
            fallback_reason=clip.fallback_reason,
            plays=plays,
        )
