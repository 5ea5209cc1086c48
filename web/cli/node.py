"""`loalang node`: poles, their pairing codes, their delay and their data."""

import argparse

from broadcast.communes import get_commune
from broadcast.nodes import create_node, list_nodes, new_pairing_code, tune_node, zones_of_node
from scheduler.clock import utc_now
from web.cli.database import database
from web.cli.options import commune_of


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    actions = {"add": _add, "code": _code, "list": _list, "set": _set}
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


def _set(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        node = tune_node(session, args.slug, utc_now(), delay_ms=args.delay_ms, data_mb=args.data_mb)
        limit = "no limit" if node.data_mb is None else f"{node.data_mb} MB a month"
        print(f"{node.slug}: delay {node.delay_ms} ms, {limit}")
    return 0
