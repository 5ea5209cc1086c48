"""A small HTTP file server that misbehaves when told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.fakes.local_server import answering


@dataclass
class FileServer:
    """Serves `files` by path (with Range) and keeps what was asked of it."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of each request."""
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    """By path, for each coming answer: break the connection after so many bytes."""
    stall_after: dict[str, list[int]] = field(default_factory=dict)
    """By path, for each coming answer: send so many bytes and then nothing more, until `release`."""
    statuses: list[int] = field(default_factory=list)
    """For each coming answer: this status, with no file."""
    ignore_range: bool = False
    wrong_range: bool = False
    release: threading.Event = field(default_factory=threading.Event)


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Run a server on a free port of this machine."""
    told = FileServer("")
    with answering(lambda request: _answer(request, told)) as told.url:
        try:
            yield told
        finally:
            told.release.set()


def _answer(request: BaseHTTPRequestHandler, told: FileServer) -> None:
    wanted = request.headers.get("Range", "")
    told.requests.append((request.path, wanted))
    body = told.files.get(request.path)
    status = told.statuses.pop(0) if told.statuses else 404 if body is None else 200
    if status != 200 or body is None:
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    _send(request, told, body, wanted)


def _send(request: BaseHTTPRequestHandler, told: FileServer, body: bytes, wanted: str) -> None:
    start = 0
    if wanted and not told.ignore_range:
        start = int(wanted.removeprefix("bytes=").split("-")[0])
        if start >= len(body):
            request.send_error(416)
            return
        request.send_response(206)
        said = start + 1 if told.wrong_range else start
        request.send_header("Content-Range", f"bytes {said}-{len(body) - 1}/{len(body)}")
    else:
        request.send_response(200)
    rest = body[start:]
    request.send_header("Content-Length", str(len(rest)))
    request.end_headers()
    stalls, cuts = told.stall_after.get(request.path), told.cut_after.get(request.path)
    if stalls:
        request.wfile.write(rest[: stalls.pop(0)])
        request.wfile.flush()
        told.release.wait(timeout=30)
    elif cuts:
        request.wfile.write(rest[: cuts.pop(0)])
    else:
        request.wfile.write(rest)
