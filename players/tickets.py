"""What a node shows at the server's HTTP door: a JWT by its own key, good for one path and a minute."""

import json
from binascii import Error as Base64Error
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode
from pydantic import TypeAdapter, ValidationError

from players.errors import Distrusted, MalformedMessage
from players.messages import Slug
from players.signing import NodeKey, verified

MAX_TICKET_BYTES = 2048
MAX_TICKET_LIFETIME_S = 600
TICKET_LEEWAY_S = 30
"""How far a node's clock may differ from the server's when it asks for a clip."""

_TICKET_TYPE = "loalang/ticket"
_SLUG: TypeAdapter[str] = TypeAdapter(Slug)


def make_ticket(key: NodeKey, node: str, audience: str, now: datetime, lifetime_s: int = 60) -> str:
    """A node's credential for one HTTP path: a JWT with `sub` = node, `aud` = path, `iat`, `exp`."""
    issued = int(now.timestamp())
    claims = {"sub": node, "aud": audience, "iat": issued, "exp": issued + lifetime_s}
    return key.compact({"typ": _TICKET_TYPE}, json.dumps(claims).encode())


def check_ticket(token: str, public_jwk: Mapping[str, str], audience: str, now: datetime) -> str:
    """The node that shows this ticket at this path.

    Raises:
        MalformedMessage: not a ticket.
        Distrusted: signed by another key, for another path, expired, from the future, or valid for too long.
    """
    header, content = verified(token.encode(), [public_jwk], MAX_TICKET_BYTES)
    if header.typ != _TICKET_TYPE:
        raise Distrusted(f"signed as {header.typ!r}, not as a ticket")
    claims = _claims(content)
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=TICKET_LEEWAY_S,
        sub={"essential": True},
        aud={"essential": True, "value": audience},
        iat={"essential": True},
        exp={"essential": True},
    )
    try:
        rules.validate(claims)
    except JoseError as error:
        raise Distrusted(f"ticket: {error.description}") from error
    if claims["exp"] - claims["iat"] > MAX_TICKET_LIFETIME_S:
        raise Distrusted("ticket: valid for too long")
    return _subject(claims)


def ticket_subject(token: str) -> str:
    """Who a ticket says it is from, unverified: only to look the node's key up.

    Raises:
        MalformedMessage: not a ticket.
    """
    if len(token) > MAX_TICKET_BYTES:
        raise MalformedMessage("ticket: too large")
    parts = token.encode().split(b".")
    if len(parts) != 3:
        raise MalformedMessage("not a compact JWS")
    try:
        return _subject(_claims(urlsafe_b64decode(parts[1])))
    except Base64Error as error:
        raise MalformedMessage("not a compact JWS") from error


def _claims(content: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage("ticket: not JSON") from error
    if not isinstance(claims, dict):
        raise MalformedMessage("ticket: not a JSON object")
    return claims


def _subject(claims: Mapping[str, Any]) -> str:
    try:
        return _SLUG.validate_python(claims.get("sub"), strict=True)
    except ValidationError as error:
        raise MalformedMessage("ticket: its subject is no node") from error
