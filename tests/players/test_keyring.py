"""The commune's keys: what vouches for what, on disk whole or not at all, and nothing secret in sight."""

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from players.authority import CERTIFICATE_LASTS, is_current, issue_certificate
from players.certificate import CertificateFile
from players.errors import Distrusted, KeyUnusable
from players.keyring import FIRST_FILE, RING_FILE, KeyRing, KeyRingFile, announce, complete, new_ring, start_anew
from players.messages import CommuneKeys
from players.signing import CommuneKey, open_signed
from players.tls import context_believing, fingerprint_of, has_fingerprint
from players.topics import Topics

NOW = datetime(2026, 9, 22, 3, 0, tzinfo=UTC)
COMMUNE = "hoa-binh-an"
ROOT = Path(__file__).parents[2]


def rotated(ring: KeyRing, times: int = 1, *, key: bool = True, authority: bool = False) -> KeyRing:
    for number in range(times):
        at = NOW + timedelta(days=number + 1)
        ring = complete(announce(ring, at, key=key, authority=authority), at + timedelta(hours=1))
    return ring


def followed(held: KeyRing, ring: KeyRing) -> list[CommuneKeys]:
    """What a pole that holds the keys of `held` believes of what `ring` says, one after the other."""
    keys, version, words = held.public_keys, held.version, []
    for statement in ring.statements:
        try:
            word = open_signed(statement.encode(), keys, CommuneKeys, Topics(COMMUNE).keys)
        except Distrusted:
            continue
        if word.version > version:
            words.append(word)
            keys, version = word.keys, word.version
    return words


def test_a_new_key_is_announced_by_the_old_and_the_old_is_dropped_by_the_new() -> None:
    first = new_ring(COMMUNE, NOW)
    announced = announce(first, NOW, key=True, authority=False)
    assert announced.key.kid == first.key.kid
    assert announced.next_key is not None
    assert announced.public_keys == (first.key.public_jwk(), announced.next_key.public_jwk())
    done = complete(announced, NOW)
    assert (done.key.kid, done.public_keys) == (announced.next_key.kid, (announced.next_key.public_jwk(),))
    words = followed(first, done)
    assert [len(word.keys) for word in words] == [2, 1]
    assert words[-1].version == done.version > announced.version > first.version
    assert done.authority == first.authority


@pytest.mark.parametrize("times", [1, 2, 5, 15])
def test_a_pole_that_was_away_follows_from_whatever_it_holds(times: int) -> None:
    first = new_ring(COMMUNE, NOW)
    last = rotated(first, times)
    assert followed(first, last)[-1].keys == last.public_keys
    assert followed(last, last) == []


def test_a_pole_that_was_away_for_too_many_changes_follows_nobody() -> None:
    first = new_ring(COMMUNE, NOW)
    assert followed(first, rotated(first, 40)) == []


def test_the_authority_changes_by_the_same_words() -> None:
    first = new_ring(COMMUNE, NOW)
    last = rotated(first, authority=True, key=False)
    assert last.key.kid == first.key.kid
    words = followed(first, last)
    assert [len(word.authorities) for word in words] == [2, 1]
    assert words[-1].authorities == (last.authority.certificate,) != (first.authority.certificate,)


def test_after_a_theft_nothing_old_vouches_for_the_new() -> None:
    first = rotated(new_ring(COMMUNE, NOW), 2)
    fresh = start_anew(announce(first, NOW, key=True, authority=False), NOW)
    assert followed(first, fresh) == []
    assert fresh.version > first.version
    assert not fresh.is_changing
    assert fresh.authority != first.authority


def test_one_change_at_a_time() -> None:
    changing = announce(new_ring(COMMUNE, NOW), NOW, key=True, authority=False)
    with pytest.raises(KeyUnusable, match="another change of keys"):
        announce(changing, NOW, key=False, authority=True)
    done = complete(changing, NOW)
    assert complete(done, NOW) == done


def test_the_file_is_its_owners_and_one_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = KeyRingFile(tmp_path / "keys")
    made = file.load_or_make(COMMUNE, NOW)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert file.load() == made == file.load_or_make(COMMUNE, NOW)
    file.path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="others can read this key"):
        file.load()
    file.path.chmod(0o600)
    file.path.write_text('{"commune": "x"}')
    with pytest.raises(KeyUnusable, match="damaged"):
        file.load()
    file.path.unlink()
    with pytest.raises(KeyUnusable, match="No such file"):
        file.load()


