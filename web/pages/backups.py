"""Backup now, take it home, and how to restore: for the administrator alone, because a backup holds the keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response
from starlette.responses import FileResponse

from broadcast.audit import record
from broadcast.errors import Conflict
from broadcast.permissions import Action
from web.backup_shelf import KEPT, Kept
from web.deps import Door, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page

router = APIRouter(prefix="/sao-luu", include_in_schema=False)
_NOT_UNDERSTOOD = Refusal(422, "not-understood", "Hãy đánh dấu là bạn biết bản sao lưu chứa khóa của xã.", "understood")
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_USERS))]


@dataclass(frozen=True, kw_only=True)
class BackupsPage(Page):
    """What is on the shelf."""

    template: ClassVar[str] = "backups.html"
    kept: Sequence[Kept]
    most: int = KEPT
    problem: Refusal | None = None


@router.get("")
def show_backups(door: Administrator) -> Response:
    """The page."""
    return door.show(BackupsPage(kept=door.station.backups.list()))


@router.post("")
def back_up(form: PostedForm, door: Administrator) -> Response:
    """Make a backup now."""
    if not form.text("understood"):
        return _refused(door, _NOT_UNDERSTOOD)
    try:
        kept = door.station.backups.make(door.now, with_clips=bool(form.text("clips")))
        with door.work() as session:
            record(session, door.now, door.user.username, "make-backup", kept.name, {"bytes": kept.size_bytes})
    except Conflict as error:
        return _refused(door, refusal_of(error))
    return door.go("/sao-luu", "da-sao-luu")


@router.get("/{name}")
def send_backup(name: str, door: Administrator) -> Response:
    """A backup; who took it is in the audit log."""
    path = door.station.backups.path_of(name)
    with door.work() as session:
        record(session, door.now, door.user.username, "download-backup", name)
    return FileResponse(path, media_type="application/gzip", filename=name)


def _refused(door: Door, problem: Refusal) -> Response:
    return door.show(BackupsPage(kept=door.station.backups.list(), problem=problem), problem.status)
