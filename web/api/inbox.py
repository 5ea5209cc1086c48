"""The inbox of items from outside, and the sources they come from."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import AwareDatetime, BaseModel, Field
from sqlmodel import Session

from broadcast.inbox import choose_item, list_items, set_aside
from broadcast.inbox_priority import clashes, decide_order
from broadcast.models import ClashOrder, ItemState, Source, SourceItem, SourceKind, row_id
from broadcast.permissions import Action, may
from broadcast.sources_kept import MAX_ADDRESS, Secrets, SourceDraft, add_source, edit_source, list_sources
from broadcast.users import list_users
from players.messages import Urgency
from web.api.bulletins import reply_of
from web.api.schemas import BulletinReply, Return, Sent, SlugText
from web.api.timetable_schemas import Id
from web.deps import Door, allowed_to, scoped
from web.errors import SAID, Refusal, answers
from web.typed_days import MAX_ID

router = APIRouter(prefix="/api", tags=["sources"])
Writer = Annotated[Door, Depends(allowed_to(Action.WRITE_BULLETIN))]
Administrator = Annotated[Door, Depends(allowed_to(Action.MANAGE_SOURCES))]
ItemId = Annotated[int, Path(ge=1, le=MAX_ID)]
Slug = Annotated[str, Path(max_length=50)]
ERRORS = answers(401, 403, 404, 409, 413, 422)


class ItemReply(BaseModel):
    """An item as it was received last, and what became of it."""

    id: int
    source: str
    item: str
    revision: int
    state: ItemState
    urgency: Urgency
    title: str
    text: str
    zones: list[str]
    received_at: AwareDatetime
    expires_at: AwareDatetime | None
    reason: str
    bulletin: str | None
    broadcast: str | None
    order: ClashOrder | None


class InboxReply(BaseModel):
    """Items, the last received first."""

    items: list[ItemReply]


class OrderRequest(Sent):
    """Which of two of priority comes first."""

    order: Literal["own-first", "source-first"]


class SourceRequest(Sent):
    """A source as it is to be. Without `token` and `secret` those it has are kept."""

    name: str = Field(max_length=400)
    kind: SourceKind
    address: str = Field(max_length=4 * MAX_ADDRESS)
    officer: SlugText
    leader: SlugText
    every_s: int = Field(default=60, ge=0, le=MAX_ID)
    programme: Id | None = None
    needs_approval: bool = True
    follows_inner: bool = False
    is_active: bool = True
    token: str | None = Field(default=None, max_length=500, repr=False)
    secret: str | None = Field(default=None, max_length=500, repr=False)


class NewSourceRequest(SourceRequest):
    """A new source, and its name in addresses."""

    slug: SlugText


class SourceReply(BaseModel):
    """A source and how it is doing; its secrets are not told."""

    slug: str
    name: str
    kind: SourceKind
    address: str
    officer: str
    leader: str
    every_s: int
    programme: int | None
    needs_approval: bool
    follows_inner: bool
    is_active: bool
    asked_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    error: str | None


class SourcesReply(BaseModel):
    """Sources by name."""

    sources: list[SourceReply]


def reads_inbox(door: Annotated[Door, Depends(scoped("read"))]) -> Door:
    """Let pass who may read what came from outside."""
    return _only(door, Action.WRITE_BULLETIN)


def reads_sources(door: Annotated[Door, Depends(scoped("read"))]) -> Door:
    """Let pass who may read where things come from."""
    return _only(door, Action.MANAGE_SOURCES)


@router.get("/inbox", responses=answers(401, 403, 422))
def read_inbox(door: Annotated[Door, Depends(reads_inbox)], state: ItemState = ItemState.WAITING) -> InboxReply:
    """What waits to be chosen, or what is in another state."""
    with door.read() as session:
        return InboxReply(items=[_item(item, source) for item, source in list_items(session, [state])])


@router.get("/inbox/clashes", responses=answers(401, 403))
def read_clashes(door: Annotated[Door, Depends(reads_inbox)]) -> InboxReply:
    """Items of priority that meet one of the commune's own."""
    with door.read() as session:
        found = [item for item, _, _ in clashes(session)]
        return InboxReply(items=[_item(item, session.get_one(Source, item.source_id)) for item in found])


