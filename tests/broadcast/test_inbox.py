"""What becomes of items by their urgency, of their updates and withdrawals, and of clashes."""

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from broadcast.airings import renderings_of
from broadcast.bulletins import approve_bulletin, return_bulletin, submit_bulletin, write_bulletin
from broadcast.db import reading, session_of
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.inbox import choose_item, list_items, set_aside, source_of_bulletin, take_item
from broadcast.inbox_priority import clashes, decide_order
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastState,
    Bulletin,
    BulletinState,
    ClashOrder,
    ItemState,
    Programme,
    Source,
    SourceItem,
    SourceKind,
    row_id,
)
from broadcast.placements import Campaign, place_campaign, placements_on
from broadcast.prepared import seed_prepared
from broadcast.programmes import create_programme
from broadcast.rules import Rules, set_commune_rules
from broadcast.sources import Item, Status
from broadcast.sources_desk import SourceDesk
from broadcast.sources_kept import SecretFiles, Secrets, SourceDraft, add_source, due_sources, edit_source
from broadcast.users import set_active
from broadcast.zones import list_zones
from players.messages import Urgency, Window
from tests.broadcast.conftest import House, load_house
from tests.broadcast.test_sources import SECRET, signed

DRAFT = SourceDraft(
    name="Đài tỉnh", kind=SourceKind.FOLDER, address="/srv/tin", officer="canbo", leader="lanhdao", every_s=60
)


@pytest.fixture
def files(tmp_path: Path) -> SecretFiles:
    return SecretFiles(tmp_path / "secrets")


@pytest.fixture
def source(unit: Session, house: House, files: SecretFiles, now: datetime) -> Source:
    seed_prepared(unit, now)
    return add_source(unit, "tinh", DRAFT, files, house.administrator, now)


@pytest.fixture
def morning(unit: Session, house: House, now: datetime) -> Programme:
    return create_programme(unit, house.commune, name="Sáng", greeting="Chào.", closing="", now=now, actor="canbo")


def item(id_: str = "a", **changed: object) -> Item:
    return Item.model_validate(
        {"format": "loalang-item/1", "id": id_, "title": f"Tin {id_}", "text": f"Nội dung {id_}.", **changed}
    )


def own_priority(unit: Session, house: House, now: datetime, programme: Programme, zone: str = "thon-dong") -> Bulletin:
    bulletin = write_bulletin(
        unit, house.other_officer, title="Của xã", script="Xã.", zones=[zone], urgency=Urgency.PRIORITY,
        programmes=[row_id(programme.id)], now=now,
    )  # fmt: skip
    return submit_bulletin(unit, bulletin.id, house.other_officer, now)


def order_in(unit: Session, programme: Programme, now: datetime) -> list[str]:
    return [one.bulletin.title for one in placements_on(unit, row_id(programme.id), now.date())]


def waiting(unit: Session) -> list[str]:
    return [row.item for row, _ in list_items(unit, [ItemState.WAITING])]


def test_a_normal_item_waits_is_chosen_and_named(unit: Session, house: House, source: Source, now: datetime) -> None:
    row = take_item(unit, source, item(zones=["thon-tay"]), now)
    assert (row.state, unit.exec(select(Bulletin)).all()) == (ItemState.WAITING, [])
    draft = choose_item(unit, row_id(row.id), house.officer, now)
    assert (draft.state, draft.script, draft.author_id) == (BulletinState.DRAFT, "Nội dung a.", house.officer.id)
    found = source_of_bulletin(unit, draft.id)
    assert found is not None
    assert found[1].name == "Đài tỉnh"
    with pytest.raises(Conflict, match="not-waiting"):
        choose_item(unit, row_id(row.id), house.officer, now)


def test_an_item_is_put_aside_with_a_reason_until_its_next_revision(
    unit: Session, house: House, source: Source, now: datetime
) -> None:
    row = take_item(unit, source, item(), now)
    with pytest.raises(InvalidInput, match="empty"):
        set_aside(unit, row_id(row.id), " ", house.officer, now)
    for stranger in (house.administrator, house.head_east):
        with pytest.raises(NotAllowed):
            set_aside(unit, row_id(row.id), "Không hợp.", stranger, now)
    set_aside(unit, row_id(row.id), "Không hợp.", house.officer, now)
    take_item(unit, source, item(), now)
    assert waiting(unit) == []
    take_item(unit, source, item(revision=2), now)
    assert waiting(unit) == ["a"]


