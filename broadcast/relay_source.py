"""An upper radio, or a microphone, as one running MP3 for all who listen: ffmpeg in a child of its own makes it.

ffmpeg reads and writes pipes only: what comes from outside can name no file and no address to it.
"""

import asyncio
import contextlib
import ipaddress
import logging
import os
import re
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from enum import StrEnum

import httpx

from broadcast.relays import is_forbidden
from players.child import LEASH

log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

BYTES_A_FRAME = 288
"""Of MP3 at 96 kbit/s and 48 kHz: 24 ms, each standing alone."""
CONNECT_WITHIN_S = 4.0
STALL_S = 3.0
_CLOSES_WITHIN_S = 1.0
SOUNDS_WITHIN_S = 5.0
"""From the first bytes to the first sound that could be made of them."""
SILENT_S = 6
"""A relay that is digitally silent for so long says nothing."""
SILENT_BELOW_DB = -60
_MOST_WAITING = 400
"""Blocks that a listener may be behind: then it is let go."""
_MAX_REDIRECTS = 3
_READ_BYTES = 16 * 1024


class Trouble(StrEnum):
    """Why nothing (more) comes of a relay."""

    NO_ANSWER = "no-answer"
    REFUSED = "refused"
    FORBIDDEN = "forbidden-address"
    STALLED = "stalled"
    ENDED = "ended"
    NO_AUDIO = "no-audio"
    SILENT = "silent"


TROUBLE_TEXTS = {
    Trouble.NO_ANSWER: "đài không trả lời",
    Trouble.REFUSED: "đài từ chối, địa chỉ có thể đã đổi",
    Trouble.FORBIDDEN: "địa chỉ là của chính máy chủ này hoặc của mạng trong, không được phép tiếp âm",
    Trouble.STALLED: "tín hiệu của đài bị nghẽn",
    Trouble.ENDED: "đài ngắt giữa chừng",
    Trouble.NO_AUDIO: "địa chỉ không có âm thanh",
    Trouble.SILENT: "đài im tiếng",
}


class RelayFailed(Exception):
    """Nothing (more) comes of a relay."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


class Channel:
    """Hands blocks of one running MP3 to all who listen, from where it is. On the event loop."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._rest = b""
        self.is_over = False
        self.sounded = asyncio.Event()
        """Set by the first block."""

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def put(self, data: bytes) -> None:
        """The next bytes; listeners get whole frames."""
        self._rest += data
        whole = len(self._rest) // BYTES_A_FRAME * BYTES_A_FRAME
        block, self._rest = self._rest[:whole], self._rest[whole:]
        if block:
            self.sounded.set()
            for queue in tuple(self._listeners):
                if queue.qsize() >= _MOST_WAITING:
                    self._let_go(queue)
                else:
                    queue.put_nowait(block)

    def end(self) -> None:
        """Nothing more comes."""
        self.is_over = True
        for queue in self._listeners:
            queue.put_nowait(b"")

    async def listen(self) -> AsyncIterator[bytes]:
        """Blocks as they come, until it is over."""
        if self.is_over:
            return
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while block := await queue.get():
                yield block
        finally:
            self._listeners.discard(queue)

    def _let_go(self, queue: "asyncio.Queue[bytes]") -> None:
        """A listener that cannot follow is better cut off than minutes behind."""
        self._listeners.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(b"")


class Transcoder:
    """ffmpeg: what is fed to it comes out as blocks of a `Channel`.

    Args:
        channel: takes them; it is ended with the transcoder.
        on_silence: called when it has been silent for `SILENT_S`.
    """

    def __init__(self, channel: Channel, on_silence: Callable[[], None] = lambda: None) -> None:
        self._channel = channel
        self._on_silence = on_silence
        self._process: Process | None = None
        self._working: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start it. Raises OSError when there is no ffmpeg."""
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), "-1", "-1", "256"),
            *_FFMPEG,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
        self._working = [
            asyncio.create_task(self._hand_over(process), name="transcoded"),
            asyncio.create_task(self._listen_to(process), name="transcoder says"),
        ]

    async def feed(self, data: bytes) -> None:
        """More of the source.

        Raises:
            RelayFailed: ffmpeg can make nothing of it.
        """
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise RelayFailed(Trouble.NO_AUDIO) from error

    async def finish(self) -> None:
        """Nothing more is fed: returns when all of it has come out."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._process.stdin.close()
        if self._working:
            await asyncio.wait(self._working, timeout=STALL_S)

    async def stop(self) -> None:
        """End it, and the channel."""
        self._channel.end()
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._working:  # its pipes close with what they end on
            await asyncio.wait(self._working, timeout=_CLOSES_WITHIN_S)
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        await self._process.wait()

    @property
    def has_sounded(self) -> bool:
        """Whether anything could be made of what came."""
        return self._channel.sounded.is_set()

    async def _hand_over(self, process: Process) -> None:
        while process.stdout is not None and (data := await process.stdout.read(_READ_BYTES)):
            self._channel.put(data)
        self._channel.end()

    async def _listen_to(self, process: Process) -> None:
        rest = b""
        while process.stderr is not None and (said := await process.stderr.read(4096)):
            *lines, rest = re.split(rb"[\r\n]", rest[-4096:] + said)
            for line in lines:
                if b"silence_start" in line:
                    self._on_silence()
                elif b"rror" in line or b"nvalid" in line:
                    log.info("ffmpeg: %s", line[-200:].decode(errors="replace"))


