"""`loalang node`: poles and their pairing codes."""

import argparse

from broadcast.communes import get_commune
from broadcast.nodes import create_node, list_nodes, new_pairing_code, zones_of_node
from scheduler.clock import utc_now
from web.cli.database import database
from web.cli.options import commune_of


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    actions = {"add": _add, "code": _code, "list": _list}
    return actions[args.action](args)


def _add(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        name = args.name or args.slug
        _, code = create_node(session, get_commune(session), args.slug, name, args.zone, utc_now())
    print(code)
    return 0


def _code(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        code = new_pairing_code(session, args.slug, utc_now())
    print(code)
    return 0


def _list(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        for node in list_nodes(session):
            zones = ", ".join(zone.slug for zone in zones_of_node(session, node))
            print(f"{node.slug:<20} {'paired' if node.paired_at else 'not paired':<12} {zones}  {node.name}")
    return 0
