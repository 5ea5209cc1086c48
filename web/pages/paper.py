"""A document on its way to becoming a draft: sent, read page by page, opened."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from broadcast.imports import get_import
from broadcast.models import DocumentImport, ImportState
from web.deps import CSRF_HEADER, Door, check_csrf
from web.errors import Refusal
from web.event_stream import event_stream
from web.live import Part
from web.pages.compose import Sheet, Writer, show_sheet
from web.paper import take_document
from web.templating import Page
from web.typed_bulletin import Typed

router = APIRouter(include_in_schema=False)
upload_router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class PaperPage(Page):
    """How far the reading is; a live part."""

    template: ClassVar[str] = "paper_progress.html"
    import_id: str
    file_name: str
    is_open: bool
    progress: Markup


@upload_router.post("/giay")
async def send(request: Request, door: Writer) -> Response:
    """Take a document; the page of its progress follows."""

    def check(fields: Mapping[str, str]) -> None:
        check_csrf(door, request.headers.get(CSRF_HEADER) or fields.get("csrf", ""))

    try:
        document = await take_document(request, door, check)
    except Refusal as refusal:
        if refusal.field is None:
            raise
        return await asyncio.to_thread(show_sheet, door, Sheet(Typed(), problem=refusal))
    return door.go(f"/giay/{document.id}")


@router.get("/giay/{import_id}")
def show_progress(import_id: str, request: Request, door: Writer) -> Response:
    """The page of its progress; once it is read, the draft."""
    document = _own(door, import_id)
    if document.state is ImportState.DONE:
        there = f"/soan/{document.bulletin_id}"
        return Response(status_code=204, headers={"hx-redirect": there}) if _is_htmx(request) else door.go(there)
    part = _part(door, import_id)
    page = PaperPage(
        import_id=import_id,
        file_name=document.file_name,
        is_open=document.state is not ImportState.FAILED,
        progress=Markup(door.station.render_parts([part]).get(part, "")),  # noqa: S704 - our own template
    )
    return door.show(page)


@router.get("/giay/{import_id}/truc-tiep")
async def follow_progress(import_id: str, door: Writer) -> Response:
    """Server-sent events: how far the reading is."""
    await asyncio.to_thread(_own, door, import_id)
    return event_stream(door, [_part(door, import_id)])


def _own(door: Door, import_id: str) -> DocumentImport:
    with door.read() as session:
        return get_import(session, import_id, door.user)


def _part(door: Door, import_id: str) -> Part:
    return Part("import", str(door.user.id), import_id)


def _is_htmx(request: Request) -> bool:
    return "hx-request" in request.headers
