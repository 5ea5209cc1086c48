"""Documents that become drafts, as pages and programs see them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from sqlmodel import Session

from broadcast.imports import TooManyWaiting, add_import, import_of_bulletin, parts_of
from broadcast.models import DocumentImport
from broadcast.permissions import Action, require
from tts.import_document import AsideKind, SetAside
from tts.import_document.restoring import bring_back, is_back, put_aside
from web.deps import Door
from web.errors import Refusal
from web.uploads import Upload, receive_upload

KIND: Mapping[AsideKind, str] = {
    AsideKind.MOTTO: "Quốc hiệu, tiêu ngữ",
    AsideKind.AGENCY: "Cơ quan ban hành",
    AsideKind.NUMBER: "Số, ký hiệu văn bản",
    AsideKind.PLACE_DATE: "Địa danh, ngày tháng",
    AsideKind.RECIPIENTS: "Nơi nhận",
    AsideKind.SIGNATURE: "Chữ ký, chức vụ",
    AsideKind.STAMP: "Dấu",
    AsideKind.PAGE_NUMBER: "Số trang",
    AsideKind.RUNNING: "Đầu trang, cuối trang",
    AsideKind.FOOTNOTE: "Chú thích cuối trang",
    AsideKind.OVERFLOW: "Phần vượt quá độ dài bản tin",
}
_BRING, _ASIDE = "bring:", "aside:"


@dataclass(frozen=True)
class PaperPart:
    """Something that was set aside. `act` is what its button sends."""

    kind: str
    text: str
    page: int
    is_back: bool
    act: str


@dataclass(frozen=True)
class Paper:
    """The document a bulletin came from, beside its text."""

    file_name: str
    parts: Sequence[PaperPart]
    warnings: Sequence[str]


def paper_of(session: Session, bulletin_id: str, script: str) -> Paper | None:
    """What was set aside when this bulletin was read from paper, and what of it stands in the text now."""
    document = import_of_bulletin(session, bulletin_id) if bulletin_id else None
    if document is None:
        return None
    parts = [_part_of(number, part, script) for number, part in enumerate(parts_of(document))]
    return Paper(document.file_name, parts, [warned["message"] for warned in document.warnings])


def _part_of(number: int, part: SetAside, script: str) -> PaperPart:
    stands = is_back(script, part)
    act = f"{_ASIDE if stands else _BRING}{number}"
    return PaperPart(KIND[part.kind], part.text, part.page, stands, act)


def is_turn(act: str) -> bool:
    """Whether a button of a part was pressed."""
    return act.startswith((_BRING, _ASIDE))


def turn(session: Session, bulletin_id: str, script: str, act: str) -> str:
    """The text with a part brought back, or put aside again; as it is when there is no such part."""
    document = import_of_bulletin(session, bulletin_id)
    number = act.removeprefix(_BRING).removeprefix(_ASIDE)
    parts = parts_of(document) if document else []
    if document is None or not number.isdecimal() or int(number) >= len(parts):
        return script
    if act.startswith(_ASIDE):
        return put_aside(script, parts[int(number)])
    return bring_back(script, document.text, parts, int(number))


async def take_document(
    request: Request, door: Door, check: Callable[[Mapping[str, str]], None] = lambda _: None
) -> DocumentImport:
    """Take the file of a form, and let it wait for being read.

    Raises:
        NotAllowed: the user does not write bulletins.
        Refusal: as `receive_upload` says, and 503 when as many wait as may.
    """
    require(door.user, Action.WRITE_BULLETIN)
    settings, room = door.station.settings, door.station.upload_room
    most = settings.paper.max_bytes
    upload = await receive_upload(request, settings.papers_dir, room=room, max_bytes=most, check=check)
    try:
        document = await asyncio.to_thread(_add, door, upload, settings.paper.max_waiting)
    except TooManyWaiting as error:
        upload.path.unlink(missing_ok=True)
        raise Refusal(503, error.code, error.message, "file", {"retry-after": "60"}) from error
    except BaseException:
        upload.path.unlink(missing_ok=True)
        raise
    door.station.imports.nudge()
    return document


def _add(door: Door, upload: Upload, max_waiting: int) -> DocumentImport:
    with door.work() as session:
        return add_import(
            session,
            door.user,
            file_name=upload.file_name,
            upload=upload.path.name,
            max_waiting=max_waiting,
            now=door.now,
        )
