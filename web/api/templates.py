"""Templates of bulletins."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from broadcast.models import BulletinTemplate, row_id
from broadcast.permissions import Action
from broadcast.templates import (
    TemplateDraft,
    add_template,
    draft_from_template,
    edit_template,
    get_template,
    list_templates,
    remove_template,
    slots_of,
)
from broadcast.templates_slots import MAX_SLOTS, MAX_TEXT, SlotKind
from broadcast.typed_text import MAX_SCRIPT, MAX_TITLE
from players.messages import Urgency
from web.api.bulletins import reply_of
from web.api.schemas import BulletinReply, Sent
from web.api.timetable_schemas import Id
from web.deps import Door, allowed_to, scoped
from web.errors import answers
from web.typed_days import MAX_ID

router = APIRouter(prefix="/api/templates", tags=["bulletins"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(allowed_to(Action.WRITE_BULLETIN))]
TemplateId = Annotated[int, Path(ge=1, le=MAX_ID)]
ERRORS = answers(401, 403, 404, 409, 413, 422)


class TemplateRequest(Sent):
    """A template as it is to be; slots are written `{tên ô: loại}`."""

    name: str = Field(max_length=400)
    title: str = Field(max_length=4 * MAX_TITLE)
    script: str = Field(max_length=4 * MAX_SCRIPT)
    urgency: Literal["normal", "priority"] = "normal"


class TemplateChangeRequest(TemplateRequest):
    """A template as it is to be from now on, and the revision that was read."""

    revision: Id


class FillRequest(Sent):
    """What is typed into the slots, by their names."""

    values: dict[str, Annotated[str, Field(max_length=4 * MAX_TEXT)]] = Field(max_length=MAX_SLOTS)


class SlotReply(BaseModel):
    """A slot: what it is called, what may be typed, and whether it may stay empty."""

    name: str
    kind: SlotKind
    is_optional: bool


class TemplateReply(BaseModel):
    """A template and its slots in order."""

    id: int
    revision: int
    name: str
    title: str
    script: str
    urgency: Urgency
    slots: list[SlotReply]


class TemplatesReply(BaseModel):
    """Templates by name."""

    templates: list[TemplateReply]


@router.get("", responses=answers(401, 403))
def read_templates(door: Reader) -> TemplatesReply:
    """All of them."""
    with door.read() as session:
        return TemplatesReply(templates=[_reply(one) for one in list_templates(session)])


@router.post("", status_code=201, responses=answers(401, 403, 409, 413, 422))
def add(asked: TemplateRequest, door: Writer) -> TemplateReply:
    """Add one."""
    with door.work() as session:
        return _reply(add_template(session, _draft(asked), door.user, door.now))


@router.get("/{template_id}", responses=answers(401, 403, 404, 422))
def read_template(template_id: TemplateId, door: Reader) -> TemplateReply:
    """One of them."""
    with door.read() as session:
        return _reply(get_template(session, template_id))


@router.put("/{template_id}", responses=ERRORS)
def change(template_id: TemplateId, asked: TemplateChangeRequest, door: Writer) -> TemplateReply:
    """Change one that is still at the revision that was read."""
    with door.work() as session:
        return _reply(edit_template(session, template_id, asked.revision, _draft(asked), door.user, door.now))


@router.delete("/{template_id}", status_code=204, responses=answers(401, 403, 404, 409, 422))
def remove(template_id: TemplateId, door: Writer) -> Response:
    """Offer one no more."""
    with door.work() as session:
        remove_template(session, template_id, door.user, door.now)
    return Response(status_code=204)


@router.post("/{template_id}/bulletins", status_code=201, responses=ERRORS)
def fill(template_id: TemplateId, asked: FillRequest, door: Writer) -> BulletinReply:
    """Make a draft of one: villages and time are still to be chosen."""
    with door.work() as session:
        bulletin = draft_from_template(session, template_id, asked.values, door.user, door.now)
        return reply_of(session, bulletin)


def _draft(asked: TemplateRequest) -> TemplateDraft:
    return TemplateDraft(name=asked.name, title=asked.title, script=asked.script, urgency=Urgency(asked.urgency))


def _reply(template: BulletinTemplate) -> TemplateReply:
    return TemplateReply(
        id=row_id(template.id),
        revision=template.revision,
        name=template.name,
        title=template.title,
        script=template.script,
        urgency=template.urgency,
        slots=[SlotReply(name=slot.name, kind=slot.kind, is_optional=slot.is_optional) for slot in slots_of(template)],
    )
