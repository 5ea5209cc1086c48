"""Fetching clips over HTTP: resumed where a connection broke, checked by hash, paced so that poles do not rush."""

import asyncio
import re
from collections.abc import Callable
from hashlib import sha256 as hash_of

import httpx

from players.messages import ClipRef, Reason
from players.node.cache import ClipStore
from players.node.errors import ClipRefused

CONNECT_TIMEOUT_S = 10.0
STALL_TIMEOUT_S = 20.0
_WRITE_BYTES = 256 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


def spread_s(node: str, sha256: str, jitter_s: float) -> float:
    """How long this node waits before it fetches this clip: even over the nodes, the same at each try."""
    digest = hash_of(f"{node}|{sha256}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * jitter_s


class ClipFetcher:
    """Gets clips from the server into a store.

    Args:
        client: with the server's address as its base.
        make_ticket: the node's credential for one path.
    """

    def __init__(self, client: httpx.AsyncClient, make_ticket: Callable[[str], str]) -> None:
        self._client = client
        self._make_ticket = make_ticket

    async def fetch(self, clip: ClipRef, store: ClipStore) -> None:
        """Fetch a clip, or the rest of it.

        Raises:
            ClipRefused: the server has it not, sent something else, cannot be reached, or the disk refuses it, in
                which case nothing was asked for. What has come stays for the next try, unless it was wrong.
        """
        await asyncio.to_thread(store.prove)
        offset = await asyncio.to_thread(store.part_size, clip.sha256)
        if offset >= clip.size_bytes:
            await asyncio.to_thread(store.drop_part, clip.sha256)
            offset = 0
        path = f"/clips/{clip.sha256}"
        headers = {"Authorization": f"Bearer {self._make_ticket(path)}", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            async with self._client.stream("GET", path, headers=headers) as response:
                await self._take(clip, store, offset, response)
        except httpx.HTTPError as error:
            raise ClipRefused(Reason.CLIP_UNAVAILABLE, f"{path}: {error or type(error).__name__}") from error
        await asyncio.to_thread(store.complete, clip.sha256)

    async def _take(self, clip: ClipRef, store: ClipStore, offset: int, response: httpx.Response) -> None:
        offset = _start_of(response, offset)
        buffer = bytearray()
        try:
            async for block in response.aiter_raw():
                buffer += block
                _check_size(clip, offset + len(buffer))
                if len(buffer) >= _WRITE_BYTES:
                    offset = await self._flush(clip, store, offset, buffer)
        except ClipRefused:
            await asyncio.to_thread(store.drop_part, clip.sha256)
            raise
        except httpx.HTTPError:
            await self._flush(clip, store, offset, buffer)  # the next try goes on from here
            raise
        offset = await self._flush(clip, store, offset, buffer)
        if offset < clip.size_bytes:
            raise ClipRefused(Reason.CLIP_UNAVAILABLE, f"clip {clip.sha256[:12]} broke off at {offset} bytes")

    async def _flush(self, clip: ClipRef, store: ClipStore, offset: int, buffer: bytearray) -> int:
        data = bytes(buffer)
        buffer.clear()
        await asyncio.to_thread(store.append, clip.sha256, offset, data)
        return offset + len(data)


def _check_size(clip: ClipRef, size_bytes: int) -> None:
    if size_bytes > clip.size_bytes:
        raise ClipRefused(Reason.CLIP_CORRUPT, f"clip {clip.sha256[:12]} is larger than announced")


def _start_of(response: httpx.Response, asked: int) -> int:
    """Where the server's answer begins in the clip."""
    if response.status_code == httpx.codes.OK:
        return 0
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is not None and int(found[1]) == asked:
            return asked
    raise ClipRefused(Reason.CLIP_UNAVAILABLE, f"the server answered {response.status_code}")
