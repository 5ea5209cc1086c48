"""Cards, packs and orders for tests of what is started at a pole."""

from datetime import timedelta
from typing import Any

from players.messages import LocalOrder, OfflineCard, PoleKey, PreparedMessage, PreparedPack, Severity
from players.node.events import LocalCame, PackCame
from players.node.local_orders import LOCAL_VALID
from players.offline import new_card
from players.signing import NodeKey, SigningKey
from tests.fakes.fake_server import COMMUNE
from tests.players.node.pole import DAWN, clip

ZONE = "thon-dong"
CARD = new_card(12)
CARD_KEY = CARD.key(COMMUNE)
POLE_KEY, OTHER_KEY = NodeKey.generate(), NodeKey.generate()


def x_of(key: SigningKey) -> str:
    return key.public_jwk()["x"]


def card(number: int = 12, key: SigningKey = CARD_KEY, **changes: Any) -> OfflineCard:
    dates = {"valid_from": DAWN - timedelta(days=1), "valid_until": DAWN + timedelta(days=30)}
    return OfflineCard.model_validate({"number": number, "key": x_of(key), **dates, **changes})


def pack(version: int = 1, *cards: OfflineCard, button: str | None = None, zone: str = ZONE) -> PackCame:
    """Two messages; card 12 unless others are named."""
    cards = cards or (card(),)
    messages = tuple(
        PreparedMessage(key=key, title=key, severity=Severity.EXTREME, clips=(clip(n),), drill_clips=(clip(9),))
        for n, key in ((1, "chay"), (2, "lu"))
    )
    poles = (PoleKey(pole="dong-1", key=x_of(POLE_KEY)), PoleKey(pole="dong-2", key=x_of(OTHER_KEY)))
    document = PreparedPack(
        commune=COMMUNE,
        version=version,
        issued_at=DAWN,
        zone=zone,
        messages=messages,
        button=button,
        poles=poles,
        cards=cards,
    )
    return PackCame(document)


def order(name: str = "local-1", **changes: Any) -> LocalOrder:
    fields: dict[str, Any] = {
        "order": name,
        "commune": COMMUNE,
        "issued_at": DAWN,
        "expires_at": DAWN + LOCAL_VALID,
        "zone": ZONE,
        "pole": "dong-1",
        "card": 12,
        "kind": "start",
        "broadcast": name,
        "message": "chay",
    }
    return LocalOrder.model_validate({**fields, **changes})


def came(what: LocalOrder, *, is_here: bool = True) -> LocalCame:
    return LocalCame(what, f"signed {what.order}", is_here=is_here)
