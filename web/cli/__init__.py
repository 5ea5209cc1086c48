"""`loalang`: the commune server's commands. Each lies in a file of its own and imports what it needs only when it runs."""

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence

from broadcast.errors import BroadcastError
from players.errors import PlayersError
from tts.errors import TtsError
from web.cli.errors import CommandError

COMMANDS = ("serve", "demo", "init", "user", "node", "voices", "normalize", "speak")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 2 wrong input, 130 interrupted."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except BroadcastError as error:
        print(f"loalang: {error.code.replace('-', ' ')}", file=sys.stderr)
        return 2
    except (CommandError, TtsError, PlayersError) as error:
        print(f"loalang: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loalang", description="The commune server of Loa Làng.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"web.cli.{name}").add_command(commands)
    return parser
