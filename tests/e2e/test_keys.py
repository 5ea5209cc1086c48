"""Keys change while all runs: real server, Mosquitto and node, TLS by the commune's own authority between them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from players.tls import fingerprint_of
from tests.e2e.tls_commune import TlsCommune

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
async def commune(tmp_path: Path) -> AsyncIterator[TlsCommune]:
    commune = TlsCommune(tmp_path)
    try:
        yield commune
    finally:
        await commune.node.stop()
        await commune.server.stop()


async def test_keys_and_certificates_change_under_a_pole_that_nobody_visits(commune: TlsCommune) -> None:
    await commune.start_server()
    status, said = await commune.pair("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF")
    assert status == 1
    assert "this is not the commune's server" in said
    first = commune.ring
    status, said = await commune.pair(fingerprint_of(first.authority.certificate))
    assert status == 0, said
    await commune.node.start()
    await commune.until_online()
    assert await commune.plays("Nước lên.") == "played"

    # The commune's key: announced, held by the pole, used, and the old one dropped.
    assert "announced" in await commune.keys("rotate")
    await commune.until(lambda: not commune.ring.is_changing)
    second = commune.ring
    assert second.key.kid != first.key.kid
    await commune.until(lambda: [key["kid"] for key in commune.identity.commune_keys] == [second.key.kid])
    assert await commune.plays("Nước vẫn lên.") == "played"

    # The authority, and so the certificates of both doors; then the certificate alone.
    await commune.keys("rotate", "--authority")
    await commune.until(lambda: not commune.ring.is_changing)
    third = commune.ring
    assert third.authority.certificate != first.authority.certificate
    await commune.until(lambda: commune.identity.authorities == (third.authority.certificate,))
    await commune.keys("renew-certificate")
    await commune.until_online()
    assert await commune.plays("Nước rút.") == "played"

    # The broker's secrets: the pole is refused, and fetches its new password by a new key of its own.
    password = commune.identity.mqtt_password
    await commune.keys("rotate-broker")
    await commune.until(lambda: commune.identity.mqtt_password != password)
    await commune.until_online()
    assert await commune.plays("Đã an toàn.") == "played"
    assert "this node's key is now" in commune.log()
    assert commune.identity.mqtt_password not in commune.log() + commune.log("server.log")
    assert [event for event in commune.events if event["event"] == "refused"] == []


async def test_a_pole_that_was_away_for_two_changes_follows_when_it_comes_back(commune: TlsCommune) -> None:
    await commune.start_server()
    status, said = await commune.pair(fingerprint_of(commune.ring.authority.certificate))
    assert status == 0, said
    first = commune.ring
    for what in ("rotate", "rotate --authority", "rotate"):
        await commune.keys(*what.split(), "--force")
    await commune.keys("rotate-broker")
    await commune.until(lambda: len(commune.ring.statements) == len(first.statements) + 6)
    await commune.node.start()
    await commune.until_online()
    assert [key["kid"] for key in commune.identity.commune_keys] == [commune.ring.key.kid]
    assert await commune.plays("Nước lên.") == "played"


async def test_a_server_that_nobody_vouches_for_is_refused_and_the_pole_plays_alone(commune: TlsCommune) -> None:
    await commune.start_server()
    fingerprint = fingerprint_of(commune.ring.authority.certificate)
    status, said = await commune.pair(None)
    assert status == 0, said
    assert f"nobody vouches for this server: compare {fingerprint}" in said
    await commune.node.start()
    await commune.until_online()
    before = commune.identity
    # A stranger at the same address: all its keys are its own.
    await commune.server.stop()
    (commune.data / "keys").rename(commune.root / "true-keys")
    await commune.start_server()
    await commune.until(lambda: "the server is not believed" in commune.log())
    await commune.until(lambda: "nobody whom this node believes vouches for other keys" in commune.log())
    assert commune.identity == before
    assert commune.node.pid is not None
    # The true one comes back.
    await commune.server.stop()
    (commune.data / "keys").rename(commune.root / "false-keys")
    (commune.root / "true-keys").rename(commune.data / "keys")
    await commune.start_server()
    await commune.until_online()
    assert await commune.plays("Nước lên.") == "played"
