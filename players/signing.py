"""Signatures: what a node obeys. What it shows at the HTTP door is in `tickets`.

All are compact JWS (RFC 7515) with Ed25519, fully specified (RFC 9864), made and checked by joserfc. The protected
header of a down message is exactly `alg`, `kid` (RFC 7638 thumbprint), `typ` = `loalang/<MessageClass>` and `topic`,
the topic it was signed for: a message carried to another topic is not obeyed. Any other header is refused, so that no
key or algorithm is ever taken from the message itself.
"""

import json
import os
import stat
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Literal, Self, TypeVar

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.registry import HeaderParameter
from joserfc.util import urlsafe_b64decode
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from players.errors import Distrusted, KeyUnusable, MalformedMessage, UnknownKey
from players.messages import Message, Play, Rehearse, Restart, Stop

M = TypeVar("M", bound=Message)

ALGORITHM: Final = "Ed25519"
MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
"""The largest signed message; a timetable of 5,000 broadcasts of one clip fits."""
MAX_ORDER_BYTES = 64 * 1024
_ORDERS: Final[tuple[type[Play | Stop | Rehearse | Restart], ...]] = (Play, Stop, Rehearse, Restart)


class _Registry(jws.JWSRegistry):
    """Ed25519 only, our header only, and payloads as large as a timetable."""

    max_payload_length = MAX_DOCUMENT_BYTES * 2

    def __init__(self) -> None:
        super().__init__({"topic": HeaderParameter("Topic", "str")}, [ALGORITHM])


