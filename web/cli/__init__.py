"""`loalang`: the commune server's commands.

`arguments` declares them all; each lies in a module of its own, imported only when it runs: `loalang normalize`
needs no database.
"""

import importlib
import logging
import sys
from collections.abc import Sequence

from broadcast.errors import BroadcastError, DatabaseUnusable
from players.errors import PlayersError
from tts.errors import EngineError, TtsError, VoiceDownloadError, VoiceUnusable
from web.cli.arguments import parse
from web.cli.errors import CommandError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 2 wrong input, 130 interrupted."""
    args = parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for chatty in ("alembic", "apscheduler", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        return int(importlib.import_module(f"web.cli.{args.command}").run(args))
    except KeyboardInterrupt:
        return 130
    except BroadcastError as error:
        print(f"loalang: {error.code.replace('-', ' ')}", file=sys.stderr)
        return 2
    except (VoiceDownloadError, VoiceUnusable, EngineError) as error:
        print(f"loalang: {error}", file=sys.stderr)
        return 1
    except (CommandError, DatabaseUnusable, TtsError, PlayersError) as error:
        print(f"loalang: {error}", file=sys.stderr)
        return 2
