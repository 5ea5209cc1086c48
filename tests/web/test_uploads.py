"""A file as a stream to disk: a sender that falls silent, a disk that fills up; nothing is left behind."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from web.errors import Refusal
from web.upload_room import UploadRoom
from web.uploads import receive_upload

HEAD = b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nsecret\r\n'
HEAD += b'--x\r\nContent-Disposition: form-data; name="file"; filename="b\xc3\xa1o.pdf"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"


ROOM = UploadRoom()


def request(blocks: AsyncIterator[bytes], *more: tuple[bytes, bytes]) -> Request:
    async def receive() -> Message:
        block = await anext(blocks, None)
        return {"type": "http.request", "body": block or b"", "more_body": block is not None}

    headers = [(b"content-type", b"multipart/form-data; boundary=x"), *more]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}, receive)


async def blocks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode:
        pytest.skip(f"may not mount a small disk: {mount.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("size", [1, 17, 600_000])
async def test_a_file_comes_whole_in_pieces_of_any_size(size: int, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8 if size < 100 else bytes(range(256)) * 8000
    body = HEAD + content + TAIL
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    upload = await receive_upload(request(blocks(*pieces)), tmp_path, room=ROOM, max_bytes=len(content))
    assert upload.path.read_bytes() == content
    assert (upload.size_bytes, upload.file_name, upload.fields) == (len(content), "báo.pdf", {"csrf": "secret"})
    assert upload.path.stat().st_mode & 0o077 == 0


async def test_a_full_disk_is_said_and_nothing_is_left(small_disk: Path) -> None:
    body = blocks(HEAD, *[b"x" * 100_000] * 20, TAIL)
    with pytest.raises(Refusal) as refused:
        await receive_upload(
            request(body, (b"content-length", b"100")), small_disk, room=UploadRoom(0), max_bytes=10_000_000
        )
    assert (refused.value.status, refused.value.code) == (507, "disk-full")
    assert left_in(small_disk) == []


async def test_a_sender_that_falls_silent_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.uploads.STALL_S", 0.1)

    async def silent() -> AsyncIterator[bytes]:
        yield HEAD + b"x" * 600_000
        await asyncio.Event().wait()

    with pytest.raises(Refusal) as refused:
        await receive_upload(request(silent()), tmp_path, room=ROOM, max_bytes=1_000_000)
    assert (refused.value.status, refused.value.code) == (408, "upload-stalled")
    assert left_in(tmp_path) == []


async def test_a_sender_that_drips_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is not silence, and would hold room and a connection for ever."""
    monkeypatch.setattr("web.uploads.STALL_S", 0.3)

    async def dripping() -> AsyncIterator[bytes]:
        yield HEAD
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    with pytest.raises(Refusal) as refused:
        await receive_upload(request(dripping()), tmp_path, room=ROOM, max_bytes=1_000_000)
    assert (refused.value.status, refused.value.code) == (408, "upload-stalled")
    assert left_in(tmp_path) == []


async def test_what_is_promised_to_one_sender_is_not_promised_to_the_next(tmp_path: Path) -> None:
    half = shutil.disk_usage(tmp_path).free // 2
    room, begun = UploadRoom(half // 2), asyncio.Event()

    async def coming() -> AsyncIterator[bytes]:
        yield HEAD
        begun.set()
        await asyncio.Event().wait()

    first = asyncio.create_task(receive_upload(request(coming()), tmp_path, room=room, max_bytes=half))
    await begun.wait()
    with pytest.raises(Refusal) as refused:
        await receive_upload(request(blocks(HEAD, b"x", TAIL)), tmp_path, room=room, max_bytes=half)
    assert (refused.value.status, refused.value.code) == (507, "disk-full")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    upload = await receive_upload(request(blocks(HEAD, b"x", TAIL)), tmp_path, room=room, max_bytes=half)
    assert left_in(tmp_path) == [upload.path]


async def test_whoever_checks_sees_the_fields_before_a_byte_is_taken(tmp_path: Path) -> None:
    def refuse(fields: object) -> None:
        assert fields == {"csrf": "secret"}
        assert [entry.stat().st_size for entry in left_in(tmp_path)] == [0]
        raise Refusal(403, "stale-form", "…")

    with pytest.raises(Refusal, match="stale-form"):
        await receive_upload(request(blocks(HEAD, b"x", TAIL)), tmp_path, room=ROOM, max_bytes=10, check=refuse)
    assert left_in(tmp_path) == []


async def test_a_body_that_ends_in_mid_file_is_not_taken_for_whole(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        await receive_upload(request(blocks(HEAD, b"half a file")), tmp_path, room=ROOM, max_bytes=100)
    assert refused.value.status == 400
    assert left_in(tmp_path) == []