class Header(BaseModel):
    """The protected header, exactly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alg: Literal["Ed25519"]
    kid: str = Field(max_length=64)
    typ: str = Field(max_length=64)
    topic: str | None = Field(default=None, max_length=300)


class SigningKey:
    """An Ed25519 key pair, kept as a JWK (RFC 8037) in a file that only its owner can read."""

    def __init__(self, key: OKPKey) -> None:
        if key.curve_name != ALGORITHM or not key.is_private:
            raise KeyUnusable("not a private Ed25519 key")
        self._key = key
        self.kid = key.thumbprint()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kid={self.kid!r})"

    @classmethod
    def generate(cls) -> Self:
        """A new key."""
        return cls(OKPKey.generate_key(ALGORITHM))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key.

        Raises:
            KeyUnusable: the file is missing, others can read it, or it holds no such key.
        """
        try:
            mode = path.stat().st_mode
            text = path.read_bytes()
        except OSError as error:
            raise KeyUnusable(f"{path}: {error.strerror}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyUnusable(f"{path}: others can read this key (mode {stat.S_IMODE(mode):o}, must be 600)")
        try:
            return cls.of_jwk(json.loads(text))
        except (KeyUnusable, ValueError) as error:
            raise KeyUnusable(f"{path}: not a private Ed25519 key") from error

    @classmethod
    def of_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """The key of a private JWK.

        Raises:
            KeyUnusable: it is something else.
        """
        try:
            return cls(OKPKey.import_key(dict(jwk)))
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise KeyUnusable("not a private Ed25519 key") from error

    def save(self, path: Path) -> None:
        """Write the key whole or not at all, mode 0600.

        Raises:
            KeyUnusable: it cannot be written.
        """
        write_secret(path, json.dumps(self.private_jwk()).encode())

    def private_jwk(self) -> dict[str, Any]:
        """All of it, for a file that only its owner can read."""
        return {**self._key.as_dict(private=True), "kid": self.kid}

    def public_jwk(self) -> dict[str, str]:
        """The half that others may have: `kty`, `crv`, `x`, `kid`."""
        return checked_public_jwk(self._key.as_dict(private=False))

    def compact(self, header: Mapping[str, str], payload: bytes) -> str:
        """A compact JWS of these bytes."""
        protected: dict[str, Any] = {"alg": ALGORITHM, "kid": self.kid, **header}
        return jws.serialize_compact(protected, payload, self._key, registry=_Registry())


class CommuneKey(SigningKey):
    """The commune's key: nodes obey what it has signed."""


class NodeKey(SigningKey):
    """A node's own key: it proves to the server who asks."""


def write_secret(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, mode 0600 from its first byte.

    Raises:
        KeyUnusable: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise KeyUnusable(f"{path}: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Have the new name survive a power cut too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checked_public_jwk(jwk: Mapping[str, Any]) -> dict[str, str]:
    """A public Ed25519 key as it came, reduced to `kty`, `crv`, `x` and its own thumbprint as `kid`.

    Raises:
        MalformedMessage: it is something else, or holds a private half.
    """
    if jwk.get("kty") != "OKP" or jwk.get("crv") != ALGORITHM or "d" in jwk or not isinstance(jwk.get("x"), str):
        raise MalformedMessage("not a public Ed25519 JWK")
    plain = {"kty": "OKP", "crv": ALGORITHM, "x": str(jwk["x"])}
    try:
        return {**plain, "kid": OKPKey.import_key(dict(plain)).thumbprint()}
    except (JoseError, ValueError) as error:
        raise MalformedMessage("not a public Ed25519 JWK") from error


def sign(message: Message, key: SigningKey, topic: str) -> bytes:
    """A message as it travels, bound to its topic.

    Raises:
        MalformedMessage: it is larger than a node would accept.
    """
    header = {"typ": _type_name(type(message)), "topic": topic}
    signed = key.compact(header, message.to_json()).encode()
    if len(signed) > MAX_DOCUMENT_BYTES:
        raise MalformedMessage(f"{type(message).__name__} of {len(signed)} bytes is too large to send")
    return signed


def open_signed(
    payload: bytes, keys: Sequence[Mapping[str, str]], kind: type[M], topic: str, max_bytes: int = MAX_DOCUMENT_BYTES
) -> M:
    """Check a down message that came on `topic` against the pinned public keys.

    Freshness (expiry, version, nonce) is for the caller: it needs a clock and a memory.

    Raises:
        MalformedMessage: too large, not a JWS, or truly signed but not such a message.
        Distrusted: unsigned, or signed with another algorithm, by another key, for another kind, topic or commune.
    """
    header, content = verified(payload, keys, max_bytes)
    if header.typ != _type_name(kind):
        raise Distrusted(f"signed as {header.typ!r}, not as a {kind.__name__}")
    return _addressed(kind.from_json(content), header, topic)


def open_order(
    payload: bytes, keys: Sequence[Mapping[str, str]], topic: str, max_bytes: int = MAX_ORDER_BYTES
) -> Play | Stop | Rehearse | Restart:
    """Check an order, which says itself what kind of order it is.

    Raises:
        MalformedMessage: as `open_signed`.
        Distrusted: as `open_signed`.
    """
    header, content = verified(payload, keys, max_bytes)
    kind = next((kind for kind in _ORDERS if header.typ == _type_name(kind)), None)
    if kind is None:
        raise Distrusted(f"signed as {header.typ!r}, not as an order")
    return _addressed(kind.from_json(content), header, topic)


def _type_name(kind: type[Message]) -> str:
    return f"loalang/{kind.__name__}"


def verified(payload: bytes, keys: Sequence[Mapping[str, str]], max_bytes: int) -> tuple[Header, bytes]:
    """The header and the bytes of a JWS that one of the keys has signed."""
    if len(payload) > max_bytes:
        raise MalformedMessage(f"{len(payload)} bytes, more than {max_bytes}")
    header = _header(payload)
    public = next((key for key in keys if key.get("kid") == header.kid), None)
    if public is None:
        raise UnknownKey(f"signed by an unknown key {header.kid!r}")
    key = _public_key(tuple(sorted(public.items())))
    try:
        return header, jws.deserialize_compact(payload, key, registry=_Registry()).payload
    except (JoseError, ValueError) as error:
        raise Distrusted("the signature is not right") from error


@lru_cache(maxsize=64)
def _public_key(jwk: tuple[tuple[str, str], ...]) -> OKPKey:
    """A public key, read once: each order is checked by the same few, and reading one costs more than checking."""
    return OKPKey.import_key(dict(checked_public_jwk(dict(jwk))))


def _header(payload: bytes) -> Header:
    """The protected header, before anything in it is believed."""
    parts = payload.split(b".")
    if len(parts) != 3:
        raise MalformedMessage("not a compact JWS")
    try:
        raw = urlsafe_b64decode(parts[0])
    except Base64Error as error:
        raise MalformedMessage("not a compact JWS") from error
    try:
        return Header.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise MalformedMessage("not a compact JWS") from error
        where = ".".join(str(part) for part in first["loc"])
        raise Distrusted(f"a header that is not ours: {where}: {first['msg']}") from error


def _addressed(message: M, header: Header, topic: str) -> M:
    """The message, when it was meant for the topic it came on."""
    if header.topic != topic:
        raise Distrusted(f"signed for {header.topic!r}, came on {topic!r}")
    levels = topic.split("/")
    places = {"commune": levels[2:3], "zone": _named(levels, "zones"), "node": _named(levels, "nodes")}
    for name, there in places.items():
        meant = getattr(message, name, None)
        if meant is not None and there != [meant]:
            raise Distrusted(f"for {name} {meant!r}, came on {topic!r}")
    return message


def _named(levels: Sequence[str], kind: str) -> Sequence[str]:
    """The zone or node of a topic; nothing when the topic is no such thing's."""
    return levels[4:5] if levels[3:4] == [kind] else []