_FFMPEG = (
    *("ffmpeg", "-hide_banner", "-nostats", "-loglevel", "info", "-protocol_whitelist", "pipe"),
    *("-format_whitelist", "mp3,aac,ogg,matroska,webm,mov,mp4,m4a,flac,wav,mpegts"),
    *("-fflags", "+nobuffer", "-probesize", "4096", "-analyzeduration", "0"),
    *("-i", "pipe:0", "-map", "0:a:0", "-vn", "-sn", "-dn"),
    *("-af", f"silencedetect=noise={SILENT_BELOW_DB}dB:duration={SILENT_S}"),
    *("-ac", "1", "-ar", "48000", "-c:a", "libmp3lame", "-b:a", "96k", "-reservoir", "0"),
    *("-map_metadata", "-1", "-write_xing", "0", "-id3v2_version", "0", "-flush_packets", "1", "-f", "mp3", "pipe:1"),
)


async def relay_radio(url: str, channel: Channel, *, may_be_local: bool) -> None:
    """Fetch an upper radio and put it on a channel, until it fails or this is cancelled.

    Raises:
        RelayFailed: it did not come, broke off, or says nothing. It never returns otherwise.
    """
    silent = asyncio.Event()
    transcoder = Transcoder(channel, silent.set)
    await transcoder.start()
    fetching = asyncio.create_task(_fetch(url, transcoder, may_be_local=may_be_local))
    watching = [
        asyncio.create_task(_until_mute(channel, fetching)),
        asyncio.create_task(_until_silent(silent)),
        fetching,
    ]
    try:
        done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        raise RelayFailed(Trouble.ENDED)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await transcoder.stop()


async def _until_mute(channel: Channel, fetching: "asyncio.Task[None]") -> None:
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S + SOUNDS_WITHIN_S):
            await channel.sounded.wait()
    except TimeoutError as error:
        raise RelayFailed(Trouble.NO_AUDIO) from error
    await fetching


async def _until_silent(silent: asyncio.Event) -> None:
    await silent.wait()
    raise RelayFailed(Trouble.SILENT)


async def _fetch(url: str, transcoder: Transcoder, *, may_be_local: bool) -> None:
    """Feed what the address sends, as long as it sends."""
    timeout = httpx.Timeout(STALL_S, connect=CONNECT_WITHIN_S)
    from_outside = False
    async with httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False) as client:
        for _ in range(_MAX_REDIRECTS + 1):
            address = await _look_up(url)
            if not may_be_local and (is_forbidden(address, from_outside=from_outside) or _is_ours(address)):
                raise RelayFailed(Trouble.FORBIDDEN)
            from_outside |= address.is_global
            request = _request(client, url, address)
            try:
                answer = await client.send(request, stream=True)
            except httpx.HTTPError as error:
                raise RelayFailed(Trouble.NO_ANSWER) from error
            try:
                if answer.is_redirect and (location := answer.headers.get("location")):
                    url = str(httpx.URL(url).join(location))
                    continue
                if answer.status_code != httpx.codes.OK:
                    raise RelayFailed(Trouble.REFUSED)
                await _pump(answer, transcoder)
                await transcoder.finish()
                raise RelayFailed(Trouble.ENDED if transcoder.has_sounded else Trouble.NO_AUDIO)
            finally:
                await answer.aclose()
    raise RelayFailed(Trouble.REFUSED)


async def _pump(answer: httpx.Response, transcoder: Transcoder) -> None:
    try:
        async for data in answer.aiter_bytes(_READ_BYTES):
            await transcoder.feed(data)
    except httpx.TimeoutException as error:
        raise RelayFailed(Trouble.STALLED) from error
    except httpx.HTTPError as error:
        raise RelayFailed(Trouble.ENDED) from error


async def _look_up(url: str) -> Address:
    parts = httpx.URL(url)
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise RelayFailed(Trouble.REFUSED)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            found = await asyncio.get_running_loop().getaddrinfo(parts.host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise RelayFailed(Trouble.NO_ANSWER) from error
    return ipaddress.ip_address(found[0][4][0])


def _request(client: httpx.AsyncClient, url: str, address: Address) -> httpx.Request:
    """A request to the very address that was looked up and may be asked, whatever the name says a moment later."""
    parts = httpx.URL(url)
    request = client.build_request("GET", parts.copy_with(host=str(address)), headers={"host": parts.netloc.decode()})
    request.extensions["sni_hostname"] = parts.host
    return request


def _is_ours(address: Address) -> bool:
    """Whether it is an address of this machine: only then can it be bound to."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((str(address), 0))
        return True
    return False
