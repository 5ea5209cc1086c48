"""`loalang user`: people and their passwords."""

import argparse

from broadcast.communes import get_commune
from broadcast.models import Role
from broadcast.users import add_user, list_users, reset_password
from scheduler.clock import utc_now
from web.cli.database import database
from web.cli.options import commune_of


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    actions = {"add": _add, "reset": _reset, "list": _list}
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


def _list(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        for user in list_users(session):
            print(f"{user.username:<20} {user.role.value:<14} {'' if user.is_active else '(locked) '}{user.name}")
    return 0
