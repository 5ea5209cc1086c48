"""Whom a village calls by telephone when no horn of it can be reached."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, delete, select

from broadcast.audit import record
from broadcast.errors import InvalidInput
from broadcast.models import PhoneContact, User, row_id
from broadcast.permissions import Action, require
from broadcast.typed_text import clean_line, clean_text
from broadcast.zones import zones_by_slug

MAX_CONTACTS = 40
_NUMBER = re.compile(r"\+?\d{3,15}")
_MAX_TYPED = 8_000


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call; `number` is digits, perhaps with a leading plus."""

    name: str
    duty: str
    number: str


def contacts_of(session: Session, zone_ids: Sequence[int]) -> dict[int, list[Contact]]:
    """The phone trees of these villages by their key, each in the order of calling; empty ones are left out."""
    query = select(PhoneContact).where(col(PhoneContact.zone_id).in_(zone_ids))
    found: dict[int, list[Contact]] = {}
    for row in session.exec(query.order_by(col(PhoneContact.zone_id), col(PhoneContact.position))):
        found.setdefault(row.zone_id, []).append(Contact(row.name, row.duty, row.number))
    return found


def numbers_of(session: Session, names: Collection[str]) -> dict[str, str]:
    """The telephone numbers of people by name, of those whom some village's phone tree lists by that name."""
    listed = session.exec(select(PhoneContact.name, PhoneContact.number)).all()
    known = {name.casefold(): number for name, number in listed}
    return {name: known[name.casefold()] for name in names if name.casefold() in known}


def set_contacts(session: Session, user: User, zone: str, typed: str, now: datetime) -> list[Contact]:
    """Write a village's phone tree anew, from lines as `parse_contacts` reads them.

    Raises:
        NotAllowed: the user may not.
        InvalidInput: there is no such village, or a line cannot be read.
    """
    require(user, Action.EDIT_PREPARED)
    found = zones_by_slug(session, [zone], field="zone")[0]
    contacts = parse_contacts(typed)
    zone_id = row_id(found.id)
    session.exec(delete(PhoneContact).where(col(PhoneContact.zone_id) == zone_id))
    session.add_all(
        PhoneContact(zone_id=zone_id, position=position, name=one.name, duty=one.duty, number=one.number)
        for position, one in enumerate(contacts)
    )
    session.flush()
    record(session, now, user.username, "set-phone-tree", zone, {"contacts": len(contacts)})
    return contacts


def parse_contacts(typed: str) -> list[Contact]:
    """One person a line: name, duty (may be left out) and number, apart by commas. Nothing typed is nobody.

    Raises:
        InvalidInput: a line has no name or no telephone number, or there are more than `MAX_CONTACTS`.
    """
    if not typed.strip():
        return []
    lines = [line for line in clean_text(typed, "contacts", max_chars=_MAX_TYPED).split("\n") if line.strip()]
    if len(lines) > MAX_CONTACTS:
        raise InvalidInput("too-many-contacts", f"Nhiều nhất {MAX_CONTACTS} người cho một thôn.", "contacts")
    return [_contact(line, number) for number, line in enumerate(lines, 1)]


def say_contacts(contacts: Sequence[Contact]) -> str:
    """The lines again, as they are typed."""
    return "\n".join(", ".join(filter(None, (one.name, one.duty, one.number))) for one in contacts)


def _contact(line: str, number: int) -> Contact:
    fields = [field.strip() for field in line.split(",")]
    telephone = re.sub(r"[\s.()-]", "", fields[-1])
    if len(fields) < 2 or not fields[0] or not _NUMBER.fullmatch(telephone):
        said = f"Dòng {number} chưa đúng. Hãy viết: họ tên, việc phụ trách, số điện thoại."
        raise InvalidInput("bad-contact", said, "contacts")
    duty = ", ".join(fields[1:-1])
    return Contact(clean_line(fields[0], "contacts"), clean_line(duty, "contacts") if duty else "", telephone)
