"""One of each thing that a path may name: for tests that walk every route."""

from datetime import datetime, time, timedelta

from sqlmodel import Session, select

from broadcast.bulletins import submit_bulletin, write_bulletin
from broadcast.communes import get_commune
from broadcast.delegations import delegate
from broadcast.emergency import raise_emergency
from broadcast.entries import DayDraft, change_day, create_entry
from broadcast.imports import add_import
from broadcast.inbox import take_item
from broadcast.lexicon import add_word, check_word
from broadcast.models import Alarm, AlarmKind, ApiToken, Bulletin, SourceKind, User, row_id
from broadcast.nodes import create_node
from broadcast.placements import Campaign, place_campaign
from broadcast.programmes import create_programme
from broadcast.recordings import add_recording
from broadcast.sources import Item
from broadcast.sources_kept import SecretFiles, SourceDraft, add_source
from broadcast.templates import TemplateDraft, add_template
from broadcast.users import get_user, make_token
from tests.web.conftest import Commune
from tts.record_job import Cut, Taken


def things(commune: Commune, now: datetime) -> dict[str, str]:
    """One of each thing that a path may name, by the path's parameter."""
    with commune.work() as session:
        officer = get_user(session, "officer")
        bulletin = write_bulletin(
            session, officer, title="Tin", script="Họp lúc 8h.", zones=["thon-dong"], airs_now=True, now=now
        )
        submit_bulletin(session, bulletin.id, officer, now)
        node, _ = create_node(session, get_commune(session), "dong-1", "Cột 1", ["thon-dong"], now)
        emergency = raise_emergency(session, get_user(session, "leader"), ["thon-tay"], "Nước lên.", now, "k" * 20)
        document = add_import(session, officer, file_name="a.pdf", upload="none", max_waiting=1, now=now)
        session.flush()
        word = add_word(session, check_word("Nà Lạc", "nà lác"), officer, now)
        known = {"import_id": document.id, "bulletin_id": bulletin.id, "slug": node.slug, "broadcast_id": emergency.id}
        known |= {"word_id": str(word.id), "recording_id": _recording(session, officer, now)}
        known |= {"alarm_id": _alarm(session, now), "token_id": _token(session, officer, now), "username": "officer2"}
        return known | _of_the_week(session, bulletin, now) | _of_others(session, commune, now)


def _of_the_week(session: Session, bulletin: Bulletin, now: datetime) -> dict[str, str]:
    here, today = get_commune(session), now.date()
    programme = create_programme(session, here, name="Sáng", greeting="Chào.", closing="", now=now, actor="officer")
    entry = create_entry(
        session, programme, zones=["thon-dong"], airs_at=time(5, 30), from_on=today, now=now, actor="officer"
    )
    change_day(session, row_id(entry.id), entry.revision, today, DayDraft(is_off=True), now, "officer")
    campaign = Campaign(programmes=[row_id(programme.id)], from_on=today, until_on=today + timedelta(days=3))
    (placement,) = place_campaign(session, bulletin, campaign, now, "officer")
    ids = {"programme_id": programme.id, "entry_id": entry.id, "placement_id": placement.id}
    return {name: str(id_) for name, id_ in ids.items()} | {"on": today.isoformat()}


def _of_others(session: Session, commune: Commune, now: datetime) -> dict[str, str]:
    """What stands in for somebody, begins a bulletin, or comes from outside."""
    officer, leader, admin = (get_user(session, name) for name in ("officer", "leader", "admin"))
    draft = TemplateDraft(name="Họp", title="Họp", script="Lúc {giờ: giờ}.")
    source = SourceDraft(
        name="Tỉnh", kind=SourceKind.FOLDER, address="/khong-co", officer="officer", leader="leader", is_active=False
    )
    # By the name that is the pole's: what names a source by it finds one.
    stored = add_source(session, "dong-1", source, SecretFiles(commune.settings.sources_dir), admin, now)
    item = Item.model_validate({"format": "loalang-item/1", "id": "a", "title": "Tin", "text": "Nội dung."})
    ids = {
        "template_id": add_template(session, draft, officer, now).id,
        "item_id": take_item(session, stored, item, now).id,
        "delegation_id": delegate(session, leader, "officer2", now.date() + timedelta(days=3), now).id,
    }
    return {name: str(id_) for name, id_ in ids.items()}


def _recording(session: Session, owner: User, now: datetime) -> str:
    """One that is shared; its sound itself is not there."""
    cut = Cut(start_ms=0, end_ms=900, sha256="a" * 64, size_bytes=4, duration_ms=900)
    taken = Taken(
        original_sha256="b" * 64, original_bytes=4, original_format="mp3", channels=1, length_ms=900, peaks=[9],
        flaws=[], cut=cut,
    )  # fmt: skip
    return add_recording(session, owner, taken, name="Lời mời", language="ium", is_shared=True, now=now).id


def _alarm(session: Session, now: datetime) -> str:
    alarm = Alarm(
        commune_id=row_id(get_commune(session).id), kind=AlarmKind.POLE_SILENT, subject="dong-1", is_bad=True,
        title="Cụm loa im lặng", zones=["thon-dong"], first_seen_at=now, last_seen_at=now,
    )  # fmt: skip
    session.add(alarm)
    session.flush()
    return str(alarm.id)


def _token(session: Session, owner: User, now: datetime) -> str:
    make_token(session, owner, "máy cũ", ("read",), timedelta(days=1), now)
    session.flush()
    return str(session.exec(select(ApiToken.id).where(ApiToken.name == "máy cũ")).one())
