"""What is asked at the pole itself: by its button, by a card at its page, by a neighbour. On the event loop only."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from secrets import token_hex

from players.errors import WireError
from players.messages import LocalOrder, PreparedMessage, PreparedPack
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.events import Event, LocalCame
from players.node.local_orders import LOCAL_VALID, card_of, key_of, message_of, why_card_not, why_not
from players.node.state import NodeState
from players.offline import Card, claimed, is_key_of, jwk_of, open_local, read_card
from players.signing import SigningKey, sign
from players.topics import Topics

log = logging.getLogger(__name__)


_PRESS = re.compile(r"[0-9a-f]{16}")


class Answer(Enum):
    """What became of what was asked at the page, as its holder is told."""

    STARTED = "Đã ra lệnh phát. Loa sẽ kêu ngay."
    STOPPED = "Đã ra lệnh dừng."
    KNOWN = "Lần bấm này đã được nhận rồi: không phát thêm."
    REFUSED = "Không phát: thẻ đã bị thu hồi, hết hạn, hoặc lệnh không còn hợp lệ."
    GONE = "Không phát: mẫu tin này không còn ở cụm loa. Hãy chọn lại."
    QUIET = "Không có gì để dừng."


class CardRefused(Exception):
    """A card does not open the page; the text is Vietnamese, for its holder."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who has shown a good card."""

    zone: str
    card: Card
    key: SigningKey


@dataclass(frozen=True, slots=True)
class Look:
    """What the page shows."""

    name: str
    sounds: str | None
    """What sounds: its title, or that it is something from the server. None: nothing."""
    may_stop: bool
    messages: tuple[PreparedMessage, ...]


class LocalDesk:
    """Makes orders of what is asked here.

    Args:
        credentials: who the node is.
        look: the state of now.
        clock: the node's.
        emit: takes events.
        refuse: takes what is refused, and why.
    """

    def __init__(
        self,
        credentials: Credentials,
        look: Callable[[], NodeState],
        clock: NodeClock,
        emit: Callable[[Event], None],
        refuse: Callable[[str, str], None],
    ) -> None:
        self._credentials = credentials
        self._look = look
        self._clock = clock
        self._emit = emit
        self._refuse = refuse

    def button_held(self) -> None:
        """Start what the commune has chosen for the button, in the first of the pole's zones that has a choice."""
        state = self._look()
        packs = (state.packs[zone] for zone in state.zones if zone in state.packs)
        pack = next((pack for pack in packs if pack.button is not None), None)
        if pack is None or pack.button is None:
            self._refuse("the button", "nothing is chosen for it")
            return
        self._start(pack.zone, self._credentials.key, None, pack.button)

    def heard(self, payload: bytes) -> None:
        """A neighbour says that something was started or stopped there."""
        state = self._look()
        try:
            said = claimed(payload)
            if said.order in state.orders:
                return
            order = open_local(payload, jwk_of(key_of(state, said)), state.commune, said.zone)
        except WireError as error:
            # Another commune on the same LAN is none of ours; a forged order of ours would be.
            log.info("a neighbour is not heeded: %s", error)
            return
        self._emit(LocalCame(order, payload.decode("ascii"), is_here=False))

    def show(self, text: str) -> Visit:
        """Let in who shows a card.

        Raises:
            CardRefused: it is none, another zone's, revoked, or not of this day.
        """
        state, card = self._look(), read_card(text)
        for zone in state.zones if card is not None else ():
            pack = state.packs.get(zone)
            known = None if pack is None or card is None else card_of(pack, card.number)
            if pack is None or known is None or card is None:
                continue
            key = card.key(state.commune)
            if not is_key_of(key, known.key):
                break
            why = why_card_not(known, self._clock.now())
            if why is not None:
                self._report_refused(pack, key, card.number)
                raise CardRefused(
                    "Thẻ này đã bị thu hồi." if known.revoked else "Thẻ này chưa đến hạn hoặc đã hết hạn."
                )
            return Visit(zone, card, key)
        self._refuse("a card at the pole's page", "it is not known here")
        raise CardRefused("Mã thẻ không đúng, hoặc không dùng được ở cụm loa này.")

    def look(self, visit: Visit) -> Look:
        """What the page shows to a card's holder."""
        state = self._look()
        pack, sounding = state.packs.get(visit.zone), state.sounding
        messages = () if pack is None else tuple(one for one in pack.messages if _is_there(state, one))
        sounds = None
        if sounding is not None:
            sounds = "Đang phát tin khẩn cấp." if sounding.is_emergency else "Đang phát theo lịch."
        may_stop = sounding is not None and sounding.local_order is not None
        return Look("" if state.config is None else state.config.name, sounds, may_stop, messages)

    def start(self, visit: Visit, message: str, press: str) -> Answer:
        """Start a message of the zone. Whether the card still counts is judged again with it.

        `press` names the form that was sent: sent twice it is one order. A form without it is a press of its own.
        """
        state = self._look()
        pack = state.packs.get(visit.zone)
        if pack is None or message_of(pack, message) is None:
            return Answer.GONE
        name = f"local-{press}-{message}" if _PRESS.fullmatch(press) else f"local-{token_hex(8)}"
        if name in state.orders:
            return Answer.KNOWN
        why = self._give(visit.zone, visit.key, visit.card.number, name, message=message, broadcast=name)
        return Answer.STARTED if why is None else Answer.REFUSED

    def stop(self, visit: Visit) -> Answer:
        """Stop what sounds, if it was started at a pole."""
        sounding = self._look().sounding
        if sounding is None or sounding.local_order is None:
            return Answer.QUIET
        name, broadcast = f"local-{token_hex(8)}", sounding.item.broadcast
        why = self._give(visit.zone, visit.key, visit.card.number, name, kind="stop", broadcast=broadcast)
        return Answer.STOPPED if why is None else Answer.REFUSED

    def _report_refused(self, pack: PreparedPack, key: SigningKey, card: int) -> None:
        """Whoever shows such a card wanted to start something: as such it is refused, and reported once an hour."""
        name = f"local-{card}-{self._credentials.node}-{self._clock.now().at:%Y%m%d%H}"[:100]
        if pack.messages:
            self._give(pack.zone, key, card, f"local-{token_hex(8)}", message=pack.messages[0].key, broadcast=name)

    def _start(self, zone: str, key: SigningKey, card: int | None, message: str) -> None:
        name = f"local-{token_hex(8)}"
        self._give(zone, key, card, name, message=message, broadcast=name)

    def _give(
        self,
        zone: str,
        key: SigningKey,
        card: int | None,
        name: str,
        *,
        broadcast: str,
        kind: str = "start",
        message: str | None = None,
    ) -> str | None:
        """Sign an order and let it be taken; why it will be refused, none when it is obeyed."""
        instant = self._clock.now()
        now = instant.at
        order = LocalOrder.model_validate(
            {
                "order": name,
                "commune": self._credentials.commune,
                "issued_at": now,
                "expires_at": now + LOCAL_VALID,
                "zone": zone,
                "pole": self._credentials.node,
                "card": card,
                "kind": kind,
                "broadcast": broadcast,
                "message": message,
            }
        )
        signed = sign(order, key, Topics(self._credentials.commune).local(zone)).decode("ascii")
        why = why_not(self._look(), order, instant)
        self._emit(LocalCame(order, signed, is_here=True))
        return why


def _is_there(state: NodeState, message: PreparedMessage) -> bool:
    return all(clip.sha256 in state.clips for clip in message.clips)
