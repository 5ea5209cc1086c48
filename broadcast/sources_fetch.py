"""Getting something by HTTP from where others say it is, with care for how long, how much and where from.

The only file of sources that knows httpx.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from broadcast.sources import SourceUnreachable

MAX_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may take, in seconds."""

    connect_s: float = 5.0
    stall_s: float = 10.0
    whole_s: float = 30.0
    links_s: float = 45.0
    """All answers from where the links of one feed lead."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: 200 with its bytes, or 304 without. Names of headers are in small letters."""

    status: int
    data: bytes
    headers: Mapping[str, str]

    @property
    def is_new(self) -> bool:
        """Whether it is more than "as before"."""
        return self.status == 200


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches from one source: from the address that the administrator wrote, and from where that leads.

    Attributes:
        address: of the source.
        token: is sent as a bearer token, never to another host.
        follows_inner: a redirect or a link may lead to another host that is not public.
        max_bytes: of one answer.
        accept: which kinds of content are wanted.
        patience: how long one answer may take.
    """

    address: str
    max_bytes: int
    accept: str
    token: str = field(default="", repr=False)
    follows_inner: bool = False
    patience: Patience = Patience()

    async def get(self, link: str = "", headers: Mapping[str, str] | None = None) -> Fetched:
        """What is at the source's address, or where a link in it leads; read whole or not at all.

        Raises:
            SourceUnreachable: nothing could be read, or it is not where it may be read from.
        """
        try:
            async with asyncio.timeout(self.patience.whole_s):
                return await self._get(link, headers or {})
        except TimeoutError as error:
            raise SourceUnreachable(f"Nguồn không trả lời xong trong {self.patience.whole_s:.0f} giây.") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise SourceUnreachable(f"Không nối được tới nguồn: {error or type(error).__name__}.") from error

    def is_safe(self, link: str) -> bool:
        """Whether what is read there came by TLS, as far as its address tells."""
        try:
            return httpx.URL(self.address).join(link).scheme == "https"
        except httpx.InvalidURL:
            return False

    async def _get(self, link: str, more: Mapping[str, str]) -> Fetched:
        limits = httpx.Timeout(self.patience.stall_s, connect=self.patience.connect_s)
        own = httpx.URL(self.address)
        aim = _Aim(own.join(link) if link else own)
        if not _is_same_host(aim.url, own):
            aim = await self._checked(own, aim.url)
        # No proxy of the environment: where a feed comes from is what the administrator wrote.
        async with httpx.AsyncClient(timeout=limits, follow_redirects=False, trust_env=False) as client:
            for _ in range(MAX_REDIRECTS + 1):
                headers = {"accept": self.accept, "accept-encoding": "identity", "host": aim.host, **more}
                if self.token and _is_same_host(aim.url, own):
                    headers["authorization"] = f"Bearer {self.token}"
                name = {"sni_hostname": aim.url.host}
                async with client.stream("GET", aim.called, headers=headers, extensions=name) as answer:
                    if answer.has_redirect_location:
                        aim = await self._checked(own, aim.url.join(answer.headers["location"]))
                        continue
                    return await self._read(answer)
        raise SourceUnreachable(f"Nguồn chuyển hướng quá {MAX_REDIRECTS} lần.")

    async def _read(self, answer: httpx.Response) -> Fetched:
        if answer.status_code not in {200, 304}:
            raise SourceUnreachable(f"Nguồn trả lời mã {answer.status_code}.")
        data = bytearray()
        async for piece in answer.aiter_bytes():
            data += piece
            if len(data) > self.max_bytes:
                raise SourceUnreachable(f"Nguồn gửi quá {_size(self.max_bytes)}.")
        return Fetched(answer.status_code, bytes(data), dict(answer.headers))

    async def _checked(self, own: httpx.URL, there: httpx.URL) -> "_Aim":
        """Where a redirect or a link leads to, if it may be followed."""
        if there.scheme != "https" and there.scheme != own.scheme:
            raise SourceUnreachable("Nguồn chuyển hướng sang địa chỉ kém an toàn hơn.")
        if self.follows_inner:
            return _Aim(there)
        address = await asyncio.to_thread(_public_address, there.host)
        if address is None:
            raise SourceUnreachable(f"Nguồn chuyển hướng vào địa chỉ nội bộ ({there.host}): không theo.")
        return _Aim(there, address)


@dataclass(frozen=True, slots=True)
class _Aim:
    """What is asked for, and the address of its host that was found to be public; none: whichever it has.

    A name that is looked up a second time may lead elsewhere: the address that was checked is the one that is called.
    """

    url: httpx.URL
    address: str | None = None

    @property
    def called(self) -> httpx.URL:
        """Where to, by TLS still under its name."""
        return self.url if self.address is None else self.url.copy_with(host=self.address)

    @property
    def host(self) -> str:
        """The name that is asked for."""
        return self.url.netloc.decode("ascii")


def _is_same_host(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _public_address(host: str) -> str | None:
    """An address of a host that has only such as are in the public network."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return None
    addresses = [str(entry[4][0]) for entry in found]
    is_public = all(ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses)
    return addresses[0] if addresses and is_public else None


def _size(size_bytes: int) -> str:
    mega = 1024 * 1024
    return f"{size_bytes // mega} MB" if size_bytes >= mega else f"{size_bytes // 1024} KB"
