"""`loalang normalize`: a text per line in, its spoken form per line out."""

import argparse
import sys
from typing import Any


def add_command(commands: "argparse._SubParsersAction[Any]") -> None:
    """Declare the command."""
    parser = commands.add_parser("normalize", help="a text per line in, its spoken form per line out")
    parser.add_argument("--json", action="store_true", help="print sentences, changed spans and doubts as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read standard input to its end, a line at a time."""
    from tts.normalize.stream import normalize_lines

    normalize_lines(sys.stdin, sys.stdout, as_json=args.json)
    return 0
