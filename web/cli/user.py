"""`loalang user`: people and their passwords."""

import argparse
from datetime import timedelta

from broadcast.communes import get_commune
from broadcast.errors import Conflict
from broadcast.models import Role
from broadcast.second_factor import end as end_second_factor
from broadcast.tokens import end_token, tokens_of
from broadcast.users import add_user, end_sessions, get_user, list_users, make_token, reset_password
from scheduler.clock import utc_now
from web.cli.database import database
from web.cli.options import commune_of


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    actions = {
        "add": _add,
        "reset": _reset,
        "reset-second-factor": _reset_second_factor,
        "list": _list,
        "token": _token,
    }
    return actions[args.action](args)


def _add(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        user, password = add_user(
            session,
            get_commune(session),
            username=args.username,
            name=args.name or args.username,
            role=Role(args.role),
            zone=args.zone,
            now=utc_now(),
        )
        username = user.username
    print(f"{username} {password}")
    return 0


def _reset(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        password = reset_password(session, args.username, utc_now())
    print(f"{args.username} {password}")
    return 0


def _reset_second_factor(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        user = get_user(session, args.username)
        if user.totp_since is None:
            raise Conflict("no-second-factor", "Tài khoản này chưa bật xác thực hai lớp.")
        end_second_factor(session, user, utc_now(), "loalang")
        end_sessions(session, user)
    return 0


def _token(args: argparse.Namespace) -> int:
    actions = {"add": _add_token, "list": _list_tokens, "revoke": _revoke_token}
    return actions[args.token_action](args)


def _add_token(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        user, lifetime = get_user(session, args.username), timedelta(days=args.days)
        token = make_token(session, user, args.name, args.scope or ["read"], lifetime, utc_now())
    print(token)
    return 0


def _list_tokens(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        for user in list_users(session):
            for token in tokens_of(session, user, utc_now()):
                scopes = ",".join(token.scopes)
                print(f"{token.id:>6} {user.username:<20} {scopes:<18} until {token.expires_at:%Y-%m-%d}  {token.name}")
    return 0


def _revoke_token(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        end_token(session, args.id, utc_now())
    return 0


def _list(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        for user in list_users(session):
            print(f"{user.username:<20} {user.role.value:<14} {'' if user.is_active else '(locked) '}{user.name}")
    return 0
