from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from broadcast.airings import deliveries_of, parts_of
from broadcast.audit import first_broken
from broadcast.bulletins import (
    approve_bulletin,
    draft_of,
    edit_bulletin,
    get_bulletin,
    list_bulletins,
    return_bulletin,
    submit_bulletin,
    withdraw_bulletin,
    write_bulletin,
)
from broadcast.communes import set_windows
from broadcast.errors import BroadcastError, Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastState,
    Bulletin,
    BulletinState,
    DeliveryState,
    Rendering,
    RenderingState,
    User,
)
from broadcast.nodes import create_node
from broadcast.orders import zones_of
from broadcast.placements import programmes_of
from broadcast.programmes import create_programme
from players.messages import Urgency, Window
from tests.broadcast.conftest import House


def write(session: Session, author: User, now: datetime, **changes: Any) -> Bulletin:
    typed: dict[str, Any] = {
        "title": "Lịch cắt điện",
        "script": "Sáng mai thôn Đông mất điện. Bà con chuẩn bị nước.",
        "zones": ["thon-dong"],
        "airs_at": now + timedelta(hours=1),
    }
    return write_bulletin(session, author, now=now, **(typed | changes))


def edit(session: Session, bulletin: Bulletin, user: User, revision: int, now: datetime, **changes: Any) -> Bulletin:
    changed = replace(draft_of(session, bulletin), **changes)
    return edit_bulletin(session, bulletin.id, user, revision, now, changed)


def submitted(session: Session, house: House, now: datetime, **changes: Any) -> Bulletin:
    bulletin = write(session, house.officer, now, **changes)
    return submit_bulletin(session, bulletin.id, house.officer, now)


def broadcasts_of(session: Session, bulletin: Bulletin) -> list[Broadcast]:
    query = select(Broadcast).where(Broadcast.bulletin_id == bulletin.id).order_by(col(Broadcast.id))
    return list(session.exec(query))


def test_what_is_approved_gets_a_rendering_a_broadcast_and_a_delivery_at_each_pole(
    unit: Session, house: House, now: datetime
) -> None:
    for slug, zones in (("dong-1", ["thon-dong"]), ("dong-2", ["thon-dong", "thon-tay"]), ("tay-1", ["thon-tay"])):
        create_node(unit, house.commune, slug, slug, zones, now)
    bulletin = submitted(unit, house, now)
    approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    assert bulletin.state is BulletinState.APPROVED
    rendering = unit.get(Rendering, bulletin.rendering_key)
    assert rendering is not None
    assert (rendering.state, rendering.chime, rendering.voice) == (RenderingState.WANTED, "normal", house.commune.voice)
    assert [s["spoken"].rstrip(".") for s in rendering.sentences] == [
        "Sáng mai thôn Đông mất điện",
        "Bà con chuẩn bị nước",
    ]
    (broadcast,) = broadcasts_of(unit, bulletin)
    assert (broadcast.id, broadcast.starts_at, broadcast.state) == (
        f"b-{bulletin.id}-r1",
        now + timedelta(hours=1),
        BroadcastState.PLANNED,
    )
    assert [zone.slug for zone in zones_of(unit, broadcast.id)] == ["thon-dong"]
    assert [part.rendering_key for part in parts_of(unit, broadcast.id)] == [rendering.key]
    assert [delivery.state for delivery in deliveries_of(unit, broadcast.id)] == [DeliveryState.PENDING] * 2


def test_every_step_is_in_the_audit_log(unit: Session, house: House, now: datetime) -> None:
    bulletin = submitted(unit, house, now)
    return_bulletin(unit, bulletin.id, house.leader, "Thiếu giờ cắt điện", now)
    edit(unit, bulletin, house.officer, 1, now, script="Từ tám giờ sáng mai mất điện.")
    submit_bulletin(unit, bulletin.id, house.officer, now)
    approve_bulletin(unit, bulletin.id, house.leader, 2, now)
    withdraw_bulletin(unit, bulletin.id, house.officer, now)
    said = unit.exec(select(AuditEntry.actor, AuditEntry.action).where(AuditEntry.subject == bulletin.id)).all()
    assert [f"{actor} {action}" for actor, action in said] == [
        "canbo write-bulletin",
        "canbo submit-bulletin",
        "lanhdao return-bulletin",
        "canbo edit-bulletin",
        "canbo submit-bulletin",
        "lanhdao approve-bulletin",
        "canbo withdraw-bulletin",
    ]
    assert first_broken(unit) is None


