"""Templates of bulletins: kept by the commune, filled by hand, and then a draft like any other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.bulletins import begin_draft
from broadcast.collation import vietnamese_key
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Bulletin, BulletinTemplate, User, row_id
from broadcast.permissions import Action, require
from broadcast.templates_seeded import seeded_templates
from broadcast.templates_slots import Slot, fill, said_values, slots_in
from broadcast.typed_text import MAX_SCRIPT, MAX_TITLE, clean_line, clean_text
from players.messages import Urgency

MAX_TEMPLATES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDraft:
    """All that can be said of a template."""

    name: str
    title: str
    script: str
    urgency: Urgency = Urgency.NORMAL


def seed_templates(session: Session, now: datetime) -> int:
    """Give the commune those templates of the house that it has never had; how many those were."""
    commune_id = row_id(get_commune(session).id)
    known = set(session.exec(select(BulletinTemplate.key)))
    missing = [seeded for seeded in seeded_templates() if seeded.key not in known]
    session.add_all(
        BulletinTemplate(
            commune_id=commune_id,
            key=seeded.key,
            name=seeded.name,
            title=seeded.title,
            script=seeded.script,
            urgency=seeded.urgency,
            edited_at=now,
        )
        for seeded in missing
    )
    session.flush()
    if missing:
        record(session, now, "loalang", "seed-templates", "templates", {"keys": [seeded.key for seeded in missing]})
    return len(missing)


def list_templates(session: Session) -> list[BulletinTemplate]:
    """All templates, by name."""
    found = session.exec(select(BulletinTemplate).where(col(BulletinTemplate.removed_at).is_(None))).all()
    return sorted(found, key=lambda one: (vietnamese_key(one.name), one.id))


def get_template(session: Session, template_id: int) -> BulletinTemplate:
    """A template.

    Raises:
        NotFound: there is none, or no more.
    """
    found = session.get(BulletinTemplate, template_id)
    if found is None or found.removed_at is not None:
        raise NotFound("no-template", "Không có mẫu tin này.")
    return found


def slots_of(template: BulletinTemplate) -> tuple[Slot, ...]:
    """What is to be filled in, in the order of the text; what only the title asks for comes last."""
    return slots_in(template.script, template.title)


def add_template(session: Session, draft: TemplateDraft, user: User, now: datetime) -> BulletinTemplate:
    """Add a template.

    Raises:
        NotAllowed: the user's role writes no bulletins.
        InvalidInput: a field or a slot cannot be used.
        Conflict: there are too many.
    """
    require(user, Action.WRITE_BULLETIN)
    if len(list_templates(session)) >= MAX_TEMPLATES:
        raise Conflict("too-many-templates", f"Đã có {MAX_TEMPLATES} mẫu tin. Hãy bỏ bớt mẫu không dùng.")
    template = BulletinTemplate(commune_id=user.commune_id, name="", title="", script="", edited_at=now)
    _take(session, template, draft, now)
    record(session, now, user.username, "add-template", str(template.id), {"name": template.name})
    return template


def edit_template(
    session: Session, template_id: int, revision: int, draft: TemplateDraft, user: User, now: datetime
) -> BulletinTemplate:
    """Change a template that is still as it was read; bulletins made from it stay as they are.

    Raises:
        NotFound, NotAllowed: there is none, or the user's role writes no bulletins.
        Conflict: somebody has changed it since that revision.
        InvalidInput: a field or a slot cannot be used.
    """
    require(user, Action.WRITE_BULLETIN)
    template = get_template(session, template_id)
    if template.revision != revision:
        raise Conflict("changed-meanwhile", "Người khác vừa sửa mẫu tin này. Hãy tải lại trang rồi sửa tiếp.")
    _take(session, template, draft, now)
    template.revision += 1
    session.add(template)
    session.flush()
    record(session, now, user.username, "edit-template", str(template_id), {"revision": template.revision})
    return template


def remove_template(session: Session, template_id: int, user: User, now: datetime) -> None:
    """Offer a template no more.

    Raises:
        NotFound, NotAllowed: there is none, or the user's role writes no bulletins.
    """
    require(user, Action.WRITE_BULLETIN)
    template = get_template(session, template_id)
    template.removed_at = now
    session.add(template)
    session.flush()
    record(session, now, user.username, "remove-template", str(template_id), {"name": template.name})


def draft_from_template(
    session: Session, template_id: int, values: Mapping[str, str], user: User, now: datetime
) -> Bulletin:
    """A new draft with the template's words, its slots filled; villages and time are chosen in the form.

    Args:
        session: a writing session.
        template_id: which one.
        values: what was typed, by the slot's name.
        user: its author.
        now: the present.

    Raises:
        NotFound, NotAllowed: there is no such template, or the user writes no bulletins.
        InvalidInput: a slot's value cannot be used (`field` is its name), or the whole is too long.
    """
    template = get_template(session, template_id)
    said = said_values(slots_of(template), values)
    title, script = fill(template.title, said), fill(template.script, said)
    if not title:  # its one line had an optional slot that was left empty
        title = template.name
    return begin_draft(session, user, " ".join(title.split())[:MAX_TITLE], script, now, urgency=template.urgency)


def _take(session: Session, template: BulletinTemplate, draft: TemplateDraft, now: datetime) -> None:
    if draft.urgency is Urgency.EMERGENCY:
        raise InvalidInput("not-an-emergency", "Mẫu tin khẩn cấp ở trang khẩn cấp.", "urgency")
    template.name = clean_line(draft.name, "name")
    template.title = clean_line(draft.title, "title", max_chars=MAX_TITLE)
    template.script = clean_text(draft.script, "script", max_chars=MAX_SCRIPT)
    slots_in(template.script, template.title)
    template.urgency, template.edited_at = draft.urgency, now
    session.add(template)
    session.flush()
