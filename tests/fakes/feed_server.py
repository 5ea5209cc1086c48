"""A server of feeds that misbehaves when told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.fakes.local_server import answering


@dataclass
class FeedServer:
    """Answers every path the same way, and keeps what it was asked with."""

    url: str
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    """By path: where to go instead."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Authorization header of each request."""
    stalls: bool = False
    """Sends the head of an answer and then nothing, until the end."""
    endless: bool = False
    release: threading.Event = field(default_factory=threading.Event)


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """Run a server on a free port of this machine."""
    told = FeedServer("")
    with answering(lambda request: _answer(request, told)) as told.url:
        try:
            yield told
        finally:
            told.release.set()


def _answer(request: BaseHTTPRequestHandler, told: FeedServer) -> None:
    told.asked.append((request.path, request.headers.get("Authorization")))
    there = told.redirects.get(request.path)
    request.send_response(302 if there else told.status)
    for name, value in {**told.headers, **({"Location": there} if there else {})}.items():
        request.send_header(name, value)
    request.end_headers()
    if there:
        return
    if told.stalls:
        request.wfile.flush()
        told.release.wait(30)
        return
    while told.endless and not told.release.is_set():
        request.wfile.write(b" " * 65536)
    request.wfile.write(told.body)
