"""The commune's keys as the running server uses them, beside commands that change them on disk.

Everything here blocks, may fail or be cut off, and is simply done again: see `web.key_watch`.
"""

import ssl
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Flag, auto
from functools import reduce
from operator import or_

from sqlalchemy import Engine

from broadcast.db import reading, session_of
from broadcast.nodes import keys_are_held, note_keys, want_keys
from players.certificate import CertificateFile
from players.errors import KeyUnusable
from players.keyring import KeyRing, KeyRingFile, complete
from players.signing import CommuneKey
from web.host_names import names_of_this_server
from web.settings import Settings

CERTIFICATE_EVERY = timedelta(hours=1)
GRACE = timedelta(days=7)
"""A rotation waits so long for the last pole. One that was away longer follows by the signed words it finds then."""


class KeyChange(Flag):
    """What is new on the disk."""

    NOTHING = 0
    RING = auto()
    CERTIFICATE = auto()
    BROKER = auto()


class KeyKeeper:
    """The keys in use.

    Args:
        settings: Where they are.
        commune: Whose they are; made at the first start.
        engine: The database.
        clock: The present.
        http_tls: Given the certificate; none: somebody else speaks TLS, or nobody.

    Raises:
        KeyUnusable: the keys cannot be read or written, or others can read them.
    """

    def __init__(
        self,
        settings: Settings,
        commune: str,
        engine: Engine,
        clock: Callable[[], datetime],
        http_tls: ssl.SSLContext | None,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._http_tls = http_tls
        self._file = KeyRingFile(settings.keys_dir)
        self.certificate = CertificateFile(settings.keys_dir)
        self._ring = self._file.load_or_make(commune, clock())
        self._noted: dict[str, int] = {}
        self._certificate_looked_at = clock()
        self.certificate.bring_up_to_date(self._ring, names_of_this_server(settings), clock())
        self._stamps = self._read_stamps()
        self._want()
        self.show_certificate()

    @property
    def ring(self) -> KeyRing:
        """What is in use."""
        return self._ring

    @property
    def key(self) -> CommuneKey:
        """What signs."""
        return self._ring.key

    def look(self, held: Mapping[str, int]) -> KeyChange:
        """Take over what has changed on the disk, and complete a rotation that every pole has followed.

        Args:
            held: Of each pole that was heard, the version of the keys it says it holds.

        Raises:
            KeyUnusable: as the constructor. What was in use stays so.
        """
        now, stamps, former = self._clock(), self._read_stamps(), self._stamps
        has_new_ring = stamps[KeyChange.RING] != former[KeyChange.RING]
        if has_new_ring:
            self._ring = self._file.load()
            self._want()
        self._note(held)
        # What is written from here on is seen as changed by the next look.
        if self._ring.begun_at is not None and (self._is_held() or now - self._ring.begun_at >= GRACE):
            self._file.change(lambda ring: complete(ring, now))
        if has_new_ring or now - self._certificate_looked_at >= CERTIFICATE_EVERY:
            self.certificate.bring_up_to_date(self._ring, names_of_this_server(self._settings), now)
            self._certificate_looked_at = now
        self._stamps = stamps
        # Made for the first time, as our own broker's secrets are when it starts, is not changed.
        changed = [kind for kind, stamp in stamps.items() if former[kind] not in (None, stamp)]
        return reduce(or_, changed, KeyChange.NOTHING)

    def show_certificate(self) -> None:
        """Have every connection from now on see the certificate as it is on the disk.

        A context that is in use cannot load another: in between it has the new certificate and no key, and whoever
        connects then is turned away. So each connection is handed a context that was loaded whole.

        Raises:
            KeyUnusable: it cannot be read. The former one is still shown.
        """
        if self._http_tls is None:
            return
        shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            shown.load_cert_chain(self.certificate.path)
        except OSError as error:  # also ssl.SSLError
            raise KeyUnusable(f"{self.certificate.path}: {error}") from error

        def show(connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = shown

        self._http_tls.sni_callback = show  # asked for every connection, also one that names nobody

    def _note(self, held: Mapping[str, int]) -> None:
        if held != self._noted:
            with session_of(self._engine) as session:
                note_keys(session, held)
            self._noted = dict(held)

    def _is_held(self) -> bool:
        with reading(self._engine) as session:
            return keys_are_held(session, self._ring.version)

    def _want(self) -> None:
        with session_of(self._engine) as session:
            want_keys(session, self._ring.version)

    def _read_stamps(self) -> dict[KeyChange, int | None]:
        """When each file was written."""
        files = {
            KeyChange.RING: self._file.path,
            KeyChange.CERTIFICATE: self.certificate.path,
            KeyChange.BROKER: self._settings.broker_secret_path,
        }
        return {kind: path.stat().st_mtime_ns if path.exists() else None for kind, path in files.items()}
