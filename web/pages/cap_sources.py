"""Sources of CAP messages, for the administrator: where they are, how far they are believed, and trying them now."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Path, Response
from sqlmodel import Session

from broadcast.cap.places import own_sender, rules_of, set_rules
from broadcast.cap.raising import messages_in
from broadcast.cap.trust import (
    distrust_certificate,
    get_cap_source,
    list_certificates,
    set_options,
    trust_certificate,
)
from broadcast.errors import BroadcastError
from broadcast.models import CapCertificate, CapMessage, CapState, Source, SourceKind
from broadcast.sources_kept import Secrets, SourceDraft, add_source, edit_source
from broadcast.zones import list_zones
from web.deps import Door, Fields, PostedForm
from web.errors import Refusal, refusal_of
from web.pages import sources
from web.pages.sources import Administrator, Slug
from web.templating import Page
from web.typed_days import MAX_ID

router = APIRouter(include_in_schema=False)
CertificateId = Annotated[int, Path(ge=1, le=MAX_ID)]
KINDS = {SourceKind.CAP_HTTP: "Địa chỉ mạng (Atom, RSS hoặc một tin)", SourceKind.CAP_FOLDER: "Thư mục trên máy chủ"}
CAP_STATES = {
    CapState.WAITING: "Chờ lãnh đạo",
    CapState.RAISED: "Đã phát",
    CapState.IN_INBOX: "Trong hộp thư",
    CapState.REPLACED: "Nguồn đã thay",
    CapState.CANCELLED: "Nguồn đã hủy",
    CapState.SET_ASIDE: "Đã bỏ qua",
    CapState.NOTED: "Không phát",
}


@dataclass(frozen=True, kw_only=True)
class Typed(sources.Typed):
    """The form as it was typed. The token is never shown again."""

    kind: str = SourceKind.CAP_HTTP.value
    airs_at_once: bool = False
    needs_signature: bool = False


@dataclass(frozen=True, kw_only=True)
class CapSourcePage(Page, Typed, sources.Choices):
    """One source, or a new one; what came of it last."""

    template: ClassVar[str] = "cap_source.html"
    source: Source | None
    kinds: dict[SourceKind, str]
    certificates: Sequence[CapCertificate]
    messages: Sequence[CapMessage]
    states: dict[CapState, str]
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class CapPlacesPage(Page):
    """What others call us, and our own feed."""

    template: ClassVar[str] = "cap_places.html"
    places: Sequence[tuple[str, str, str]]
    sender: str
    usual_sender: str
    is_feed_open: bool
    feed: str
    problem: Refusal | None = None


@router.get("/nguon-tin-cap")
def show_places(door: Administrator) -> Response:
    """Names, codes, and the feed."""
    return _show_places(door)


@router.post("/nguon-tin-cap")
def keep_places(form: PostedForm, door: Administrator) -> Response:
    """Change them."""
    calls = {
        slug: [line.strip() for line in text.splitlines() if line.strip()]
        for slug, text in form.starting_with("calls-").items()
    }
    try:
        with door.work() as session:
            is_open = bool(form.text("is_feed_open"))
            set_rules(session, form.text("sender").strip(), calls, door.user, door.now, is_feed_open=is_open)
    except BroadcastError as error:
        return _show_places(door, refusal_of(error))
    return door.go("/nguon-tin-cap", "da-luu-nguon")


@router.get("/nguon-tin/cap/moi")
def new_source(door: Administrator) -> Response:
    """An empty form."""
    return _show(door, Typed(), None)


@router.post("/nguon-tin/cap/moi")
def keep_new(form: PostedForm, door: Administrator) -> Response:
    """Add a source."""
    typed = _typed_in(form, form.text("slug"))
    try:
        draft = _draft_in(typed, form, is_new=True)
        with door.work() as session:
            add_source(session, typed.slug, draft, door.station.sources.secrets, door.user, door.now)
            _set_options(session, door, typed)
    except BroadcastError as error:
        return _show(door, typed, None, refusal_of(error))
    return door.go(f"/nguon-tin/cap/{typed.slug}", "da-luu-nguon")


@router.get("/nguon-tin/cap/{slug}")
def open_source(slug: Slug, door: Administrator) -> Response:
    """One, to be changed."""
    return _show(door, None, slug)


@router.post("/nguon-tin/cap/{slug}")
def keep_changed(slug: Slug, form: PostedForm, door: Administrator) -> Response:
    """Change it."""
    typed = _typed_in(form, slug)
    try:
        draft = _draft_in(typed, form, is_new=False)
        with door.work() as session:
            get_cap_source(session, slug)
            edit_source(session, slug, draft, door.station.sources.secrets, door.user, door.now)
            _set_options(session, door, typed)
    except BroadcastError as error:
        return _show(door, typed, slug, _mendable(error))
    return door.go(f"/nguon-tin/cap/{slug}", "da-luu-nguon")


@router.post("/nguon-tin/cap/{slug}/thu")
async def try_now(slug: Slug, door: Administrator) -> Response:
    """Ask it now; the page says how that went."""
    await door.station.sources.ask(await asyncio.to_thread(_source_at, door, slug))
    return door.go(f"/nguon-tin/cap/{slug}", "da-thu-nguon")


@router.post("/nguon-tin/cap/{slug}/chung-thu")
def trust(slug: Slug, form: PostedForm, door: Administrator) -> Response:
    """Trust a certificate."""
    try:
        with door.work() as session:
            trust_certificate(session, slug, form.text("pem"), door.user, door.now)
    except BroadcastError as error:
        return _show(door, None, slug, _mendable(error))
    return door.go(f"/nguon-tin/cap/{slug}", "da-tin-chung-thu")


@router.post("/nguon-tin/cap/{slug}/chung-thu/{certificate_id}/bo")
def distrust(slug: Slug, certificate_id: CertificateId, door: Administrator) -> Response:
    """Believe one no more."""
    with door.work() as session:
        distrust_certificate(session, slug, certificate_id, door.user, door.now)
    return door.go(f"/nguon-tin/cap/{slug}", "da-bo-chung-thu")


def _source_at(door: Door, slug: str) -> Source:
    with door.read() as session:
        return get_cap_source(session, slug)[0]


def _mendable(error: BroadcastError) -> Refusal:
    refusal = refusal_of(error)
    if refusal.status == 404:
        raise error
    return refusal


def _set_options(session: Session, door: Door, typed: Typed) -> None:
    set_options(
        session, typed.slug, door.user, door.now, airs_at_once=typed.airs_at_once, needs_signature=typed.needs_signature
    )


def _typed_in(form: Fields, slug: str) -> Typed:
    return Typed(
        **vars(sources.typed_in(form, slug)),
        airs_at_once=form.text("fate") == "air",
        needs_signature=bool(form.text("needs_signature")),
    )


def _draft_in(typed: Typed, form: Fields, *, is_new: bool) -> SourceDraft:
    replaces = is_new or bool(form.text("new_token"))
    return sources.draft_of(typed, KINDS, Secrets(token=form.text("token").strip()) if replaces else None)


def _typed_of(session: Session, slug: str) -> Typed:
    source, options = get_cap_source(session, slug)
    return Typed(
        **vars(sources.typed_of(session, source)),
        airs_at_once=options.airs_at_once,
        needs_signature=options.needs_signature,
    )


def _show(door: Door, typed: Typed | None, slug: str | None, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        source = get_cap_source(session, slug)[0] if slug else None
        came = messages_in(session, tuple(CapState), source.id, most=20) if source else []
        page = CapSourcePage(
            **vars(typed or _typed_of(session, slug or "")),
            **vars(sources.choices(session)),
            source=source,
            kinds=KINDS,
            certificates=list_certificates(session, source) if source else [],
            messages=[message for message, _ in came],
            states=CAP_STATES,
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)


def _show_places(door: Door, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        rules = rules_of(session)
        named = [("", "Cả xã"), *((zone.slug, zone.name) for zone in list_zones(session))]
        page = CapPlacesPage(
            places=[(slug, name, "\n".join(rules.places.get(slug, []))) for slug, name in named],
            sender=rules.sender,
            usual_sender=own_sender(session),
            is_feed_open=rules.is_feed_open,
            feed=str(door.request.url_for("send_feed_of_cap")),
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)
