"""Cards for the time without a server: what is on one, the key that follows from it, and orders given by one."""

import hmac
import re
from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import choice

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.util import urlsafe_b64decode

from players.errors import MalformedMessage
from players.messages import LocalOrder
from players.signing import SigningKey, checked_public_jwk, open_signed
from players.topics import Topics

MAX_LOCAL_BYTES = 1400
"""A signed `LocalOrder` fits one datagram of any network."""
_SIGNS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # without I, L, O, U, 0 and 1: it is typed by hand in the dark
_SECRET_LENGTH = 24
"""117 bits: nobody finds one by trying, not even who holds the poles' public keys."""
_CARD = re.compile(rf"(?P<number>[1-9][0-9]{{0,8}})-(?P<secret>[{_SIGNS}]{{{_SECRET_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class Card:
    """What is printed on a card."""

    number: int
    secret: str

    def __repr__(self) -> str:
        return f"Card(number={self.number})"

    def as_text(self) -> str:
        """For people: `12-ABCD-EFGH-…`."""
        groups = [self.secret[first : first + 4] for first in range(0, len(self.secret), 4)]
        return "-".join([str(self.number), *groups])

    def key(self, commune: str) -> SigningKey:
        """The key that follows from it in that commune (HKDF, RFC 5869)."""
        info = f"loalang card {commune} {self.number}".encode()
        seed = HKDF(SHA256(), 32, None, info).derive(self.secret.encode())
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return SigningKey.of_jwk({"kty": "OKP", "crv": "Ed25519", "d": _b64(seed), "x": _b64(public)})


def new_card(number: int) -> Card:
    """A card with a secret of its own."""
    return Card(number, "".join(choice(_SIGNS) for _ in range(_SECRET_LENGTH)))


def read_card(text: str) -> Card | None:
    """A card as it was typed: spaces, small letters and missing strokes do not matter. None when it is none."""
    number, _, secret = text[:200].strip().upper().partition("-")
    found = _CARD.fullmatch(f"{number.strip()}-{re.sub(r'[^A-Z0-9]', '', secret)}")
    return None if found is None else Card(int(found["number"]), found["secret"])


def is_key_of(key: SigningKey, x: str) -> bool:
    """Whether a key is the one with that public half; compared in constant time."""
    return hmac.compare_digest(key.public_jwk()["x"], x)


def jwk_of(x: str) -> dict[str, str]:
    """The public JWK with that `x`.

    Raises:
        MalformedMessage: it is no public key.
    """
    return checked_public_jwk({"kty": "OKP", "crv": "Ed25519", "x": x})


def claimed(payload: bytes) -> LocalOrder:
    """What an order says of itself, unverified: only to look up by which key it would have to be signed.

    Raises:
        MalformedMessage: it is no such order.
    """
    parts = payload.split(b".")
    if len(payload) > MAX_LOCAL_BYTES or len(parts) != 3:
        raise MalformedMessage("not a local order")
    try:
        return LocalOrder.from_json(urlsafe_b64decode(parts[1]))
    except Base64Error as error:
        raise MalformedMessage("not a compact JWS") from error


def open_local(payload: bytes, key: Mapping[str, str], commune: str, zone: str) -> LocalOrder:
    """Check an order that was given at a pole, by the one key that may have signed it.

    Raises:
        MalformedMessage, Distrusted: as `signing.open_signed`.
    """
    return open_signed(payload, [key], LocalOrder, Topics(commune).local(zone), MAX_LOCAL_BYTES)


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
