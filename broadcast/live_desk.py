"""Who is speaking now: takes their sound as it comes, hands it to the poles, and keeps it as a clip."""

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from broadcast.db import reading, session_of
from broadcast.errors import BroadcastError, Conflict, NotFound
from broadcast.live import end_live, forget_open, still_aired
from broadcast.live_microphone import MOST_BYTES_A_SECOND, Microphone
from broadcast.recorders import RecorderLost, run_recorder
from broadcast.recordings import keep_clip
from broadcast.relay_source import Channel, RelayFailed, Transcoder
from tts.record_job import TakeJob, Taken

log = logging.getLogger(__name__)

MAX_PART_BYTES = 512 * 1024
MAX_TALK_BYTES = 64 * 1024 * 1024
QUIET_FOR = timedelta(seconds=12)
"""A phone of which nothing came for so long has gone: its announcement is over."""
MAX_TALKS = 20
_LOOK_EVERY_S = 1.0
_MARGIN = timedelta(seconds=20)
"""The limit counts from the first word; chime and way there come before it."""
_ICECAST_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Icecast:
    """A server that hands live sound on to many. `password` is that of its sources."""

    url: str
    password: str = field(repr=False)

    def heard_at(self, name: str) -> str:
        """Where poles hear it."""
        return f"{self.url.rstrip('/')}/{name}.mp3"


@dataclass
class _Talk:
    """One announcement being made."""

    path: Path
    file: BinaryIO
    ends_at: datetime
    heard_at: datetime
    channel: Channel = field(default_factory=Channel)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    next_part: int = 0
    size: int = 0
    is_whole: bool = True
    """Whether all that was said is in the file."""
    most_bytes: int = MAX_TALK_BYTES
    passing_on: "asyncio.Task[None] | None" = None
    hearing: "asyncio.Task[None] | None" = None
    """Takes what the microphone at the office hears."""

    def __post_init__(self) -> None:
        self.transcoder = Transcoder(self.channel)

    def write(self, data: bytes) -> None:
        """Keep what was said. On a full disk the poles hear it all the same."""
        self._try(lambda: self.file.write(data))

    def close(self) -> None:
        """Keep no more."""
        self._try(self.file.close)

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except OSError as error:
            if self.is_whole:
                log.warning("%s: what is said is not kept: %s", self.path.stem, error)
            self.is_whole = False


