"""`loalang keys` on a server that is stopped: what it says, what it leaves on disk, and what it keeps to itself."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from broadcast.communes import get_commune
from broadcast.models import Zone
from broadcast.nodes import create_node, get_node, pair_node, paired_nodes
from players.certificate import CertificateFile
from players.keyring import KeyRing, KeyRingFile
from players.signing import NodeKey
from players.tls import fingerprint_of
from scheduler.clock import utc_now
from web.cli import main
from web.cli.database import database
from web.settings import Settings, load_settings


class Stopped:
    """A commune whose server does not run, with one paired pole."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings: Settings = load_settings(None, {}, data_dir=data)
        self._capsys = capsys

    @property
    def ring(self) -> KeyRing:
        return KeyRingFile(self.settings.keys_dir).load()

    def keys(self, *arguments: str) -> str:
        assert main(["keys", *arguments, "--data", str(self.settings.data_dir)]) == 0
        return self._capsys.readouterr().out

    def refused(self, *arguments: str) -> str:
        assert main(["keys", *arguments, "--data", str(self.settings.data_dir)]) == 2
        return self._capsys.readouterr().err


@pytest.fixture
def stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Stopped:
    monkeypatch.delenv("LOALANG_SETTINGS", raising=False)
    data = tmp_path / "commune"
    assert main(["init", "--name", "Xã Hòa Bình An", "--zone", "Thôn Đông", "--data", str(data)]) == 0
    stopped = Stopped(data, capsys)
    with database(stopped.settings) as session:
        zone = session.exec(select(Zone.slug)).one()
        _, code = create_node(session, get_commune(session), "dong-1", "Cột 1", [zone], utc_now())
        pair_node(session, code, NodeKey.generate().public_jwk(), utc_now())
    capsys.readouterr()
    return stopped


def test_the_first_command_makes_the_keys(stopped: Stopped) -> None:
    said = stopped.keys("list")
    assert stopped.ring.key.kid in said
    assert fingerprint_of(stopped.ring.authority.certificate) in said
    assert "dong-1" in said
    assert "has older keys" in said


def test_a_rotation_is_announced_and_waits_for_the_pole(stopped: Stopped) -> None:
    stopped.keys("list")
    before = stopped.ring
    assert "in use as soon as 1 poles hold it, or in 7 days: dong-1" in stopped.keys("rotate")
    announced = stopped.ring
    assert announced.key.kid == before.key.kid
    assert announced.next_key is not None
    assert "next key" in stopped.keys("list")
    assert "another change of keys is under way" in stopped.refused("rotate", "--authority")
    assert stopped.ring == announced
    assert announced.next_key.kid in stopped.keys("rotate", "--force")
    assert stopped.ring.key.kid == announced.next_key.kid
    assert not stopped.ring.is_changing


def test_by_force_it_is_used_at_once_and_the_chain_stays(stopped: Stopped) -> None:
    stopped.keys("list")
    before = stopped.ring
    said = stopped.keys("rotate", "--authority", "--force")
    after = stopped.ring
    assert fingerprint_of(after.authority.certificate) in said
    assert (after.key.kid, after.authority == before.authority) == (before.key.kid, False)
    assert after.statements[: len(before.statements)] == before.statements


def test_after_a_theft_every_pole_is_to_be_paired_again(stopped: Stopped) -> None:
    stopped.keys("list")
    before = stopped.ring
    assert "1 poles are shut out and must be paired again" in stopped.keys("rotate", "--compromised")
    assert stopped.ring.key.kid != before.key.kid
    assert set(stopped.ring.statements).isdisjoint(before.statements)
    with database(stopped.settings) as session:
        assert paired_nodes(session) == []
        assert get_node(session, "dong-1").revoked_at is None


def test_the_brokers_secrets_and_the_poles_keys_are_renewed(stopped: Stopped) -> None:
    assert "1 poles fetch theirs by themselves" in stopped.keys("rotate-broker")
    first = json.loads(stopped.settings.broker_secret_path.read_text())
    assert stopped.settings.broker_secret_path.stat().st_mode & 0o077 == 0
    stopped.keys("rotate-broker")
    second = json.loads(stopped.settings.broker_secret_path.read_text())
    assert {name for name in first if first[name] == second[name]} == set()
    assert "1 poles make a new key" in stopped.keys("rotate-nodes")
    with database(stopped.settings) as session:
        assert get_commune(session).renewal == 3
    assert "is still to renew its own" in stopped.keys("list")


def test_a_certificate_is_renewed_on_demand(stopped: Stopped) -> None:
    stopped.keys("renew-certificate")
    file = CertificateFile(stopped.settings.keys_dir)
    first = file.path.read_text()
    assert file.expires_at > utc_now() + timedelta(days=300)
    stopped.keys("renew-certificate")
    assert file.path.read_text() != first


def test_nothing_secret_is_said(stopped: Stopped) -> None:
    said = "".join(
        stopped.keys(*arguments.split())
        for arguments in ("list", "rotate", "rotate --force", "rotate-broker", "rotate --compromised", "list")
    )
    ring, broker = stopped.ring, json.loads(stopped.settings.broker_secret_path.read_text())
    secrets = [ring.signing["d"], *ring.authority.key.splitlines()[1:-1], *broker.values()]
    assert [secret for secret in secrets if secret in said] == []
    assert all(path.stat().st_mode & 0o077 == 0 for path in stopped.settings.keys_dir.iterdir() if path.name != ".lock")
