"""The poles: what each is doing; the administrator adds, pairs and revokes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response
from markupsafe import Markup

from broadcast.communes import get_commune
from broadcast.errors import BroadcastError
from broadcast.models import Zone
from broadcast.nodes import create_node, new_pairing_code
from broadcast.permissions import Action, may
from broadcast.views import node_rows, on_air
from broadcast.zones import list_zones
from players.invitation import Invitation
from web.api.nodes import revoke_everywhere
from web.deps import Door, PostedForm, SignedIn, allowed
from web.errors import Refusal, refusal_of
from web.fragments import EVERYTHING, scope_of
from web.invitations import invitation_for
from web.poles import PoleRow, pole_rows
from web.qr import draw_qr
from web.templating import Page

router = APIRouter(include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_NODES))]


@dataclass(frozen=True, kw_only=True)
class NodesPage(Page):
    """The poles; the administrator's form; a pairing code that was just made (shown once)."""

    template: ClassVar[str] = "nodes.html"
    poles: Sequence[PoleRow]
    may_manage: bool
    zones: Sequence[Zone]
    slug: str = ""
    name: str = ""
    chosen_zones: Sequence[str] = ()
    code: str = ""
    code_for: str = ""
    invitation: Invitation | None = None
    qr: Markup | None = None
    """The invitation, for a phone's or a box's camera."""
    problem: Refusal | None = None


@dataclass(frozen=True)
class Typed:
    """The form of a new pole, and what came of it."""

    slug: str = ""
    name: str = ""
    zones: Sequence[str] = ()
    code: str = ""
    code_for: str = ""
    problem: Refusal | None = None


@router.get("/cum-loa")
def show_nodes(door: SignedIn) -> Response:
    """The page."""
    return _show(door, Typed())


@router.post("/cum-loa")
def add_node(form: PostedForm, door: Administrator) -> Response:
    """Add a pole and show its pairing code."""
    slug, name, zones = form.text("slug"), form.text("name"), form.many("zones")
    try:
        with door.work() as session:
            node, code = create_node(
                session, get_commune(session), slug, name, zones, door.now, actor=door.user.username
            )
    except BroadcastError as error:
        return _show(door, Typed(slug, name, zones, problem=refusal_of(error)))
    door.station.nudge()
    return _show(door, Typed(code=code, code_for=node.name))


@router.post("/cum-loa/{slug}/ma-ghep")
def give_code(slug: str, door: Administrator) -> Response:
    """A new pairing code."""
    try:
        with door.work() as session:
            code = new_pairing_code(session, slug, door.now, actor=door.user.username)
    except BroadcastError as error:
        return _show(door, Typed(problem=refusal_of(error)))
    return _show(door, Typed(code=code, code_for=slug))


@router.post("/cum-loa/{slug}/thu-hoi")
def revoke(slug: str, door: Administrator) -> Response:
    """Trust it no longer."""
    revoke_everywhere(door, slug)
    return door.go("/cum-loa", "da-thu-hoi")


def _show(door: Door, typed: Typed) -> Response:
    with door.read() as session:
        scope = scope_of(session, door.user)
        rows = [row for row in node_rows(session) if scope in {EVERYTHING, *row.zone_slugs}]
        titles = {row.id: row.title for row in on_air(session, door.now)}
        zones = list_zones(session)
    invitation = invitation_for(door.request, door.station, typed.code) if typed.code else None
    page = NodesPage(
        poles=pole_rows(door.station, rows, titles, door.zone),
        may_manage=may(door.user, Action.MANAGE_NODES),
        zones=zones,
        slug=typed.slug,
        name=typed.name,
        chosen_zones=typed.zones,
        code=typed.code,
        code_for=typed.code_for,
        invitation=invitation,
        qr=draw_qr(invitation.as_text(), "Mã QR để ghép cụm loa") if invitation else None,
        problem=typed.problem,
    )
    return door.show(page, typed.problem.status if typed.problem else 200)
