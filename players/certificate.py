"""The server's certificate on disk: by the commune's authority, made again when it no longer fits or soon ends."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from players.authority import expiry_of, is_current, issue_certificate
from players.errors import KeyUnusable
from players.keyring import KeyRing
from players.signing import write_secret

CERTIFICATE_FILE = "server.pem"
AUTHORITIES_FILE = "authorities.pem"


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """Two files: the certificate with its key (mode 0600), and the authorities that poles and browsers may believe."""

    folder: Path

    @property
    def path(self) -> Path:
        """The certificate and its key, PEM."""
        return self.folder / CERTIFICATE_FILE

    @property
    def authorities_path(self) -> Path:
        """Certificates of the authorities, PEM."""
        return self.folder / AUTHORITIES_FILE

    @property
    def expires_at(self) -> datetime:
        """When the certificate ends.

        Raises:
            KeyUnusable: it cannot be read.
        """
        return expiry_of(self._read())

    def bring_up_to_date(self, ring: KeyRing, names: Iterable[str], now: datetime, *, anew: bool = False) -> bool:
        """Make the certificate if it is missing, of another authority, lacks a name or soon ends; or in any case.

        Returns:
            Whether either file has changed.

        Raises:
            KeyUnusable: a file cannot be written, or others can read the key.
        """
        bundle = "".join(ring.authorities)
        has_other_authorities = not self.authorities_path.exists() or self.authorities_path.read_text() != bundle
        if has_other_authorities:
            write_secret(self.authorities_path, bundle.encode())
        names = tuple(names)
        if not anew and self.path.exists() and is_current(self._read(), ring.authority, names, now):
            return has_other_authorities
        write_secret(self.path, issue_certificate(ring.authority, names, now).encode())
        return True

    def _read(self) -> str:
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text()
        except OSError as error:
            raise KeyUnusable(f"{self.path}: {error.strerror}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyUnusable(f"{self.path}: others can read this key (mode {stat.S_IMODE(mode):o}, must be 600)")
        return text
