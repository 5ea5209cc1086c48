"""The commune's keys on the server's disk, and how they change without anybody going to a pole.

One file holds all: the key that signs, the next one while a change is under way, the certificate authority, and the
signed `CommuneKeys` by which a pole follows from any key it may hold. Each step is one new file in place of the old, so
that a crash leaves the one state or the other. Pure, but for `KeyRingFile`.
"""

import fcntl
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from players.authority import Authority, make_authority
from players.errors import KeyUnusable
from players.messages import CommuneKeys
from players.signing import CommuneKey, sign, write_secret
from players.topics import Topics
from players.versions import next_version

RING_FILE = "commune-keys.json"
FIRST_FILE = "commune.jwk"
"""Where versions before this one kept the key alone."""
KEPT_STATEMENTS = 32
"""Of sixteen changes: a pole that was away for more is paired again."""


class KeyRing(BaseModel):
    """The keys at one moment. Private halves do not show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commune: str
    version: int
    """Of the last of `statements`."""
    signing: dict[str, Any] = Field(repr=False)
    """Private JWK: what it signs is obeyed."""
    next_signing: dict[str, Any] | None = Field(default=None, repr=False)
    """Private JWK of the key that is announced and does not sign yet."""
    authority: Authority = Field(repr=False)
    """Whose certificate the server shows."""
    next_authority: Authority | None = Field(default=None, repr=False)
    statements: tuple[str, ...] = Field(default=(), repr=False)
    """`CommuneKeys`, each as a JWS, oldest first."""
    begun_at: datetime | None = None
    """When the change that is under way was announced."""

    @property
    def key(self) -> CommuneKey:
        """The key that signs."""
        return CommuneKey.of_jwk(self.signing)

    @property
    def next_key(self) -> CommuneKey | None:
        """The key that will."""
        return None if self.next_signing is None else CommuneKey.of_jwk(self.next_signing)

    @property
    def public_keys(self) -> tuple[dict[str, str], ...]:
        """What poles are to believe."""
        return tuple(key.public_jwk() for key in (self.key, self.next_key) if key is not None)

    @property
    def authorities(self) -> tuple[str, ...]:
        """Certificates (PEM) of whom poles are to believe."""
        return tuple(one.certificate for one in (self.authority, self.next_authority) if one is not None)

    @property
    def is_changing(self) -> bool:
        """Whether a change is announced and not carried out."""
        return self.begun_at is not None


def new_ring(commune: str, now: datetime, key: CommuneKey | None = None) -> KeyRing:
    """The keys of a new commune, or of one that had only a signing key."""
    key = key or CommuneKey.generate()
    unsaid = KeyRing(commune=commune, version=0, signing=key.private_jwk(), authority=make_authority(commune, now))
    return _stated(unsaid, key, now)


def announce(ring: KeyRing, now: datetime, *, key: bool, authority: bool) -> KeyRing:
    """Make new ones beside those in use, and have the signing key say so.

    Raises:
        KeyUnusable: another change is under way.
    """
    if ring.is_changing:
        raise KeyUnusable("another change of keys is under way: wait for it, or complete it with --force")
    announced = ring.model_copy(
        update={
            "next_signing": CommuneKey.generate().private_jwk() if key else None,
            "next_authority": make_authority(ring.commune, now) if authority else None,
            "begun_at": now,
        }
    )
    return _stated(announced, ring.key, now)


def complete(ring: KeyRing, now: datetime) -> KeyRing:
    """Use the new ones alone, and have the new key say so. Without a change under way nothing changes."""
    if not ring.is_changing:
        return ring
    completed = ring.model_copy(
        update={
            "signing": ring.next_signing or ring.signing,
            "authority": ring.next_authority or ring.authority,
            "next_signing": None,
            "next_authority": None,
            "begun_at": None,
        }
    )
    return _stated(completed, completed.key, now)


def start_anew(ring: KeyRing, now: datetime) -> KeyRing:
    """New keys that nothing old vouches for: no pole believes whoever has the old ones once it is paired again."""
    fresh = new_ring(ring.commune, now)
    return _stated(fresh.model_copy(update={"version": ring.version, "statements": ()}), fresh.key, now)


def _stated(ring: KeyRing, signer: CommuneKey, now: datetime) -> KeyRing:
    version = next_version(ring.version, now)
    word = CommuneKeys(
        commune=ring.commune, version=version, issued_at=now, keys=ring.public_keys, authorities=ring.authorities
    )
    statement = sign(word, signer, Topics(ring.commune).keys).decode()
    kept: Sequence[str] = (*ring.statements, statement)[-KEPT_STATEMENTS:]
    return ring.model_copy(update={"version": version, "statements": tuple(kept)})


class KeyRingFile:
    """The ring on disk, mode 0600, for the server and the commands beside it.

    Its `path` is where it is. Every method raises `KeyUnusable` when the file cannot be used, or others can read it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / RING_FILE

    def load(self) -> KeyRing:
        """The ring as it is."""
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_bytes()
        except OSError as error:
            raise KeyUnusable(f"{self.path}: {error.strerror}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyUnusable(f"{self.path}: others can read this key (mode {stat.S_IMODE(mode):o}, must be 600)")
        try:
            ring = KeyRing.model_validate_json(text)
            _ = ring.public_keys
        except (ValidationError, KeyUnusable) as error:
            raise KeyUnusable(f"{self.path}: damaged") from error
        return ring

    def load_or_make(self, commune: str, now: datetime) -> KeyRing:
        """The ring, made at the first start; a key that an earlier version left becomes its first."""
        with self._locked():
            first = self._folder / FIRST_FILE
            if not self.path.exists():
                key = CommuneKey.load(first) if first.exists() else None
                self._save(new_ring(commune, now, key))
            first.unlink(missing_ok=True)
            return self.load()

    def change(self, step: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Take one step; nobody else takes one meanwhile."""
        with self._locked():
            before = self.load()
            after = step(before)
            if after != before:
                self._save(after)
            return after

    def _save(self, ring: KeyRing) -> None:
        write_secret(self.path, ring.model_dump_json().encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self._folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise KeyUnusable(f"{self._folder}: {error.strerror}") from error
