"""What is handed to a technician to pair a pole: code, address and fingerprint as one text (a QR code's)."""

from fastapi import Request

from players.invitation import Invitation
from players.tls import fingerprint_of
from web.station import Station


def invitation_for(request: Request, station: Station, code: str) -> Invitation:
    """The invitation with this code, to the server as whoever asks has reached it.

    The fingerprint is in it where the server speaks TLS by the commune's own authority.
    """
    url = request.url
    is_own = station.settings.http.uses_own_ca
    fingerprint = fingerprint_of(station.keeper.ring.authority.certificate) if is_own else None
    return Invitation(f"{url.scheme}://{url.netloc}", code, fingerprint)
