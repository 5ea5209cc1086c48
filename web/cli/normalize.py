"""`loalang normalize`: a text per line in, its spoken form per line out."""

import argparse
import sys
from pathlib import Path

from tts.normalize import NORTH, SOUTH, Lexicon, ReadingStyle, load_lexicon
from tts.normalize.stream import normalize_lines
from web.cli.errors import CommandError


def run(args: argparse.Namespace) -> int:
    """Read standard input to its end, a line at a time."""
    lexicon, style = _rules_at(args.data) if args.data is not None else (Lexicon(), NORTH)
    if args.lexicon is not None:
        lexicon = Lexicon((*lexicon.entries, *_words_in(args.lexicon).entries))
    if args.style is not None:
        style = {"north": NORTH, "south": SOUTH}[args.style]
    normalize_lines(sys.stdin, sys.stdout, as_json=args.json, lexicon=lexicon, style=style)
    return 0


def _rules_at(data: Path) -> tuple[Lexicon, ReadingStyle]:
    # Only who asks for a commune pays for its database.
    from web.cli.database import rules_at  # noqa: PLC0415
    from web.settings import load_settings  # noqa: PLC0415

    rules = rules_at(load_settings(None, None, data_dir=data.resolve()))
    return rules.lexicon, rules.reading_style


def _words_in(path: Path) -> Lexicon:
    try:
        return load_lexicon(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}: {error}") from error
