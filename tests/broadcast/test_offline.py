"""Cards, buttons, and what poles tell of what was started without the server."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from broadcast.as_run import store_reports
from broadcast.documents import build_documents
from broadcast.errors import InvalidInput, NotAllowed, NotFound
from broadcast.models import AuditEntry, Broadcast, Delivery, DeliveryState, Node, Zone
from broadcast.nodes import revoke_node
from broadcast.offline import cards, choose_button, issue_card, offline_of_zones, revoke_card, who_started
from broadcast.prepared import seed_prepared
from broadcast.users import get_user
from players.messages import LocalOrder, OfflineCard, Outcome, PlaybackReport, Reason, Urgency
from players.offline import Card, is_key_of
from players.signing import NodeKey, SigningKey, sign
from players.topics import Topics
from tests.broadcast.airing_kit import add_pole
from tests.broadcast.conftest import NOW, House

COMMUNE = "hoa-binh-an"
POLE_KEY = NodeKey.generate()


@pytest.fixture
def pole(unit: Session, house: House) -> Node:
    """A paired pole in thôn Đông whose key we have."""
    seed_prepared(unit, NOW)
    node = add_pole(unit, house, "dong-1", "thon-dong", NOW)
    node.public_key = POLE_KEY.public_jwk()
    unit.add(node)
    unit.flush()
    return node


def give(unit: Session, house: House, holder: str = "truongthon", zone: str = "thon-dong", days: int = 30) -> Card:
    return issue_card(unit, house.administrator, holder, zone, days, NOW)[1]


def listed(unit: Session, zone: str = "thon-dong") -> tuple[OfflineCard, ...]:
    zone_id = unit.exec(select(Zone.id).where(Zone.slug == zone)).one()
    assert zone_id is not None
    return offline_of_zones(unit, NOW)[zone_id].cards


def test_a_card_is_in_its_villages_rules_by_its_key_alone(unit: Session, house: House, pole: Node) -> None:
    card = give(unit, house)
    (one,) = listed(unit)
    assert (one.number, one.revoked) == (card.number, False)
    assert is_key_of(card.key(COMMUNE), one.key)
    assert listed(unit, "thon-tay") == ()
    entry = unit.exec(select(AuditEntry).where(AuditEntry.action == "issue-card")).one()
    assert card.secret not in str(entry.detail)


@pytest.mark.parametrize(
    ("issuer", "holder", "zone", "days", "refusal"),
    [
        ("lanhdao", "truongthon", "thon-dong", 30, NotAllowed),
        ("quantri", "canbo", "thon-dong", 30, NotAllowed),
        ("quantri", "truongthon", "thon-tay", 30, NotAllowed),
        ("quantri", "truongthon", "thon-dong", 0, InvalidInput),
        ("quantri", "truongthon", "thon-dong", 367, InvalidInput),
        ("quantri", "nobody", "thon-dong", 30, NotFound),
        ("quantri", "truongthon", "nowhere", 30, InvalidInput),
    ],
)
def test_who_gets_a_card_for_where(
    unit: Session, house: House, issuer: str, holder: str, zone: str, days: int, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        issue_card(unit, get_user(unit, issuer), holder, zone, days, NOW)


def test_a_revoked_card_stays_listed_as_such_until_its_end(unit: Session, house: House, pole: Node) -> None:
    card = give(unit, house)
    revoke_card(unit, house.administrator, card.number, NOW)
    revoke_card(unit, house.administrator, card.number, NOW)
    assert [one.revoked for one in listed(unit)] == [True]
    assert [row.is_revoked for row in cards(unit, NOW)] == [True]
    assert len(unit.exec(select(AuditEntry).where(AuditEntry.action == "revoke-card")).all()) == 1
    assert cards(unit, NOW + timedelta(days=31)) == []
    with pytest.raises(NotFound):
        revoke_card(unit, house.administrator, 999, NOW)
    with pytest.raises(NotAllowed):
        revoke_card(unit, house.head_east, card.number, NOW)


def test_who_leaves_takes_no_good_card_along(unit: Session, house: House, pole: Node) -> None:
    give(unit, house)
    house.head_east.is_active = False
    unit.add(house.head_east)
    unit.flush()
    assert [one.revoked for one in listed(unit)] == [True]


def test_the_button_and_the_poles_keys_are_in_the_rules_and_change_their_version(
    unit: Session, house: House, pole: Node
) -> None:
    zone_id = unit.exec(select(Zone.id).where(Zone.slug == "thon-dong")).one()
    assert zone_id is not None
    assert offline_of_zones(unit, NOW)[zone_id].button is None
    choose_button(unit, house.administrator, "thon-dong", "chay", NOW)
    offline = offline_of_zones(unit, NOW)[zone_id]
    assert (offline.button, [one.pole for one in offline.poles]) == ("chay", ["dong-1"])
    with pytest.raises(NotFound):
        choose_button(unit, house.administrator, "thon-dong", "no-such", NOW)
    revoke_node(unit, "dong-1", NOW)
    assert offline_of_zones(unit, NOW)[zone_id].poles == (), "a stolen pole's button is not believed"
    assert build_documents(unit, NOW).packs == {}, "nothing is spoken yet"


def order(name: str = "local-1", **changes: Any) -> LocalOrder:
    fields: dict[str, Any] = {
        "order": name,
        "commune": COMMUNE,
        "issued_at": NOW,
        "expires_at": NOW + timedelta(minutes=15),
        "zone": "thon-dong",
        "pole": "dong-1",
        "kind": "start",
        "broadcast": name,
        "message": "chay",
    }
    return LocalOrder.model_validate({**fields, **changes})


def told(what: LocalOrder, key: SigningKey, outcome: Outcome = Outcome.PLAYED, **changes: Any) -> PlaybackReport:
    started = None if outcome is Outcome.MISSED else NOW
    finished = NOW + timedelta(seconds=9) if outcome is Outcome.PLAYED else None
    fields: dict[str, Any] = {
        "report": f"r-{what.broadcast}-{outcome.value}",
        "node": "dong-1",
        "broadcast": what.broadcast,
        "outcome": outcome,
        "at": NOW,
        "started_at": started,
        "finished_at": finished,
        "local_order": sign(what, key, Topics(COMMUNE).local("thon-dong")).decode(),
    }
    return PlaybackReport.model_validate({**fields, **changes})


LATER = NOW + timedelta(hours=20)


def test_what_a_button_started_is_in_the_log_when_the_line_is_back(unit: Session, house: House, pole: Node) -> None:
    reports = [told(order(), POLE_KEY, outcome) for outcome in (Outcome.PLAYING, Outcome.PLAYED)]
    assert store_reports(unit, reports, LATER) == ["local-1"]
    assert store_reports(unit, reports, LATER) == []
    broadcast = unit.exec(select(Broadcast)).one()
    assert (broadcast.urgency, broadcast.starts_at, broadcast.is_now) == (Urgency.EMERGENCY, NOW, True)
    assert broadcast.prepared_key == "chay"
    assert who_started(unit, broadcast) == "Nút bấm tại cụm loa dong-1"
    assert unit.exec(select(Delivery)).one().state is DeliveryState.PLAYED
    entry = unit.exec(select(AuditEntry).where(AuditEntry.action == "start-at-pole")).one()
    assert (entry.actor, entry.subject) == ("node:dong-1", "local-1")


def test_what_a_card_started_names_its_holder(unit: Session, house: House, pole: Node) -> None:
    card = give(unit, house)
    report = told(order(card=card.number), card.key(COMMUNE))
    store_reports(unit, [report], LATER)
    broadcast = unit.exec(select(Broadcast)).one()
    assert broadcast.made_by_id == house.head_east.id
    assert who_started(unit, broadcast) == f"Thẻ số {card.number} của truongthon, tại cụm loa dong-1"
    assert unit.exec(select(AuditEntry).where(AuditEntry.action == "start-at-pole")).one().actor == "truongthon"


def test_neighbours_are_poles_of_the_same_broadcast(unit: Session, house: House, pole: Node) -> None:
    add_pole(unit, house, "dong-2", "thon-dong", NOW)
    both = [told(order(), POLE_KEY), told(order(), POLE_KEY, node="dong-2")]
    store_reports(unit, both, LATER)
    assert len(unit.exec(select(Broadcast)).all()) == 1
    assert [one.state for one in unit.exec(select(Delivery))] == [DeliveryState.PLAYED] * 2


def test_a_refused_card_is_in_the_audit_log_and_nothing_was_aired(unit: Session, house: House, pole: Node) -> None:
    card = give(unit, house)
    revoke_card(unit, house.administrator, card.number, NOW)
    refused = told(
        order(card=card.number),
        card.key(COMMUNE),
        Outcome.MISSED,
        reason=Reason.REFUSED,
        detail=f"card {card.number} was revoked",
    )
    store_reports(unit, [refused], LATER)
    store_reports(unit, [refused], LATER)
    entry = unit.exec(select(AuditEntry).where(AuditEntry.action == "refuse-local-start")).one()
    assert (entry.actor, entry.detail["why"]) == ("truongthon", f"card {card.number} was revoked")
    assert unit.exec(select(Broadcast)).all() == []


@pytest.mark.parametrize("by_card", [True, False])
def test_an_order_that_nobody_of_ours_signed_makes_no_broadcast(
    unit: Session, house: House, pole: Node, by_card: bool
) -> None:
    card = give(unit, house)
    forged = told(order(card=card.number if by_card else None), NodeKey.generate())
    other_name = told(order("local-2"), POLE_KEY, broadcast="x-1", report="r-2")
    store_reports(unit, [forged, other_name], LATER)
    assert unit.exec(select(Broadcast)).all() == []
    assert len(unit.exec(select(AuditEntry).where(AuditEntry.action == "distrust-local-start")).all()) == 2
