"""Bulletins: written, submitted, approved or returned by somebody else, withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from broadcast.airings import add_broadcast, end_before_start, id_for
from broadcast.approval import Authority, authority_over, urgencies_of
from broadcast.audit import record
from broadcast.bulletin_parts import PartDraft, drafts_of, parts_in, said_of, store_parts
from broadcast.clashes import ask_order
from broadcast.communes import get_commune, voice_for
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.hours import Hours, load_hours
from broadcast.lifecycle import COMING, WhyNot, move
from broadcast.models import (
    Broadcast,
    BroadcastState,
    Bulletin,
    BulletinState,
    BulletinZone,
    Role,
    User,
    Zone,
    row_id,
)
from broadcast.permissions import Action, may, require
from broadcast.placements import place_bulletin, programmes_of
from broadcast.renderings import want_rendering
from broadcast.typed_text import MAX_REASON, MAX_SCRIPT, MAX_TITLE, clean_line, clean_text
from broadcast.windows import say_windows
from broadcast.withdrawing import silence_withdrawn
from broadcast.zones import sorted_by_name, zones_by_slug
from players.messages import Urgency

FURTHEST = timedelta(days=366)
_LISTED_AT_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BulletinDraft:
    """All that can be typed of a bulletin. `zones` are slugs; `programmes` are ids; `airs_at` is aware."""

    title: str
    script: str
    zones: Sequence[str]
    urgency: Urgency = Urgency.NORMAL
    airs_at: datetime | None = None
    airs_now: bool = False
    programmes: Sequence[int] = ()
    is_read_twice: bool = False
    parts: Sequence[PartDraft] = ()
    """More than one text: then these count, not `script`."""


def write_bulletin(
    session: Session,
    author: User,
    *,
    title: str,
    script: str,
    zones: Sequence[str],
    now: datetime,
    urgency: Urgency = Urgency.NORMAL,
    airs_at: datetime | None = None,
    airs_now: bool = False,
    programmes: Sequence[int] = (),
    is_read_twice: bool = False,
    parts: Sequence[PartDraft] = (),
) -> Bulletin:
    """Keep a new draft.

    Raises:
        NotAllowed: the author's role does not write bulletins.
        InvalidInput: a field cannot be used; it says which and why.
    """
    require(author, Action.WRITE_BULLETIN)
    typed = BulletinDraft(
        title=title,
        script=script,
        zones=zones,
        urgency=urgency,
        airs_at=airs_at,
        airs_now=airs_now,
        programmes=programmes,
        is_read_twice=is_read_twice,
        parts=parts,
    )
    bulletin = Bulletin(
        commune_id=author.commune_id, title="", script="", author_id=row_id(author.id),
        editor_id=row_id(author.id), created_at=now, edited_at=now,
    )  # fmt: skip
    _take(session, bulletin, author, typed, now)
    record(session, now, author.username, "write-bulletin", bulletin.id, {"title": bulletin.title})
    return bulletin


def begin_draft(
    session: Session, author: User, title: str, script: str, now: datetime, *, urgency: Urgency = Urgency.NORMAL
) -> Bulletin:
    """Keep a new draft of which only the text is known: where and when it is aired is chosen before it is submitted.

    Raises:
        NotAllowed: the author's role does not write bulletins.
        InvalidInput: title or text cannot be used.
    """
    require(author, Action.WRITE_BULLETIN)
    bulletin = Bulletin(
        commune_id=author.commune_id,
        title=clean_line(title, "title", max_chars=MAX_TITLE),
        script=clean_text(script, "script", max_chars=MAX_SCRIPT),
        urgency=urgency,
        author_id=row_id(author.id),
        editor_id=row_id(author.id),
        created_at=now,
        edited_at=now,
    )
    session.add(bulletin)
    session.flush()
    record(session, now, author.username, "write-bulletin", bulletin.id, {"title": bulletin.title})
    return bulletin


def edit_bulletin(
    session: Session, bulletin_id: str, user: User, revision: int, now: datetime, changed: BulletinDraft
) -> Bulletin:
    """Change a bulletin that is still as it was read. One that was approved must be approved again.

    Raises:
        NotFound, NotAllowed: it is not for this user to see, or to change.
        Conflict: it has been edited since that revision, or it was withdrawn.
        InvalidInput: a field cannot be used.
    """
    bulletin = get_bulletin(session, bulletin_id, user)
    require(user, Action.WRITE_BULLETIN)
    _require_revision(bulletin, revision)
    if bulletin.state is BulletinState.WITHDRAWN:
        raise Conflict("withdrawn", "Bản tin đã được rút lại.")
    begin_revision(session, bulletin, user, now)
    _take(session, bulletin, user, changed, now)
    record(session, now, user.username, "edit-bulletin", bulletin.id, {"revision": bulletin.revision})
    return bulletin


def begin_revision(session: Session, bulletin: Bulletin, user: User, now: datetime) -> None:
    """Another is about to be made of it: what was approved must be approved again, by somebody else than this user."""
    if bulletin.state is BulletinState.APPROVED:
        move(bulletin, BulletinState.SUBMITTED)
        bulletin.submitted_at = now
        _cancel_coming(session, bulletin, WhyNot.BULLETIN_EDITED, now, user)
    bulletin.revision += 1
    bulletin.editor_id, bulletin.edited_at = row_id(user.id), now
    bulletin.rendering_key = bulletin.programme_key = None
    bulletin.was_heard = None
    session.add(bulletin)


def submit_bulletin(session: Session, bulletin_id: str, user: User, now: datetime) -> Bulletin:
    """Hand a draft, or a returned bulletin, to the leaders.

    Raises:
        NotFound, NotAllowed: it is not for this user to see, or to submit.
        InvalidInput: nothing says where or when it is to be aired, or that has passed.
        Conflict: it has been submitted already.
    """
    bulletin = get_bulletin(session, bulletin_id, user)
    require(user, Action.WRITE_BULLETIN)
    if not zones_of_bulletin(session, bulletin.id):
        raise InvalidInput("no-zone", "Chưa chọn khu vực (thôn) nào.", "zones")
    if not (bulletin.airs_now or bulletin.airs_at or programmes_of(session, bulletin.id)):
        raise InvalidInput("no-time", "Chưa chọn giờ phát hoặc chương trình.", "airs_at")
    _check_instant(session, bulletin.airs_at, now)
    if bulletin.state not in {BulletinState.DRAFT, BulletinState.RETURNED}:
        raise Conflict("already-submitted", "Bản tin đã được gửi duyệt.")
    move(bulletin, BulletinState.SUBMITTED)
    bulletin.submitted_at, bulletin.return_reason = now, None
    session.add(bulletin)
    record(session, now, user.username, "submit-bulletin", bulletin.id, {"revision": bulletin.revision})
    ask_order(session, bulletin, now)
    return bulletin


def approve_bulletin(
    session: Session, bulletin_id: str, user: User, revision: int, now: datetime, *, was_heard: bool = False
) -> Bulletin:
    """Let a bulletin be aired: its clip is wanted from now on, and its broadcast planned if it asks for an instant.

    `was_heard`: whether the user says that they listened to it; it is written down.

    Raises:
        NotFound, NotAllowed: it is not for this user to see, or to approve (`broadcast.approval`): nobody approves
            what they wrote.
        Conflict: it was edited since that revision or decided already, its time has passed, it falls on a day of
            mourning, or now is not an hour in which the commune's horns may sound.
    """
    bulletin = get_bulletin(session, bulletin_id, user)
    authority = authority_over(session, bulletin, user, now)
    _require_revision(bulletin, revision)
    _require_submitted(bulletin)
    _check_still_open(bulletin, load_hours(session), now)
    _note_decision(bulletin, user, authority, now)
    bulletin.was_heard = was_heard
    detail = {"revision": revision, "heard": was_heard, **_said(authority)}
    record(session, now, user.username, "approve-bulletin", bulletin.id, detail)
    return _let_air(session, bulletin, user, now)


def pass_bulletin(session: Session, bulletin: Bulletin, source: str, now: datetime) -> Bulletin:
    """Let a submitted bulletin of a source be aired without approval: so the commune has set it for that source."""
    _require_submitted(bulletin)
    bulletin.decided_at = now
    record(session, now, "loalang", "pass-bulletin", bulletin.id, {"revision": bulletin.revision, "source": source})
    return _let_air(session, bulletin, None, now)


def _let_air(session: Session, bulletin: Bulletin, user: User | None, now: datetime) -> Bulletin:
    """Its clip is wanted from now on, and its broadcast planned if it asks for an instant."""
    move(bulletin, BulletinState.APPROVED)
    is_alone = bulletin.airs_now or bulletin.airs_at is not None
    commune = get_commune(session)
    rendering = want_rendering(
        session,
        said_of(session, bulletin),
        voice_for(commune, bulletin.urgency) if is_alone else commune.voice,
        bulletin.urgency.value if is_alone else None,
        bulletin.urgency,
        now,
        has_closing_chime=is_alone,
        is_read_twice=bulletin.is_read_twice,
    )
    bulletin.rendering_key = rendering.key
    if not is_alone:
        bulletin.programme_key = rendering.key  # within a programme it is said without chimes, too
    session.add(bulletin)
    if is_alone:
        _plan(session, bulletin, user, now)
    ask_order(session, bulletin, now)
    return bulletin


def return_bulletin(session: Session, bulletin_id: str, user: User, reason: str, now: datetime) -> Bulletin:
    """Give a bulletin back to its author, saying why.

    Raises:
        NotFound, NotAllowed: it is not for this user to see, or to decide.
        InvalidInput: the reason is empty or too long.
        Conflict: it is not submitted, or decided already.
    """
    bulletin = get_bulletin(session, bulletin_id, user)
    authority = authority_over(session, bulletin, user, now)
    _require_submitted(bulletin)
    said = clean_text(reason, "reason", max_chars=MAX_REASON)
    move(bulletin, BulletinState.RETURNED)
    _note_decision(bulletin, user, authority, now)
    bulletin.return_reason = said
    session.add(bulletin)
    record(session, now, user.username, "return-bulletin", bulletin.id, {"reason": said, **_said(authority)})
    return bulletin


def withdraw_bulletin(session: Session, bulletin_id: str, user: User, now: datetime) -> Bulletin:
    """Take a bulletin back for good: coming broadcasts of it are cancelled, coming programmes go on without it.

    What is saying it on the air is stopped (`broadcast.withdrawing`).

    Raises:
        NotFound, NotAllowed: it is not for this user to see, or to withdraw.
        Conflict: it is withdrawn already.
    """
    bulletin = get_bulletin(session, bulletin_id, user)
    if not may_withdraw(session, bulletin, user, now):
        raise NotAllowed("not-yours", "Chỉ người viết, lãnh đạo hoặc người duyệt được rút bản tin.")
    move(bulletin, BulletinState.WITHDRAWN)
    session.add(bulletin)
    _cancel_coming(session, bulletin, WhyNot.BULLETIN_WITHDRAWN, now, user)
    stopped = silence_withdrawn(session, bulletin, user, now)
    record(session, now, user.username, "withdraw-bulletin", bulletin.id, {"stopped": stopped})
    return bulletin


def may_withdraw(session: Session, bulletin: Bulletin, user: User, now: datetime) -> bool:
    """Whether a user may take it back: their own, or another's that they answer for."""
    is_own = user.id == bulletin.author_id
    return is_own or may(user, Action.WITHDRAW_BULLETIN) or bulletin.urgency in urgencies_of(session, user, now)


