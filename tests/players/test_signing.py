"""What is not signed by the commune, for this topic, as this kind, is refused with the right error and nothing else."""

import base64
import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from players.errors import Distrusted, KeyUnusable, MalformedMessage, WireError
from players.messages import Message, Play, Stop, Timetable
from players.signing import (
    MAX_DOCUMENT_BYTES,
    MAX_ORDER_BYTES,
    CommuneKey,
    NodeKey,
    checked_public_jwk,
    open_order,
    open_signed,
    sign,
)
from players.tickets import check_ticket, make_ticket, ticket_subject
from players.topics import Topics
from tests.players.samples import CONFIG, NODE, NOW, PLAY, SIGNED, STOP, TIMETABLE, TOPICS, ZONE

KEY = CommuneKey.generate()
STRANGER = CommuneKey.generate()
KEYS = [KEY.public_jwk()]
ORDERS = TOPICS.zone_orders(ZONE)
PATH = "/clips/" + "3f" * 32


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def unb64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def resigned(change: Callable[[dict[str, Any], dict[str, Any]], None], key: CommuneKey = KEY) -> bytes:
    """A Play, changed in header or body, truly signed after the change."""
    parts = sign(PLAY, KEY, ORDERS).split(b".")
    header, body = json.loads(unb64(parts[0])), json.loads(unb64(parts[1]))
    change(header, body)
    registry = jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    return jws.serialize_compact(header, json.dumps(body).encode(), key._key, registry=registry).encode()


@pytest.mark.parametrize(("topic", "message"), SIGNED.items(), ids=lambda value: type(value).__name__)
def test_what_the_commune_signed_is_read_as_it_was_written(topic: str, message: Message) -> None:
    assert open_signed(sign(message, KEY, topic), KEYS, type(message), topic) == message


def test_an_order_says_itself_what_it_is() -> None:
    assert open_order(sign(PLAY, KEY, ORDERS), KEYS, ORDERS) == PLAY
    assert open_order(sign(STOP, KEY, ORDERS), KEYS, ORDERS) == STOP
    with pytest.raises(Distrusted, match="not as an order"):
        open_order(sign(CONFIG, KEY, TOPICS.config(NODE)), KEYS, TOPICS.config(NODE))


def test_any_pinned_key_will_do_while_the_commune_changes_its_key() -> None:
    both = [STRANGER.public_jwk(), KEY.public_jwk()]
    assert open_order(sign(PLAY, KEY, ORDERS), both, ORDERS) == PLAY
    assert open_order(sign(PLAY, STRANGER, ORDERS), both, ORDERS) == PLAY


def test_the_header_holds_what_the_document_says_and_nothing_else() -> None:
    header = json.loads(unb64(sign(PLAY, KEY, ORDERS).split(b".")[0]))
    assert header == {"alg": "Ed25519", "kid": KEY.kid, "typ": "loalang/Play", "topic": ORDERS}


def _hs256_with_the_public_key() -> bytes:
    header = {"alg": "HS256", "kid": KEY.kid, "typ": "loalang/Play", "topic": ORDERS}
    secret = OctKey.import_key(unb64(KEYS[0]["x"].encode()))
    registry = jws.JWSRegistry(algorithms=["HS256"], strict_check_header=False)
    return jws.serialize_compact(header, PLAY.to_json(), secret, registry=registry).encode()


def _unsigned(alg: str) -> bytes:
    header = {"alg": alg, "kid": KEY.kid, "typ": "loalang/Play", "topic": ORDERS}
    return b64(json.dumps(header).encode()) + b"." + b64(PLAY.to_json()) + b"."


def _with_its_own_key() -> bytes:
    return resigned(lambda header, _: header.update(jwk=STRANGER.public_jwk()), STRANGER)


def _swapped_body() -> bytes:
    play, stop = sign(PLAY, KEY, ORDERS).split(b"."), sign(STOP, KEY, ORDERS).split(b".")
    return b".".join([play[0], stop[1], play[2]])


OTHER = Topics("xa-khac")

NAIVE = "2026-01-01T00:00:00"
CLIMBING = "/streams/../x"
HUGE = 200_000_000

