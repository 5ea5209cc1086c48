"""Who approves what: the commune's rule, deputies of who is away, and nobody their own."""

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from broadcast.approval import approvers_of, urgencies_of
from broadcast.approval_rules import approval_rules, set_approval_rules
from broadcast.bulletins import approve_bulletin, return_bulletin, submit_bulletin, withdraw_bulletin, write_bulletin
from broadcast.delegations import delegate, deputies, end_delegation, end_overdue
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import AuditEntry, Bulletin, BulletinState, Role, User, row_id
from broadcast.users import add_user, set_active
from players.messages import Urgency
from tests.broadcast.conftest import House

LAST_DAY = date(2026, 6, 3)
AFTER_IT = datetime.fromisoformat("2026-06-04T00:00+07:00")


def submitted(unit: Session, author: User, now: datetime, urgency: Urgency = Urgency.NORMAL) -> Bulletin:
    bulletin = write_bulletin(
        unit, author, title="Tin", script="Họp.", zones=["thon-dong"], airs_now=True, urgency=urgency, now=now
    )
    return submit_bulletin(unit, bulletin.id, author, now)


def rule(unit: Session, house: House, now: datetime, normal: set[Role], priority: set[Role] | None = None) -> None:
    rules = {Urgency.NORMAL: normal, Urgency.PRIORITY: priority or {Role.LEADER}}
    set_approval_rules(unit, rules, house.leader, now)


def log(unit: Session) -> list[tuple[str, str, dict[str, object]]]:
    return [(one.actor, one.action, one.detail) for one in unit.exec(select(AuditEntry).order_by(col(AuditEntry.id)))]


def test_without_a_rule_the_leaders_approve(unit: Session, house: House, now: datetime) -> None:
    assert approval_rules(unit) == {Urgency.NORMAL: {Role.LEADER}, Urgency.PRIORITY: {Role.LEADER}}
    assert urgencies_of(unit, house.leader, now) == {Urgency.NORMAL, Urgency.PRIORITY}
    for other in (house.officer, house.administrator, house.head_east):
        assert urgencies_of(unit, other, now) == set()


@pytest.mark.parametrize("who", ["officer", "other_officer", "leader", "administrator", "head_east"])
@pytest.mark.parametrize("urgency", [Urgency.NORMAL, Urgency.PRIORITY])
@pytest.mark.parametrize("author", ["officer", "leader"])
@pytest.mark.parametrize("roles", [{Role.LEADER}, {Role.OFFICER}, {Role.ADMINISTRATOR}, {Role.OFFICER, Role.LEADER}])
def test_a_rule_decides_for_its_urgency_and_nobody_approves_their_own(
    unit: Session, house: House, now: datetime, who: str, urgency: Urgency, author: str, roles: set[Role]
) -> None:
    rule(unit, house, now, normal=roles, priority={Role.ADMINISTRATOR})
    bulletin = submitted(unit, getattr(house, author), now, urgency)
    user: User = getattr(house, who)
    allowed = user.role in (roles if urgency is Urgency.NORMAL else {Role.ADMINISTRATOR}) and who != author
    if allowed:
        assert approve_bulletin(unit, bulletin.id, user, 1, now).decided_by_id == user.id
    else:
        with pytest.raises((NotAllowed, NotFound)):
            approve_bulletin(unit, bulletin.id, user, 1, now)
        with pytest.raises((NotAllowed, NotFound)):
            return_bulletin(unit, bulletin.id, user, "Thiếu giờ.", now)
        assert bulletin.state is BulletinState.SUBMITTED


def test_who_changed_it_last_does_not_approve_it(unit: Session, house: House, now: datetime) -> None:
    rule(unit, house, now, normal={Role.OFFICER})
    bulletin = submitted(unit, house.officer, now)
    bulletin.editor_id = row_id(house.other_officer.id)
    for one in (house.officer, house.other_officer):
        with pytest.raises(NotAllowed, match="own-bulletin"):
            approve_bulletin(unit, bulletin.id, one, 1, now)


