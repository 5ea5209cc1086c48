"""What poles are told is what the wire can carry, however much there is; what it cannot carry holds up no other."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from broadcast.documents import Documents, build_documents
from broadcast.emergency import raise_prepared
from broadcast.emergency_packs import want_pack
from broadcast.errors import Conflict
from broadcast.models import Broadcast, OfflineToken, Rendering
from broadcast.nodes import set_node_zones
from broadcast.offline import issue_card
from broadcast.orders import mark_sent
from broadcast.prepared import PreparedForm, add_prepared, edit_prepared, list_prepared, seed_prepared
from broadcast.rendering import store_rendered
from broadcast.zones import create_zone
from players.messages import MOST_EMERGENCIES, MOST_NEIGHBOURS, MOST_PREPARED, Severity
from tests.broadcast.airing_kit import add_broadcast, add_pole, render
from tests.broadcast.conftest import NOW, House, load_house
from tests.broadcast.stage import Stage, running
from tts.render_job import Rendered

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def form(title: str, *, is_active: bool = True) -> PreparedForm:
    return PreparedForm(title, "fire", f"{title}.", (), Severity.MINOR, 1, None, None, None, is_active)


def press(session: Session, house: House, key: str, at: datetime, name: str) -> Broadcast:
    broadcast = raise_prepared(session, house.head_east, ["thon-dong"], key, {}, at, name)
    render(session, broadcast, at)
    mark_sent(session, [f"play-{broadcast.id}"], at)
    return broadcast


def sounding(documents: Documents) -> list[str]:
    return [play.item.broadcast for play in documents.emergencies["zones/thon-dong/emergencies"].active]


@pytest.fixture
def ready(unit: Session, house: House) -> Session:
    """Everything that is prepared is spoken."""
    seed_prepared(unit, NOW)
    add_pole(unit, house, "dong-1", "thon-dong", NOW)
    speak_pack(unit)
    return unit


def speak_pack(session: Session) -> None:
    want_pack(session, NOW)
    for rendering in session.exec(select(Rendering).where(col(Rendering.clip_sha256).is_(None))).all():
        size: dict[str, int] = {"size_bytes": 1000, "duration_ms": 3000, "render_ms": 1}
        answer = Rendered(job=rendering.key, sha256=rendering.key, engine="tone", voice="tone", **size)
        store_rendered(session, rendering, answer, NOW)


def test_of_many_emergencies_the_worst_and_newest_are_told_and_the_villages_have_all_else(
    ready: Session, house: House
) -> None:
    worst = press(ready, house, "xa-lu", NOW, "press-worst")
    rest = [press(ready, house, "tre-lac", NOW + n * SECOND, f"press-{n:04}") for n in range(MOST_EMERGENCIES)]
    assert (worst.severity, rest[0].severity) == (Severity.EXTREME, Severity.MODERATE)
    documents = build_documents(ready, NOW + 70 * SECOND)
    assert sounding(documents) == [worst.id, *(one.id for one in rest[1:])]
    assert documents.broken == {}
    assert {"zones/thon-dong/timetable", "zones/thon-tay/timetable"} == set(documents.timetables)


def test_no_more_messages_are_switched_on_than_a_pole_holds(ready: Session, house: House) -> None:
    for number in range(MOST_PREPARED - len(list_prepared(ready, None))):
        add_prepared(ready, house.officer, f"mau-{number}", form(f"Mẫu {number}"), NOW)
    with pytest.raises(Conflict, match="tối đa 64 mẫu tin") as refused:
        add_prepared(ready, house.officer, "mau-them", form("Mẫu thêm"), NOW)
    assert refused.value.code == "prepared-full"
    add_prepared(ready, house.officer, "de-danh", form("Để dành", is_active=False), NOW)
    with pytest.raises(Conflict):
        edit_prepared(ready, house.officer, "de-danh", form("Để dành"), NOW)
    edit_prepared(ready, house.officer, "mau-0", form("Mẫu 0", is_active=False), NOW)
    edit_prepared(ready, house.officer, "de-danh", form("Để dành"), NOW)
    edit_prepared(ready, house.officer, "de-danh", form("Để dành nữa"), NOW)  # it is on already
    speak_pack(ready)
    assert len(build_documents(ready, NOW).packs["zones/thon-tay/prepared"].messages) == MOST_PREPARED


def test_no_more_cards_are_given_than_a_pack_lists(unit: Session, house: House) -> None:
    token, _ = issue_card(unit, house.administrator, "truongthon", "thon-dong", 30, NOW)
    same = token.model_dump(exclude={"id"})
    unit.add_all(OfflineToken(**same) for _ in range(MOST_NEIGHBOURS - 1))
    unit.flush()
    with pytest.raises(Conflict, match="500 thẻ"):
        issue_card(unit, house.administrator, "truongthon", "thon-dong", 30, NOW)
    issue_card(unit, house.administrator, "truongthon", "thon-dong", 30, NOW + timedelta(days=31))


def in_too_many_villages(session: Session, house: House) -> None:
    """A pole whose configuration the wire cannot carry."""
    names = [f"xom-{number}" for number in range(65)]
    for name in names:
        create_zone(session, house.commune, slug=name, name=name, now=NOW)
    node = add_pole(session, house, "khap-noi", "thon-tay", NOW)
    set_node_zones(session, node.slug, names, NOW, "quantri")


async def test_a_document_that_cannot_be_made_holds_up_no_other(
    house_engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(house_engine, tmp_path)
    pole = stage.pole("dong-1", "thon-dong")
    stage.do(lambda session: in_too_many_villages(session, load_house(session, {})))
    async with stage.connected(), running(pole):
        await stage.playout.publish_documents()
        await pole.until(lambda n: n.configs and n.timetables)
        assert list(stage.playout.broken) == ["nodes/khap-noi/config"]
        assert "nodes/khap-noi/config cannot be published" in caplog.text
        caplog.clear()
        await stage.playout.publish_documents()
        assert "khap-noi" not in caplog.text  # told once


def test_a_broadcast_that_cannot_be_carried_leaves_the_others_in_the_timetable(unit: Session, house: House) -> None:
    good, bad = (add_broadcast(unit, house, NOW, at=at) for at in (HOUR, 2 * HOUR))
    for one in (good, bad):
        render(unit, one, NOW)
    bad.late_until = NOW + timedelta(days=400)
    unit.add(bad)
    unit.flush()
    documents = build_documents(unit, NOW)
    assert documents.listed == {good.id}
    assert list(documents.broken) == [bad.id]
    assert "late_within_ms" in documents.broken[bad.id]
