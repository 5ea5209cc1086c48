"""One pole: where it stands, how it is and was, what it plays; what may be changed of it; the technician's page."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from typing import Annotated, Any, ClassVar

import anyio.from_thread
from fastapi import APIRouter, Depends, Response
from sqlmodel import Session
from starlette.responses import JSONResponse

from broadcast.commune_map import Point, check_point, place_node
from broadcast.errors import BroadcastError, Conflict, InvalidInput, NotFound
from broadcast.models import Node, PresenceChange, Zone, row_id
from broadcast.nodes import get_node, rename_node, set_node_zones, tune_node
from broadcast.permissions import Action, may
from broadcast.pole_history import PastBroadcast, broadcasts_at, clocks_of, latenesses_of, presence_of
from broadcast.restarting import RestartResult, order_restart, result_of_restart, running_since
from broadcast.trying import last_trial, try_pole
from broadcast.views import BroadcastCard, broadcast_card, node_rows, on_air
from broadcast.volumes import say_volumes, volumes_of
from broadcast.zones import list_zones
from players.errors import TransportClosed
from players.presence import PresenceState
from players.signing import checked_public_jwk
from web.deps import Door, Fields, PostedForm, SignedIn, allowed
from web.errors import Refusal, refusal_of
from web.fragments import EVERYTHING, scope_of
from web.guard import permissions_policy
from web.pages.commune_map import number_in
from web.poles import Check, PoleRow, checks_of, pole_rows
from web.templating import Page
from web.typed_days import parse_whole

router = APIRouter(prefix="/cum-loa/{slug}", include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_NODES))]
Responsible = Annotated[Door, Depends(allowed(Action.STOP_BROADCAST))]
GRAPHED = timedelta(days=7)
_NOT_SENT = "not-connected", "Máy chủ chưa nối được với các cụm loa. Hãy thử lại sau."


@dataclass(frozen=True, kw_only=True)
class NodePage(Page):
    """A pole with all that is known of it."""

    template: ClassVar[str] = "node.html"
    pole: PoleRow
    node: Node
    zones: Sequence[Zone]
    own_zones: Sequence[str]
    volumes: str
    checks: Sequence[Check]
    presence: Sequence[PresenceChange]
    reports: Sequence[PastBroadcast]
    heard: BroadcastCard | None
    """What it plays now, or played last, with its sound."""
    trial: BroadcastCard | None
    version: str
    """Of its software, as it said last; empty when it has not been heard."""
    running_since: datetime | None
    slug: str
    restart: RestartResult | None
    """What came of the last restart that was asked for."""
    fingerprint: str
    """Of its key; empty when it is not paired."""
    has_new_keys: bool
    may_manage: bool
    may_rule: bool
    latitude: str
    longitude: str
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class SitePage(Page):
    """What of it a technician needs who stands below it with a phone."""

    template: ClassVar[str] = "node_site.html"
    pole: PoleRow
    checks: Sequence[Check]
    trial: BroadcastCard | None
    may_manage: bool
    latitude: str
    longitude: str
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class RestartFragment(Page):
    """What came of a restart; it asks again by itself while more may come."""

    template: ClassVar[str] = "node_restart.html"
    slug: str
    restart: RestartResult | None


@router.get("")
def show_node(slug: str, door: SignedIn) -> Response:
    """The page."""
    return _show(door, slug, NodePage)


@router.get("/tai-cho")
def show_site(slug: str, door: SignedIn) -> Response:
    """The technician's page: it alone may ask the phone where it is."""
    return _show(door, slug, SitePage)


@router.get("/do-thi.json")
def graphs(slug: str, door: SignedIn) -> Response:
    """A week of its clock, and how punctual it began: seconds since 1970 and milliseconds."""
    with door.read() as session:
        node_id = row_id(_visible(session, door, slug).id)
        clocks = clocks_of(session, node_id, door.now - GRAPHED)
        late = latenesses_of(session, node_id)
    return JSONResponse(
        {
            "clock": [
                [round(one.at.timestamp()) for one in clocks],
                [one.offset_ms for one in clocks],
                [one.error_ms for one in clocks],
            ],
            "lateness": [[round(at.timestamp()) for at, _ in late], [late_ms for _, late_ms in late]],
        }
    )


@router.post("")
def keep_node(slug: str, form: PostedForm, door: Administrator) -> Response:
    """Keep its name, villages, place, delay and data limit."""
    is_site = form.text("page") == "site"
    try:
        place = _place_in(form)
        with door.work() as session:
            if not is_site:
                rename_node(session, slug, form.text("name"), door.now, door.user.username)
                _keep_zones(session, slug, form.many("zones"), door)
                data_mb = parse_whole(form.text("data_mb") or "0", "data_mb")
                delay = number_in(form.text("delay_ms") or "0", "delay_ms")
                if not isfinite(delay):
                    raise InvalidInput("bad-number", "Hãy nhập một số.", "delay_ms")
                tune_node(session, slug, door.now, door.user.username, delay_ms=round(delay), data_mb=data_mb)
            place_node(session, slug, place, door.now, door.user.username)
    except NotFound:
        raise
    except BroadcastError as error:
        return _show(door, slug, SitePage if is_site else NodePage, form, refusal_of(error))
    door.station.nudge()
    return door.go(f"/cum-loa/{slug}" + ("/tai-cho" if is_site else ""), "da-luu-cum-loa")


