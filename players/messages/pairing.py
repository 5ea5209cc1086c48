"""What passes over HTTP when a node is paired and when keys change."""

from datetime import datetime
from typing import Annotated

from pydantic import (
    Field,
    StringConstraints,
)

from players.messages.parts import (
    Message,
    Pem,
    Slug,
    Versioned,
)


class PairingRequest(Message):
    """HTTP `POST /api/pairing`: a new node shows its one-time code and its public key (an Ed25519 JWK, RFC 8037)."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z2-9]{8}$")]
    public_key: dict[str, str]
    version: str = Field(max_length=50)


class PairingReply(Message):
    """The answer: who the node is, whom it obeys, and where the broker is. Kept by the node with mode 0600."""

    commune: Slug
    commune_name: str
    node: Slug
    node_name: str
    zones: tuple[Slug, ...]
    commune_keys: tuple[dict[str, str], ...] = Field(min_length=1)
    """Public Ed25519 JWKs, each with a `kid`, that the node pins."""
    mqtt_host: str
    mqtt_port: int = Field(gt=0, lt=65536)
    mqtt_username: str
    mqtt_password: str = Field(repr=False)
    server_at: datetime
    mqtt_tls: bool = False
    """Whether the broker speaks TLS."""
    authorities: tuple[Pem, ...] = Field(default=(), max_length=4)
    """Certificates (PEM) of the commune's own authority. Some: the node believes no other server, by HTTP or MQTT."""
    keys_version: int = Field(default=0, ge=0)
    """Of the `CommuneKeys` that these keys and authorities are."""
    renewal: int = Field(default=0, ge=0)
    """At which renewal this key and password were given."""


class RenewalRequest(Message):
    """HTTP `POST /api/renewal`, with the node's ticket: its next public key. Answered by a `PairingReply`."""

    public_key: dict[str, str]
    version: str = Field(max_length=50)


class CommuneKeys(Versioned):
    """HTTP `GET /api/keys`, signed: whom the nodes are to believe from now on, in place of all before.

    It is signed by a key that was believed before it, so that a node that missed some follows them one by one.
    """

    keys: tuple[dict[str, str], ...] = Field(min_length=1, max_length=4)
    """Public Ed25519 JWKs, as in `PairingReply`."""
    authorities: tuple[Pem, ...] = Field(default=(), max_length=4)
    """As in `PairingReply`."""


class CommuneKeysChain(Message):
    """The answer of `GET /api/keys`: the `CommuneKeys` of the last years, oldest first, each as a JWS."""

    statements: tuple[Annotated[str, StringConstraints(max_length=64 * 1024)], ...] = Field(max_length=64)