def test_nobody_approves_what_they_wrote_or_changed(unit: Session, house: House, now: datetime) -> None:
    own = write(unit, house.leader, now)
    submit_bulletin(unit, own.id, house.leader, now)
    with pytest.raises(NotAllowed, match="own-bulletin"):
        approve_bulletin(unit, own.id, house.leader, 1, now)
    touched = submitted(unit, house, now)
    edit(unit, touched, house.leader, 1, now)
    with pytest.raises(NotAllowed, match="own-bulletin"):
        approve_bulletin(unit, touched.id, house.leader, 2, now)
    for user in (house.officer, house.other_officer, house.administrator):
        with pytest.raises(NotAllowed, match="role-not-allowed"):
            approve_bulletin(unit, touched.id, user, 2, now)
    with pytest.raises(NotFound, match="no-bulletin"):
        approve_bulletin(unit, touched.id, house.head_east, 2, now)


def test_what_was_edited_since_it_was_read_is_not_approved(unit: Session, house: House, now: datetime) -> None:
    bulletin = submitted(unit, house, now)
    edit(unit, bulletin, house.officer, 1, now, script="Khác hẳn.")
    with pytest.raises(Conflict, match="edited-since"):
        approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    assert bulletin.state is BulletinState.SUBMITTED
    approve_bulletin(unit, bulletin.id, house.leader, 2, now)


def test_a_second_approval_is_told_so_and_makes_no_second_broadcast(unit: Session, house: House, now: datetime) -> None:
    bulletin = submitted(unit, house, now)
    approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    with pytest.raises(Conflict, match="already-approved"):
        approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    assert len(broadcasts_of(unit, bulletin)) == 1


def test_two_officers_editing_one_bulletin_the_second_is_told(unit: Session, house: House, now: datetime) -> None:
    bulletin = submitted(unit, house, now)
    edit(unit, bulletin, house.other_officer, 1, now, title="Của người thứ hai")
    with pytest.raises(Conflict, match="edited-since"):
        edit(unit, bulletin, house.officer, 1, now, title="Của người thứ nhất")
    assert bulletin.title == "Của người thứ hai"


def test_an_approved_bulletin_that_is_edited_must_be_approved_again(unit: Session, house: House, now: datetime) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    bulletin = submitted(unit, house, now)
    approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    edit(unit, bulletin, house.officer, 1, now, script="Đã sửa.")
    (first,) = broadcasts_of(unit, bulletin)
    assert (bulletin.state, first.state, first.reason) == ("submitted", "cancelled", "bulletin-edited")
    assert [delivery.reason for delivery in deliveries_of(unit, first.id)] == ["bulletin-edited"]
    approve_bulletin(unit, bulletin.id, house.leader, 2, now)
    assert [b.state for b in broadcasts_of(unit, bulletin)] == ["cancelled", "planned"]


def test_withdrawing_cancels_what_has_not_begun(unit: Session, house: House, now: datetime) -> None:
    bulletin = submitted(unit, house, now)
    approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    with pytest.raises(NotAllowed, match="not-yours"):
        withdraw_bulletin(unit, bulletin.id, house.other_officer, now)
    withdraw_bulletin(unit, bulletin.id, house.leader, now)
    (broadcast,) = broadcasts_of(unit, bulletin)
    assert (broadcast.state, broadcast.reason) == (BroadcastState.CANCELLED, "bulletin-withdrawn")
    assert broadcast.changed_by_id == house.leader.id
    with pytest.raises(Conflict, match="wrong-state"):
        withdraw_bulletin(unit, bulletin.id, house.leader, now)
    with pytest.raises(Conflict, match="withdrawn"):
        edit(unit, bulletin, house.officer, 1, now)