class LiveDesk:
    """Takes what people say.

    Args:
        engine: the database.
        folder: where what is said is kept until it is a clip.
        store: the folder of clips.
        target_lufs: how loud clips are.
        clock: the present.
        on_change: told "broadcasts" when somebody has ended.
        icecast: where poles hear it, instead of from us.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        store: Path,
        target_lufs: float,
        clock: Callable[[], datetime],
        on_change: Callable[[str], None],
        icecast: Icecast | None,
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._store = store
        self._target_lufs = target_lufs
        self._clock = clock
        self._on_change = on_change
        self.icecast = icecast
        self._talks: dict[str, _Talk] = {}
        self._endings: dict[str, asyncio.Task[None]] = {}
        self._unwritten: dict[str, tuple[Taken | None, datetime]] = {}

    async def run(self) -> None:
        """End what has reached its limit, what was stopped and what nobody speaks into any more, until cancelled.

        Then everything.
        """
        await asyncio.to_thread(self._begin)
        try:
            while True:
                await asyncio.sleep(_LOOK_EVERY_S)
                await self._look()
        finally:
            for broadcast_id in tuple(self._talks):
                await self.end(broadcast_id)
            await asyncio.gather(*self._endings.values())

    async def _look(self) -> None:
        if self._unwritten:
            await asyncio.to_thread(self._write_ends)
        ended = await asyncio.to_thread(self._ended, frozenset(self._talks))
        now = self._clock()
        for broadcast_id, talk in tuple(self._talks.items()):
            is_silent = now - talk.heard_at > QUIET_FOR
            if now >= talk.ends_at or is_silent or broadcast_id in ended:
                await self.end(broadcast_id)

    def require_room(self) -> None:
        """Refuse before anything is announced.

        Raises:
            Conflict: too many speak at once.
        """
        if len(self._talks) >= MAX_TALKS:
            raise Conflict("too-many-talks", "Đang có quá nhiều người phát trực tiếp. Hãy thử lại sau.")

    async def begin(self, broadcast_id: str, lasts_at_most: timedelta) -> None:
        """Be ready for what is said. Twice changes nothing."""
        if broadcast_id in self._talks:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{broadcast_id}.sent"
        now = self._clock()
        talk = self._talks[broadcast_id] = _Talk(path, path.open("wb"), now + lasts_at_most + _MARGIN, now)
        await talk.transcoder.start()
        if self.icecast is not None:
            passing_on = _pass_on(self.icecast, self.icecast.heard_at(broadcast_id), talk.channel)
            talk.passing_on = asyncio.create_task(passing_on, name=f"icecast {broadcast_id}")

    async def take(self, broadcast_id: str, part: int, data: bytes) -> int:
        """The next stretch of sound, in the container the browser makes; gives the part that is wanted next.

        A part that came already is not taken twice: a phone sends it again when it was not answered.

        Raises:
            NotFound: it is over.
            Conflict: a part before it is missing, or it is too much.
        """
        talk = self._talks.get(broadcast_id)
        if talk is None:
            raise NotFound("live-over", "Buổi phát trực tiếp đã kết thúc.")
        async with talk.turn:
            if talk.channel.is_over:
                raise NotFound("live-over", "Buổi phát trực tiếp đã kết thúc.")
            if part > talk.next_part:
                raise Conflict("part-missing", "Thiếu một đoạn âm thanh trước đoạn này.")
            talk.heard_at = self._clock()
            if part < talk.next_part or not data:
                return talk.next_part
            if talk.size + len(data) > talk.most_bytes:
                raise Conflict("too-long", "Buổi phát trực tiếp quá dài.")
            talk.next_part, talk.size = part + 1, talk.size + len(data)
            talk.write(data)
            try:
                await talk.transcoder.feed(data)
            except RelayFailed as error:
                raise Conflict("no-sound", "Không nhận ra âm thanh từ micrô của trình duyệt này.") from error
            return talk.next_part

    def hear(self, broadcast_id: str, microphone: Microphone) -> None:
        """Have what is said into the microphone at the office taken, until it is over; then it is closed."""
        talk = self._talks[broadcast_id]
        talk.most_bytes = round((talk.ends_at - talk.heard_at).total_seconds()) * MOST_BYTES_A_SECOND
        talk.hearing = asyncio.create_task(self._hear(broadcast_id, microphone), name=f"microphone {broadcast_id}")

    async def _hear(self, broadcast_id: str, microphone: Microphone) -> None:
        part = 0
        try:
            async for data in microphone.sounds():
                part = await self.take(broadcast_id, part, data)
        except BroadcastError as error:
            log.info("the microphone at the office is closed: %s", error)
        finally:
            await microphone.close()
        await self.end(broadcast_id)

    def listen(self, broadcast_id: str) -> AsyncIterator[bytes] | None:
        """What is being said, from where it is; none when nobody speaks."""
        talk = self._talks.get(broadcast_id)
        return None if talk is None else talk.channel.listen()

    def listeners(self, broadcast_id: str) -> int:
        """How many poles hear it from here."""
        talk = self._talks.get(broadcast_id)
        return 0 if talk is None else talk.channel.listeners

    def is_open(self, broadcast_id: str) -> bool:
        """Whether it is being spoken."""
        return broadcast_id in self._talks

    async def end(self, broadcast_id: str) -> None:
        """It is over: poles hear the rest of it, and it is kept, even if the caller is cancelled. Twice is once."""
        talk = self._talks.pop(broadcast_id, None)
        if talk is not None:
            ending = self._endings[broadcast_id] = asyncio.create_task(self._end(broadcast_id, talk))
            ending.add_done_callback(lambda _: self._endings.pop(broadcast_id))
        if broadcast_id in self._endings:
            await asyncio.shield(self._endings[broadcast_id])

    async def _end(self, broadcast_id: str, talk: _Talk) -> None:
        if talk.hearing is not None:
            talk.hearing.cancel()
            await asyncio.wait({talk.hearing})
        async with talk.turn:
            await talk.transcoder.finish()
            await talk.transcoder.stop()
        if talk.passing_on is not None:
            await asyncio.wait({talk.passing_on}, timeout=_ICECAST_WITHIN_S)
            talk.passing_on.cancel()
        talk.close()
        await asyncio.to_thread(self._keep, broadcast_id, talk)
        self._on_change("broadcasts")

    def _ended(self, open_ids: frozenset[str]) -> frozenset[str]:
        """What somebody has stopped, of those that are being spoken; none while the database does not say."""
        if not open_ids:
            return open_ids
        try:
            with reading(self._engine) as session:
                return open_ids - still_aired(session, open_ids)
        except SQLAlchemyError:
            log.exception("nobody knows whether what is said live was stopped")
            return frozenset()

    def _begin(self) -> None:
        for path in self._folder.glob("*"):
            path.unlink(missing_ok=True)
        with session_of(self._engine) as session:
            forget_open(session, self._clock())

    def _keep(self, broadcast_id: str, talk: _Talk) -> None:
        ended_at = self._clock()
        path, master = talk.path, talk.path.with_suffix(".flac")
        taken = self._taken(broadcast_id, path, master) if talk.is_whole else None
        self._unwritten[broadcast_id] = (taken, ended_at)
        self._write_ends()
        with contextlib.suppress(OSError):  # a disk that is read-only now: the next start removes them
            for left in (path, master):
                left.unlink(missing_ok=True)

    def _taken(self, broadcast_id: str, path: Path, master: Path) -> Taken | None:
        job = TakeJob(
            source=path, master=master, store=self._store, target_lufs=self._target_lufs, max_length_s=4 * 3600
        )
        try:
            taken = run_recorder(job)
        except (RecorderLost, OSError) as error:
            log.warning("what was said in %s is not kept: %s", broadcast_id, error)
            return None
        return taken if isinstance(taken, Taken) else None

    def _write_ends(self) -> None:
        """Write down what is over; what a full disk does not take now is written with a later look."""
        for broadcast_id, (taken, ended_at) in tuple(self._unwritten.items()):
            try:
                with session_of(self._engine) as session:
                    if taken is not None:
                        keep_clip(session, taken.cut, ended_at)
                    end_live(session, broadcast_id, None if taken is None else taken.cut.sha256, ended_at)
            except SQLAlchemyError:
                log.exception("the end of %s cannot be written down yet", broadcast_id)
            else:
                self._unwritten.pop(broadcast_id, None)


async def _pass_on(icecast: Icecast, address: str, channel: Channel) -> None:
    """Be a source of Icecast (its `PUT` of HTTP/1.0), for as long as the channel goes on."""
    parts = urlsplit(address)
    listening = channel.listen()
    try:
        async with asyncio.timeout(_ICECAST_WITHIN_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            secret = base64.b64encode(f"source:{icecast.password}".encode()).decode()
            head = (
                f"PUT {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAuthorization: Basic {secret}\r\n"
                "Content-Type: audio/mpeg\r\nIce-Public: 0\r\nExpect: 100-continue\r\n\r\n"
            )
            writer.write(head.encode())
            said = await reader.readuntil(b"\r\n")
        if b" 100 " not in said and b" 200 " not in said:
            log.error("Icecast refuses: %s", said.decode(errors="replace").strip())
            writer.close()
            return
        try:
            async for block in listening:
                writer.write(block)
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        log.error("Icecast at %s: %s", parts.netloc, error or type(error).__name__)  # noqa: TRY400 - nothing is learnt from where
