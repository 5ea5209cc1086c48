"""`loalang speak`: a text to a sound file."""

import argparse
import sys
from pathlib import Path
from typing import Any

from web.cli.errors import CommandError
from web.cli.options import add_settings_options, settings_of


def add_command(commands: "argparse._SubParsersAction[Any]") -> None:
    """Declare the command."""
    parser = commands.add_parser("speak", help="read a text aloud into a file")
    add_settings_options(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("text", nargs="?", help="what is to be read")
    source.add_argument("--file", type=Path, help="a text file (UTF-8) to read")
    parser.add_argument("-o", "--output", type=Path, required=True, help="out.wav or out.ogg")
    parser.add_argument("--voice", metavar="NAME|DIR", help="an installed voice, or a folder that holds one")
    parser.set_defaults(run=run)
