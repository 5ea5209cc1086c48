"""The sources of bulletins, for the administrator: how each is doing, and a form for each."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Response
from sqlmodel import Session

from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import Programme, Source, SourceKind, User
from broadcast.permissions import Action, may
from broadcast.programmes import list_programmes
from broadcast.sources_kept import Secrets, SourceDraft, add_source, edit_source, get_source, list_sources
from broadcast.users import list_users
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.typed_days import parse_whole

router = APIRouter(include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_SOURCES))]
Slug = Annotated[str, Path(max_length=50)]
KINDS = {SourceKind.FOLDER: "Thư mục trên máy chủ", SourceKind.HTTP: "Địa chỉ mạng (HTTP, JSON)"}
_LISTED = {**KINDS, SourceKind.CAP_FOLDER: "Cảnh báo CAP, thư mục", SourceKind.CAP_HTTP: "Cảnh báo CAP, địa chỉ mạng"}


@dataclass(frozen=True, kw_only=True)
class SourcesPage(Page):
    """All of them."""

    template: ClassVar[str] = "sources.html"
    sources: Sequence[Source]
    kinds: dict[SourceKind, str]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The form as it was typed. Secrets are never shown again."""

    slug: str = ""
    name: str = ""
    kind: str = SourceKind.FOLDER.value
    address: str = ""
    every_s: str = "60"
    officer: str = ""
    leader: str = ""
    programme: str = ""
    needs_approval: bool = True
    follows_inner: bool = False
    is_active: bool = True


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Who and what may be chosen in the form."""

    officers: Sequence[User]
    leaders: Sequence[User]
    programmes: Sequence[Programme]


@dataclass(frozen=True, kw_only=True)
class SourcePage(Page, Typed, Choices):
    """One, to be changed, or a new one."""

    template: ClassVar[str] = "source.html"
    is_new: bool
    kinds: dict[SourceKind, str]
    error: str | None = None
    problem: Refusal | None = None


@router.get("/nguon-tin")
def show_sources(door: Administrator) -> Response:
    """The list."""
    with door.read() as session:
        return door.show(SourcesPage(sources=list_sources(session), kinds=_LISTED))


@router.get("/nguon-tin/moi")
def new_source(door: Administrator) -> Response:
    """An empty form."""
    return _show(door, Typed(), is_new=True)


@router.post("/nguon-tin/moi")
def keep_new(form: PostedForm, door: Administrator) -> Response:
    """Add a source."""
    try:
        draft = _draft_in(form, is_new=True)
        with door.work() as session:
            add_source(session, form.text("slug"), draft, door.station.sources.secrets, door.user, door.now)
    except BroadcastError as error:
        return _show(door, typed_in(form, form.text("slug")), is_new=True, problem=refusal_of(error))
    return door.go("/nguon-tin", "da-luu-nguon")


@router.get("/nguon-tin/{slug}")
def open_source(slug: Slug, door: Administrator) -> Response:
    """One, to be changed."""
    with door.read() as session:
        source = get_source(session, slug)
        if source.kind.is_cap:
            return door.go(f"/nguon-tin/cap/{slug}")
        typed = typed_of(session, source)
    return _show(door, typed, is_new=False, error=source.error)


@router.post("/nguon-tin/{slug}")
def keep_changed(slug: Slug, form: PostedForm, door: Administrator) -> Response:
    """Change it."""
    try:
        draft = _draft_in(form, is_new=False)
        with door.work() as session:
            edit_source(session, slug, draft, door.station.sources.secrets, door.user, door.now)
    except BroadcastError as error:
        refusal = refusal_of(error)
        if refusal.status == 404:
            raise
        return _show(door, typed_in(form, slug), is_new=False, problem=refusal)
    return door.go("/nguon-tin", "da-luu-nguon")


def typed_in(form: Fields, slug: str) -> Typed:
    """The posted form."""
    return Typed(
        slug=slug,
        name=form.text("name"),
        kind=form.text("kind"),
        address=form.text("address"),
        every_s=form.text("every_s"),
        officer=form.text("officer"),
        leader=form.text("leader"),
        programme=form.text("programme"),
        needs_approval=bool(form.text("needs_approval")),
        follows_inner=bool(form.text("follows_inner")),
        is_active=bool(form.text("is_active")),
    )


def _draft_in(form: Fields, *, is_new: bool) -> SourceDraft:
    replaces = is_new or bool(form.text("new_secrets"))
    secrets = Secrets(token=form.text("token").strip(), secret=form.text("secret").strip())
    return draft_of(typed_in(form, ""), KINDS, secrets if replaces else None)


def draft_of(typed: Typed, kinds: Container[str], secrets: Secrets | None) -> SourceDraft:
    """What was typed, as it is kept; without secrets those that are known stay.

    Raises:
        InvalidInput: the kind is none of these, or a number is none.
    """
    if typed.kind not in kinds:
        raise InvalidInput("unknown-kind", "Chọn loại nguồn.", "kind")
    return SourceDraft(
        name=typed.name,
        kind=SourceKind(typed.kind),
        address=typed.address,
        every_s=parse_whole(typed.every_s, "every_s"),
        officer=typed.officer,
        leader=typed.leader,
        programme_id=parse_whole(typed.programme, "programme") if typed.programme else None,
        needs_approval=typed.needs_approval,
        follows_inner=typed.follows_inner,
        is_active=typed.is_active,
        secrets=secrets,
    )


def typed_of(session: Session, source: Source) -> Typed:
    """A kept source as it stands in the form."""
    names = {user.id: user.username for user in list_users(session)}
    return Typed(
        slug=source.slug,
        name=source.name,
        kind=source.kind.value,
        address=source.address,
        every_s=str(source.every_s),
        officer=names.get(source.officer_id, ""),
        leader=names.get(source.leader_id, ""),
        programme=str(source.programme_id or ""),
        needs_approval=source.needs_approval,
        follows_inner=source.follows_inner,
        is_active=source.is_active,
    )


def choices(session: Session) -> Choices:
    """Who may stand for a source, and the programmes."""
    people = [user for user in list_users(session) if user.zone_id is None]
    return Choices(
        officers=[user for user in people if may(user, Action.WRITE_BULLETIN)],
        leaders=[user for user in people if may(user, Action.RAISE_EMERGENCY)],
        programmes=list_programmes(session),
    )


def _show(
    door: Door, typed: Typed, *, is_new: bool, error: str | None = None, problem: Refusal | None = None
) -> Response:
    with door.read() as session:
        own = choices(session)
        page = SourcePage(**vars(typed), **vars(own), is_new=is_new, kinds=KINDS, error=error, problem=problem)
    return door.show(page, problem.status if problem else 200)