def get_bulletin(session: Session, bulletin_id: str, user: User) -> Bulletin:
    """A bulletin that this user may see.

    Raises:
        NotFound: there is none, or it is not for this user.
    """
    found = session.exec(_visible_to(user).where(Bulletin.id == bulletin_id)).first()
    if found is None:
        raise NotFound("no-bulletin", "Không có bản tin này.")
    return found


def list_bulletins(session: Session, user: User, state: BulletinState | None = None) -> list[Bulletin]:
    """The bulletins a user may see, the last edited first: their own, and others' once they are submitted."""
    query = _visible_to(user)
    if state is not None:
        query = query.where(Bulletin.state == state)
    return list(session.exec(query.order_by(col(Bulletin.edited_at).desc(), Bulletin.id).limit(_LISTED_AT_MOST)))


def zones_of_bulletin(session: Session, bulletin_id: str) -> list[Zone]:
    """The villages it is for, by name."""
    query = select(Zone).join(BulletinZone).where(BulletinZone.bulletin_id == bulletin_id)
    return sorted_by_name(session.exec(query))


def draft_of(session: Session, bulletin: Bulletin) -> BulletinDraft:
    """The bulletin as its author finds it in the form; `dataclasses.replace` makes a changed one for an edit."""
    return BulletinDraft(
        title=bulletin.title,
        script=bulletin.script,
        zones=tuple(zone.slug for zone in zones_of_bulletin(session, bulletin.id)),
        urgency=bulletin.urgency,
        airs_at=bulletin.airs_at,
        airs_now=bulletin.airs_now,
        programmes=tuple(programmes_of(session, bulletin.id)),
        is_read_twice=bulletin.is_read_twice,
        parts=drafts_of(session, bulletin),
    )