REFUSED: list[tuple[str, bytes, type[WireError], str]] = [
    ("empty", b"", MalformedMessage, "not a compact JWS"),
    ("plain JSON", PLAY.to_json(), MalformedMessage, "not a compact JWS"),
    ("not text", bytes(range(256)), MalformedMessage, "not a compact JWS"),
    ("four parts", sign(PLAY, KEY, ORDERS) + b".x", MalformedMessage, "not a compact JWS"),
    ("header not base64", b"*." + b".".join(sign(PLAY, KEY, ORDERS).split(b".")[1:]), MalformedMessage, "JWS"),
    ("header not JSON", b64(b"{") + b".e30.AA", MalformedMessage, "not a compact JWS"),
    ("header a list", b64(b'["alg"]') + b".e30.AA", Distrusted, "header that is not ours"),
    ("too large", b"a" * (MAX_ORDER_BYTES + 1), MalformedMessage, "more than 65536"),
    ("alg none", _unsigned("none"), Distrusted, "alg"),
    ("signature dropped", _unsigned("Ed25519"), Distrusted, "signature"),
    ("HS256 with the public key", _hs256_with_the_public_key(), Distrusted, "alg"),
    ("key in the header", _with_its_own_key(), Distrusted, "jwk"),
    ("b64 switched off", resigned(lambda h, _: h.update(b64=True, crit=["b64"])), Distrusted, "b64"),
    ("crit not a list", resigned(lambda h, _: h.update(crit=[])), Distrusted, "crit"),
    ("no kid", resigned(lambda h, _: h.pop("kid")), Distrusted, "kid"),
    ("no typ", resigned(lambda h, _: h.pop("typ")), Distrusted, "typ"),
    ("no topic", resigned(lambda h, _: h.pop("topic")), Distrusted, "signed for None"),
    ("another key", sign(PLAY, STRANGER, ORDERS), Distrusted, "unknown key"),
    ("another key under our name", resigned(lambda *_: None, STRANGER), Distrusted, "signature"),
    ("another body", _swapped_body(), Distrusted, "signature"),
    ("another kind", sign(TIMETABLE, KEY, TOPICS.timetable(ZONE)), Distrusted, "not as an order"),
    ("another topic", sign(PLAY, KEY, TOPICS.zone_orders("thon-tay")), Distrusted, "signed for"),
    ("another commune's topic", sign(PLAY, KEY, OTHER.zone_orders(ZONE)), Distrusted, "signed for"),
    ("another commune", resigned(lambda _, body: body.update(commune="xa-khac")), Distrusted, "for commune 'xa-khac'"),
    ("an unknown field", resigned(lambda _, body: body.update(volume=11)), MalformedMessage, "volume"),
    ("an unknown field inside", resigned(lambda _, body: body["item"].update(x=1)), MalformedMessage, "item.x"),
    ("a missing field", resigned(lambda _, body: body.pop("order")), MalformedMessage, "order"),
    ("never expires", resigned(lambda _, body: body.update(expires_at=body["issued_at"])), MalformedMessage, "expires"),
    (
        "no zone in an instant",
        resigned(lambda _, b: b.update(issued_at=NAIVE)),
        MalformedMessage,
        "issued_at",
    ),
    (
        "a path for a stream",
        resigned(lambda _, b: b["item"].update(stream=CLIMBING)),
        MalformedMessage,
        "stream",
    ),
    (
        "a 200 MB clip",
        resigned(lambda _, b: b["item"]["clips"][0].update(size_bytes=HUGE)),
        MalformedMessage,
        "size",
    ),
    ("an empty body", resigned(lambda _, b: b.clear()), MalformedMessage, "order"),
]