@router.post("/inbox/{item_id}/choose", status_code=201, responses=ERRORS)
def choose(item_id: ItemId, door: Writer) -> BulletinReply:
    """Make a draft of an item that waits."""
    with door.work() as session:
        return reply_of(session, choose_item(session, item_id, door.user, door.now))


@router.post("/inbox/{item_id}/set-aside", responses=ERRORS)
def put_aside(item_id: ItemId, asked: Return, door: Writer) -> ItemReply:
    """Put an item that waits aside, saying why."""
    with door.work() as session:
        return _reply(session, set_aside(session, item_id, asked.reason, door.user, door.now))


@router.post("/inbox/{item_id}/order", responses=ERRORS)
def order(item_id: ItemId, asked: OrderRequest, door: Writer) -> ItemReply:
    """Say which of two of priority comes first."""
    with door.work() as session:
        reply = _reply(session, decide_order(session, item_id, ClashOrder(asked.order), door.user, door.now))
    door.station.nudge()
    return reply


@router.get("/sources", responses=answers(401, 403))
def read_sources(door: Annotated[Door, Depends(reads_sources)]) -> SourcesReply:
    """All sources."""
    with door.read() as session:
        return SourcesReply(sources=[_source(session, one) for one in list_sources(session)])


@router.post("/sources", status_code=201, responses=answers(401, 403, 409, 413, 422))
def add(asked: NewSourceRequest, door: Administrator) -> SourceReply:
    """Add one."""
    files = door.station.sources.secrets
    with door.work() as session:
        return _source(session, add_source(session, asked.slug, _draft(asked), files, door.user, door.now))


@router.put("/sources/{slug}", responses=ERRORS)
def change(slug: Slug, asked: SourceRequest, door: Administrator) -> SourceReply:
    """Change one."""
    files = door.station.sources.secrets
    with door.work() as session:
        return _source(session, edit_source(session, slug, _draft(asked), files, door.user, door.now))


def _only(door: Door, action: Action) -> Door:
    if not may(door.user, action):
        raise Refusal(403, *SAID[403])
    return door


def _draft(asked: SourceRequest) -> SourceDraft:
    is_given = asked.token is not None or asked.secret is not None
    return SourceDraft(
        name=asked.name,
        kind=asked.kind,
        address=asked.address,
        every_s=asked.every_s,
        officer=asked.officer,
        leader=asked.leader,
        programme_id=asked.programme,
        needs_approval=asked.needs_approval,
        follows_inner=asked.follows_inner,
        is_active=asked.is_active,
        secrets=Secrets(token=asked.token or "", secret=asked.secret or "") if is_given else None,
    )


def _reply(session: Session, item: SourceItem) -> ItemReply:
    return _item(item, session.get_one(Source, item.source_id))


def _item(item: SourceItem, source: Source) -> ItemReply:
    return ItemReply(
        id=row_id(item.id),
        source=source.slug,
        item=item.item,
        revision=item.revision,
        state=item.state,
        urgency=item.urgency,
        title=item.title,
        text=item.text,
        zones=item.zones,
        received_at=item.received_at,
        expires_at=item.expires_at,
        reason=item.reason,
        bulletin=item.bulletin_id,
        broadcast=item.broadcast_id,
        order=item.order,
    )


def _source(session: Session, source: Source) -> SourceReply:
    names = {user.id: user.username for user in list_users(session)}
    return SourceReply(
        slug=source.slug,
        name=source.name,
        kind=source.kind,
        address=source.address,
        officer=names[source.officer_id],
        leader=names[source.leader_id],
        every_s=source.every_s,
        programme=source.programme_id,
        needs_approval=source.needs_approval,
        follows_inner=source.follows_inner,
        is_active=source.is_active,
        asked_at=source.asked_at,
        answered_at=source.answered_at,
        error=source.error,
    )