def test_rules_are_set_by_who_may_and_never_left_without_anybody(unit: Session, house: House, now: datetime) -> None:
    for roles, code in [(set[Role](), "no-approver"), ({Role.VILLAGE_HEAD}, "never-approves")]:
        with pytest.raises(InvalidInput, match=code):
            rule(unit, house, now, normal=roles)
    with pytest.raises(InvalidInput, match="own-rule"):
        set_approval_rules(unit, {Urgency.EMERGENCY: {Role.LEADER}}, house.leader, now)
    with pytest.raises(NotAllowed):
        set_approval_rules(unit, {Urgency.NORMAL: {Role.OFFICER}}, house.officer, now)
    before = len(log(unit))
    rule(unit, house, now, normal={Role.ADMINISTRATOR})
    rule(unit, house, now, normal={Role.ADMINISTRATOR})
    assert [(action, detail["after"]) for _, action, detail in log(unit)[before:]] == [
        ("set-approval-rules", {"normal": ["administrator"], "priority": ["leader"]})
    ]


def test_whether_it_was_heard_is_written_down_and_forgotten_with_an_edit(
    unit: Session, house: House, now: datetime
) -> None:
    heard, unheard = submitted(unit, house.officer, now), submitted(unit, house.officer, now)
    assert approve_bulletin(unit, heard.id, house.leader, 1, now, was_heard=True).was_heard is True
    assert approve_bulletin(unit, unheard.id, house.leader, 1, now).was_heard is False
    said = [detail["heard"] for _, action, detail in log(unit) if action == "approve-bulletin"]
    assert said == [True, False]


def test_a_deputy_approves_until_the_end_of_the_last_day(unit: Session, house: House, now: datetime) -> None:
    delegate(unit, house.leader, "quantri", LAST_DAY, now)
    bulletin = submitted(unit, house.officer, now)
    last_second = AFTER_IT - timedelta(seconds=1)
    approved = approve_bulletin(unit, bulletin.id, house.administrator, 1, last_second)
    assert (approved.decided_by_id, approved.decided_for_id) == (house.administrator.id, house.leader.id)
    assert log(unit)[-1][2]["for"] == "lanhdao"
    other = submitted(unit, house.officer, now)
    with pytest.raises(NotAllowed, match="role-not-allowed"):
        approve_bulletin(unit, other.id, house.administrator, 1, AFTER_IT)
    assert urgencies_of(unit, house.administrator, AFTER_IT) == set()


def test_it_ends_by_itself_in_the_log_and_only_once(unit: Session, house: House, now: datetime) -> None:
    made = delegate(unit, house.leader, "canbo2", LAST_DAY, now)
    assert end_overdue(unit, AFTER_IT - timedelta(seconds=1)) == []
    assert end_overdue(unit, AFTER_IT) == [made.id]
    assert end_overdue(unit, AFTER_IT + timedelta(days=1)) == []
    assert log(unit)[-1] == (
        "loalang", "end-delegation", {"deputy": "canbo2", "until_on": "2026-06-03", "by_itself": True},
    )  # fmt: skip


@pytest.mark.parametrize("who", ["leader", "other_officer", "administrator"])
def test_it_is_ended_early_by_who_gave_it_who_has_it_and_the_administrator(
    unit: Session, house: House, now: datetime, who: str
) -> None:
    made = row_id(delegate(unit, house.leader, "canbo2", LAST_DAY, now).id)
    with pytest.raises(NotAllowed, match="not-your-delegation"):
        end_delegation(unit, made, house.officer, now)
    end_delegation(unit, made, getattr(house, who), now)
    assert deputies(unit, now) == []
    assert urgencies_of(unit, house.other_officer, now) == set()
    with pytest.raises(Conflict, match="already-ended"):
        end_delegation(unit, made, house.leader, now)
    with pytest.raises(NotFound):
        end_delegation(unit, made + 1, house.leader, now)


