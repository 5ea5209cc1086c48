"""The audit log: who did what, looked through by person, act, subject and days; and whether its chain holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response

from broadcast.audit import Sought, entries_before, entries_sought, first_broken, words_of
from broadcast.errors import InvalidInput
from broadcast.models import AuditEntry
from broadcast.permissions import Action
from web.deps import Door, allowed
from web.errors import Refusal, refusal_of
from web.pages.as_run import bounds_of
from web.templating import Page
from web.typed_days import MAX_ID, parse_day

router = APIRouter(include_in_schema=False)
Reader = Annotated[Door, Depends(allowed(Action.READ_AUDIT))]
SHOWN = 100
Word = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, kw_only=True)
class AuditPage(Page):
    """Entries, the latest first; after a check, whether the chain holds and its last digest."""

    template: ClassVar[str] = "audit_log.html"
    entries: Sequence[AuditEntry]
    actors: Sequence[str]
    actions: Sequence[str]
    asked: dict[str, str]
    older: str
    """The address of what came before; empty when there is no more."""
    is_checked: bool
    broken: int | None
    digest: str
    problem: Refusal | None = None


@router.get("/nhat-ky-he-thong")
def show_audit(
    door: Reader,
    nguoi: Word = "",
    viec: Word = "",
    ve: Word = "",
    tu: Word = "",
    den: Word = "",
    truoc: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    kiem: Word = "",
) -> Response:
    """The page."""
    asked = {"nguoi": nguoi, "viec": viec, "ve": ve, "tu": tu, "den": den}
    problem = None
    try:
        since = bounds_of(parse_day(tu, "tu"), door.zone)[0] if tu else None
        until = bounds_of(parse_day(den, "den"), door.zone)[1] if den else None
    except InvalidInput as error:
        problem, since, until = refusal_of(error), None, None
    except OverflowError:  # the first and the last day that there are have no neighbours
        problem, since, until = Refusal(422, "unknown-day", "Không có ngày này.", "tu"), None, None
    with door.read() as session:
        entries = entries_sought(session, Sought(nguoi, viec, ve.strip(), since, until), truoc, SHOWN)
        actors, actions = words_of(session)
        broken = first_broken(session) if kiem else None
        last = entries_before(session, None, 1)
    given = {name: value for name, value in asked.items() if value}
    page = AuditPage(
        entries=entries,
        actors=actors,
        actions=actions,
        asked=asked,
        older=urlencode(given | {"truoc": str(entries[-1].id)}) if len(entries) == SHOWN else "",
        is_checked=bool(kiem),
        broken=broken,
        digest=last[0].digest if last else "",
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)