def test_the_same_item_again_changes_nothing_and_an_older_one_neither(
    unit: Session, source: Source, now: datetime
) -> None:
    take_item(unit, source, item(revision=2, text="Hai."), now)
    before = len(unit.exec(select(AuditEntry)).all())
    for late in (item(revision=2, text="Khác."), item(revision=1, text="Một.")):
        assert take_item(unit, source, late, now).text == "Hai."
    assert len(unit.exec(select(AuditEntry)).all()) == before


def test_a_withdrawal_that_comes_first_is_remembered(unit: Session, source: Source, now: datetime) -> None:
    take_item(unit, source, item(revision=3, status="withdrawn"), now)
    assert take_item(unit, source, item(revision=2), now).state is ItemState.WITHDRAWN
    assert take_item(unit, source, item(revision=4), now).state is ItemState.WAITING


def test_a_withdrawn_item_takes_its_bulletin_along(unit: Session, house: House, source: Source, now: datetime) -> None:
    row = take_item(unit, source, item(), now)
    bulletin = choose_item(unit, row_id(row.id), house.officer, now)
    take_item(unit, source, item(revision=2, status=Status.WITHDRAWN), now)
    assert (row.state, bulletin.state) == (ItemState.WITHDRAWN, BulletinState.WITHDRAWN)


def test_a_new_revision_of_a_chosen_item_waits_beside_the_draft(
    unit: Session, house: House, source: Source, now: datetime
) -> None:
    row = take_item(unit, source, item(), now)
    first = choose_item(unit, row_id(row.id), house.officer, now)
    take_item(unit, source, item(revision=2, text="Mới."), now)
    assert (first.state, row.state, row.bulletin_id) == (BulletinState.DRAFT, ItemState.WAITING, first.id)
    assert "Bản mới" in row.reason
    second = choose_item(unit, row_id(row.id), house.officer, now)
    assert (first.state, second.script) == (BulletinState.WITHDRAWN, "Mới.")


@pytest.mark.parametrize("urgency", list(Urgency))
def test_what_has_expired_is_aired_by_nobody(
    unit: Session, house: House, source: Source, now: datetime, urgency: Urgency
) -> None:
    row = take_item(unit, source, item(urgency=urgency, expires_at=now), now)
    assert (row.state, row.reason) == (ItemState.WAITING, "Tin đã hết hạn khi nhận.")
    with pytest.raises(Conflict, match="expired"):
        choose_item(unit, row_id(row.id), house.officer, now)
    assert unit.exec(select(Broadcast)).all() == []


def test_an_unknown_village_is_refused(unit: Session, source: Source, now: datetime) -> None:
    with pytest.raises(InvalidInput, match="unknown-zone"):
        take_item(unit, source, item(zones=["thon-nam"]), now)


def test_priority_goes_before_what_has_time_and_waits_for_approval(
    unit: Session, house: House, source: Source, morning: Programme, files: SecretFiles, now: datetime
) -> None:
    write_bulletin(
        unit, house.officer, title="Thường", script="Thường.", zones=["thon-dong"],
        programmes=[row_id(morning.id)], now=now,
    )  # fmt: skip
    edit_source(unit, "tinh", replace(DRAFT, programme_id=morning.id), files, house.administrator, now)
    row = take_item(unit, source, item(urgency="priority", expires_at=now + timedelta(days=1)), now)
    bulletin = unit.get_one(Bulletin, row.bulletin_id)
    assert (row.state, bulletin.state, bulletin.urgency) == (
        ItemState.PUT_IN, BulletinState.SUBMITTED, Urgency.PRIORITY,
    )  # fmt: skip
    assert order_in(unit, morning, now) == ["Tin a", "Thường"]
    assert order_in(unit, morning, now + timedelta(days=2)) == ["Thường"]
    with pytest.raises(NotAllowed):
        approve_bulletin(unit, bulletin.id, house.officer, bulletin.revision, now)
    assert approve_bulletin(unit, bulletin.id, house.leader, bulletin.revision, now).state is BulletinState.APPROVED


