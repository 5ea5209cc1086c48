"""What a pole is told to pair: the server's address, the one-time code, and the fingerprint of its authority.

As text it is what a QR code shows: `loalang:pair?server=https%3A%2F%2F10.0.0.2%3A8000&code=H7K2M9QX&ca=ABCD-EFGH-…`.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

from players.errors import PairingError

_PREFIX = "loalang:pair?"
_MAX_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where a pole is to go, and what it shows there."""

    server: str
    code: str = field(repr=False)
    fingerprint: str | None = None

    def as_text(self) -> str:
        """For a QR code."""
        fields = {"server": self.server, "code": self.code, **({"ca": self.fingerprint} if self.fingerprint else {})}
        return _PREFIX + urlencode(fields)


def read_invitation(text: str) -> Invitation:
    """What a QR code said.

    Raises:
        PairingError: it is something else.
    """
    text = text.strip()
    if not text.startswith(_PREFIX) or len(text) > _MAX_LENGTH:
        raise PairingError("this is no invitation of Loa Làng: it begins with loalang:pair?")
    fields = {name: values[-1] for name, values in parse_qs(text.removeprefix(_PREFIX)).items()}
    if not fields.keys() >= {"server", "code"}:
        raise PairingError("this invitation names no server, or has no code")
    return Invitation(fields["server"].rstrip("/"), fields["code"], fields.get("ca"))