def _take(session: Session, bulletin: Bulletin, user: User, typed: BulletinDraft, now: datetime) -> None:
    """Check what was typed, then store it."""
    if typed.urgency is Urgency.EMERGENCY:
        raise InvalidInput("not-an-emergency", "Tin khẩn cấp được phát ở trang khẩn cấp.", "urgency")
    if typed.airs_now and typed.airs_at is not None:
        raise InvalidInput("two-times", "Chọn phát ngay hoặc chọn giờ phát, không chọn cả hai.", "airs_at")
    bulletin.title = clean_line(typed.title, "title", max_chars=MAX_TITLE)
    parts = parts_in(session, bulletin, user, typed.script, typed.parts)
    zones = zones_by_slug(session, typed.zones)
    _check_instant(session, typed.airs_at, now)
    bulletin.urgency, bulletin.airs_at, bulletin.airs_now = typed.urgency, typed.airs_at, typed.airs_now
    bulletin.is_read_twice = typed.is_read_twice
    session.add(bulletin)
    session.flush()
    store_parts(session, bulletin, parts)
    session.exec(delete(BulletinZone).where(col(BulletinZone.bulletin_id) == bulletin.id))
    session.add_all(BulletinZone(bulletin_id=bulletin.id, zone_id=row_id(zone.id)) for zone in zones)
    place_bulletin(session, bulletin, typed.programmes, now)


