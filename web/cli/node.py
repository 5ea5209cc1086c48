"""`loalang node`: poles and their pairing codes."""

import argparse
from typing import Any

from web.cli.options import add_settings_options, database, settings_of


def add_command(commands: "argparse._SubParsersAction[Any]") -> None:
    """Declare the command."""
    parser = commands.add_parser("node", help="poles and their pairing codes")
    actions = parser.add_subparsers(required=True, metavar="add|code|list")
    add = actions.add_parser("add", help="add a pole; prints its one-time pairing code")
    add.add_argument("slug", help="short name, e.g. dong-1")
    add.add_argument("--name", help="as shown on the pages (default: the short name)")
    add.add_argument("--zone", action="append", required=True, metavar="SLUG", help="a village it speaks for; repeat")
    add.set_defaults(run=_add)
    code = actions.add_parser("code", help="a fresh pairing code (10 minutes, used once)")
    code.add_argument("slug")
    code.set_defaults(run=_code)
    every = actions.add_parser("list", help="all poles")
    every.set_defaults(run=_list)
    for action in (add, code, every):
        add_settings_options(action)


def _add(args: argparse.Namespace) -> int:
    from broadcast.communes import get_commune
    from broadcast.nodes import create_node
    from scheduler.clock import utc_now

    with database(settings_of(args)) as session:
        name = args.name or args.slug
        _, code = create_node(session, get_commune(session), args.slug, name, args.zone, utc_now())
    print(code)
    return 0


def _code(args: argparse.Namespace) -> int:
    from broadcast.nodes import new_pairing_code
    from scheduler.clock import utc_now

    with database(settings_of(args)) as session:
        code = new_pairing_code(session, args.slug, utc_now())
    print(code)
    return 0


def _list(args: argparse.Namespace) -> int:
    from broadcast.nodes import list_nodes, zones_of_node

    with database(settings_of(args)) as session:
        for node in list_nodes(session):
            zones = ", ".join(zone.slug for zone in zones_of_node(session, node))
            print(f"{node.slug:<20} {'paired' if node.paired_at else 'not paired':<12} {zones}  {node.name}")
    return 0