def test_priority_without_approval_is_aired_by_itself_in_open_hours(
    unit: Session, house: House, source: Source, files: SecretFiles, now: datetime
) -> None:
    edit_source(unit, "tinh", replace(DRAFT, needs_approval=False), files, house.administrator, now)
    row = take_item(unit, source, item("mo", urgency="priority"), now)
    first = unit.exec(select(Broadcast).where(Broadcast.bulletin_id == row.bulletin_id)).one()
    assert first.starts_at == now + timedelta(minutes=2)
    opens = (now + timedelta(hours=3)).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    window = Window(opens=opens.time(), closes=(opens + timedelta(hours=1)).time())
    set_commune_rules(unit, Rules(windows=[window]), now, "quantri")
    row = take_item(unit, source, item("dong", urgency="priority"), now)
    later = unit.exec(select(Broadcast).where(Broadcast.bulletin_id == row.bulletin_id)).one()
    assert later.starts_at == now + timedelta(hours=3)
    set_commune_rules(unit, Rules(windows=[]), now, "quantri")
    row = take_item(unit, source, item("khong", urgency="priority"), now)
    assert row.state is ItemState.WAITING
    assert "Xã chưa cho phép phát giờ nào" in row.reason


def test_a_clash_in_a_programme_is_asked_about_and_the_communes_own_is_first_until_then(
    unit: Session, house: House, source: Source, morning: Programme, files: SecretFiles, now: datetime
) -> None:
    edit_source(unit, "tinh", replace(DRAFT, programme_id=morning.id), files, house.administrator, now)
    own_priority(unit, house, now, morning)
    row = take_item(unit, source, item(urgency="priority"), now)
    assert (row.order, [one.title for _, _, one in clashes(unit)]) == (ClashOrder.ASKED, ["Của xã"])
    assert order_in(unit, morning, now) == ["Của xã", "Tin a"]
    id_ = row_id(row.id)
    with pytest.raises(NotAllowed):
        decide_order(unit, id_, ClashOrder.SOURCE_FIRST, house.administrator, now)
    decide_order(unit, id_, ClashOrder.SOURCE_FIRST, house.officer, now)
    assert order_in(unit, morning, now) == ["Tin a", "Của xã"]
    decide_order(unit, id_, ClashOrder.OWN_FIRST, house.officer, now)
    assert order_in(unit, morning, now) == ["Của xã", "Tin a"]
    take_item(unit, source, item(revision=2, status="withdrawn"), now)
    assert clashes(unit) == []
    with pytest.raises(Conflict, match="no-clash"):
        decide_order(unit, id_, ClashOrder.OWN_FIRST, house.officer, now)
    with pytest.raises(NotFound):
        decide_order(unit, id_ + 1, ClashOrder.OWN_FIRST, house.officer, now)


def test_a_clash_is_asked_about_too_where_the_communes_own_comes_second(
    unit: Session, house: House, source: Source, morning: Programme, files: SecretFiles, now: datetime
) -> None:
    edit_source(unit, "tinh", replace(DRAFT, programme_id=morning.id), files, house.administrator, now)
    row = take_item(unit, source, item(urgency="priority"), now)
    assert clashes(unit) == []
    own = own_priority(unit, house, now, morning)
    assert [(one.id, rival.id) for one, _, rival in clashes(unit)] == [(row.id, own.id)]
    assert (row.order, order_in(unit, morning, now)) == (ClashOrder.ASKED, ["Của xã", "Tin a"])
    decide_order(unit, row_id(row.id), ClashOrder.SOURCE_FIRST, house.officer, now)
    approve_bulletin(unit, own.id, house.leader, 1, now)
    assert (row.order, order_in(unit, morning, now)) == (ClashOrder.SOURCE_FIRST, ["Tin a", "Của xã"]), "decided"


