"""A feed of JSON by HTTP as a source. It is read whole or not at all; redirects are followed with care.

The only file of sources that knows httpx.
"""

import asyncio
import ipaddress
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from broadcast.sources import MAX_ITEMS, BadItem, Parcel, SourceUnreachable, is_signed, load_json

FEED_FORMAT = "loalang-feed/1"
MAX_FEED_BYTES = 2 * 1024 * 1024
MAX_REDIRECTS = 3
SIGNATURE_HEADER = "x-loalang-signature"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a feed may take, in seconds."""

    connect_s: float = 5.0
    stall_s: float = 10.0
    whole_s: float = 30.0


@dataclass(frozen=True, slots=True)
class HttpSource:
    """Reads a feed: `{"format": "loalang-feed/1", "items": […]}`.

    `token` is sent as a bearer token, never to another host. With a `secret`, what comes must be signed with it in the
    header `X-Loalang-Signature`. A redirect to an address that is not public is followed only with `follows_inner`.
    """

    address: str
    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    follows_inner: bool = False
    patience: Patience = Patience()

    async def fetch(self) -> Sequence[Parcel]:
        """What the feed holds now."""
        try:
            async with asyncio.timeout(self.patience.whole_s):
                data, signature = await self._get()
        except TimeoutError as error:
            raise SourceUnreachable(f"Nguồn không trả lời xong trong {self.patience.whole_s:.0f} giây.") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise SourceUnreachable(f"Không nối được tới nguồn: {error or type(error).__name__}.") from error
        if self.secret and not is_signed(data, signature, self.secret):
            raise SourceUnreachable("Chữ ký của nguồn thiếu hoặc không đúng: không nhận tin nào.")
        return _parcels(data)

    async def settle(self, parcel: Parcel, problem: str) -> None:
        """A feed goes on listing what it lists: nothing to do."""

    async def _get(self) -> tuple[bytes, str]:
        limits = httpx.Timeout(self.patience.stall_s, connect=self.patience.connect_s)
        address, own = httpx.URL(self.address), httpx.URL(self.address)
        # No proxy of the environment: where a feed comes from is what the administrator wrote.
        async with httpx.AsyncClient(timeout=limits, follow_redirects=False, trust_env=False) as client:
            for _ in range(MAX_REDIRECTS + 1):
                is_own = (address.scheme, address.host, address.port) == (own.scheme, own.host, own.port)
                headers = {"accept": "application/json", "accept-encoding": "identity"}
                if self.token and is_own:
                    headers["authorization"] = f"Bearer {self.token}"
                async with client.stream("GET", address, headers=headers) as answer:
                    if answer.has_redirect_location:
                        address = await self._checked(own, address.join(answer.headers["location"]))
                        continue
                    if answer.status_code != 200:
                        raise SourceUnreachable(f"Nguồn trả lời mã {answer.status_code}.")
                    return await _body(answer), answer.headers.get(SIGNATURE_HEADER, "")
        raise SourceUnreachable(f"Nguồn chuyển hướng quá {MAX_REDIRECTS} lần.")

    async def _checked(self, own: httpx.URL, there: httpx.URL) -> httpx.URL:
        """An address that a redirect leads to, if it may be followed."""
        if there.scheme != "https" and there.scheme != own.scheme:
            raise SourceUnreachable("Nguồn chuyển hướng sang địa chỉ kém an toàn hơn.")
        if not self.follows_inner and not await asyncio.to_thread(_is_public, there.host):
            raise SourceUnreachable(f"Nguồn chuyển hướng vào địa chỉ nội bộ ({there.host}): không theo.")
        return there


def _is_public(host: str) -> bool:
    """Whether all addresses of a host are in the public network."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_global for entry in found)


async def _body(answer: httpx.Response) -> bytes:
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > MAX_FEED_BYTES:
            raise SourceUnreachable(f"Nguồn gửi quá {MAX_FEED_BYTES // 1024 // 1024} MB.")
    return bytes(data)


def _parcels(data: bytes) -> list[Parcel]:
    try:
        feed = load_json(data)
    except BadItem as error:
        raise SourceUnreachable(str(error)) from error
    if not isinstance(feed, dict) or feed.get("format") != FEED_FORMAT or not isinstance(feed.get("items"), list):
        raise SourceUnreachable(f"Nguồn không theo định dạng {FEED_FORMAT}.")
    return [
        Parcel(f"item {number}", json.dumps(item, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace"))
        for number, item in enumerate(feed["items"][:MAX_ITEMS])
    ]
