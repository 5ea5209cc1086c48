"""What residents said, for who answers them; and whether there is a page for residents at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Response

from broadcast.communes import get_commune
from broadcast.errors import InvalidInput
from broadcast.permissions import Action, may
from broadcast.residents import Said, answer, said_lately, set_public
from web.deps import Door, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page

router = APIRouter(prefix="/gop-y", include_in_schema=False)
Answering = Annotated[Door, Depends(allowed(Action.ANSWER_RESIDENTS))]
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_USERS))]
SHOWN_FOR = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class ResidentsPage(Page):
    """What was said, each with its answer or a form for one."""

    template: ClassVar[str] = "residents.html"
    said: Sequence[Said]
    is_public: bool
    may_open: bool
    problem_in: int = 0
    typed: str = ""
    problem: Refusal | None = None


@router.get("")
def show_residents(door: Answering) -> Response:
    """The page."""
    return _show(door)


@router.post("/trang/cong-khai")
def open_page(form: PostedForm, door: Administrator) -> Response:
    """Open the page for residents, or shut it."""
    with door.work() as session:
        set_public(session, door.now, door.user.username, is_public=form.text("is_public") == "1")
    return door.go("/gop-y", "da-doi-cong-khai")


@router.post("/{feedback_id}")
def keep_answer(feedback_id: Annotated[int, Path(ge=1, le=2**53)], form: PostedForm, door: Answering) -> Response:
    """Answer."""
    try:
        with door.work() as session:
            answer(session, feedback_id, door.user, form.text("words"), door.now)
    except InvalidInput as error:
        return _show(door, feedback_id, form.text("words"), refusal_of(error))
    return door.go("/gop-y", "da-tra-loi")


def _show(door: Door, problem_in: int = 0, typed: str = "", problem: Refusal | None = None) -> Response:
    with door.read() as session:
        page = ResidentsPage(
            said=said_lately(session, door.now - SHOWN_FOR, answered_only=False),
            is_public=get_commune(session).is_public,
            may_open=may(door.user, Action.MANAGE_USERS),
            problem_in=problem_in,
            typed=typed,
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)
