"""The inbox: what came from sources outside, to be chosen, put aside, or put in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Response

from broadcast.errors import BroadcastError, InvalidInput
from broadcast.inbox import choose_item, list_items, set_aside
from broadcast.inbox_priority import clashes, decide_order
from broadcast.models import Bulletin, ClashOrder, ItemState, Source, SourceItem
from broadcast.permissions import Action
from web.deps import Door, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.typed_days import MAX_ID

router = APIRouter(include_in_schema=False)
Writer = Annotated[Door, Depends(allowed(Action.WRITE_BULLETIN))]
ItemId = Annotated[int, Path(ge=1, le=MAX_ID)]
ITEM_STATES = {
    ItemState.WAITING: "Chờ chọn",
    ItemState.CHOSEN: "Đã chọn",
    ItemState.PUT_IN: "Đã xếp vào",
    ItemState.RAISED: "Đã phát khẩn cấp",
    ItemState.SET_ASIDE: "Đã bỏ qua",
    ItemState.WITHDRAWN: "Nguồn đã rút",
    ItemState.BAD: "Không đọc được",
}
_DONE = tuple(state for state in ItemState if state is not ItemState.WAITING)
DONE_SHOWN = 50


@dataclass(frozen=True)
class Clash:
    """An item of priority and the commune's own: which is said first."""

    item: SourceItem
    bulletin: Bulletin
    own: Bulletin


@dataclass(frozen=True, kw_only=True)
class InboxPage(Page):
    """What asks for an order, what waits, and what became of the rest."""

    template: ClassVar[str] = "inbox.html"
    clashes: Sequence[Clash]
    waiting: Sequence[tuple[SourceItem, Source]]
    done: Sequence[tuple[SourceItem, Source]]
    states: dict[ItemState, str]
    problem_in: int = 0
    reason: str = ""
    problem: Refusal | None = None


@router.get("/hop-thu")
def show_inbox(door: Writer) -> Response:
    """The page."""
    return _show(door)


@router.post("/hop-thu/{item_id}")
def act_on_item(item_id: ItemId, form: PostedForm, door: Writer) -> Response:
    """Choose it, put it aside, or say which comes first."""
    act = form.text("act")
    try:
        with door.work() as session:
            if act == "choose":
                there = f"/soan/{choose_item(session, item_id, door.user, door.now).id}"
                return door.go(there, "da-chon-tin")
            if act == "set-aside":
                set_aside(session, item_id, form.text("reason"), door.user, door.now)
            elif act in {ClashOrder.OWN_FIRST, ClashOrder.SOURCE_FIRST}:
                decide_order(session, item_id, ClashOrder(act), door.user, door.now)
            else:
                raise InvalidInput("unknown-act", "Không rõ phải làm gì với tin này.", "act")
    except BroadcastError as error:
        refusal = refusal_of(error)
        if refusal.status == 404:
            raise
        return _show(door, item_id, form.text("reason"), refusal)
    door.station.nudge()
    return door.go("/hop-thu", "da-bo-qua" if act == "set-aside" else "da-chon-thu-tu")


def _show(door: Door, problem_in: int = 0, reason: str = "", problem: Refusal | None = None) -> Response:
    with door.read() as session:
        page = InboxPage(
            clashes=[Clash(*one) for one in clashes(session)],
            waiting=list_items(session, [ItemState.WAITING]),
            done=list_items(session, _DONE)[:DONE_SHOWN],
            states=ITEM_STATES,
            problem_in=problem_in,
            reason=reason,
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)