def test_the_key_of_an_earlier_version_stays_the_communes(tmp_path: Path) -> None:
    key = CommuneKey.generate()
    key.save(tmp_path / FIRST_FILE)
    ring = KeyRingFile(tmp_path).load_or_make(COMMUNE, NOW)
    assert ring.key.kid == key.kid
    assert not (tmp_path / FIRST_FILE).exists()


def test_no_private_half_shows(tmp_path: Path) -> None:
    ring = announce(new_ring(COMMUNE, NOW), NOW, key=True, authority=True)
    shown = f"{ring!r} {ring} {ring.authority!r} {KeyRingFile(tmp_path)!r} {CertificateFile(tmp_path)!r} {ring.key!r}"
    secrets = [ring.signing["d"], (ring.next_signing or {})["d"], *ring.authority.key.splitlines()[1:-1]]
    assert [secret for secret in secrets if secret in shown] == []
    public = "".join(ring.statements) + "".join(ring.authorities)
    assert [secret for secret in secrets if secret in public] == []


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_step_that_fails_leaves_the_keys_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    file = KeyRingFile(tmp_path)
    before = file.load_or_make(COMMUNE, NOW)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path if broken == "replace" else os, broken, fail)
        with pytest.raises(KeyUnusable, match="No space left"):
            file.change(lambda ring: announce(ring, NOW, key=True, authority=False))
    assert file.load() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", RING_FILE]


ROTATING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from players.keyring import KeyRingFile, announce, complete
file, now = KeyRingFile(Path(sys.argv[1])), datetime.now(UTC)
print("ready", flush=True)
while True:
    file.change(lambda ring: announce(ring, now, key=True, authority=False))
    file.change(lambda ring: complete(ring, now))
"""


def test_killed_at_any_moment_it_leaves_one_state_or_the_other(tmp_path: Path) -> None:
    file = KeyRingFile(tmp_path)
    held = file.load_or_make(COMMUNE, NOW)
    for round_number in range(5):
        child = subprocess.Popen([sys.executable, "-c", ROTATING, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):  # killed wherever it is by then
            child.wait(0.002 + 0.003 * round_number)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        child.stdout.close()
        ring = file.load()
        assert ring.is_changing == (ring.next_key is not None)
        assert ring.statements
        newest = json.loads(file.path.read_text())
        assert newest["version"] == ring.version >= held.version
        held = file.change(lambda now_held: complete(now_held, NOW))


def test_the_servers_certificate_is_for_its_names_and_renewed_in_time(tmp_path: Path) -> None:
    ring, file, names = new_ring(COMMUNE, NOW), CertificateFile(tmp_path), ["10.0.0.2", "loa.xa", "::1"]
    assert file.bring_up_to_date(ring, names, NOW)
    assert not file.bring_up_to_date(ring, names, NOW + timedelta(days=300))
    first = file.path.read_text()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.bring_up_to_date(ring, names, NOW + CERTIFICATE_LASTS - timedelta(days=30))
    second = file.path.read_text()
    assert second != first
    assert file.bring_up_to_date(ring, [*names, "10.0.0.3"], NOW + CERTIFICATE_LASTS)
    other = rotated(ring, key=False, authority=True)
    assert not is_current(file.path.read_text(), other.authority, names, NOW)
    assert file.bring_up_to_date(other, names, NOW)
    assert file.authorities_path.read_text() == other.authority.certificate
    assert file.bring_up_to_date(other, names, NOW, anew=True)
    file.path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="others can read"):
        file.bring_up_to_date(other, names, NOW)


def handshake(certificate: Path, client: ssl.SSLContext) -> None:
    """Both ends of a TLS connection, in memory."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(back, there, server_hostname="10.9.9.9"), server.wrap_bio(there, back, server_side=True)]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("made_at", [NOW, datetime(2012, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)])
def test_a_pole_believes_its_authority_whatever_address_and_date(tmp_path: Path, made_at: datetime) -> None:
    ours, strangers = new_ring(COMMUNE, made_at), new_ring(COMMUNE, made_at)
    path = tmp_path / "server.pem"
    path.write_text(issue_certificate(ours.authority, ["localhost"], made_at))
    handshake(path, context_believing(ours.authorities))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(path, context_believing(strangers.authorities))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(path, context_believing(()))


def test_a_fingerprint_is_of_one_authority() -> None:
    ours, other = new_ring(COMMUNE, NOW).authority.certificate, new_ring(COMMUNE, NOW).authority.certificate
    short = fingerprint_of(ours)
    assert len(short) == 29
    for said in (short, short.lower().replace("-", " ")):
        assert has_fingerprint(ours, said)
        assert not has_fingerprint(other, said)
    assert not has_fingerprint(ours, short[:-1])
    assert not has_fingerprint(ours, "")
