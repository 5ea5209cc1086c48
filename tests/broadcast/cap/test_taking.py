"""What becomes of messages in the tables: aired once, put to the leader, replaced, cancelled, never late."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from broadcast.airtime import ready_now
from broadcast.button import press_button
from broadcast.cap.document import MAX_MESSAGE_BYTES, parse_document
from broadcast.cap.model import BadCap
from broadcast.cap.places import set_rules
from broadcast.cap.raising import messages_in, set_message_aside
from broadcast.cap.reading import read_alert
from broadcast.cap.taking import Proof, take_alert
from broadcast.cap.trust import distrust_certificate, get_cap_source, set_options, trust_certificate
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.inbox import list_items
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastState,
    CapMessage,
    CapState,
    Follows,
    ItemState,
    Source,
    SourceKind,
    row_id,
)
from broadcast.orders import issue_play, zones_of
from broadcast.pins import PinCheck
from broadcast.prepared import seed_prepared
from broadcast.presses import Press, PressKind, words_of
from broadcast.sources_kept import SecretFiles, SourceDraft, add_source
from broadcast.users import set_active
from players.messages import ClipRef, Severity, Urgency
from tests.broadcast.cap.kit import AREA, HERE, at, info, message, new_signer
from tests.broadcast.conftest import House

SEALED, OPEN = Proof(is_signed=False, is_sheltered=True), Proof(is_signed=False, is_sheltered=False)
DRAFT = SourceDraft(
    name="Khí tượng tỉnh", kind=SourceKind.CAP_HTTP, address="https://a.example/f", officer="canbo", leader="lanhdao"
)
MILD = ("Future", "Minor", "Likely")


@dataclass
class Desk:
    """Takes messages of one source, and tells what is there."""

    unit: Session
    house: House
    source: Source
    now: datetime

    def take(self, data: bytes, proof: Proof = SEALED, later: timedelta = timedelta()) -> CapMessage:
        alert = read_alert(parse_document(data, max_bytes=MAX_MESSAGE_BYTES))
        return take_alert(self.unit, self.source, alert, proof, self.now + later)

    def airs_at_once(self) -> None:
        set_options(self.unit, "tinh", self.house.administrator, self.now, airs_at_once=True, needs_signature=False)

    def broadcasts(self) -> list[Broadcast]:
        return list(self.unit.exec(select(Broadcast).order_by(col(Broadcast.created_at), col(Broadcast.id))))

    def one(self) -> Broadcast:
        return self.unit.exec(select(Broadcast)).one()

    def state_of(self, identifier: str) -> CapState:
        return self.unit.exec(select(CapMessage).where(CapMessage.identifier == identifier)).one().state

    def press(self, message: CapMessage, key: str = "lan-nhan-1", **asked: object) -> str:
        press = Press(key=key, kind=PressKind.CAP, follows=str(message.id), **asked)  # type: ignore[arg-type]
        return press_button(self.unit, self.house.leader, press, PinCheck.NOT_GIVEN, self.now).id


@pytest.fixture
def desk(unit: Session, house: House, tmp_path: object, now: datetime) -> Desk:
    seed_prepared(unit, now)
    source = add_source(unit, "tinh", DRAFT, SecretFiles(tmp_path), house.administrator, now)  # type: ignore[arg-type]
    set_rules(unit, "", HERE, house.administrator, now, is_feed_open=False)
    return Desk(unit, house, source, now)


def test_an_emergency_is_put_to_the_leader_who_airs_it(desk: Desk) -> None:
    row = desk.take(message())
    assert (row.state, desk.broadcasts()) == (CapState.WAITING, [])
    id_ = desk.press(row)
    raised = desk.one()
    assert (raised.id, raised.urgency, raised.severity) == (id_, Urgency.EMERGENCY, Severity.EXTREME)
    assert raised.title == "Lũ đang lên trên sông Hồng (Khí tượng tỉnh)"
    assert raised.valid_until == desk.now + timedelta(minutes=60)
    assert [zone.slug for zone in zones_of(desk.unit, id_)] == ["thon-dong", "thon-tay"]
    assert words_of(desk.unit, raised).startswith("Thông báo khẩn cấp. Đài tỉnh thông báo: Lũ đang lên")
    assert desk.press(row) == id_
    with pytest.raises(Conflict, match="not-waiting"):
        desk.press(row, key="lan-nhan-2")
    assert desk.one().id == id_


def test_where_the_setting_lets_it_it_is_aired_at_once_and_once(desk: Desk) -> None:
    desk.airs_at_once()
    for _ in range(2):
        assert desk.take(message()).state is CapState.RAISED
    raised = desk.one()
    entry = desk.unit.exec(select(AuditEntry).where(AuditEntry.subject == raised.id)).one()
    assert entry.detail["source"] == {"source": "tinh", "sender": "kttv@tinh.example", "identifier": "a-1"}
    assert (entry.actor, raised.made_by_id) == ("lanhdao", desk.house.leader.id)


def test_the_same_message_from_two_sources_airs_once(desk: Desk, tmp_path: object) -> None:
    desk.airs_at_once()
    desk.take(message())
    secrets = SecretFiles(tmp_path)  # type: ignore[arg-type]
    desk.source = add_source(desk.unit, "khac", DRAFT, secrets, desk.house.administrator, desk.now)
    set_options(desk.unit, "khac", desk.house.administrator, desk.now, airs_at_once=True, needs_signature=False)
    row = desk.take(message())
    assert (row.state, len(desk.broadcasts())) == (CapState.NOTED, 1)
    assert "Khí tượng tỉnh" in row.reason


def test_a_copy_that_waits_does_not_keep_a_trusted_source_from_airing(desk: Desk, tmp_path: object) -> None:
    waiting = desk.take(message())
    assert waiting.state is CapState.WAITING
    secrets = SecretFiles(tmp_path)  # type: ignore[arg-type]
    desk.source = add_source(desk.unit, "khac", DRAFT, secrets, desk.house.administrator, desk.now)
    set_options(desk.unit, "khac", desk.house.administrator, desk.now, airs_at_once=True, needs_signature=False)
    assert desk.take(message(), OPEN).state is CapState.NOTED, "somebody on the way could have written it"
    desk.source = add_source(desk.unit, "ba", DRAFT, secrets, desk.house.administrator, desk.now)
    set_options(desk.unit, "ba", desk.house.administrator, desk.now, airs_at_once=True, needs_signature=False)
    trusted = desk.take(message())
    assert (trusted.state, waiting.state) == (CapState.RAISED, CapState.REPLACED)
    assert desk.one().id == trusted.broadcast_id
    with pytest.raises(Conflict, match="xử lý"):
        desk.press(waiting)


def test_what_a_leader_has_set_aside_is_not_aired_by_another_source(desk: Desk, tmp_path: object) -> None:
    refused = desk.take(message())
    set_message_aside(desk.unit, str(refused.id), "Báo nhầm.", desk.house.leader, desk.now)
    secrets = SecretFiles(tmp_path)  # type: ignore[arg-type]
    desk.source = add_source(desk.unit, "khac", DRAFT, secrets, desk.house.administrator, desk.now)
    set_options(desk.unit, "khac", desk.house.administrator, desk.now, airs_at_once=True, needs_signature=False)
    assert desk.take(message()).state is CapState.NOTED
    assert desk.broadcasts() == []


def test_what_nobody_vouches_for_is_never_aired_at_once(desk: Desk) -> None:
    desk.airs_at_once()
    assert desk.take(message(), OPEN).state is CapState.WAITING
    assert desk.take(message("a-2"), Proof(is_signed=True, is_sheltered=False)).state is CapState.RAISED
    desk.source.address = "http://a.example/f"
    with pytest.raises(InvalidInput, match="unsigned-http"):
        desk.airs_at_once()


def test_a_source_may_be_told_to_take_nothing_unsigned(desk: Desk) -> None:
    set_options(desk.unit, "tinh", desk.house.administrator, desk.now, airs_at_once=False, needs_signature=True)
    with pytest.raises(BadCap, match="bắt buộc có chữ ký"):
        desk.take(message())
    assert desk.take(message(), Proof(is_signed=True, is_sheltered=False)).state is CapState.WAITING


def test_an_update_takes_the_place_of_what_sounds(desk: Desk) -> None:
    desk.airs_at_once()
    desk.take(message())
    first = desk.one()
    desk.take(message("a-2", info(headline="Lũ lên báo động ba"), kind="Update", refers="a-1"))
    update = next(one for one in desk.broadcasts() if one.id != first.id)
    assert (update.follows_id, update.follows_as) == (first.id, Follows.UPDATE)
    assert first.state in {BroadcastState.CANCELLED, BroadcastState.CUT}
    assert (desk.state_of("a-1"), desk.state_of("a-2")) == (CapState.REPLACED, CapState.RAISED)


def test_an_update_that_waits_takes_the_place_of_what_waits(desk: Desk) -> None:
    desk.take(message())
    row = desk.take(message("a-2", kind="Update", refers="a-1"))
    assert [one.id for one, _ in messages_in(desk.unit, [CapState.WAITING])] == [row.id]
    assert desk.state_of("a-1") is CapState.REPLACED


def test_an_update_of_what_never_came_is_an_alert_and_a_cancel_of_it_nothing(desk: Desk) -> None:
    desk.airs_at_once()
    assert desk.take(message("a-2", kind="Update", refers="khong-co")).state is CapState.RAISED
    row = desk.take(message("a-3", kind="Cancel", refers="khong-co"))
    assert (row.state, len(desk.broadcasts())) == (CapState.NOTED, 1)
    assert "chưa nhận" in row.reason


def test_a_cancel_silences_and_says_so_where_it_was_aired(desk: Desk) -> None:
    row = desk.take(message())
    first = desk.press(row, zones=["thon-dong"])
    cancel = desk.take(message("a-2", kind="Cancel", refers="a-1"))
    assert (cancel.state, desk.state_of("a-1")) == (CapState.RAISED, CapState.CANCELLED)
    said = desk.unit.get_one(Broadcast, cancel.broadcast_id)
    assert (said.follows_id, said.follows_as, said.valid_until) == (first, Follows.ALL_CLEAR, None)
    assert [zone.slug for zone in zones_of(desk.unit, said.id)] == ["thon-dong"]
    assert words_of(desk.unit, said).startswith("Khí tượng tỉnh thông báo: hủy tin Lũ đang lên trên sông Hồng")
    assert desk.unit.get_one(Broadcast, first).state in {BroadcastState.CANCELLED, BroadcastState.CUT}


def test_a_cancel_that_could_be_forged_is_put_to_the_leader(desk: Desk) -> None:
    first = desk.press(desk.take(message()))
    cancel = desk.take(message("a-2", kind="Cancel", refers="a-1"), OPEN)
    assert (cancel.state, desk.one().id) == (CapState.WAITING, first)
    desk.press(cancel, key="lan-nhan-2")
    assert (desk.state_of("a-1"), len(desk.broadcasts())) == (CapState.CANCELLED, 2)


def test_a_cancel_of_what_waits_airs_nothing_also_when_it_comes_first(desk: Desk) -> None:
    desk.take(message())
    desk.take(message("a-2", kind="Cancel", refers="a-1"))
    assert (desk.state_of("a-1"), desk.broadcasts()) == (CapState.CANCELLED, [])
    desk.airs_at_once()
    desk.take(message("b-2", kind="Cancel", refers="b-1"))
    assert desk.take(message("b-1")).state is CapState.NOTED
    assert desk.broadcasts() == []


def test_an_update_that_leaves_us_out_is_a_cancel_here(desk: Desk) -> None:
    desk.airs_at_once()
    desk.take(message())
    elsewhere = info(areas=AREA.replace("01", "02").replace("Hòa Bình An", "Khác"))
    desk.take(message("a-2", elsewhere, kind="Update", refers="a-1"))
    assert desk.state_of("a-1") is CapState.CANCELLED
    assert [one.follows_as for one in desk.broadcasts() if one.follows_id] == [Follows.ALL_CLEAR]


def test_a_drill_is_a_drill_and_ends_nothing_real(desk: Desk) -> None:
    desk.airs_at_once()
    desk.take(message())
    real = desk.one()
    desk.take(message("d-1", status="Exercise"))
    desk.take(message("d-2", kind="Cancel", refers="a-1", status="Exercise"))
    assert real.state not in {BroadcastState.CANCELLED, BroadcastState.CUT}
    drills = [one for one in desk.broadcasts() if one.is_drill]
    assert [one.title for one in drills] == ["Diễn tập: Lũ đang lên trên sông Hồng (Khí tượng tỉnh)"]


def test_what_is_no_emergency_goes_to_the_inbox_and_out_of_it(desk: Desk) -> None:
    row = desk.take(message("a-1", info(levels=MILD)))
    assert row.state is CapState.IN_INBOX
    assert [item.title for item, _ in list_items(desk.unit, [ItemState.WAITING])] == ["Lũ đang lên trên sông Hồng"]
    desk.take(message("a-2", kind="Cancel", refers="a-1"))
    assert [item.state for item, _ in list_items(desk.unit, list(ItemState))] == [ItemState.WITHDRAWN]
    assert desk.broadcasts() == []


def test_another_language_waits_for_words_of_a_person(desk: Desk) -> None:
    desk.airs_at_once()
    row = desk.take(message("a-1", info(language="en", headline="Flood", areas=AREA)))
    assert (row.state, row.said) == (CapState.WAITING, "")
    with pytest.raises(InvalidInput, match="no-words"):
        desk.press(row)
    desk.press(row, text="Nước lũ đang lên, bà con lên cao.")
    assert words_of(desk.unit, desk.one()) == "Nước lũ đang lên, bà con lên cao."


def test_a_village_head_raises_only_what_is_for_his_village(desk: Desk) -> None:
    row = desk.take(message())
    asked = Press(key="lan-nhan-1", kind=PressKind.CAP, follows=str(row.id))
    with pytest.raises(NotAllowed):
        press_button(desk.unit, desk.house.head_east, asked, PinCheck.NOT_GIVEN, desk.now)
    with pytest.raises(NotAllowed):
        press_button(desk.unit, desk.house.officer, asked, PinCheck.NOT_GIVEN, desk.now)
    gone = Press(key="lan-nhan-1", kind=PressKind.CAP, follows="999")
    with pytest.raises(NotFound):
        press_button(desk.unit, desk.house.leader, gone, PinCheck.NOT_GIVEN, desk.now)


def test_what_has_expired_is_not_raised_and_its_order_does_not_outlast_it(desk: Desk) -> None:
    row = desk.take(message("a-1", info(expires=at(3))))
    late = Press(key="lan-nhan-1", kind=PressKind.CAP, follows=str(row.id))
    with pytest.raises(Conflict, match="expired"):
        press_button(desk.unit, desk.house.leader, late, PinCheck.NOT_GIVEN, desk.now + timedelta(minutes=3))
    assert desk.broadcasts() == []
    raised = desk.unit.get_one(Broadcast, desk.press(row))
    clip = ClipRef(sha256="a" * 64, size_bytes=1, duration_ms=1000)
    assert issue_play(desk.unit, raised, [clip], desk.now).expires_at == desk.now + timedelta(minutes=3)
    assert ready_now(desk.unit, desk.now + timedelta(minutes=4)) == []
    assert desk.one().state is BroadcastState.MISSED


def test_put_aside_with_a_reason(desk: Desk) -> None:
    row = desk.take(message())
    with pytest.raises(InvalidInput, match="empty"):
        set_message_aside(desk.unit, row_id(row.id), " ", desk.house.leader, desk.now)
    with pytest.raises(NotAllowed):
        set_message_aside(desk.unit, row_id(row.id), "Nhầm.", desk.house.officer, desk.now)
    set_message_aside(desk.unit, row_id(row.id), "Nhầm.", desk.house.leader, desk.now)
    assert desk.state_of("a-1") is CapState.SET_ASIDE


def test_who_answers_for_it_is_locked_out_so_it_waits(desk: Desk) -> None:
    desk.airs_at_once()
    set_active(desk.unit, "lanhdao", desk.now, "quantri", is_active=False)
    row = desk.take(message())
    assert (row.state, desk.broadcasts()) == (CapState.WAITING, [])
    assert "Không tự phát được" in row.reason


def test_certificates_are_trusted_once_and_no_more(desk: Desk) -> None:
    pem = new_signer().pem
    admin = desk.house.administrator
    kept = trust_certificate(desk.unit, "tinh", pem, admin, desk.now)
    assert trust_certificate(desk.unit, "tinh", pem, admin, desk.now).id == kept.id
    with pytest.raises(NotAllowed):
        trust_certificate(desk.unit, "tinh", pem, desk.house.leader, desk.now)
    with pytest.raises(InvalidInput, match="certificate-over"):
        trust_certificate(desk.unit, "tinh", new_signer(lasts=timedelta(days=1)).pem, admin, desk.now)
    distrust_certificate(desk.unit, "tinh", row_id(kept.id), admin, desk.now)
    with pytest.raises(NotFound):
        distrust_certificate(desk.unit, "tinh", row_id(kept.id), admin, desk.now)
    with pytest.raises(NotFound):
        get_cap_source(desk.unit, "khong-co")


def test_a_cancel_that_has_itself_expired_still_takes_back(desk: Desk) -> None:
    desk.airs_at_once()
    desk.take(message())
    desk.take(message("a-2", info(expires=at(-1)), kind="Cancel", refers="a-1"))
    assert desk.state_of("a-1") is CapState.CANCELLED


def test_a_technical_test_ends_nothing_real(desk: Desk) -> None:
    desk.airs_at_once()
    desk.take(message())
    for status in ("Test", "System", "Draft"):
        desk.take(message(f"t-{status}", kind="Update", refers="a-1", status=status))
    assert desk.state_of("a-1") is CapState.RAISED
    assert desk.one().state not in {BroadcastState.CANCELLED, BroadcastState.CUT}
