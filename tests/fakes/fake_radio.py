"""An upper radio on this machine: MP3 over HTTP in real time, with verbs to misbehave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
import soundfile

from tests.fakes.sounds import RATE, Wave

_TURN_S = 0.05


class Misdeed(StrEnum):
    """How it can be asked for, as the path of its address."""

    NONE = "live"
    NEVER_ANSWERS = "never"
    NOT_FOUND = "missing"
    STALLS = "stalls"
    """It sends for `good_s`, then nothing more, and holds the connection."""
    DIES = "dies"
    """It sends for `good_s`, then hangs up."""
    NO_AUDIO = "page"
    """It sends a web page."""
    SILENT = "silent"
    """It sends digital silence."""
    ELSEWHERE = "elsewhere"
    """It sends the listener to another address."""


@dataclass
class FakeRadio:
    """One station. What it plays begins anew for each listener."""

    wave: Wave
    folder: Path
    good_s: float = 4.0
    elsewhere: str = ""
    listeners: list[str] = field(default_factory=list)
    _port: int = 0
    _answering: set["asyncio.Task[None]"] = field(default_factory=set)

    def url(self, misdeed: Misdeed = Misdeed.NONE) -> str:
        return f"http://127.0.0.1:{self._port}/{misdeed}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeRadio"]:
        self._mp3 = self._encoded("live.mp3", self.wave)
        self._silence = self._encoded("silent.mp3", np.zeros(len(self.wave)))
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._answering:
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)

    def _encoded(self, name: str, wave: Wave) -> bytes:
        path = self.folder / name
        soundfile.write(path, wave, RATE, format="MP3", subtype="MPEG_LAYER_III")
        return path.read_bytes()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._answering.add(asyncio.create_task(self._answer(reader, writer)))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().removeprefix("/")
            self.listeners.append(asked)
            await self._misbehave(Misdeed(asked), reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _misbehave(self, misdeed: Misdeed, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match misdeed:
            case Misdeed.NEVER_ANSWERS:
                await reader.read()
            case Misdeed.NOT_FOUND:
                writer.write(b"HTTP/1.0 404 Not Found\r\n\r\n")
            case Misdeed.NO_AUDIO:
                page = b"<!doctype html><p>" + b"xin ch\xc3\xa0o " * 4000
                writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + page)
                await writer.drain()
                await reader.read()
            case Misdeed.ELSEWHERE:
                writer.write(f"HTTP/1.0 302 Found\r\nLocation: {self.elsewhere}\r\n\r\n".encode())
            case _:
                data = self._silence if misdeed is Misdeed.SILENT else self._mp3
                await self._send(data, misdeed, writer)
                if misdeed is Misdeed.STALLS:
                    await reader.read()

    async def _send(self, data: bytes, misdeed: Misdeed, writer: asyncio.StreamWriter) -> None:
        """In real time."""
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n")
        lasts_s = len(self.wave) / RATE
        until_s = self.good_s if misdeed in {Misdeed.STALLS, Misdeed.DIES} else lasts_s
        began, sent = asyncio.get_running_loop().time(), 0
        whole = int(len(data) * until_s / lasts_s)
        while sent < whole:
            gone_s = asyncio.get_running_loop().time() - began + _TURN_S
            due = min(whole, int(len(data) * gone_s / lasts_s))
            writer.write(data[sent:due])
            await writer.drain()
            sent = due
            await asyncio.sleep(_TURN_S)