def _check_instant(session: Session, airs_at: datetime | None, now: datetime) -> None:
    if airs_at is None:
        return
    if airs_at.tzinfo is None:
        raise InvalidInput("no-timezone", "Giờ phát thiếu múi giờ.", "airs_at")
    if airs_at <= now:
        raise InvalidInput("time-passed", "Giờ phát đã qua.", "airs_at")
    if airs_at - now > FURTHEST:
        raise InvalidInput("too-far", "Giờ phát xa quá một năm.", "airs_at")
    hours = load_hours(session)
    why = hours.why_closed(airs_at)
    if why is WhyNot.MOURNING_DAY:
        raise InvalidInput(why.value, _mourned(hours, airs_at), "airs_at")
    if why is not None:
        said = say_windows(hours.windows) or "không có giờ nào"
        raise InvalidInput("quiet-hours", f"Giờ phát rơi vào giờ yên tĩnh. Giờ được phát: {said}.", "airs_at")


def _check_still_open(bulletin: Bulletin, hours: Hours, now: datetime) -> None:
    """Refuse to approve what could not be aired when it asks to be: its time has passed, or the horns are silent."""
    if bulletin.airs_at is not None and bulletin.airs_at <= now:
        raise Conflict("time-passed", "Giờ phát của bản tin đã qua. Hãy trả lại để chọn giờ khác.")
    airs_at = now if bulletin.airs_now else bulletin.airs_at
    why = None if airs_at is None else hours.why_closed(airs_at)
    if airs_at is not None and why is WhyNot.MOURNING_DAY:
        raise Conflict(why.value, _mourned(hours, airs_at))
    if bulletin.airs_now and why is not None:
        windows = say_windows(hours.windows) or "giờ mở"
        raise Conflict("quiet-hours", f"Đang là giờ yên tĩnh. Chỉ phát được trong {windows}.")


