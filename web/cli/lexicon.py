"""`loalang lexicon`: the commune's own words, and how it says numbers."""

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

from sqlmodel import Session

from broadcast.lexicon import add_word, check_word, list_words, remove_word, word_of
from broadcast.lexicon_table import bring_in, decode_table, plan_table, take_out
from broadcast.models import row_id
from broadcast.reading_rules import rules_of, set_style
from broadcast.rereading import Touched, touched_by
from scheduler.clock import utc_now
from tts.normalize import NORTH, SOUTH
from web.cli.database import database
from web.cli.errors import CommandError
from web.cli.options import commune_of
from web.settings import Settings

REGIONS = {"north": NORTH, "south": SOUTH}


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    actions = {"list": _list, "add": _add, "remove": _remove, "import": _import, "export": _export, "style": _style}
    actions[args.action](args, commune_of(args))
    return 0


def _list(_: argparse.Namespace, settings: Settings) -> None:
    with database(settings) as session:
        for word in list_words(session):
            print(f"{word.written}\t{word.spoken}\t{word.note}".rstrip())


def _add(args: argparse.Namespace, settings: Settings) -> None:
    word = check_word(args.written, args.spoken, args.note)
    _print_touched(_change(settings, lambda session: add_word(session, word, None, utc_now())))


def _remove(args: argparse.Namespace, settings: Settings) -> None:
    def remove(session: Session) -> None:
        # What is spoken plays no part in finding a word.
        entry = word_of(session, check_word(args.written, "a").key)
        if entry is None:
            raise CommandError(f"the lexicon has no {args.written!r}")
        remove_word(session, row_id(entry.id), entry.revision, None, utc_now())

    _print_touched(_change(settings, remove))


def _import(args: argparse.Namespace, settings: Settings) -> None:
    try:
        table = decode_table(sys.stdin.buffer.read() if str(args.file) == "-" else args.file.read_bytes())
    except OSError as error:
        raise CommandError(f"cannot read {args.file}: {error.strerror}") from error
    with database(settings) as session:
        plan = plan_table(session, table)
    for line in plan.errors:
        print(line, file=sys.stderr)
    if plan.errors:
        raise CommandError(f"{len(plan.errors)} lines cannot be used; nothing was changed")
    for change in plan.changes:
        before = f" (was: {change.entry.spoken})" if change.entry else " (new)"
        print(f"{change.word.written} -> {change.word.spoken}{before}")
    changed = len(plan.changes) - plan.added
    print(f"{plan.added} new, {changed} changed, {plan.unchanged} unchanged{': a preview' if args.preview else ''}")
    if not args.preview:
        _print_touched(_change(settings, lambda session: bring_in(session, plan, None, utc_now())))


def _export(args: argparse.Namespace, settings: Settings) -> None:
    with database(settings) as session:
        table = take_out(session).encode()
    if args.output is None:
        sys.stdout.buffer.write(table)
        sys.stdout.buffer.flush()
        return
    try:
        args.output.write_bytes(table)
    except OSError as error:
        raise CommandError(f"cannot write {args.output}: {error.strerror}") from error


def _style(args: argparse.Namespace, settings: Settings) -> None:
    chosen = {name: getattr(args, name) for name in asdict(NORTH) if getattr(args, name) is not None}
    if args.region is not None:
        chosen = asdict(replace(REGIONS[args.region], **chosen))
    touched = _change(settings, lambda session: set_style(session, chosen, None, utc_now())) if chosen else []
    with database(settings) as session:
        for name, said in asdict(rules_of(session).reading_style).items():
            print(f"{name} {said or '-'}")
    if chosen:
        _print_touched(touched)


def _change(settings: Settings, change: Callable[[Session], object]) -> list[Touched]:
    with database(settings) as session:
        before = rules_of(session)
        change(session)
    with database(settings) as session:
        return touched_by(session, before, utc_now())


def _print_touched(touched: Iterable[Touched]) -> None:
    """A server that runs sees the change within half a minute, one that does not at its start."""
    for one in touched:
        at = f"{one.starts_at:%Y-%m-%d %H:%MZ}" if one.starts_at else "at once"
        does = f"left alone ({one.left_alone.value})" if one.left_alone else "read anew"
        print(f"{does}: {one.broadcast} {at} {one.title}")
