"""A file sent to the server by a form or a program, streamed to a folder of ours.

The form's other fields come before the file, so that who may send is known before a byte is kept. Whatever goes wrong,
nothing of the file is left behind.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from web.errors import DISK_FULL, SAID, Refusal
from web.upload_room import UploadRoom

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FORM_ROOM = 64 * 1024
"""What a body may hold beside its file: the form's fields and the lines between them."""
STALL_S = 30
LEAST_BYTES = 64 * 1024
"""Whoever sends less than this in `STALL_S` of waiting (2 kB/s) is let go: files that drip in hold room for hours."""
FILE_FIELD = "file"
_MAX_FIELD = 4096
_MAX_FIELDS = 20
_WRITE_AT = 512 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came whole. `path` is now its receiver's to keep; `file_name` is only what the sender calls it."""

    path: Path
    file_name: str
    size_bytes: int
    fields: Mapping[str, str]


async def receive_upload(
    request: Request,
    folder: Path,
    *,
    room: UploadRoom,
    max_bytes: int,
    check: Callable[[Mapping[str, str]], None] = lambda _: None,
) -> Upload:
    """Take the one file of a `multipart/form-data` body, its field named `file`.

    Args:
        request: Its body has not been read yet. `Guard` must allow this path `max_bytes + FORM_ROOM`.
        folder: Where the file is put, mode 0600, under a name of our own.
        room: Where it is counted as long as it comes.
        max_bytes: Longest file that is taken.
        check: Given the fields that came before the file; raises to refuse it.

    Raises:
        Refusal: 400 the body cannot be read, 408 less than `LEAST_BYTES` came in `STALL_S`, 413 the file is too long,
            422 there is no file or an empty one, 507 there is no room on the disk; and whatever `check` raises.
    """
    form = _Form(max_bytes, check)
    path = folder / uuid4().hex
    announced = request.headers.get("content-length", "")
    coming = int(announced) if announced.isdecimal() else max_bytes + FORM_ROOM
    try:
        async with room.promised(folder, coming):
            size = await _stream_to(path, _blocks(request, form))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Upload(path, form.file_name or "", size, form.fields)


@dataclass
class _Form:
    """What the parser tells of the body: small fields are kept here, the file's bytes only pass through."""

    max_bytes: int
    check: Callable[[Mapping[str, str]], None]
    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    pending: bytearray = field(default_factory=bytearray)
    _size: int = 0
    _is_whole: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _field: str | None = None
    _text: bytearray = field(default_factory=bytearray)

    def on_part_begin(self) -> None:
        self._disposition, self._field = b"", None
        self._text.clear()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode(errors="replace")
        if name == FILE_FIELD and b"filename" in options:
            if self.file_name is not None:
                raise Refusal(422, "one-file-only", "Mỗi lần chỉ gửi một tệp.", FILE_FIELD)
            self.check(self.fields)
            self.file_name = options[b"filename"].decode(errors="replace")
        elif b"filename" in options or len(self.fields) >= _MAX_FIELDS:
            raise Refusal(*_UNREADABLE)
        else:
            self._field = name

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is not None:
            self._text += data[start:end]
            if len(self._text) > _MAX_FIELD:
                raise Refusal(*_UNREADABLE)
            return
        self._size += end - start
        if self._size > self.max_bytes:
            raise too_large(self.max_bytes)
        self.pending += data[start:end]

    def on_part_end(self) -> None:
        if self._field is not None:
            self.fields[self._field] = self._text.decode(errors="replace")

    def on_end(self) -> None:
        self._is_whole = True

    def require_file(self) -> None:
        """Refuse a body that has ended without one, or in the middle."""
        if not self._is_whole:
            raise Refusal(*_UNREADABLE)
        if not self.file_name:
            raise Refusal(422, "no-file", "Chưa chọn tệp.", FILE_FIELD)
        if not self._size:
            raise Refusal(422, "empty-file", "Tệp này rỗng, không có nội dung.", FILE_FIELD)

    def callbacks(self) -> "MultipartCallbacks":
        """For the parser."""
        return {
            "on_part_begin": self.on_part_begin,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_headers_finished": self.on_headers_finished,
            "on_part_data": self.on_part_data,
            "on_part_end": self.on_part_end,
            "on_end": self.on_end,
        }


_UNREADABLE = (400, *SAID[400])


def too_large(max_bytes: int) -> Refusal:
    """The refusal of a file that is too long."""
    return Refusal(413, "file-too-large", f"Tệp quá lớn: tối đa {max_bytes // 1_000_000} MB.", FILE_FIELD)


async def _blocks(request: Request, form: _Form) -> AsyncIterator[bytes]:
    """The file's bytes, in blocks worth a write."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Refusal(422, "not-a-form", "Hãy gửi tệp bằng biểu mẫu (multipart/form-data).", FILE_FIELD)
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        async for chunk in _unstalled(request.stream()):
            parser.write(chunk)
            if len(form.pending) >= _WRITE_AT:
                yield bytes(form.pending)
                form.pending.clear()
        parser.finalize()
    except (FormParserError, ClientDisconnect) as error:
        raise Refusal(*_UNREADABLE) from error
    form.require_file()
    yield bytes(form.pending)


async def _unstalled(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    patience, came = float(STALL_S), 0
    while True:
        asked_at = clock()
        try:
            async with asyncio.timeout(patience):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise Refusal(408, "upload-stalled", "Tệp gửi lên bị ngắt giữa chừng. Hãy gửi lại.", FILE_FIELD) from error
        patience, came = patience - (clock() - asked_at), came + len(chunk)
        if came >= LEAST_BYTES:
            patience, came = float(STALL_S), 0
        yield chunk


async def _stream_to(path: Path, blocks: AsyncIterator[bytes]) -> int:
    """Write the blocks, and have them on the disk; how many bytes."""
    size = 0
    try:
        descriptor = await asyncio.to_thread(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with contextlib.closing(os.fdopen(descriptor, "wb", buffering=0)) as file:
            async for block in blocks:
                await asyncio.to_thread(_write_all, file.fileno(), block)
                size += len(block)
            await asyncio.to_thread(os.fsync, file.fileno())
    except OSError as error:
        if error.errno in DISK_FULL:
            raise Refusal(507, *SAID[507]) from error
        raise
    return size


def _write_all(descriptor: int, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[os.write(descriptor, left) :]