def _mourned(hours: Hours, airs_at: datetime) -> str:
    day = airs_at.astimezone(hours.zone).date()
    return f"Ngày {day:%d/%m} là ngày để tang: chỉ phát tin khẩn cấp."


def _plan(session: Session, bulletin: Bulletin, user: User | None, now: datetime) -> None:
    """Its one broadcast. An edited bulletin that is approved again gets another, by its revision."""
    zone_ids = [row_id(zone.id) for zone in zones_of_bulletin(session, bulletin.id)]
    broadcast = Broadcast(
        id=id_for(bulletin),
        commune_id=bulletin.commune_id,
        title=bulletin.title,
        urgency=bulletin.urgency,
        bulletin_id=bulletin.id,
        is_now=bulletin.airs_now,
        starts_at=bulletin.airs_at,
        created_at=now,
        made_by_id=user.id if user else None,
    )
    add_broadcast(session, broadcast, zone_ids, [bulletin.rendering_key] if bulletin.rendering_key else [])


def _cancel_coming(session: Session, bulletin: Bulletin, why: WhyNot, now: datetime, by: User) -> None:
    own = select(Broadcast).where(Broadcast.bulletin_id == bulletin.id, col(Broadcast.state).in_(COMING))
    for broadcast in session.exec(own).all():
        end_before_start(session, broadcast, BroadcastState.CANCELLED, why, now, by)


def _note_decision(bulletin: Bulletin, user: User, authority: Authority, now: datetime) -> None:
    bulletin.decided_at, bulletin.decided_by_id = now, user.id
    bulletin.decided_for_id = authority.principal.id if authority.principal else None


def _said(authority: Authority) -> dict[str, str]:
    """By what right somebody decided, as the audit log keeps it."""
    return {"for": authority.principal.username} if authority.principal else {}


def _require_revision(bulletin: Bulletin, revision: int) -> None:
    if bulletin.revision != revision:
        raise Conflict("edited-since", "Bản tin đã được sửa sau khi bạn mở. Hãy tải lại và xem bản mới.")


def _require_submitted(bulletin: Bulletin) -> None:
    if bulletin.state is BulletinState.APPROVED:
        raise Conflict("already-approved", "Bản tin đã được duyệt.")
    if bulletin.state is not BulletinState.SUBMITTED:
        raise Conflict("not-submitted", "Bản tin không ở trạng thái chờ duyệt.")


def _visible_to(user: User) -> SelectOfScalar[Bulletin]:
    """Nobody reads another's draft; a village head reads what is approved for his village."""
    query = select(Bulletin).where(Bulletin.commune_id == user.commune_id)
    if user.role is Role.VILLAGE_HEAD:
        of_zone = select(BulletinZone.bulletin_id).where(BulletinZone.zone_id == user.zone_id)
        return query.where(Bulletin.state == BulletinState.APPROVED, col(Bulletin.id).in_(of_zone))
    return query.where(or_(col(Bulletin.author_id) == user.id, col(Bulletin.state) != BulletinState.DRAFT))
