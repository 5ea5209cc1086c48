"""Which upper radios may be relayed, by the settings of this server."""

from collections.abc import Sequence

from broadcast.errors import InvalidInput
from broadcast.models import ProgrammePartKind
from broadcast.programme_parts import ProgrammePartDraft
from broadcast.relays import names_this_machine
from web.settings import Settings


def require_elsewhere(parts: Sequence[ProgrammePartDraft], settings: Settings) -> None:
    """Refuse relays of this very machine, unless the settings allow them. Asked again when the radio is fetched.

    Raises:
        InvalidInput: an address names this machine.
    """
    if settings.streams.relay_local:
        return
    for part in parts:
        if part.kind is ProgrammePartKind.RELAY and names_this_machine(part.url.strip()):
            raise InvalidInput("own-address", "Không tiếp âm từ chính máy chủ này. Hãy gõ địa chỉ của đài.", "parts")
