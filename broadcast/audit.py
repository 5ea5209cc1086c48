"""The audit log: who did what. It only grows, and each entry's digest covers the one before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from broadcast.models import AuditEntry

_FIRST = "0" * 64


def record(
    session: Session, at: datetime, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Append an entry.

    Args:
        session: a writing session: the chain has one writer at a time.
        at: when it was done.
        actor: a username, or "loalang" for what the server does by itself.
        action: an English verb with its object, e.g. "approve-bulletin".
        subject: the id of what it was done to.
        detail: what else is to be remembered; JSON.
    """
    last = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).first()
    entry = AuditEntry(at=at, actor=actor, action=action, subject=subject, detail=dict(detail or {}), digest="")
    entry.digest = compute_digest(last.digest if last else _FIRST, entry)
    session.add(entry)
    session.flush()
    return entry


def compute_digest(previous: str, entry: AuditEntry) -> str:
    """SHA-256, in hexadecimal, of the digest before and all that the entry says."""
    at = entry.at.astimezone(UTC).isoformat()
    said = json.dumps(
        [previous, at, entry.actor, entry.action, entry.subject, entry.detail], ensure_ascii=False, sort_keys=True
    )
    return hashlib.sha256(said.encode()).hexdigest()


def first_broken(session: Session) -> int | None:
    """The id of the first entry whose digest does not follow from the one before; none when the chain holds."""
    previous = _FIRST
    for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.id))):
        if entry.digest != compute_digest(previous, entry):
            return entry.id
        previous = entry.digest
    return None


@dataclass(frozen=True, slots=True)
class Sought:
    """What of the log is looked for; empty: all of it."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


def entries_sought(session: Session, sought: Sought, before: int | None, most: int) -> list[AuditEntry]:
    """At most so many entries that fit, before one or the last ones; the latest first."""
    query = select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(most)
    for name in ("actor", "action", "subject"):
        if wanted := getattr(sought, name):
            query = query.where(getattr(AuditEntry, name) == wanted)
    if sought.since is not None:
        query = query.where(col(AuditEntry.at) >= sought.since)
    if sought.until is not None:
        query = query.where(col(AuditEntry.at) < sought.until)
    return list(session.exec(query if before is None else query.where(col(AuditEntry.id) < before)))


def words_of(session: Session) -> tuple[list[str], list[str]]:
    """Who has done something, and what has been done, by name."""
    actors = session.exec(select(AuditEntry.actor).distinct().order_by(col(AuditEntry.actor)))
    actions = session.exec(select(AuditEntry.action).distinct().order_by(col(AuditEntry.action)))
    return list(actors), list(actions)


def entries_before(session: Session, entry_id: int | None, most: int) -> list[AuditEntry]:
    """At most so many entries before one, or the last ones; the latest first."""
    query = select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(most)
    return list(session.exec(query if entry_id is None else query.where(col(AuditEntry.id) < entry_id)))
