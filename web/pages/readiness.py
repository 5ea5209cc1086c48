"""The silent drill: how soon each pole would speak, who is too slow, who did not answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.models import ReadinessDrill
from broadcast.permissions import Action, may
from broadcast.readiness import (
    PoleReadiness,
    Verdict,
    ask_for_drill,
    latest_drill,
    open_drill,
    readiness_of_poles,
)
from web.deps import Door, SignedIn, allowed
from web.fragments import EVERYTHING, scope_of
from web.templating import Page

router = APIRouter(prefix="/san-sang", include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_NODES))]
REFRESH_S = 3
_WORDS = {
    Verdict.READY: ("Sẵn sàng", "good"),
    Verdict.SLOW: ("Chậm", "warn"),
    Verdict.FAILED: ("Không phát được", "bad"),
    Verdict.SILENT: ("Không trả lời", "bad"),
    Verdict.UNTRIED: ("Chưa diễn tập", "quiet"),
}
_WORST_FIRST = (Verdict.SILENT, Verdict.FAILED, Verdict.SLOW, Verdict.UNTRIED, Verdict.READY)


@dataclass(frozen=True, kw_only=True)
class ReadinessPage(Page):
    """What the drills say."""

    template: ClassVar[str] = "readiness.html"
    poles: Sequence[PoleReadiness]
    """The worst first."""
    words: dict[Verdict, tuple[str, str]]
    drill: ReadinessDrill | None
    is_going_on: bool
    ready: int
    may_drill: bool
    hour: str
    limit_ms: int


@router.get("")
def show_readiness(door: SignedIn) -> Response:
    """The page; while a drill goes on it comes again by itself."""
    limit_ms = door.station.settings.readiness.limit_ms
    with door.read() as session:
        scope = scope_of(session, door.user)
        poles = [
            pole for pole in readiness_of_poles(session, limit_ms) if scope == EVERYTHING or scope in pole.zone_slugs
        ]
        drill, going_on = latest_drill(session), open_drill(session, door.now)
    page = ReadinessPage(
        poles=sorted(poles, key=lambda pole: _WORST_FIRST.index(pole.verdict)),
        words=_WORDS,
        drill=drill,
        is_going_on=going_on is not None,
        ready=sum(pole.verdict is Verdict.READY for pole in poles),
        may_drill=may(door.user, Action.MANAGE_NODES),
        hour=f"{door.station.settings.readiness.at:%H:%M}",
        limit_ms=limit_ms,
    )
    return door.show(page, headers={"refresh": f"{REFRESH_S}; url=/san-sang"} if page.is_going_on else None)


@router.post("")
def drill(door: Administrator) -> Response:
    """Make a drill now; one that is under way is the same."""
    with door.work() as session:
        if open_drill(session, door.now) is None:
            ask_for_drill(session, door.now, door.user)
    door.station.drill_asked()
    return door.go("/san-sang", "da-dien-tap")