@router.post("/thu-loa")
def try_out(slug: str, form: PostedForm, door: Responsible) -> Response:
    """Have it say its name."""
    is_site = form.text("page") == "site"
    try:
        with door.work() as session:
            try_pole(session, slug, door.user, door.now)
    except NotFound:
        raise
    except BroadcastError as error:
        return _show(door, slug, SitePage if is_site else NodePage, problem=refusal_of(error))
    door.station.nudge()
    return door.go(f"/cum-loa/{slug}" + ("/tai-cho" if is_site else ""), "dang-thu-loa")


@router.post("/khoi-dong-lai")
def restart(slug: str, door: Administrator) -> Response:
    """Have its player end in order and begin again."""
    try:
        _send_restart(door, slug)
    except NotFound:
        raise
    except (BroadcastError, TransportClosed) as error:
        refusal = refusal_of(error) if isinstance(error, BroadcastError) else Refusal(503, *_NOT_SENT)
        return _show(door, slug, NodePage, problem=refusal)
    return door.go(f"/cum-loa/{slug}", "dang-khoi-dong-lai")


@router.get("/khoi-dong-lai")
def show_restart(slug: str, door: SignedIn) -> Response:
    """What came of the last restart."""
    with door.read() as session:
        node = _visible(session, door, slug)
        beat = door.station.heard_of(slug).heartbeat
        return door.show(RestartFragment(slug=slug, restart=result_of_restart(node, beat, door.now)))


def _send_restart(door: Door, slug: str) -> None:
    if not door.station.is_connected:
        raise TransportClosed("the server is not connected to the broker")
    with door.work() as session:
        order = order_restart(session, slug, door.now, door.user.username)
        if door.station.heard_of(slug).state is PresenceState.OFFLINE:
            raise Conflict("node-offline", "Cụm loa đang mất kết nối nên không nhận được lệnh.")
    anyio.from_thread.run(partial(door.station.hub.send_order, order, nodes=[slug]))


def _keep_zones(session: Session, slug: str, zones: Sequence[str], door: Door) -> None:
    known = next(row.zone_slugs for row in node_rows(session) if row.slug == get_node(session, slug).slug)
    if set(zones) != set(known):
        set_node_zones(session, slug, zones, door.now, door.user.username)


def _place_in(form: Fields) -> Point | None:
    latitude, longitude = form.text("latitude").strip(), form.text("longitude").strip()
    if not latitude and not longitude:
        return None
    return check_point(number_in(latitude, "latitude"), number_in(longitude, "longitude"))


def _visible(session: Session, door: Door, slug: str) -> Node:
    node = get_node(session, slug)
    row = next(row for row in node_rows(session) if row.slug == slug)
    if scope_of(session, door.user) not in {EVERYTHING, *row.zone_slugs}:
        raise NotFound("no-node", "Không có cụm loa này.")
    return node


def _show(
    door: Door, slug: str, kind: type[NodePage | SitePage], form: Fields | None = None, problem: Refusal | None = None
) -> Response:
    heard_of = door.station.heard_of(slug)
    beat = heard_of.heartbeat if heard_of.state is not PresenceState.OFFLINE else None
    with door.read() as session:
        node = _visible(session, door, slug)
        row = next(row for row in node_rows(session) if row.slug == slug)
        titles = {one.id: one.title for one in on_air(session, door.now)}
        reports = broadcasts_at(session, node)
        heard_id = beat.broadcast if beat and beat.broadcast in titles else (reports[0].id if reports else None)
        trial = last_trial(session, row_id(node.id))
        (pole,) = pole_rows(door.station, [row], titles, door.zone)
        known: dict[str, Any] = {
            "pole": pole,
            "node": node,
            "zones": list_zones(session),
            "own_zones": form.many("zones") if form and kind is NodePage else row.zone_slugs,
            "volumes": say_volumes(volumes_of(node)).replace("–", "-"),
            "checks": checks_of(heard_of, node, door.station.keeper.ring.version),
            "presence": presence_of(session, row_id(node.id), 20),
            "reports": reports[:20],
            "heard": broadcast_card(session, heard_id) if heard_id else None,
            "trial": broadcast_card(session, trial.id) if trial else None,
            "version": heard_of.heartbeat.version if heard_of.heartbeat else "",
            "running_since": running_since(beat),
            "slug": slug,
            "restart": result_of_restart(node, heard_of.heartbeat, door.now),
            "fingerprint": checked_public_jwk(node.public_key)["kid"] if node.public_key else "",
            "has_new_keys": node.keys_version >= door.station.keeper.ring.version,
            "may_manage": may(door.user, Action.MANAGE_NODES),
            "may_rule": may(door.user, Action.EDIT_RULES),
            "latitude": form.text("latitude") if form else _said(node.latitude),
            "longitude": form.text("longitude") if form else _said(node.longitude),
            "problem": problem,
        }
    page = kind(**{field.name: known[field.name] for field in fields(kind)})
    headers = dict(problem.headers) if problem else {}
    if kind is SitePage:
        headers["permissions-policy"] = permissions_policy(geolocation="self")
    return door.show(page, problem.status if problem else 200, headers)


def _said(degrees: float | None) -> str:
    return "" if degrees is None else f"{degrees:.6f}"