@pytest.mark.parametrize(("payload", "error", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(payload: bytes, error: type[WireError], says: str) -> None:
    with pytest.raises(error, match=says):
        open_order(payload, KEYS, ORDERS)


def test_a_document_for_another_zone_or_node_is_refused_where_it_does_not_belong() -> None:
    elsewhere = TOPICS.timetable("thon-tay")
    with pytest.raises(Distrusted, match="for zone 'thon-dong'"):
        open_signed(sign(TIMETABLE, KEY, elsewhere), KEYS, Timetable, elsewhere)
    elsewhere = TOPICS.config("loa-khac")
    with pytest.raises(Distrusted, match="for node 'loa-dinh-lang'"):
        open_signed(sign(CONFIG, KEY, elsewhere), KEYS, type(CONFIG), elsewhere)


def test_a_play_is_not_a_stop() -> None:
    with pytest.raises(Distrusted, match="not as a Stop"):
        open_signed(sign(PLAY, KEY, ORDERS), KEYS, Stop, ORDERS)


GOOD = sign(PLAY, KEY, ORDERS)


def _same(payload: bytes) -> bool:
    return payload == GOOD


@given(cut=st.integers(0, len(GOOD) - 1))
def test_a_truncated_order_is_refused(cut: int) -> None:
    with pytest.raises((MalformedMessage, Distrusted)):
        open_order(GOOD[:cut], KEYS, ORDERS)


@given(place=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255))
def test_an_order_with_one_byte_changed_is_refused(place: int, byte: int) -> None:
    changed = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    if _same(changed):
        assert open_order(changed, KEYS, ORDERS) == PLAY
        return
    with pytest.raises((MalformedMessage, Distrusted)):
        open_order(changed, KEYS, ORDERS)


@given(payload=st.binary(max_size=400) | st.text(alphabet="eyJhbGciOi_.-{}[]\"'", max_size=200).map(str.encode))
def test_noise_is_refused(payload: bytes) -> None:
    with pytest.raises((MalformedMessage, Distrusted)):
        open_order(payload, KEYS, ORDERS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    name=st.sampled_from(["alg", "kid", "typ", "topic", "crit", "b64", "jwk", "jku", "x5c", "cty", "zip"]),
    value=json_values,
)
def test_a_header_of_any_shape_is_refused_unless_it_is_the_right_one(name: str, value: Any) -> None:
    header = {"alg": "Ed25519", "kid": KEY.kid, "typ": "loalang/Play", "topic": ORDERS}
    if header.get(name) == value:
        return
    head = b64(json.dumps({**header, name: value}).encode())
    signature = KEY._key.private_key.sign(head + b"." + b64(PLAY.to_json()))  # type: ignore[union-attr]
    with pytest.raises((Distrusted, MalformedMessage)):
        open_order(b".".join([head, b64(PLAY.to_json()), b64(signature)]), KEYS, ORDERS)


@given(body=json_values)
def test_a_truly_signed_body_of_any_shape_is_malformed(body: Any) -> None:
    head = {"alg": "Ed25519", "kid": KEY.kid, "typ": "loalang/Play", "topic": ORDERS}
    registry = jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    signed = jws.serialize_compact(head, json.dumps(body).encode(), KEY._key, registry=registry)
    with pytest.raises(MalformedMessage):
        open_signed(signed.encode(), KEYS, Play, ORDERS)


def test_what_no_node_would_accept_is_not_sent() -> None:
    many = tuple(
        TIMETABLE.broadcasts[0].model_copy(update={"broadcast": f"b-{n}", "clips": TIMETABLE.broadcasts[0].clips * 8})
        for n in range(2000)
    )
    with pytest.raises(MalformedMessage, match="too large to send"):
        sign(TIMETABLE.model_copy(update={"broadcasts": many}), KEY, TOPICS.timetable(ZONE))


def test_a_timetable_of_five_thousand_broadcasts_fits() -> None:
    one = TIMETABLE.broadcasts[0].model_copy(update={"clips": TIMETABLE.broadcasts[0].clips[:1], "stream": None})
    many = tuple(one.model_copy(update={"broadcast": f"entry-{n}"}) for n in range(5000))
    topic = TOPICS.timetable(ZONE)
    signed = sign(TIMETABLE.model_copy(update={"broadcasts": many}), KEY, topic)
    assert len(open_signed(signed, KEYS, Timetable, topic).broadcasts) == 5000
    assert len(signed) <= MAX_DOCUMENT_BYTES


# Keys


@pytest.mark.parametrize("kind", [CommuneKey, NodeKey])
def test_a_key_is_kept_for_its_owner_alone(kind: type[CommuneKey], tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    key = kind.generate()
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kind.load(path).public_jwk() == key.public_jwk()
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    CommuneKey.generate().save(path)
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="others can read"):
        CommuneKey.load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"kty":"oct","k":"AAAA"}', json.dumps(KEYS[0]).encode(), b'{"kty":"OKP"}'],
)
def test_a_damaged_key_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match=r"key\.json"):
        CommuneKey.load(path)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="No such file"):
        NodeKey.load(tmp_path / "none.json")
    with pytest.raises(KeyUnusable, match="No such file"):
        NodeKey.generate().save(tmp_path / "no-such-folder" / "none.json")


