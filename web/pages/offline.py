"""Without the server: cards for people, and what the buttons at the poles start."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Response
from markupsafe import Markup

from broadcast.errors import BroadcastError
from broadcast.models import PreparedMessage, User, Zone
from broadcast.offline import (
    DEFAULT_DAYS,
    CardRow,
    cards,
    choose_button,
    issue_card,
    people_for_cards,
    revoke_card,
)
from broadcast.permissions import Action
from broadcast.prepared import list_prepared
from broadcast.zones import list_zones
from players.offline import Card
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.qr import draw_qr
from web.templating import Page

router = APIRouter(prefix="/khan-cap/khong-mang", include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_NODES))]
CardNumber = Annotated[int, Path(ge=1, le=2**53)]


@dataclass(frozen=True, kw_only=True)
class OfflinePage(Page):
    """The cards, the form for another, and each village's button."""

    template: ClassVar[str] = "offline.html"
    cards: Sequence[CardRow]
    people: Sequence[User]
    zones: Sequence[Zone]
    messages: Sequence[PreparedMessage]
    days: str = str(DEFAULT_DAYS)
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class CardPage(Page):
    """A new card, to be printed: it is shown once."""

    template: ClassVar[str] = "offline_card.html"
    row: CardRow
    text: str
    qr: Markup
    """SVG."""
    address: str


@router.get("")
def show_offline(door: Administrator) -> Response:
    """The page."""
    return _show(door)


@router.post("/the")
def give_card(form: PostedForm, door: Administrator) -> Response:
    """Issue a card, and show it."""
    days, address = form.text("days"), _link(form.text("address").strip()[:200])
    try:
        with door.work() as session:
            number = int(days) if days.isdecimal() and len(days) < 6 else 0
            _, card = issue_card(session, door.user, form.text("holder"), form.text("zone"), number, door.now)
            row = next(row for row in cards(session, door.now) if row.number == card.number)
    except BroadcastError as error:
        return _show(door, refusal_of(error), form)
    door.station.nudge()
    return door.show(CardPage(row=row, text=card.as_text(), qr=_qr(card, address), address=address))


@router.post("/the/{number}/thu-hoi")
def take_card_back(number: CardNumber, door: Administrator) -> Response:
    """Revoke a card."""
    with door.work() as session:
        revoke_card(session, door.user, number, door.now)
    door.station.nudge()
    return door.go("/khan-cap/khong-mang", "da-thu-hoi-the")


@router.post("/nut")
def choose_buttons(form: PostedForm, door: Administrator) -> Response:
    """Choose what the buttons start, village by village."""
    try:
        with door.work() as session:
            for zone, key in form.starting_with("button-").items():
                choose_button(session, door.user, zone, key or None, door.now)
    except BroadcastError as error:
        return _show(door, refusal_of(error), form)
    door.station.nudge()
    return door.go("/khan-cap/khong-mang", "da-luu-nut")


def _link(address: str) -> str:
    """The address of a pole's page as a browser takes it; it speaks TLS only."""
    return f"https://{address.removeprefix('https://').strip('/')}" if address else ""


def _qr(card: Card, address: str) -> Markup:
    """The card's text, or a link that opens the pole's page with it."""
    return draw_qr(f"{address}/?the={card.as_text()}" if address else card.as_text(), "Mã QR của thẻ")


def _show(door: Door, problem: Refusal | None = None, form: Fields | None = None) -> Response:
    with door.read() as session:
        page = OfflinePage(
            cards=cards(session, door.now),
            people=people_for_cards(session),
            zones=list_zones(session),
            messages=list_prepared(session),
            days=form.text("days") if form else str(DEFAULT_DAYS),
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)
