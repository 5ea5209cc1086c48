"""Tokens of programs: one's own, made and ended; the administrator ends everybody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Path, Response

from broadcast.errors import BroadcastError, InvalidInput
from broadcast.models import ApiToken, User
from broadcast.tokens import SCOPES, end_token, tokens_seen_by
from broadcast.users import make_token
from web.deps import Door, Fields, PostedForm, SignedIn
from web.errors import Refusal, refusal_of
from web.templating import Page

router = APIRouter(prefix="/ma-truy-cap", include_in_schema=False)
DEFAULT_DAYS = "90"
TokenId = Annotated[int, Path(ge=1, le=2**53)]


@dataclass(frozen=True, kw_only=True)
class TokensPage(Page):
    """The tokens that hold; one that was just made (shown once); the form of a new one."""

    template: ClassVar[str] = "tokens.html"
    tokens: Sequence[tuple[ApiToken, User]]
    own: str
    scopes: Sequence[str]
    token: str = ""
    name: str = ""
    chosen: Sequence[str] = ("read",)
    days: str = DEFAULT_DAYS
    problem: Refusal | None = None


@router.get("")
def show_tokens(door: SignedIn) -> Response:
    """The page."""
    return _show(door)


@router.post("")
def make(form: PostedForm, door: SignedIn) -> Response:
    """Make a token and show it, once."""
    try:
        scopes, lifetime = _scopes_in(form), _lifetime_in(form)
        with door.work() as session:
            token = make_token(session, door.user, form.text("name"), scopes, lifetime, door.now)
    except BroadcastError as error:
        return _show(door, form, refusal_of(error))
    return _show(door, token=token)


@router.post("/{token_id}/thu-hoi")
def revoke(token_id: TokenId, door: SignedIn) -> Response:
    """End a token at once, with what it has open."""
    with door.work() as session:
        end_token(session, token_id, door.now, door.user)
    door.station.doubt_visitors()
    return door.go("/ma-truy-cap", "da-thu-hoi-ma")


def _scopes_in(form: Fields) -> Sequence[str]:
    chosen = form.many("scopes")
    if not chosen or not set(chosen) <= set(SCOPES):
        raise InvalidInput("token-scopes", "Hãy chọn ít nhất một quyền.", "scopes")
    return chosen


def _lifetime_in(form: Fields) -> timedelta:
    try:
        return timedelta(days=int(form.text("days")))
    except (ValueError, OverflowError) as error:
        raise InvalidInput("token-lifetime", "Thời hạn là số ngày, từ 1 đến 366.", "days") from error


def _show(door: Door, form: Fields | None = None, problem: Refusal | None = None, token: str = "") -> Response:
    with door.read() as session:
        tokens = tokens_seen_by(session, door.user, door.now)
    page = TokensPage(
        tokens=tokens,
        own=door.user.username,
        scopes=SCOPES,
        token=token,
        name=form.text("name") if form else "",
        chosen=form.many("scopes") if form else ("read",),
        days=form.text("days") if form else DEFAULT_DAYS,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)
