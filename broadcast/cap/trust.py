"""How far a source of CAP messages is believed: its options, and the certificates that the administrator trusts."""

from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.cap.signature import fingerprint_of, pem_of, read_certificate
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import CapCertificate, CapOptions, Source, User, row_id
from broadcast.permissions import Action, require
from broadcast.sources_kept import get_source

MOST_CERTIFICATES = 10


def get_cap_source(session: Session, slug: str) -> tuple[Source, CapOptions]:
    """A source of CAP messages with its options.

    Raises:
        NotFound: there is none.
    """
    source = get_source(session, slug)
    if not source.kind.is_cap:
        raise NotFound("no-source", "Không có nguồn tin này.")
    return source, session.get_one(CapOptions, source.id)


def list_certificates(session: Session, source: Source) -> list[CapCertificate]:
    """The certificates that are trusted for a source, the first trusted first."""
    query = select(CapCertificate).where(CapCertificate.source_id == source.id)
    return list(session.exec(query.order_by(col(CapCertificate.id))))


def set_options(
    session: Session, slug: str, user: User, now: datetime, *, airs_at_once: bool, needs_signature: bool
) -> CapOptions:
    """Say how far a source is believed.

    Raises:
        NotFound, NotAllowed: there is none, or the user does not manage sources.
        InvalidInput: it would be aired without asking what anybody on the way could have written.
    """
    require(user, Action.MANAGE_SOURCES)
    source, options = get_cap_source(session, slug)
    if airs_at_once and not needs_signature and source.address.startswith("http://"):
        said = "Địa chỉ http:// không chống được giả mạo: muốn phát ngay thì bắt buộc chữ ký, hoặc dùng https://."
        raise InvalidInput("unsigned-http", said, "airs_at_once")
    options.airs_at_once, options.needs_signature = airs_at_once, needs_signature
    # What was refused before may be taken now.
    options.etag, options.modified, options.seen = "", "", []
    session.add(options)
    session.flush()
    said_now = {"airs_at_once": airs_at_once, "needs_signature": needs_signature}
    record(session, now, user.username, "set-cap-options", slug, said_now)
    return options


def trust_certificate(session: Session, slug: str, pem: str, user: User, now: datetime) -> CapCertificate:
    """Trust a certificate to sign a source's messages; the same one again changes nothing.

    Raises:
        NotFound, NotAllowed: there is no such source, or the user does not manage sources.
        InvalidInput: it is no certificate that signatures can be checked with, or its time is over.
        Conflict: there are too many.
    """
    require(user, Action.MANAGE_SOURCES)
    source, options = get_cap_source(session, slug)
    certificate = read_certificate(pem)
    if certificate.not_valid_after_utc <= now:
        raise InvalidInput("certificate-over", "Chứng thư đã hết hạn.", "pem")
    known = list_certificates(session, source)
    fingerprint = fingerprint_of(certificate)
    same = next((one for one in known if one.fingerprint == fingerprint), None)
    if same is not None:
        return same
    if len(known) >= MOST_CERTIFICATES:
        raise Conflict("too-many-certificates", f"Mỗi nguồn tin tối đa {MOST_CERTIFICATES} chứng thư.")
    kept = CapCertificate(
        source_id=row_id(source.id),
        pem=pem_of(certificate),
        subject=certificate.subject.rfc4514_string()[:300] or "(không ghi tên)",
        fingerprint=fingerprint,
        ends_at=certificate.not_valid_after_utc,
        trusted_by_id=row_id(user.id),
        trusted_at=now,
    )
    options.etag, options.modified, options.seen = "", "", []
    session.add(kept)
    session.add(options)
    session.flush()
    said = {"source": slug, "subject": kept.subject, "fingerprint": fingerprint}
    record(session, now, user.username, "trust-cap-certificate", fingerprint, said)
    return kept


def distrust_certificate(session: Session, slug: str, certificate_id: int, user: User, now: datetime) -> None:
    """Believe a certificate no more.

    Raises:
        NotFound, NotAllowed: there is none, or the user does not manage sources.
    """
    require(user, Action.MANAGE_SOURCES)
    source, _ = get_cap_source(session, slug)
    kept = session.get(CapCertificate, certificate_id)
    if kept is None or kept.source_id != source.id:
        raise NotFound("no-certificate", "Không có chứng thư này.")
    session.delete(kept)
    session.flush()
    record(session, now, user.username, "distrust-cap-certificate", kept.fingerprint, {"source": slug})
