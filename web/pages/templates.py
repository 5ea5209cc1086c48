"""Templates of bulletins: the list, one to be filled in, and one to be changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol

from fastapi import APIRouter, Depends, Path, Response

from broadcast.errors import BroadcastError, InvalidInput
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
from broadcast.templates_slots import Slot, SlotKind
from players.messages import Urgency
from web.deps import Door, Fields, PostedForm, allowed
from web.errors import Refusal, refusal_of
from web.templating import Page
from web.typed_days import MAX_ID, parse_whole

router = APIRouter(include_in_schema=False)
Writer = Annotated[Door, Depends(allowed(Action.WRITE_BULLETIN))]
TemplateId = Annotated[int, Path(ge=1, le=MAX_ID)]
_INPUTS: Mapping[SlotKind, str] = {SlotKind.TIME: "time", SlotKind.DATE: "date"}
"""What a browser has a field of its own for; the others are text."""


class TemplateRow(Protocol):
    """A template as the list shows it."""

    id: int | None
    name: str
    urgency: Urgency


@dataclass(frozen=True)
class SlotField:
    """A slot with what was typed into it."""

    slot: Slot
    typed: str
    input: str


@dataclass(frozen=True, kw_only=True)
class TemplatesPage(Page):
    """All of them."""

    template: ClassVar[str] = "templates.html"
    templates: Sequence[TemplateRow]


@dataclass(frozen=True, kw_only=True)
class FillPage(Page):
    """One, to be filled in."""

    template: ClassVar[str] = "template_fill.html"
    template_id: int
    name: str
    script: str
    fields: Sequence[SlotField]
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class TemplatePage(Page):
    """One, to be changed, or a new one."""

    template: ClassVar[str] = "template.html"
    template_id: int = 0
    revision: int = 0
    name: str = ""
    title: str = ""
    script: str = ""
    urgency: str = Urgency.NORMAL.value
    kinds: Sequence[str] = tuple(SlotKind)
    problem: Refusal | None = None


@router.get("/mau-tin")
def show_templates(door: Writer) -> Response:
    """The list."""
    with door.read() as session:
        return door.show(TemplatesPage(templates=list_templates(session)))


@router.get("/mau-tin/moi")
def new_template(door: Writer) -> Response:
    """An empty form."""
    return door.show(TemplatePage())


@router.post("/mau-tin/moi")
def keep_new(form: PostedForm, door: Writer) -> Response:
    """Add a template."""
    try:
        draft = _draft_in(form)
        with door.work() as session:
            add_template(session, draft, door.user, door.now)
    except BroadcastError as error:
        return _show_typed(door, form, 0, refusal_of(error))
    return door.go("/mau-tin", "da-luu-mau-tin")


@router.get("/mau-tin/{template_id}")
def open_template(template_id: TemplateId, door: Writer) -> Response:
    """One, to be filled in."""
    return _show_fields(door, template_id, {})


@router.post("/mau-tin/{template_id}")
def fill_template(template_id: TemplateId, form: PostedForm, door: Writer) -> Response:
    """Make a draft of it, and go on in the form of bulletins."""
    with door.read() as session:
        slots = slots_of(get_template(session, template_id))
    values = {slot.name: form.text(f"slot-{number}") for number, slot in enumerate(slots, 1)}
    try:
        with door.work() as session:
            bulletin_id = draft_from_template(session, template_id, values, door.user, door.now).id
    except InvalidInput as error:
        return _show_fields(door, template_id, values, refusal_of(error))
    return door.go(f"/soan/{bulletin_id}", "da-dien-mau")


@router.get("/mau-tin/{template_id}/sua")
def change_template(template_id: TemplateId, door: Writer) -> Response:
    """One, to be changed."""
    with door.read() as session:
        return door.show(_page_of(get_template(session, template_id)))


@router.post("/mau-tin/{template_id}/sua")
def keep_changed(template_id: TemplateId, form: PostedForm, door: Writer) -> Response:
    """Keep the changed one, or remove it."""
    if form.text("act") == "remove":
        with door.work() as session:
            remove_template(session, template_id, door.user, door.now)
        return door.go("/mau-tin", "da-bo-mau-tin")
    try:
        revision, draft = parse_whole(form.text("revision"), "revision"), _draft_in(form)
        with door.work() as session:
            edit_template(session, template_id, revision, draft, door.user, door.now)
    except BroadcastError as error:
        refusal = refusal_of(error)
        if refusal.status == 404:
            raise
        return _show_typed(door, form, template_id, refusal)
    return door.go("/mau-tin", "da-luu-mau-tin")


def _draft_in(form: Fields) -> TemplateDraft:
    if form.text("urgency") not in {Urgency.NORMAL, Urgency.PRIORITY}:
        raise InvalidInput("unknown-urgency", "Mức độ không hợp lệ.", "urgency")
    return TemplateDraft(
        name=form.text("name"),
        title=form.text("title"),
        script=form.text("script"),
        urgency=Urgency(form.text("urgency")),
    )


def _page_of(template: BulletinTemplate) -> TemplatePage:
    return TemplatePage(
        template_id=row_id(template.id),
        revision=template.revision,
        name=template.name,
        title=template.title,
        script=template.script,
        urgency=template.urgency.value,
    )


def _show_typed(door: Door, form: Fields, template_id: int, problem: Refusal) -> Response:
    page = TemplatePage(
        template_id=template_id,
        revision=int(form.text("revision")) if form.text("revision").isdecimal() else 0,
        name=form.text("name"),
        title=form.text("title"),
        script=form.text("script"),
        urgency=form.text("urgency"),
        problem=problem,
    )
    return door.show(page, problem.status)


def _show_fields(door: Door, template_id: int, typed: Mapping[str, str], problem: Refusal | None = None) -> Response:
    with door.read() as session:
        template = get_template(session, template_id)
        page = FillPage(
            template_id=template_id,
            name=template.name,
            script=template.script,
            fields=[
                SlotField(slot, typed.get(slot.name, ""), _INPUTS.get(slot.kind, "text")) for slot in slots_of(template)
            ],
            problem=problem,
        )
    return door.show(page, problem.status if problem else 200)