def test_a_key_does_not_show_its_private_half() -> None:
    secret = str(KEY._key.as_dict(private=True)["d"])
    assert secret not in repr(KEY)
    assert secret not in str(vars(KEY))
    assert set(KEY.public_jwk()) == {"kty", "crv", "x", "kid"}


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "OKP", "crv": "Ed25519", "x": 1},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "***"},
        {"kty": "OKP", "crv": "X25519", "x": KEYS[0]["x"]},
        {"kty": "OKP", "crv": "Ed25519", "x": KEYS[0]["x"], "d": "AAAA"},
    ],
)
def test_what_a_stranger_shows_as_a_public_key_is_checked(jwk: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage, match="Ed25519"):
        checked_public_jwk(jwk)


def test_the_name_of_a_public_key_is_computed_not_believed() -> None:
    assert checked_public_jwk({**KEYS[0], "kid": "mine", "use": "enc"}) == KEYS[0]


# Tickets

NODE_KEY = NodeKey.generate()
NODE_JWK = NODE_KEY.public_jwk()


def test_a_ticket_says_who_asks() -> None:
    ticket = make_ticket(NODE_KEY, NODE, PATH, NOW)
    assert ticket_subject(ticket) == NODE
    assert check_ticket(ticket, NODE_JWK, PATH, NOW) == NODE
    assert check_ticket(ticket, NODE_JWK, PATH, NOW + timedelta(seconds=59)) == NODE
    assert check_ticket(ticket, NODE_JWK, PATH, NOW - timedelta(seconds=29)) == NODE


TICKET = make_ticket(NODE_KEY, NODE, PATH, NOW)
ETERNAL = make_ticket(NODE_KEY, NODE, PATH, NOW, lifetime_s=86_400)


@pytest.mark.parametrize(
    ("ticket", "path", "after", "says"),
    [
        (TICKET, "/clips/" + "00" * 32, 0, "aud"),
        (TICKET, PATH, 91, "expired"),
        (TICKET, PATH, -31, "future"),
        (ETERNAL, PATH, 0, "too long"),
        (make_ticket(NodeKey.generate(), NODE, PATH, NOW), PATH, 0, "unknown key"),
        (sign(PLAY, KEY, ORDERS).decode(), PATH, 0, "unknown key"),
        (NODE_KEY.compact({"typ": "loalang/Play"}, b"{}"), PATH, 0, "not as a ticket"),
        (NODE_KEY.compact({"typ": "loalang/ticket"}, b"{}"), PATH, 0, "Missing claim"),
    ],
)
def test_a_ticket_that_does_not_open_the_door(ticket: str, path: str, after: int, says: str) -> None:
    with pytest.raises(Distrusted, match=says):
        check_ticket(ticket, NODE_JWK, path, NOW + timedelta(seconds=after))


@given(claims=st.fixed_dictionaries({}, optional=dict.fromkeys(("sub", "aud", "iat", "exp", "nbf"), json_values)))
def test_a_truly_signed_ticket_of_any_shape_is_refused(claims: dict[str, Any]) -> None:
    ticket = NODE_KEY.compact({"typ": "loalang/ticket"}, json.dumps(claims).encode())
    with pytest.raises((Distrusted, MalformedMessage)):
        check_ticket(ticket, NODE_JWK, PATH, NOW)


@given(text=st.text(max_size=300) | st.text(alphabet="eyJ0.-_", max_size=300))
def test_noise_is_no_ticket(text: str) -> None:
    with pytest.raises((Distrusted, MalformedMessage)):
        check_ticket(text, NODE_JWK, PATH, NOW)
    with pytest.raises(MalformedMessage):
        ticket_subject(text)


@pytest.mark.parametrize("subject", [None, 7, "../etc", "Loa", "a" * 51, ["a"]])
def test_the_subject_of_a_ticket_is_a_slug(subject: Any) -> None:
    ticket = NODE_KEY.compact({"typ": "loalang/ticket"}, json.dumps({"sub": subject}).encode())
    with pytest.raises(MalformedMessage, match="subject"):
        ticket_subject(ticket)
