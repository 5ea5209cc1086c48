"""A pole's own keys on disk, moment by moment; the relay that speaks TLS for VLC; an invitation read from a QR code."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from players.errors import PairingError
from players.invitation import Invitation, read_invitation
from players.keyring import new_ring
from players.messages import CommuneKeys, PairingReply
from players.node.credentials import NEXT_KEY_FILE, Credentials
from players.node.pairing import IDENTITY_FILE, KEY_FILE, load_identity
from players.node.pinned import StreamRelay
from players.node.trust import choose_trust
from players.tickets import make_ticket
from tests.fakes.fake_server import FakeDoor
from tests.players.node.conftest import NodeBox

NOW = datetime(2026, 9, 22, 3, 0, tzinfo=UTC)


@pytest.fixture
def credentials(box: NodeBox) -> Credentials:
    """As pairing left them."""
    box.key.save(box.folder / KEY_FILE)
    (box.folder / IDENTITY_FILE).write_bytes(box.identity().to_json())
    return Credentials(box.folder, *load_identity(box.folder))


def word() -> CommuneKeys:
    ring = new_ring("hoa-binh-an", NOW)
    return CommuneKeys(
        commune="hoa-binh-an", version=7, issued_at=NOW, keys=ring.public_keys, authorities=ring.authorities
    )


def test_whom_to_believe_is_on_disk_before_it_is_believed(
    credentials: Credentials, box: NodeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, before = word(), credentials.reply
    with monkeypatch.context() as broken:

        def fail(*_: object) -> None:
            raise OSError(30, "Read-only file system")

        broken.setattr(Path, "replace", fail)
        with pytest.raises(Exception, match="Read-only file system"):
            credentials.believe(said)
    assert credentials.reply == before == load_identity(box.folder)[0]
    credentials.believe(said)
    kept, _ = load_identity(box.folder)
    assert (kept.commune_keys, kept.authorities, kept.keys_version) == (said.keys, said.authorities, 7)
    assert credentials.reply == kept
    assert (box.folder / IDENTITY_FILE).stat().st_mode & 0o077 == 0


def test_the_next_key_is_the_same_until_it_is_taken(credentials: Credentials, box: NodeBox) -> None:
    following = credentials.next_key()
    assert (box.folder / NEXT_KEY_FILE).stat().st_mode & 0o077 == 0
    again = Credentials(box.folder, *load_identity(box.folder))  # after a crash
    assert again.next_key().kid == following.kid != again.key.kid
    reply: PairingReply = again.reply.model_copy(update={"mqtt_password": "new", "renewal": 3})
    again.adopt(reply)
    kept, key = load_identity(box.folder)
    assert (kept.mqtt_password, kept.renewal, key.kid) == ("new", 3, following.kid)
    assert not (box.folder / NEXT_KEY_FILE).exists()
    assert again.next_key().kid != following.kid


def test_a_crash_between_key_and_password_leaves_a_key_to_ask_again_with(
    credentials: Credentials, box: NodeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = credentials.next_key()

    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as broken:
        broken.setattr("players.node.credentials.write_secret", cut)
        with pytest.raises(PowerCut):
            credentials.adopt(credentials.reply.model_copy(update={"mqtt_password": "new"}))
    kept, key = load_identity(box.folder)
    assert (kept.mqtt_password, key.kid) == ("x", following.kid)


def test_no_secret_of_a_pole_shows(credentials: Credentials) -> None:
    reply = credentials.reply.model_copy(update={"mqtt_password": "hush-hush"})
    shown = f"{credentials!r} {reply!r} {Invitation('https://a', 'ABCD2345')!r}"
    assert "hush-hush" not in shown
    assert "ABCD2345" not in shown
    assert str(credentials.key.private_jwk()["d"]) not in shown


async def test_the_relay_hands_over_streams_and_nothing_else(box: NodeBox, door: FakeDoor) -> None:
    sound = bytes(range(256)) * 4000
    door.streams["x-1"] = lambda offset_ms: sound[offset_ms:]
    door.clips["a" * 64] = b"clip"
    ticket = make_ticket(box.key, box.node, "/streams/x-1", datetime.now(UTC))
    async with (
        httpx.AsyncClient(base_url=door.url, trust_env=False) as server,
        StreamRelay(server, httpx.AsyncClient(trust_env=False)).running() as url,
        httpx.AsyncClient(trust_env=False) as player,
    ):
        answer = await player.get(f"{url}/streams/x-1", params={"offset_ms": 5, "ticket": ticket})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        assert answer.content == sound[5:]
        refused = await player.get(f"{url}/streams/x-1", params={"offset_ms": 0, "ticket": "none"})
        assert refused.status_code == 401
        base, _, _ = url.rpartition("/")
        for request in (
            player.get(f"{base}/streams/x-1"),
            player.get(f"{base}/guessed/streams/x-1"),
            player.get(f"{url}/clips/{'a' * 64}"),
            player.get(f"{url}/api/nodes"),
            player.post(f"{url}/streams/x-1"),
        ):
            assert (await request).status_code == 404


def test_an_invitation_is_one_text() -> None:
    invitation = Invitation("https://10.0.0.2:8000", "H7K2M9QX", "ABCD-EFGH")
    assert read_invitation(f" {invitation.as_text()}\n") == invitation
    assert read_invitation(Invitation("http://loa", "H7K2M9QX").as_text()).fingerprint is None


@pytest.mark.parametrize("text", ["", "https://10.0.0.2", "loalang:pair?server=https%3A%2F%2Fa", "loalang:pair?" * 200])
def test_another_text_is_no_invitation(text: str) -> None:
    with pytest.raises(PairingError, match="invitation"):
        read_invitation(text)


@pytest.mark.parametrize(
    ("server", "fingerprint", "said"),
    [("http://127.0.0.1:1", "ABCD", "of no use without https"), ("https://127.0.0.1:1", "ABCD", "127.0.0.1:1")],
)
def test_a_server_that_cannot_be_believed_is_not_paired_with(server: str, fingerprint: str, said: str) -> None:
    with pytest.raises(PairingError, match=said):
        choose_trust(Invitation(server, "H7K2M9QX", fingerprint))
