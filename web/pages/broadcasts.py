"""One airing, pole by pole; stopping what sounds and cancelling what is to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Path, Response
from markupsafe import Markup

from broadcast.errors import NotFound
from broadcast.hearing import may_hear
from broadcast.models import LiveAnnouncement
from broadcast.permissions import Action, may
from broadcast.relay_source import TROUBLE_TEXTS, Trouble
from broadcast.relays import relays_of, say_relay
from broadcast.run_log import Approval, approvals_of
from broadcast.said_sentences import said_sentences
from broadcast.views import BroadcastCard, broadcast_card
from players.messages import Urgency
from web.deps import Door, PostedForm, SignedIn
from web.fragments import is_open_to, scope_of
from web.live import Part
from web.read_along import words_response
from web.templating import Page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class BroadcastPage(Page):
    """A broadcast; its poles are a live part."""

    template: ClassVar[str] = "broadcast.html"
    card: BroadcastCard
    deliveries: Markup
    is_emergency: bool
    may_read_bulletin: bool
    relays: Sequence[tuple[str, str]]
    """In words, and what the server found wrong with them; empty for nothing."""
    approvals: Sequence[Approval]
    said: str | None
    """The clip of what somebody said live."""


@router.get("/luot-phat/{broadcast_id}")
def show_broadcast(broadcast_id: str, door: SignedIn) -> Response:
    """The page."""
    card = visible_card(door, broadcast_id)
    with door.read() as session:
        part = Part("deliveries", scope_of(session, door.user), broadcast_id)
        relays = [
            (say_relay(one.name, one.lasts_ms), TROUBLE_TEXTS[Trouble(one.failure)] if one.failure else "")
            for one in relays_of(session, [broadcast_id]).get(broadcast_id, ())
            if not one.is_live
        ]
        live = session.get(LiveAnnouncement, broadcast_id)
        approvals = approvals_of(session, broadcast_id)
    html = door.station.render_parts([part])
    page = BroadcastPage(
        card=card,
        deliveries=Markup(html.get(part, "")),  # noqa: S704 - our own template
        is_emergency=card.row.urgency is Urgency.EMERGENCY and may(door.user, Action.RAISE_EMERGENCY),
        may_read_bulletin=may(door.user, Action.WRITE_BULLETIN) or bool(door.approves),
        relays=relays,
        approvals=approvals,
        said=live.clip_sha256 if live is not None else None,
    )
    return door.show(page)


@router.get("/luot-phat/loi/{sha256}")
def send_words(sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")], door: SignedIn) -> Response:
    """What a sound says when, for who may hear it and reads along."""
    with door.read() as session:
        if not may_hear(session, door.user, sha256):
            raise NotFound("no-clip", "Không có đoạn âm thanh này.")
        return words_response(said_sentences(session, sha256))


@router.post("/luot-phat/{broadcast_id}/dung")
async def stop(broadcast_id: str, form: PostedForm, door: SignedIn) -> Response:
    """Stop it everywhere, or at one pole."""
    await door.station.playout.stop(broadcast_id, door.user, form.text("node") or None)
    return door.go("/", "da-dung")


@router.post("/luot-phat/{broadcast_id}/huy")
async def cancel(broadcast_id: str, door: SignedIn) -> Response:
    """Take it back before it begins."""
    await door.station.playout.cancel(broadcast_id, door.user)
    return door.go("/", "da-huy")


def visible_card(door: Door, broadcast_id: str) -> BroadcastCard:
    """A broadcast that this user may see.

    Raises:
        NotFound: there is none, or it is for other villages than a village head's.
    """
    with door.read() as session:
        card = broadcast_card(session, broadcast_id)
        if not is_open_to(session, door.user, card.row.zone_slugs):
            raise NotFound("no-broadcast", "Không có lượt phát này.")
        return card