@pytest.mark.parametrize("was_returned", [False, True])
def test_a_draft_that_was_there_before_the_item_asks_when_it_is_submitted(
    unit: Session, house: House, source: Source, morning: Programme, files: SecretFiles, now: datetime,
    *, was_returned: bool,
) -> None:  # fmt: skip
    edit_source(unit, "tinh", replace(DRAFT, programme_id=morning.id), files, house.administrator, now)
    normal, own = (
        write_bulletin(
            unit, house.other_officer, title=title, script="Xã.", zones=["thon-dong"], urgency=urgency,
            programmes=[row_id(morning.id)], now=now,
        )
        for title, urgency in (("Có giờ", Urgency.NORMAL), ("Của xã", Urgency.PRIORITY))
    )  # fmt: skip
    if was_returned:
        submit_bulletin(unit, own.id, house.other_officer, now)
        return_bulletin(unit, own.id, house.leader, "Ngắn lại.", now)
    row = take_item(unit, source, item(urgency="priority"), now)
    submit_bulletin(unit, normal.id, house.other_officer, now)
    assert clashes(unit) == []
    submit_bulletin(unit, own.id, house.other_officer, now)
    assert [rival.id for _, _, rival in clashes(unit)] == [own.id]
    order = order_in(unit, morning, now)
    assert order.index("Của xã") < order.index("Tin a")
    assert row.order is ClashOrder.ASKED


def test_a_campaign_into_the_items_programme_asks_and_another_days_does_not(
    unit: Session, house: House, source: Source, morning: Programme, files: SecretFiles, now: datetime
) -> None:
    evening = create_programme(unit, house.commune, name="Tối", greeting="", closing="", now=now, actor="canbo")
    edit_source(unit, "tinh", replace(DRAFT, programme_id=morning.id), files, house.administrator, now)
    own = own_priority(unit, house, now, evening)
    take_item(unit, source, item(urgency="priority"), now)
    assert clashes(unit) == []
    week = timedelta(days=7)
    later = Campaign(programmes=[row_id(morning.id)], from_on=now.date() + week, until_on=now.date() + 2 * week)
    place_campaign(unit, own, later, now, "canbo2")
    assert clashes(unit) == []
    place_campaign(unit, own, replace(later, from_on=now.date()), now, "canbo2")
    assert [rival.id for _, _, rival in clashes(unit)] == [own.id]
    # Placed twice, the later days keep their place.
    assert order_in(unit, morning, now) == ["Của xã", "Tin a"]


def test_another_village_and_another_source_are_no_clash(
    unit: Session, house: House, source: Source, morning: Programme, files: SecretFiles, now: datetime
) -> None:
    edit_source(unit, "tinh", replace(DRAFT, programme_id=morning.id), files, house.administrator, now)
    own_priority(unit, house, now, morning, "thon-tay")
    for id_ in ("a", "b"):
        row = take_item(unit, source, item(id_, urgency="priority", zones=["thon-dong"]), now)
        assert row.order is None
    own_priority(unit, house, now, morning, "thon-tay")
    assert clashes(unit) == []
    assert order_in(unit, morning, now) == ["Của xã", "Tin a", "Tin b", "Của xã"]


def test_a_clash_of_two_broadcasts_of_their_own(
    unit: Session, house: House, source: Source, files: SecretFiles, now: datetime
) -> None:
    edit_source(unit, "tinh", replace(DRAFT, needs_approval=False), files, house.administrator, now)
    at = now + timedelta(minutes=5)
    own = write_bulletin(
        unit, house.other_officer, title="Của xã", script="Xã.", zones=["thon-dong"], urgency=Urgency.PRIORITY,
        airs_at=at, now=now,
    )  # fmt: skip
    submit_bulletin(unit, own.id, house.other_officer, now)
    approve_bulletin(unit, own.id, house.leader, 1, now)
    row = take_item(unit, source, item(urgency="priority"), now)

    def starts_at() -> datetime | None:
        return unit.exec(select(Broadcast.starts_at).where(Broadcast.bulletin_id == row.bulletin_id)).one()

    assert starts_at() == at + timedelta(seconds=1)
    decide_order(unit, row_id(row.id), ClashOrder.SOURCE_FIRST, house.officer, now)
    assert starts_at() == at - timedelta(seconds=1)
    with pytest.raises(Conflict, match="too-late"):
        decide_order(unit, row_id(row.id), ClashOrder.SOURCE_FIRST, house.officer, at)


