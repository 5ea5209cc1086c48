"""Tells a program of an alarm: one signed POST each.

The receiver computes HMAC-SHA256 over `<t>.<body>` with the shared secret and compares it with `v1` of the header
`Loalang-Signature: t=<unix seconds>,v1=<hex>`; one that is older than minutes it takes for a replay.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from broadcast.notify import NotifyFailed

SIGNATURE_HEADER = "loalang-signature"
NOTICE_HEADER = "loalang-notice"
_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Where to, and by which secret. `allows_inner`: also addresses of this machine and of inner networks."""

    url: str
    secret: str = field(repr=False)
    allows_inner: bool = False


async def send_webhook(options: WebhookOptions, document: Mapping[str, Any], notice: str, now: datetime) -> None:
    """Post a document; `notice` is its id, by which a receiver knows one that came twice.

    Raises:
        NotifyFailed: the address is not allowed, nobody answers, or the answer is none of 200 to 299.
    """
    url = httpx.URL(options.url)
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = {
        "content-type": "application/json",
        "user-agent": "loalang",
        "host": url.netloc.decode("ascii"),
        SIGNATURE_HEADER: compute_signature(options.secret, body, now),
        NOTICE_HEADER: notice,
    }
    try:
        async with asyncio.timeout(_WITHIN_S):
            address = await _resolve(url, allows_inner=options.allows_inner)
            # The address that was checked is the one that is called, by TLS still under its name.
            async with httpx.AsyncClient(trust_env=False, timeout=_WITHIN_S) as client:
                request = client.build_request(
                    "POST", url.copy_with(host=address), content=body, headers=headers,
                    extensions={"sni_hostname": url.host},
                )  # fmt: skip
                answer = await client.send(request, stream=True)
                await answer.aclose()
    except (httpx.HTTPError, OSError, TimeoutError, UnicodeError) as error:
        raise NotifyFailed(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    if not answer.is_success:
        raise NotifyFailed(f"the receiver answered {answer.status_code}")


def compute_signature(secret: str, body: bytes, at: datetime) -> str:
    """The value of `Loalang-Signature`."""
    stamp = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def is_inner(address: str) -> bool:
    """Whether an IP address is one of this machine, of a private network, or none that one machine has."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return not ip.is_global or ip.is_multicast


async def _resolve(url: httpx.URL, *, allows_inner: bool) -> str:
    port = url.port or (443 if url.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    allowed = [address for address in addresses if allows_inner or not is_inner(address)]
    if not allowed:
        raise NotifyFailed(f"{url.host} is an inner address: set notify.allow_inner if that is meant")
    return allowed[0]
