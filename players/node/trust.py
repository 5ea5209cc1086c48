"""At pairing: whom to believe at the server's address, before anything secret is said there."""

import ssl
from dataclasses import dataclass
from typing import Literal

import httpx

from players.errors import PairingError
from players.invitation import Invitation
from players.tls import context_believing, context_believing_anybody, fingerprint_of, has_fingerprint

LIMIT_S = 20.0
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class PairingDoor:
    """How the server is believed."""

    context: ssl.SSLContext
    authority: Literal["commune", "machine"]
    unverified: str | None = None
    """Fingerprint of an authority that was taken as it came: nobody vouches for it."""


def choose_trust(invitation: Invitation) -> PairingDoor:
    """Believe the authority with the invitation's fingerprint, and no other; without one whoever this machine
    believes, or else, on first use, the authority that the server itself shows.

    Raises:
        PairingError: the server cannot be reached, or its authority is another.
    """
    if not invitation.server.startswith("https:"):
        if invitation.fingerprint:
            raise PairingError("a fingerprint is of no use without https")
        return PairingDoor(ssl.create_default_context(), "commune")
    if not invitation.fingerprint and _is_known_here(invitation.server):
        return PairingDoor(ssl.create_default_context(), "machine")
    shown = _fetch_authority(invitation.server)
    try:
        is_right = invitation.fingerprint is None or has_fingerprint(shown, invitation.fingerprint)
        context, fingerprint = context_believing([shown]), fingerprint_of(shown)
    except ValueError as error:
        raise PairingError(f"{invitation.server} shows no authority of its own") from error
    if not is_right:
        raise PairingError(f"this is not the commune's server: its authority is {fingerprint}")
    return PairingDoor(context, "commune", None if invitation.fingerprint else fingerprint)


def _is_known_here(server: str) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=LIMIT_S) as client:
            client.get(f"{server}/api/health")
    except httpx.ConnectError as error:
        if "certificate" in str(error).lower():
            return False
        raise PairingError(f"{server}: {error}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PairingError(f"{server}: {error or type(error).__name__}") from error
    return True


def _fetch_authority(server: str) -> str:
    """What the server shows as its authority; believed only by its fingerprint."""
    try:
        with (
            httpx.Client(trust_env=False, timeout=LIMIT_S, verify=context_believing_anybody()) as client,
            client.stream("GET", f"{server}/api/authority") as answer,
        ):
            answer.raise_for_status()
            content = bytearray()
            for block in answer.iter_bytes():
                content += block
                if len(content) > MAX_BYTES:
                    raise PairingError(f"{server} shows no authority of its own")
            return bytes(content).decode("ascii")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeDecodeError) as error:
        raise PairingError(f"{server}: {error or type(error).__name__}") from error
