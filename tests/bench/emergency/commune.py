"""A commune made ready on the disk before its server starts: people, villages, messages, and poles paired by hundreds.

Pairing over HTTP is throttled on purpose. Here the server's own functions do it, one after another: each pole has a key
of its own, its public half and its trust are rows like any other, and its password is what the broker will ask for.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any

from sqlmodel import Session

from broadcast.communes import get_commune
from broadcast.db import open_engine, session_of
from broadcast.models import PreparedPurpose, User
from broadcast.nodes import create_node, pair_node
from broadcast.prepared import PreparedForm, add_prepared, list_prepared, seed_prepared
from broadcast.users import get_user
from broadcast.zones import create_zone
from players.broker_config import (
    SECRETS_FILE,
    BrokerSecrets,
    node_role,
    node_rules,
    rules_path,
    zone_role,
    zone_rules,
)
from players.keyring import KeyRingFile
from players.messages import PairingReply, Severity
from players.node.pairing import IDENTITY_FILE, KEY_FILE
from players.signing import NodeKey, write_secret
from players.topics import Topics
from scheduler.clock import utc_now
from tests.bench.emergency.presses import PREPARED
from tests.fakes.piper_voice import VOICE_NAME
from web.demo.client import Tokens
from web.demo.commune import prepare_commune

VILLAGES = tuple(f"thon-{number}" for number in range(1, 11))
DEAF_VILLAGE = "thon-khong-loa"
"""Without a pole: what is spoken for it is heard by nobody."""
_ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the commune lies.

    Attributes:
        data: the server's directory.
        poles: a folder for each pole.
        mqtt_port: where its broker will listen.
    """

    data: Path
    poles: Path
    mqtt_port: int

    @property
    def database_url(self) -> str:
        """Of the server."""
        return f"sqlite:///{self.data / 'loalang.sqlite3'}"


def make_commune(place: Place, poles: int) -> tuple[Tokens, list[str]]:
    """Make it, with so many paired poles spread over `VILLAGES`; tokens of its people, and the poles' names."""
    _, tokens = prepare_commune(place.database_url, place.data, VOICE_NAME)
    names = [f"cum-{number:04}" for number in range(poles)]
    engine = open_engine(place.database_url)
    try:
        with session_of(engine) as session:
            _add_villages(session)
            _pair_all(session, place, names)
    finally:
        engine.dispose()
    return tokens, names


def village_of(number: int) -> str:
    """Where the pole of that number stands."""
    return VILLAGES[number % len(VILLAGES)]


def _add_villages(session: Session) -> None:
    commune = get_commune(session)
    for slug in (*VILLAGES, DEAF_VILLAGE):
        create_zone(session, commune, slug=slug, name=slug.replace("-", " ").capitalize(), now=utc_now())
    seed_prepared(session, utc_now())
    _shorten(session, get_user(session, "quantri"))


def _pair_all(session: Session, place: Place, names: Sequence[str]) -> None:
    commune, now = get_commune(session), utc_now()
    ring = KeyRingFile(place.data / "keys").load_or_make(commune.slug, now)
    broker = place.data / "broker"
    broker.mkdir(mode=0o700)
    secrets = BrokerSecrets.load_or_make(broker / SECRETS_FILE)
    passwords: dict[str, str] = {}
    for number, name in enumerate(names):
        zone = village_of(number)
        _, code = create_node(session, commune, name, f"Cụm loa {name}", [zone], now)
        key = NodeKey.generate()
        node = pair_node(session, code, key.public_jwk(), now)
        reply = PairingReply(
            commune=commune.slug,
            commune_name=commune.name,
            node=name,
            node_name=node.name,
            zones=(zone,),
            commune_keys=ring.public_keys,
            mqtt_host="127.0.0.1",
            mqtt_port=place.mqtt_port,
            mqtt_username=name,
            mqtt_password=secrets.node_password(name, key.kid),
            mqtt_tls=False,
            authorities=ring.authorities,
            keys_version=ring.version,
            renewal=node.renewal,
            server_at=now,
        )
        passwords[name] = reply.mqtt_password
        folder = place.poles / name
        folder.mkdir(parents=True, mode=0o700)
        key.save(folder / KEY_FILE)
        write_secret(folder / IDENTITY_FILE, reply.to_json())
    write_secret(rules_path(broker), json.dumps(_rules(passwords, Topics(commune.slug))).encode())


def _rules(passwords: Mapping[str, str], topics: Topics) -> dict[str, Any]:
    """What the broker keeps of poles that were let in one by one: told of them all at once it needs a minute."""
    zones = [{"rolename": zone_role(zone), "acls": zone_rules(topics, zone)} for zone in VILLAGES]
    own = [{"rolename": node_role(name), "acls": node_rules(topics, name)} for name in passwords]
    clients = []
    for number, (name, password) in enumerate(passwords.items()):
        salt = token_bytes(12)
        digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 64)
        roles = [{"rolename": role, "priority": 0} for role in (node_role(name), zone_role(village_of(number)))]
        clients.append(
            {
                "username": name,
                "clientid": name,
                "password": base64.b64encode(digest).decode(),
                "salt": base64.b64encode(salt).decode(),
                "iterations": _ROUNDS,
                "roles": roles,
            }
        )
    return {"clients": clients, "roles": [*zones, *own]}


def _shorten(session: Session, administrator: User) -> None:
    """One button with few words: what is measured does not depend on how much else is prepared."""
    for message in list_prepared(session, None):
        message.is_active = message.purpose is not PreparedPurpose.ALERT
        message.text, message.slots, message.said_times = "Thử loa khẩn cấp.", [], 1
        session.add(message)
    form = PreparedForm(
        title="Thử máy",
        icon="drill",
        text="Thử loa khẩn cấp.",
        slots=(),
        severity=Severity.EXTREME,
        said_times=1,
        repeat_every_minutes=None,
        repeat_opens=None,
        repeat_closes=None,
        is_active=True,
    )
    add_prepared(session, administrator, PREPARED, form, utc_now())
