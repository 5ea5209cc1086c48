"""The bulletins: the list, one of them, and the leader's decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response
from sqlmodel import Session, col

from broadcast.approval import approvers_of
from broadcast.bulletin_parts import parts_of_bulletin, said_of
from broadcast.bulletins import (
    approve_bulletin,
    get_bulletin,
    list_bulletins,
    may_withdraw,
    return_bulletin,
    submit_bulletin,
    withdraw_bulletin,
)
from broadcast.delegations import Deputy, deputies
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.inbox import source_of_bulletin
from broadcast.lexicon import words_since
from broadcast.lifecycle import may_move
from broadcast.models import Bulletin, BulletinState, LexiconEntry, Placement, row_id
from broadcast.permissions import Action, may
from broadcast.placements import load_placings
from broadcast.reach import reach_of
from broadcast.users import list_users
from broadcast.views import BroadcastRow, BulletinCard, broadcasts_of_bulletin, bulletin_card, bulletin_cards
from web.deps import Door, Fields, PostedForm, approves_bulletins, reads_bulletins
from web.errors import Refusal, refusal_of
from web.pages.compose import ReadingFragment, read_script
from web.pages.listen import ListenFragment, Sound, hear
from web.pages.placements import PlacementRow, placement_rows
from web.part_list import ShownPart, shown
from web.reading import Reading
from web.teaching import Taught, is_teaching, teach
from web.templating import Page

router = APIRouter(include_in_schema=False)
NEW_FOR = timedelta(days=7)
SHOWN_WORDS = 20
Reader = Annotated[Door, Depends(reads_bulletins)]
Decider = Annotated[Door, Depends(approves_bulletins)]


@dataclass(frozen=True, kw_only=True)
class BulletinsPage(Page):
    """The bulletins this user may see, the last edited first."""

    template: ClassVar[str] = "bulletins.html"
    bulletins: Sequence[BulletinCard]


@dataclass(frozen=True, kw_only=True)
class ApprovalsPage(Page):
    """What waits for a leader, and which words are said otherwise since a week: they too decide what is heard."""

    template: ClassVar[str] = "approvals.html"
    bulletins: Sequence[BulletinCard]
    own: frozenset[str]
    """Those that this user wrote or changed: others decide."""
    beyond: Mapping[str, str]
    """By bulletin, the villages that would hear it too, without being meant."""
    standing_in: Sequence[Deputy]
    """For whom this user decides while they are away."""
    may_rule: bool
    new_words: Sequence[LexiconEntry]
    editors: dict[int | None, str]


@dataclass(frozen=True, kw_only=True)
class BulletinPage(Page):
    """A bulletin: how it will be read, where and when, what became of it, and what this user may do with it."""

    template: ClassVar[str] = "bulletin.html"
    card: BulletinCard
    parts: Sequence[ShownPart]
    reading: Reading | None
    broadcasts: Sequence[BroadcastRow]
    placements: Sequence[PlacementRow]
    may_decide: bool
    is_own: bool
    may_submit: bool
    may_edit: bool
    may_withdraw: bool
    approvers: Sequence[str]
    """Who could approve it: nobody who wrote or changed it."""
    source: str
    """From where outside the commune it came; empty for its own."""
    reason: str = ""
    taught: Taught | None = None
    sound: Sound | None = None
    problem: Refusal | None = None


@router.get("/ban-tin")
def show_bulletins(door: Reader) -> Response:
    """The list."""
    with door.read() as session:
        cards = bulletin_cards(session, list_bulletins(session, door.user))
    return door.show(BulletinsPage(bulletins=cards))


@router.get("/duyet")
def show_approvals(door: Decider) -> Response:
    """What waits, for the leader."""
    with door.read() as session:
        waiting = list_bulletins(session, door.user, BulletinState.SUBMITTED)
        waiting = [one for one in waiting if one.urgency in door.approves]
        cards = bulletin_cards(session, waiting)
        own = frozenset(one.id for one in waiting if door.user.id in {one.author_id, one.editor_id})
        beyond = _heard_beyond(session, cards, door.now.astimezone(door.zone).date())
        standing_in = [one for one in deputies(session, door.now, door.user) if one.deputy.id == door.user.id]
        new_words = words_since(session, door.now - NEW_FOR)[:SHOWN_WORDS]
        editors = {user.id: user.name for user in list_users(session)}
    return door.show(
        ApprovalsPage(
            bulletins=cards,
            own=own,
            beyond=beyond,
            standing_in=standing_in,
            may_rule=may(door.user, Action.EDIT_RULES),
            new_words=new_words,
            editors=editors,
        )
    )


@router.get("/ban-tin/{bulletin_id}")
def show_bulletin(bulletin_id: str, door: Reader) -> Response:
    """One of them."""
    return _show(door, bulletin_id)


@router.post("/ban-tin/{bulletin_id}/nghe")
def listen_bulletin(bulletin_id: str, door: Reader) -> Response:
    """Its sound, in the page."""
    return door.show(ListenFragment(sound=_hear(door, bulletin_id, plays=True)))


@router.post("/ban-tin/{bulletin_id}/luon-doc")
def teach_bulletin(bulletin_id: str, form: PostedForm, door: Reader) -> Response:
    """Keep the reading of a doubtful span for good, or let it be heard, in the page."""
    with door.read() as session:
        script = get_bulletin(session, bulletin_id, door.user).script
    taught = teach(door, form)
    return door.show(ReadingFragment(reading=read_script(door, script, door.request.url.path), taught=taught))


@router.post("/ban-tin/{bulletin_id}")
def act_on_bulletin(bulletin_id: str, form: PostedForm, door: Reader) -> Response:
    """Approve, return, submit, withdraw; or listen, without JavaScript."""
    act = form.text("act") or ("return" if form.text("why") else "")
    if is_teaching(form):
        with door.read() as session:
            get_bulletin(session, bulletin_id, door.user)
        return _show(door, bulletin_id, taught=teach(door, form))
    if act == "listen":
        return _show(door, bulletin_id, sound=_hear(door, bulletin_id))
    if act not in ACTS:
        raise Refusal(422, "unknown-act", "Không rõ phải làm gì với bản tin.", "act")
    try:
        with door.work() as session:
            notice = ACTS[act](session, bulletin_id, door, form)
    except BroadcastError as error:
        return _show(door, bulletin_id, reason=form.text("reason"), problem=refusal_of(error))
    door.station.nudge()
    return door.go("/duyet" if act in _DECISIONS else f"/ban-tin/{bulletin_id}", notice)


def _approve(session: Session, bulletin_id: str, door: Door, form: Fields) -> str:
    was_heard = bool(form.text("heard"))
    if form.text("act") == "approve" and not was_heard:
        raise InvalidInput(
            "not-heard", "Hãy nghe bản tin rồi đánh dấu “Tôi đã nghe”, hoặc duyệt mà chưa nghe.", "heard"
        )
    text = form.text("revision")
    revision = int(text) if text.isdecimal() else 0
    bulletin = approve_bulletin(session, bulletin_id, door.user, revision, door.now, was_heard=was_heard)
    if bulletin.airs_now:
        return "da-duyet-ngay"
    return "da-duyet" if bulletin.airs_at is not None else "da-duyet-chuong-trinh"


def _return(session: Session, bulletin_id: str, door: Door, form: Fields) -> str:
    return_bulletin(session, bulletin_id, door.user, form.text("reason") or form.text("why"), door.now)
    return "da-tra"


def _submit(session: Session, bulletin_id: str, door: Door, _form: Fields) -> str:
    submit_bulletin(session, bulletin_id, door.user, door.now)
    return "da-gui"


def _withdraw(session: Session, bulletin_id: str, door: Door, _form: Fields) -> str:
    withdraw_bulletin(session, bulletin_id, door.user, door.now)
    return "da-rut"


ACTS: dict[str, Callable[[Session, str, Door, Fields], str]] = {
    "approve": _approve,
    "approve-unheard": _approve,
    "return": _return,
    "submit": _submit,
    "withdraw": _withdraw,
}
"""What is done; each gives what may be said of it, a key of `NOTICES`."""
_DECISIONS = frozenset({"approve", "approve-unheard", "return"})


def _hear(door: Door, bulletin_id: str, *, plays: bool = False) -> Sound:
    with door.read() as session:
        bulletin = get_bulletin(session, bulletin_id, door.user)
        said = said_of(session, bulletin)
    is_alone = bulletin.airs_now or bulletin.airs_at is not None
    try:
        return hear(
            door,
            said,
            bulletin.urgency,
            is_alone=is_alone,
            is_read_twice=bulletin.is_read_twice,
            plays=plays,
        )
    except (BroadcastError, Refusal) as error:
        return Sound(problem=error.message)


def _show(
    door: Door,
    bulletin_id: str,
    *,
    reason: str = "",
    taught: Taught | None = None,
    sound: Sound | None = None,
    problem: Refusal | None = None,
) -> Response:
    with door.read() as session:
        bulletin = get_bulletin(session, bulletin_id, door.user)
        page = BulletinPage(
            card=bulletin_card(session, bulletin),
            parts=shown(parts_of_bulletin(session, bulletin)),
            reading=read_script(door, bulletin.script, f"/ban-tin/{bulletin_id}/luon-doc"),
            taught=taught,
            broadcasts=broadcasts_of_bulletin(session, bulletin_id),
            placements=placement_rows(session, bulletin, door.now.astimezone(door.zone).date()),
            reason=reason,
            sound=sound,
            problem=problem,
            source=_source(session, bulletin_id),
            approvers=approvers_of(session, bulletin.urgency, door.now, {bulletin.author_id, bulletin.editor_id}),
            **_possible(session, door, bulletin),
        )
    return door.show(page, problem.status if problem else 200)


def _heard_beyond(session: Session, cards: Sequence[BulletinCard], today: date) -> dict[str, str]:
    placings = load_placings(session, today, col(Placement.bulletin_id).in_([card.id for card in cards]))
    reach = reach_of(session, placings, today)
    found: dict[str, dict[str, None]] = {}
    for one in placings:
        found.setdefault(one.bulletin.id, {}).update(dict.fromkeys(reach[row_id(one.placement.id)].beyond))
    return {id_: ", ".join(names) for id_, names in found.items() if names}


def _source(session: Session, bulletin_id: str) -> str:
    found = source_of_bulletin(session, bulletin_id)
    return "" if found is None else f"{found[1].name} ({found[0].item}, lần {found[0].revision})"


def _possible(session: Session, door: Door, bulletin: Bulletin) -> dict[str, bool]:
    """Which buttons are worth showing; the house decides again when one is pressed."""
    user, state = door.user, bulletin.state
    writes = may(user, Action.WRITE_BULLETIN)
    withdraws = may_withdraw(session, bulletin, user, door.now)
    return {
        "may_decide": bulletin.urgency in door.approves and state is BulletinState.SUBMITTED,
        "is_own": user.id in {bulletin.author_id, bulletin.editor_id},
        "may_submit": writes and state in {BulletinState.DRAFT, BulletinState.RETURNED},
        "may_edit": writes and state is not BulletinState.WITHDRAWN,
        "may_withdraw": withdraws and may_move(state, BulletinState.WITHDRAWN),
    }
