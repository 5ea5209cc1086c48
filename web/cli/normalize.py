"""`loalang normalize`: a text per line in, its spoken form per line out."""

import argparse
import sys

from tts.normalize.stream import normalize_lines


def run(args: argparse.Namespace) -> int:
    """Read standard input to its end, a line at a time."""
    normalize_lines(sys.stdin, sys.stdout, as_json=args.json)
    return 0