def test_a_new_revision_of_priority_takes_the_olds_place(unit: Session, source: Source, now: datetime) -> None:
    row = take_item(unit, source, item(urgency="priority"), now)
    first = unit.get_one(Bulletin, row.bulletin_id)
    take_item(unit, source, item(urgency="priority", revision=2, text="Mới."), now)
    second = unit.get_one(Bulletin, row.bulletin_id)
    assert (first.state, second.state, second.script) == (BulletinState.WITHDRAWN, BulletinState.SUBMITTED, "Mới.")


def test_an_emergency_airs_at_once_and_is_stopped_when_it_is_withdrawn(
    unit: Session, source: Source, now: datetime
) -> None:
    row = take_item(unit, source, item(urgency="emergency", text="Nước lên nhanh."), now)
    first = unit.get_one(Broadcast, row.broadcast_id)
    assert (row.state, first.is_now, first.urgency) == (ItemState.RAISED, True, Urgency.EMERGENCY)
    assert "Nước lên nhanh." in [rendering.spoken for rendering in renderings_of(unit, first.id)]
    take_item(unit, source, item(urgency="emergency", text="Nước lên nhanh."), now)
    assert len(unit.exec(select(Broadcast)).all()) == 1
    take_item(unit, source, item(urgency="emergency", text="Nước đã rút.", revision=2), now)
    second = unit.get_one(Broadcast, row.broadcast_id)
    assert (first.state, second.state) == (BroadcastState.CANCELLED, BroadcastState.PLANNED)
    second.state = BroadcastState.ON_AIR
    take_item(unit, source, item(revision=3, status="withdrawn"), now)
    assert (row.state, second.state) == (ItemState.WITHDRAWN, BroadcastState.CUT)


