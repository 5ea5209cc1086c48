"""What the doctor finds on the line: the server, its certificate and clock, the pole's key, the broker."""

import asyncio
import ssl
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from players.errors import CertificateUnknown, CredentialRefused, KeyUnusable, TransportClosed
from players.node.clock import system_wall
from players.node.credentials import Credentials
from players.node.doctor_words import Finding, Trouble, well, wrong
from players.node.opening import broker_transport
from players.node.settings import ServerSection
from players.node.status import NodeStatus
from players.tickets import make_ticket
from players.tls import context_believing

ANSWER_WITHIN_S: Final = 10.0
CLOCK_TOLERANCE = timedelta(seconds=5)
"""A `Date` header is exact to the second, and was some time under way."""
_NO_CLIP = "/clips/" + "0" * 64
_REFUSED = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})


async def check_server(server: ServerSection, credentials: Credentials) -> list[Finding]:
    """A TLS handshake and two requests: whether it is there, is ours, knows our key, and what time it has."""
    try:
        trust = context_believing(credentials.authorities if server.authority == "commune" else ())
    except ValueError as error:
        return [wrong("server", Trouble.KEY_UNUSABLE, why=str(error))]
    try:
        async with httpx.AsyncClient(
            base_url=server.url, verify=trust, timeout=ANSWER_WITHIN_S, trust_env=False
        ) as client:
            greeting = await client.get(_NO_CLIP)
            server_at = _date_of(greeting)
            if server_at is None or greeting.status_code not in {*_REFUSED, httpx.codes.NOT_FOUND}:
                return [wrong("server", Trouble.SERVER_STRANGE, url=server.url, why=f"it says {greeting.status_code}")]
            clock = judge_clock(system_wall(), server_at)
            # By the server's time: a ticket holds for a minute, and a wrong clock is another trouble.
            ticket = make_ticket(credentials.key, credentials.node, _NO_CLIP, server_at)
            answer = await client.get(_NO_CLIP, headers={"Authorization": f"Bearer {ticket}"})
    except httpx.HTTPError as error:
        return [_unreached(server.url, error)]
    if answer.status_code in _REFUSED:
        return [wrong("key", Trouble.KEY_REFUSED, why=str(answer.status_code)), clock]
    return [well("server", url=server.url), well("key", kid=credentials.key.kid), clock]


def judge_clock(board_at: datetime, server_at: datetime) -> Finding:
    """The board's date against the server's."""
    off = board_at - server_at
    if abs(off) <= CLOCK_TOLERANCE:
        return well("clock", off=f"{off.total_seconds():.0f} s")
    return wrong("clock", Trouble.CLOCK_WRONG, off=str(timedelta(seconds=round(abs(off).total_seconds()))))


async def check_broker(credentials: Credentials, status: NodeStatus | None) -> Finding:
    """By the node that runs, whose place at the broker must not be taken; else by connecting in its name.

    Args:
        credentials: the pole's.
        status: of the node that runs; none when none runs.
    """
    reply = credentials.reply
    address = f"{reply.mqtt_host}:{reply.mqtt_port}"
    if status is not None:
        return _as_the_node_says(status, address)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S), broker_transport(reply).connect():
            return well("broker", address=address)
    except CertificateUnknown as error:
        return wrong("broker", Trouble.CERTIFICATE_UNKNOWN, url=address, why=str(error))
    except CredentialRefused as error:
        return wrong("broker", Trouble.BROKER_REFUSED, address=address, why=str(error))
    except KeyUnusable as error:
        return wrong("broker", Trouble.KEY_UNUSABLE, why=str(error))
    except (TransportClosed, TimeoutError) as error:
        return wrong("broker", Trouble.NO_BROKER, address=address, why=str(error) or "no answer")


def _as_the_node_says(status: NodeStatus, address: str) -> Finding:
    if status.connected:
        return well("broker", address=address, by="the node that runs")
    why = status.line_error or "not connected yet"
    match status.line_trouble:
        case "CertificateUnknown":
            return wrong("broker", Trouble.CERTIFICATE_UNKNOWN, url=address, why=why)
        case "CredentialRefused":
            return wrong("broker", Trouble.BROKER_REFUSED, address=address, why=why)
    return wrong("broker", Trouble.NO_BROKER, address=address, why=why)


def _date_of(answer: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None


def _unreached(url: str, error: httpx.HTTPError) -> Finding:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return wrong("server", Trouble.CERTIFICATE_UNKNOWN, url=url, why=cause.verify_message)
        cause = cause.__cause__ or cause.__context__
    return wrong("server", Trouble.NO_SERVER, url=url, why=str(error) or type(error).__name__)
