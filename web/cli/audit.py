"""`loalang audit`: who did what, and whether anybody has changed the log of it."""

import argparse
import json

from broadcast.audit import entries_before, first_broken
from web.cli.database import database
from web.cli.options import commune_of


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    return {"verify": _verify, "list": _list}[args.action](args)


def _verify(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        broken = first_broken(session)
        last = next(iter(entries_before(session, None, 1)), None)
    if broken is not None:
        print(f"broken: entry {broken} does not follow from the one before it; it or one before it was changed")
        return 1
    if last is None:
        print("the log is empty")
    else:
        print(f"whole: {last.id} entries; the last of {last.at:%Y-%m-%d %H:%M} UTC has the digest {last.digest}")
    return 0


def _list(args: argparse.Namespace) -> int:
    with database(commune_of(args)) as session:
        for entry in reversed(entries_before(session, None, args.last)):
            said = json.dumps(entry.detail, ensure_ascii=False, sort_keys=True)
            print(f"{entry.id} {entry.at:%Y-%m-%dT%H:%M:%SZ} {entry.actor} {entry.action} {entry.subject} {said}")
    return 0