def test_it_cannot_be_passed_on_nor_given_by_who_has_none(unit: Session, house: House, now: datetime) -> None:
    delegate(unit, house.leader, "canbo2", LAST_DAY, now)
    for user in (house.other_officer, house.administrator):
        with pytest.raises(NotAllowed, match="nothing-to-delegate"):
            delegate(unit, user, "canbo", LAST_DAY, now)


def test_a_deputy_approves_neither_their_own_nor_the_absents(unit: Session, house: House, now: datetime) -> None:
    delegate(unit, house.leader, "canbo2", LAST_DAY, now)
    for author in (house.other_officer, house.leader):
        bulletin = submitted(unit, author, now)
        with pytest.raises(NotAllowed, match="own-bulletin"):
            approve_bulletin(unit, bulletin.id, house.other_officer, 1, now)
    both, _ = add_user(unit, house.commune, username="lanhdao2", name="B", role=Role.LEADER, now=now)
    unit.flush()
    delegate(unit, both, "canbo2", LAST_DAY, now)
    # A second absent leader wrote nothing: for that one it may be approved.
    assert approve_bulletin(unit, bulletin.id, house.other_officer, 1, now).decided_for_id == both.id


def test_a_second_deputy_takes_the_firsts_place(unit: Session, house: House, now: datetime) -> None:
    for name in ("canbo", "canbo2"):
        delegate(unit, house.leader, name, LAST_DAY, now)
    assert [one.deputy.username for one in deputies(unit, now)] == ["canbo2"]
    assert urgencies_of(unit, house.officer, now) == set()


@pytest.mark.parametrize("locked", ["lanhdao", "canbo2"])
def test_who_is_locked_out_gives_and_has_nothing(unit: Session, house: House, now: datetime, locked: str) -> None:
    delegate(unit, house.leader, "canbo2", LAST_DAY, now)
    set_active(unit, locked, now, "quantri", is_active=False)
    assert deputies(unit, now) == []
    assert urgencies_of(unit, house.other_officer, now) == set()


@pytest.mark.parametrize(
    ("deputy", "until_on", "code"),
    [
        ("lanhdao", LAST_DAY, "unknown-deputy"),
        ("truongthon", LAST_DAY, "unknown-deputy"),
        ("khong-co", LAST_DAY, "unknown-deputy"),
        ("canbo2", date(2026, 5, 31), "bad-end"),
        ("canbo2", date(2026, 9, 2), "bad-end"),
    ],
)
def test_what_cannot_be_delegated(
    unit: Session, house: House, now: datetime, deputy: str, until_on: date, code: str
) -> None:
    with pytest.raises(InvalidInput, match=code):
        delegate(unit, house.leader, deputy, until_on, now)


def test_who_could_approve_is_named_without_the_author(unit: Session, house: House, now: datetime) -> None:
    rule(unit, house, now, normal={Role.OFFICER}, priority={Role.LEADER})
    delegate(unit, house.leader, "quantri", LAST_DAY, now)
    assert approvers_of(unit, Urgency.NORMAL, now) == ["canbo", "canbo2"]
    assert approvers_of(unit, Urgency.NORMAL, now, {house.officer.id}) == ["canbo2"]
    assert approvers_of(unit, Urgency.PRIORITY, now) == ["lanhdao", "quantri (thay lanhdao)"]
    assert approvers_of(unit, Urgency.PRIORITY, now, {house.leader.id}) == []


def test_who_may_approve_may_also_withdraw(unit: Session, house: House, now: datetime) -> None:
    rule(unit, house, now, normal={Role.ADMINISTRATOR})
    bulletin = submitted(unit, house.officer, now)
    with pytest.raises(NotAllowed, match="not-yours"):
        withdraw_bulletin(unit, bulletin.id, house.other_officer, now)
    assert withdraw_bulletin(unit, bulletin.id, house.administrator, now).state is BulletinState.WITHDRAWN