def test_what_cannot_be_done_by_itself_waits_with_the_reason(unit: Session, source: Source, now: datetime) -> None:
    set_active(unit, "lanhdao", now, "quantri", is_active=False)
    set_active(unit, "canbo", now, "quantri", is_active=False)
    for urgency in (Urgency.EMERGENCY, Urgency.PRIORITY):
        row = take_item(unit, source, item(urgency.value, urgency=urgency), now)
        assert row.state is ItemState.WAITING
        assert row.reason.startswith("Không tự xử lý được: ")
    assert unit.exec(select(Bulletin)).all() == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"address": "tin"}, "address"),
        ({"address": "/srv/../etc"}, "address"),
        ({"kind": SourceKind.HTTP, "address": "ftp://a/"}, "address"),
        ({"kind": SourceKind.HTTP, "address": "https://a:b@c/"}, "address"),
        ({"kind": SourceKind.HTTP, "address": "https://[::1/"}, "address"),
        ({"kind": SourceKind.HTTP, "address": "http://tinh.vn/tin"}, "address"),
        ({"every_s": 9}, "every_s"),
        ({"every_s": 86_401}, "every_s"),
        ({"officer": "quantri"}, "officer"),
        ({"leader": "canbo"}, "leader"),
        ({"leader": "truongthon"}, "leader"),
        ({"programme_id": 99}, "programme"),
        ({"secrets": Secrets(secret="ngan")}, "secret"),
        ({"secrets": Secrets(token="dòng\nmới")}, "token"),
    ],
)
def test_a_source_that_cannot_be(
    unit: Session, house: House, files: SecretFiles, now: datetime, changed: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        add_source(unit, "tinh", replace(DRAFT, **changed), files, house.administrator, now)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert unit.exec(select(Source)).all() == []


def test_sources_are_the_administrators_and_their_secrets_their_own(
    unit: Session, house: House, source: Source, files: SecretFiles, tmp_path: Path, now: datetime
) -> None:
    with pytest.raises(NotAllowed):
        add_source(unit, "khac", DRAFT, files, house.leader, now)
    with pytest.raises(Conflict, match="source-exists"):
        add_source(unit, "tinh", DRAFT, files, house.administrator, now)
    kept = Secrets(token="ma", secret=SECRET)
    edit_source(unit, "tinh", replace(DRAFT, secrets=kept), files, house.administrator, now)
    edit_source(unit, "tinh", replace(DRAFT, name="Tỉnh"), files, house.administrator, now)
    assert files.load("tinh") == kept
    assert (tmp_path / "secrets" / "tinh.json").stat().st_mode & 0o777 == 0o600
    said = json.dumps([entry.detail for entry in unit.exec(select(AuditEntry))])
    assert SECRET not in said + repr(kept) + repr(replace(DRAFT, secrets=kept))


def test_a_source_is_asked_as_often_as_was_said(unit: Session, source: Source, now: datetime) -> None:
    assert due_sources(unit, now) == [source]
    source.asked_at = now
    assert due_sources(unit, now + timedelta(seconds=59)) == []
    assert due_sources(unit, now + timedelta(seconds=60)) == [source]
    assert due_sources(unit, now - timedelta(hours=1)) == [source]
    source.is_active = False
    assert due_sources(unit, now + timedelta(days=1)) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def desk(house_engine: Engine, files: SecretFiles, folder: Path, now: datetime) -> SourceDesk:
    with session_of(house_engine) as session:
        house = load_house(session, {})
        kept = replace(DRAFT, address=str(folder), secrets=Secrets(secret=SECRET))
        add_source(session, "tinh", kept, files, house.administrator, now)
    return SourceDesk(house_engine, files, lambda: now, lambda: None)


def put(folder: Path, name: str, data: bytes, *, is_signed: bool = True) -> None:
    (folder / (name + ".json")).write_bytes(data)
    if is_signed:
        (folder / (name + ".json.sig")).write_text(signed(data))


async def test_a_bad_item_is_set_aside_and_the_rest_goes_on(
    house_engine: Engine, desk: SourceDesk, folder: Path
) -> None:
    put(folder, "1", b"{")
    put(folder, "2", item("tot").model_dump_json().encode())
    put(folder, "3", item("la").model_dump_json().encode(), is_signed=False)
    put(folder, "4", item("xa", zones=["thon-nam"]).model_dump_json().encode())
    with reading(house_engine) as session:
        await desk.ask(session.exec(select(Source)).one())
    with reading(house_engine) as session:
        rows = session.exec(select(SourceItem).order_by(col(SourceItem.id))).all()
        source = session.exec(select(Source)).one()
        assert [(row.state, row.item if row.state is ItemState.WAITING else row.reason[:6]) for row in rows] == [
            ("bad", "1.json"), ("waiting", "tot"), ("bad", "3.json"), ("bad", "4.json"),
        ]  # fmt: skip
        assert (source.error, source.answered_at) == (None, source.asked_at)
        assert len(list_zones(session)) == 2
    assert sorted(one.name for one in (folder / "bad").glob("*.json")) == ["1.json", "3.json", "4.json"]
    assert [one.name for one in (folder / "done").glob("*.json")] == ["2.json"]


async def test_a_source_that_cannot_be_read_says_so_until_it_can(
    house_engine: Engine, desk: SourceDesk, folder: Path
) -> None:
    def source() -> Source:
        with reading(house_engine) as session:
            return session.exec(select(Source)).one()

    os.rename(folder, folder.with_name("away"))  # noqa: PTH104
    await desk.ask(source())
    assert "thư mục" in (source().error or "")
    os.rename(folder.with_name("away"), folder)  # noqa: PTH104
    await desk.ask(source())
    assert source().error is None
    os.chmod(folder.parent / "secrets" / "tinh.json", 0o644)  # noqa: PTH101
    await desk.ask(source())
    assert "0600" in (source().error or "")


def test_a_broadcast_of_the_communes_own_that_comes_second_is_heard_first_until_somebody_decides(
    unit: Session, house: House, source: Source, files: SecretFiles, now: datetime
) -> None:
    edit_source(unit, "tinh", replace(DRAFT, needs_approval=False), files, house.administrator, now)
    row = take_item(unit, source, item(urgency="priority"), now)
    at = now + timedelta(minutes=10)
    own = write_bulletin(
        unit, house.other_officer, title="Của xã", script="Xã.", zones=["thon-dong"], urgency=Urgency.PRIORITY,
        airs_at=at, now=now,
    )  # fmt: skip
    submit_bulletin(unit, own.id, house.other_officer, now)
    approve_bulletin(unit, own.id, house.leader, 1, now)
    assert [(one.id, rival.id) for one, _, rival in clashes(unit)] == [(row.id, own.id)]
    starts_at = unit.exec(select(Broadcast.starts_at).where(Broadcast.bulletin_id == row.bulletin_id)).one()
    assert starts_at == at + timedelta(seconds=1)
