"""The commune's sources: set by the administrator. Their secrets are in files of mode 0600, never in the database."""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import CapOptions, Programme, Source, SourceKind, User, row_id
from broadcast.permissions import Action, may, require
from broadcast.sources import BulletinSource, SourceUnreachable
from broadcast.sources_folder import FolderSource
from broadcast.sources_http import HttpSource
from broadcast.typed_text import clean_line, clean_slug
from broadcast.users import get_user

MAX_SOURCES = 20
MAX_ADDRESS = 1_000
SHORTEST, LONGEST = timedelta(seconds=10), timedelta(days=1)
_MAX_SECRET = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What a source is asked with (`token`), and what its items are signed with (`secret`); either may be empty."""

    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDraft:
    """All that can be said of a source. `officer` and `leader` are usernames."""

    name: str
    kind: SourceKind
    address: str
    officer: str
    leader: str
    every_s: int = 60
    follows_inner: bool = False
    programme_id: int | None = None
    needs_approval: bool = True
    is_active: bool = True
    secrets: Secrets | None = None
    """None keeps what is there."""


class SecretFiles:
    """Keeps each source's secrets in a file of its own, readable by the server alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, slug: str) -> Secrets:
        """A source's secrets; none when nothing is kept.

        Raises:
            SourceUnreachable: the file cannot be read, or others can.
        """
        try:
            with self._path(slug).open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise SourceUnreachable(f"Tệp bí mật {slug}.json cho người khác đọc được: hãy đặt quyền 0600.")
                kept = json.load(file)
                return Secrets(token=str(kept["token"]), secret=str(kept["secret"]))
        except FileNotFoundError:
            return Secrets()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceUnreachable(f"Không đọc được tệp bí mật {slug}.json.") from error

    def store(self, slug: str, secrets: Secrets) -> None:
        """Keep a source's secrets in place of what was there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path(slug).with_suffix(".new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(secrets), file)
        draft.replace(self._path(slug))

    def _path(self, slug: str) -> Path:
        return self._folder / f"{slug}.json"


def open_source(source: Source, secrets: Secrets) -> BulletinSource:
    """A source of items in our own format, to be read. Of CAP messages: `broadcast.cap.desk`."""
    if source.kind is SourceKind.FOLDER:
        return FolderSource(Path(source.address), secrets.secret)
    return HttpSource(source.address, secrets.token, secrets.secret, source.follows_inner)


def list_sources(session: Session) -> list[Source]:
    """All sources, by name."""
    return list(session.exec(select(Source).order_by(col(Source.name), col(Source.id))))


def get_source(session: Session, slug: str) -> Source:
    """A source.

    Raises:
        NotFound: there is none.
    """
    source = session.exec(select(Source).where(Source.slug == slug)).first()
    if source is None:
        raise NotFound("no-source", "Không có nguồn tin này.")
    return source


def add_source(
    session: Session, slug: str, draft: SourceDraft, files: SecretFiles, user: User, now: datetime
) -> Source:
    """Add a source.

    Raises:
        NotAllowed: the user does not manage sources.
        Conflict: the slug is taken, or there are too many.
        InvalidInput: a field cannot be used.
    """
    require(user, Action.MANAGE_SOURCES)
    slug = clean_slug(slug, "slug")
    known = list_sources(session)
    if any(one.slug == slug for one in known):
        raise Conflict("source-exists", f"Đã có nguồn tin «{slug}».")
    if len(known) >= MAX_SOURCES:
        raise Conflict("too-many-sources", f"Đã có {MAX_SOURCES} nguồn tin.")
    source = Source(
        commune_id=user.commune_id,
        slug=slug,
        name="",
        kind=draft.kind,
        address="",
        every_s=0,
        officer_id=0,
        leader_id=0,
    )
    return _take(session, source, draft, files, user, now, "add-source")


def edit_source(
    session: Session, slug: str, draft: SourceDraft, files: SecretFiles, user: User, now: datetime
) -> Source:
    """Change a source; what came from it stays as it is.

    Raises:
        NotFound, NotAllowed: there is none, or the user does not manage sources.
        InvalidInput: a field cannot be used.
    """
    require(user, Action.MANAGE_SOURCES)
    return _take(session, get_source(session, slug), draft, files, user, now, "edit-source")


def due_sources(session: Session, now: datetime) -> list[Source]:
    """The sources that are to be asked now."""
    query = select(Source).where(col(Source.is_active)).order_by(col(Source.id))
    return [one for one in session.exec(query) if _is_due(one, now)]


def _is_due(source: Source, now: datetime) -> bool:
    # Also when the clock was put back: nothing waits for an hour that comes again.
    return source.asked_at is None or not timedelta() <= now - source.asked_at < timedelta(seconds=source.every_s)


def _take(
    session: Session, source: Source, draft: SourceDraft, files: SecretFiles, user: User, now: datetime, action: str
) -> Source:
    secrets = draft.secrets
    if secrets is None:
        secrets = _kept(files, source.slug)
    source.name, source.kind = clean_line(draft.name, "name"), draft.kind
    source.address = _address(draft.kind, clean_line(draft.address, "address", max_chars=MAX_ADDRESS), secrets)
    source.every_s = _every(draft.every_s)
    source.officer_id = _person(session, draft.officer, Action.WRITE_BULLETIN, "officer")
    source.leader_id = _person(session, draft.leader, Action.RAISE_EMERGENCY, "leader")
    if draft.programme_id is not None and session.get(Programme, draft.programme_id) is None:
        raise InvalidInput("unknown-programme", "Không có chương trình này.", "programme")
    source.programme_id, source.needs_approval = draft.programme_id, draft.needs_approval
    source.follows_inner, source.is_active = draft.follows_inner, draft.is_active
    source.error = None
    if draft.secrets is not None:
        _check_secrets(draft.secrets)
        files.store(source.slug, draft.secrets)
    session.add(source)
    session.flush()
    if source.kind.is_cap and session.get(CapOptions, source.id) is None:
        session.add(CapOptions(source_id=row_id(source.id)))
    said = source.model_dump(
        mode="json", include={"name", "kind", "address", "every_s", "needs_approval", "programme_id", "is_active"}
    )
    record(session, now, user.username, action, source.slug, said | {"officer": draft.officer, "leader": draft.leader})
    return source


def _kept(files: SecretFiles, slug: str) -> Secrets:
    try:
        return files.load(slug)
    except SourceUnreachable as error:
        raise InvalidInput("secrets-unreadable", str(error), "secret") from error


def _address(kind: SourceKind, address: str, secrets: Secrets) -> str:
    if kind in {SourceKind.FOLDER, SourceKind.CAP_FOLDER}:
        path = Path(address)
        if not path.is_absolute() or ".." in path.parts or "\0" in address:
            raise InvalidInput("bad-folder", "Thư mục ghi bằng đường dẫn đầy đủ, như /srv/nguon-tin.", "address")
        return address
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
        is_usable = is_usable and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise InvalidInput(
            "bad-address", "Địa chỉ bắt đầu bằng https:// (hoặc http://), không kèm mật khẩu.", "address"
        )
    # A message in CAP is signed by itself, or put to a person (`broadcast.cap.taking`).
    if parts.scheme == "http" and kind is SourceKind.HTTP and not secrets.secret:
        said = "Địa chỉ http:// không chống được người nghe lén và giả mạo: hãy dùng https:// hoặc đặt khóa ký."
        raise InvalidInput("unsigned-http", said, "address")
    return address


def _every(every_s: int) -> int:
    if not SHORTEST.total_seconds() <= every_s <= LONGEST.total_seconds():
        raise InvalidInput("bad-interval", "Hỏi nguồn mỗi 10 giây đến 86.400 giây (một ngày).", "every_s")
    return every_s


def _person(session: Session, username: str, action: Action, field: str) -> int:
    try:
        person = get_user(session, username)
    except NotFound:
        person = None
    if person is None or not may(person, action) or person.zone_id is not None:
        raise InvalidInput("unknown-person", "Chọn một người trong danh sách.", field)
    return row_id(person.id)


def _check_secrets(secrets: Secrets) -> None:
    for name, secret in asdict(secrets).items():
        if len(secret) > _MAX_SECRET or not secret.isascii() or any(not sign.isprintable() for sign in secret):
            raise InvalidInput("bad-secret", "Chỉ dùng chữ không dấu, chữ số và ký hiệu, tối đa 500 ký tự.", name)
    if secrets.secret and len(secrets.secret) < 16:
        raise InvalidInput("short-secret", "Khóa ký cần ít nhất 16 ký tự.", "secret")
