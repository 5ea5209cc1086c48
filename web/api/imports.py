"""Documents, scans and photos that become drafts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from broadcast.imports import get_import, waiting_before
from broadcast.models import DocumentImport
from web.api.forms import file_form
from web.api.schemas import ImportProblem, ImportReply, SetAsideReply, WarnedReply
from web.deps import Door, scoped
from web.errors import answers
from web.paper import take_document

router = APIRouter(prefix="/api/imports", tags=["imports"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]
_FORM = file_form()


@router.post("", status_code=202, responses=answers(401, 403, 408, 413, 422, 503), openapi_extra=_FORM)
async def send(request: Request, response: Response, door: Writer) -> ImportReply:
    """Send a .docx, .doc, .odt, .pdf, .jpg, .png or .heic; it is read in the background and becomes a draft."""
    document = await take_document(request, door)
    response.headers["location"] = f"/api/imports/{document.id}"
    return reply_of(document, 0)


@router.get("/{import_id}", responses=answers(401, 403, 404, 422))
def read_import(import_id: str, door: Reader) -> ImportReply:
    """How far it is, and what was read in it."""
    with door.read() as session:
        document = get_import(session, import_id, door.user)
        return reply_of(document, waiting_before(session, document))


def reply_of(document: DocumentImport, before: int) -> ImportReply:
    """A document as the API says it."""
    problem = (
        ImportProblem(code=document.error_code, message=document.error_message or "") if document.error_code else None
    )
    return ImportReply(
        id=document.id,
        file_name=document.file_name,
        state=document.state,
        waiting_before=before,
        page=document.page,
        pages=document.pages,
        bulletin=document.bulletin_id,
        text=document.text,
        set_aside=[SetAsideReply(**part) for part in document.set_aside],
        warnings=[WarnedReply(**warned) for warned in document.warnings],
        problem=problem,
    )
