from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import Role, UserSession
from broadcast.permissions import ALLOWED, Action, may
from broadcast.tokens import end_token, tokens_of
from broadcast.users import (
    add_user,
    change_password,
    change_user,
    close_session,
    make_token,
    open_session,
    reset_password,
    session_user,
    set_active,
    token_user,
    verify_password,
)
from tests.broadcast.conftest import House


def test_only_the_right_password_opens(unit: Session, house: House) -> None:
    assert verify_password(unit, "canbo", house.passwords["canbo"]) == house.officer
    assert verify_password(unit, " CanBo ", house.passwords["canbo"]) == house.officer
    assert verify_password(unit, "canbo", house.passwords["lanhdao"]) is None
    assert verify_password(unit, "nobody", house.passwords["canbo"]) is None
    assert verify_password(unit, "canbo", house.passwords["canbo"] + "x" * 300) is None


def test_generated_passwords_differ_and_are_long_enough(house: House) -> None:
    assert len(set(house.passwords.values())) == 5
    assert all(len(password) == 17 for password in house.passwords.values())


def test_no_secret_shows_in_a_repr(unit: Session, house: House, now: datetime) -> None:
    token, row = open_session(unit, house.officer, now)
    assert "argon2" not in repr(house.officer)
    assert token not in repr(row)
    assert row.csrf not in repr(row)


def test_a_session_ends_by_time_by_signing_out_and_by_a_new_password(
    unit: Session, house: House, now: datetime
) -> None:
    token, row = open_session(unit, house.officer, now)
    assert session_user(unit, token, now) == (house.officer, row)
    assert session_user(unit, token, row.expires_at) is None
    assert session_user(unit, token[:-1], now) is None
    close_session(unit, token)
    close_session(unit, token)
    assert session_user(unit, token, now) is None
    token, _ = open_session(unit, house.officer, now)
    new = reset_password(unit, "canbo", now)
    assert session_user(unit, token, now) is None
    assert verify_password(unit, "canbo", new) == house.officer
    assert verify_password(unit, "canbo", house.passwords["canbo"]) is None


def test_signing_in_clears_sessions_that_are_over(unit: Session, house: House, now: datetime) -> None:
    open_session(unit, house.officer, now - timedelta(days=2))
    open_session(unit, house.officer, now)
    assert len(unit.exec(select(UserSession)).all()) == 1


def test_a_locked_user_is_out_at_once(unit: Session, house: House, now: datetime) -> None:
    token, _ = open_session(unit, house.officer, now)
    bearer = make_token(unit, house.officer, "lịch", ["read"], timedelta(days=1), now)
    set_active(unit, "canbo", now, "quantri", is_active=False)
    assert session_user(unit, token, now) is None
    assert token_user(unit, bearer, now) is None
    assert verify_password(unit, "canbo", house.passwords["canbo"]) is None
    assert not may(house.officer, Action.WRITE_BULLETIN)


def test_changing_a_password_needs_the_old_one(unit: Session, house: House, now: datetime) -> None:
    for old, new, code in [
        ("sai", "mot-mat-khau-moi", "wrong-password"),
        (house.passwords["canbo"], "ngan", "password-length"),
    ]:
        with pytest.raises(InvalidInput, match=code):
            change_password(unit, house.officer, old, new, now)
    change_password(unit, house.officer, house.passwords["canbo"], "mot-mat-khau-moi", now)
    assert verify_password(unit, "canbo", "mot-mat-khau-moi") == house.officer


def test_a_token_has_scopes_an_end_and_can_be_revoked(unit: Session, house: House, now: datetime) -> None:
    token = make_token(unit, house.officer, "màn hình", ["read", "read"], timedelta(hours=1), now)
    found = token_user(unit, token, now)
    assert found is not None
    user, row = found
    assert (user, row.scopes, row.name) == (house.officer, ["read"], "màn hình")
    assert token_user(unit, token, now + timedelta(hours=1)) is None
    with pytest.raises(NotFound, match="no-token"):
        end_token(unit, row.id or 0, now, house.leader)
    assert [one.name for one in tokens_of(unit, house.officer, now)] == ["màn hình"]
    end_token(unit, row.id or 0, now, house.officer)
    assert tokens_of(unit, house.officer, now) == []
    assert token_user(unit, token, now) is None
    with pytest.raises(InvalidInput, match="token-lifetime"):
        make_token(unit, house.officer, "mãi mãi", [], timedelta(days=4000), now)


def test_names_are_unique_and_a_head_has_a_village(unit: Session, house: House, now: datetime) -> None:
    with pytest.raises(Conflict, match="user-exists"):
        add_user(unit, house.commune, username="canbo", name="B", role=Role.OFFICER, now=now)
    for role, zone, code in [
        (Role.VILLAGE_HEAD, None, "zone-of-head"),
        (Role.LEADER, "thon-dong", "zone-of-head"),
        (Role.VILLAGE_HEAD, "thon-nam", "unknown-zone"),
    ]:
        with pytest.raises(InvalidInput, match=code):
            add_user(unit, house.commune, username="ai", name="Ai", role=role, zone=zone, now=now)


def test_another_role_ends_what_was_opened_by_the_old_one(unit: Session, house: House, now: datetime) -> None:
    cookie, _ = open_session(unit, house.officer, now)
    change_user(unit, "canbo", name="Bà Sáu", role=Role.OFFICER, zone=None, now=now, actor="quantri")
    assert session_user(unit, cookie, now) is not None
    change_user(unit, "canbo", name="Bà Sáu", role=Role.VILLAGE_HEAD, zone="thon-tay", now=now, actor="quantri")
    assert session_user(unit, cookie, now) is None
    assert (house.officer.name, house.officer.role) == ("Bà Sáu", Role.VILLAGE_HEAD)
    with pytest.raises(InvalidInput, match="zone-of-head"):
        change_user(unit, "canbo", name="Bà Sáu", role=Role.LEADER, zone="thon-tay", now=now, actor="quantri")


def test_nobody_takes_the_administration_from_themselves(unit: Session, house: House, now: datetime) -> None:
    with pytest.raises(NotAllowed, match="own-role"):
        change_user(unit, "quantri", name="Q", role=Role.LEADER, zone=None, now=now, actor="quantri")
    change_user(unit, "quantri", name="Ông Bảy", role=Role.ADMINISTRATOR, zone=None, now=now, actor="quantri")
    assert house.administrator.name == "Ông Bảy"


def test_every_action_is_somebodys(house: House) -> None:
    assert set(ALLOWED) == set(Action)
    assert may(house.head_east, Action.RAISE_EMERGENCY)
    assert not may(house.officer, Action.RAISE_EMERGENCY)
    assert not may(house.officer, Action.WITHDRAW_BULLETIN)
    assert not may(house.administrator, Action.WITHDRAW_BULLETIN)
