"""Tells people of alarms by mail: all that came together in one. The only file that knows smtplib."""

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.mime.text import MIMEText
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from broadcast.models import NoticeEvent
from broadcast.notify import NotifyFailed

_WITHIN_S = 20.0
_LINES_AT_MOST = 100
_SECTIONS = ((NoticeEvent.OPENED, "Mới"), (NoticeEvent.OVER, "Đã hết"))


@dataclass(frozen=True, slots=True)
class MailOptions:
    """By which server, from whom and to whom."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "off"]
    sender: str
    recipients: tuple[str, ...]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    authorities: Path | None = None
    """Certificates (PEM) to believe instead of the machine's."""


def write_mail(
    options: MailOptions, commune: str, documents: Sequence[Mapping[str, Any]], zone: ZoneInfo, now: datetime
) -> MIMEText:
    """One mail about all of these (`broadcast.notify.document_of`), in Vietnamese, in the commune's time."""
    opened = sum(document["event"] == NoticeEvent.OPENED for document in documents)
    lines = [f"{commune}, {now.astimezone(zone):%H:%M %d/%m/%Y}"]
    for event, heading in _SECTIONS:
        said = [_line(document, zone) for document in documents if document["event"] == event]
        if said:
            more = [f"… và {len(said) - _LINES_AT_MOST} cảnh báo nữa"] if len(said) > _LINES_AT_MOST else []
            lines += ["", f"{heading} ({len(said)}):", *said[:_LINES_AT_MOST], *more]
    lines += ["", "Mở trang “Cảnh báo” của Loa Làng để xem và bấm “Đã biết”."]
    mail = MIMEText("\n".join(lines), "plain", "utf-8")
    # EmailMessage of Python 3.11 loses spaces where it folds a subject that is not ASCII.
    about = f"{opened} cảnh báo mới" if opened else "cảnh báo đã hết"
    mail["Subject"] = Header(f"[Loa Làng] {commune}: {about}", "utf-8", header_name="Subject").encode()
    mail["From"], mail["To"] = options.sender, ", ".join(options.recipients)
    mail["Date"], mail["Message-ID"] = format_datetime(now), make_msgid(domain="loalang.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def send_mail(options: MailOptions, mail: MIMEText) -> None:
    """Hand it to the mail server. Blocks: for a thread.

    Raises:
        NotifyFailed: the server does not answer, is not the one it should be, or refuses.
    """
    try:
        with _connect(options) as server:
            if options.username is not None:
                server.login(options.username, options.password or "")
            refused = server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        raise NotifyFailed(f"{type(error).__name__}: {error}") from error
    if refused:
        raise NotifyFailed(f"the mail server refused {len(refused)} of {len(options.recipients)} recipients")


def _connect(options: MailOptions) -> smtplib.SMTP:
    believed = ssl.create_default_context(cafile=options.authorities)
    if options.tls == "implicit":
        return smtplib.SMTP_SSL(options.host, options.port, timeout=_WITHIN_S, context=believed)
    server = smtplib.SMTP(options.host, options.port, timeout=_WITHIN_S)
    try:
        if options.tls == "starttls":
            server.starttls(context=believed)
    except BaseException:
        server.close()
        raise
    return server


def _line(document: Mapping[str, Any], zone: ZoneInfo) -> str:
    at = datetime.fromisoformat(document["first_seen_at"]).astimezone(zone)
    detail = f" {document['detail']}" if document["detail"] and document["event"] == NoticeEvent.OPENED else ""
    return f"- {at:%H:%M %d/%m} {document['title']}.{detail}"