def test_nobody_reads_anothers_draft(unit: Session, house: House, now: datetime) -> None:
    draft = write(unit, house.officer, now)
    for user in (house.other_officer, house.leader, house.head_east, house.administrator):
        assert list_bulletins(unit, user) == []
        with pytest.raises(NotFound, match="no-bulletin"):
            get_bulletin(unit, draft.id, user)
        with pytest.raises(BroadcastError):
            edit(unit, draft, user, 1, now)
    assert list_bulletins(unit, house.officer) == [draft]
    submit_bulletin(unit, draft.id, house.officer, now)
    assert list_bulletins(unit, house.leader, BulletinState.SUBMITTED) == [draft]
    approve_bulletin(unit, draft.id, house.leader, 1, now)
    other = submitted(unit, house, now, zones=["thon-tay"])
    approve_bulletin(unit, other.id, house.leader, 1, now)
    assert list_bulletins(unit, house.head_east) == [draft]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"script": ""}, "empty", "script"),
        ({"script": "x" * 100_000}, "too-long", "script"),
        ({"title": "\x07"}, "control-characters", "title"),
        ({"zones": []}, "no-zone", "zones"),
        ({"zones": ["thon-nam"]}, "unknown-zone", "zones"),
        ({"airs_at": datetime(2026, 5, 31, tzinfo=UTC)}, "time-passed", "airs_at"),
        ({"airs_at": datetime(2036, 2, 29, tzinfo=UTC)}, "too-far", "airs_at"),
        ({"airs_at": datetime(2026, 6, 2)}, "no-timezone", "airs_at"),  # noqa: DTZ001
        ({"airs_now": True}, "two-times", "airs_at"),
        ({"urgency": Urgency.EMERGENCY}, "not-an-emergency", "urgency"),
        ({"programmes": [9]}, "unknown-programme", "programmes"),
    ],
)
def test_what_cannot_be_used_is_refused_by_field(
    unit: Session, house: House, now: datetime, changes: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused, unit.begin_nested():
        write(unit, house.officer, now, **changes)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert unit.exec(select(Bulletin)).all() == []


def test_an_instant_in_another_zone_is_the_same_instant(unit: Session, house: House, now: datetime) -> None:
    airs_at = datetime.fromisoformat("2026-06-01T20:30:00+09:00")
    assert write(unit, house.officer, now, airs_at=airs_at).airs_at == datetime(2026, 6, 1, 11, 30, tzinfo=UTC)


def test_who_may_not_write_does_not(unit: Session, house: House, now: datetime) -> None:
    for user in (house.head_east, house.administrator):
        with pytest.raises(NotAllowed):
            write(unit, user, now)


def test_a_bulletin_without_a_time_is_a_draft_and_no_more(unit: Session, house: House, now: datetime) -> None:
    bulletin = write(unit, house.officer, now, airs_at=None)
    with pytest.raises(InvalidInput, match="no-time"):
        submit_bulletin(unit, bulletin.id, house.officer, now)


def test_a_bulletin_whose_time_passed_while_it_waited_is_not_approved(
    unit: Session, house: House, now: datetime
) -> None:
    bulletin = submitted(unit, house, now)
    with pytest.raises(Conflict, match="time-passed"):
        approve_bulletin(unit, bulletin.id, house.leader, 1, now + timedelta(hours=1))
    late = write(unit, house.officer, now)
    with pytest.raises(InvalidInput, match="time-passed"):
        submit_bulletin(unit, late.id, house.officer, now + timedelta(hours=1))


def test_quiet_hours_are_told_when_typed_and_when_approved(unit: Session, house: House, now: datetime) -> None:
    set_windows(unit, [Window(opens=time(5), closes=time(20))], "quantri", now)
    with pytest.raises(InvalidInput, match=r"quiet-hours.*05:00–20:00"):
        write(unit, house.officer, now, airs_at=datetime(2026, 6, 1, 20, 15, tzinfo=UTC))  # 3:15 in Viet Nam
    bulletin = submitted(unit, house, now, airs_at=None, airs_now=True)
    with pytest.raises(Conflict, match="quiet-hours"):
        approve_bulletin(unit, bulletin.id, house.leader, 1, now.replace(hour=13))
    approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    (broadcast,) = broadcasts_of(unit, bulletin)
    assert (broadcast.is_now, broadcast.starts_at) == (True, None)


def test_a_bulletin_only_for_programmes_is_aired_by_them_alone(unit: Session, house: House, now: datetime) -> None:
    programme = create_programme(
        unit, house.commune, name="Bản tin sáng", greeting="", closing="", now=now, actor="canbo"
    )
    unit.flush()
    bulletin = submitted(unit, house, now, airs_at=None, programmes=[programme.id])
    approve_bulletin(unit, bulletin.id, house.leader, 1, now)
    assert programmes_of(unit, bulletin.id) == [programme.id]
    assert broadcasts_of(unit, bulletin) == []


def test_returning_needs_a_reason(unit: Session, house: House, now: datetime) -> None:
    bulletin = submitted(unit, house, now)
    with pytest.raises(InvalidInput, match="empty"):
        return_bulletin(unit, bulletin.id, house.leader, " ", now)
    return_bulletin(unit, bulletin.id, house.leader, "Sai ngày", now)
    assert (bulletin.state, bulletin.return_reason) == (BulletinState.RETURNED, "Sai ngày")
    with pytest.raises(Conflict, match="not-submitted"):
        approve_bulletin(unit, bulletin.id, house.leader, 1, now)
