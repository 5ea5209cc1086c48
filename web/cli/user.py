"""`loalang user`: people and their passwords."""

import argparse
from typing import Any

from web.cli.options import add_settings_options, database, settings_of

ROLES = ("officer", "leader", "village-head", "administrator")


def add_command(commands: "argparse._SubParsersAction[Any]") -> None:
    """Declare the command."""
    parser = commands.add_parser("user", help="people and their passwords")
    actions = parser.add_subparsers(required=True, metavar="add|reset|list")
    add = actions.add_parser("add", help="add a person; prints the generated password")
    add.add_argument("username")
    add.add_argument("--name", help="as shown on the pages (default: the username)")
    add.add_argument("--role", choices=ROLES, required=True)
    add.add_argument("--zone", metavar="SLUG", help="a village head's village")
    add.set_defaults(run=_add)
    reset = actions.add_parser("reset", help="make a new password and print it; sessions and tokens end")
    reset.add_argument("username")
    reset.set_defaults(run=_reset)
    everybody = actions.add_parser("list", help="everybody")
    everybody.set_defaults(run=_list)
    for action in (add, reset, everybody):
        add_settings_options(action)


def _add(args: argparse.Namespace) -> int:
    from broadcast.communes import get_commune
    from broadcast.models import Role
    from broadcast.users import add_user
    from scheduler.clock import utc_now

    with database(settings_of(args)) as session:
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
    from broadcast.users import reset_password
    from scheduler.clock import utc_now

    with database(settings_of(args)) as session:
        password = reset_password(session, args.username, utc_now())
    print(f"{args.username} {password}")
    return 0


def _list(args: argparse.Namespace) -> int:
    from broadcast.users import list_users

    with database(settings_of(args)) as session:
        for user in list_users(session):
            print(f"{user.username:<20} {user.role.value:<14} {'' if user.is_active else '(locked) '}{user.name}")
    return 0
