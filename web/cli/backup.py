"""`loalang backup`: the whole commune in one file, while the server runs."""

import argparse

from scheduler.clock import utc_now
from web.backup import BackupError, write_backup
from web.cli.errors import CommandError
from web.cli.options import commune_of


def run(args: argparse.Namespace) -> int:
    """Write it."""
    try:
        backup = write_backup(commune_of(args), args.file.resolve(), utc_now(), with_clips=not args.without_clips)
    except BackupError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{args.file} cannot be written: {error.strerror}") from error
    print(
        f"{len(backup.files)} files, {args.file.stat().st_size} bytes; it holds the commune's keys: keep it locked up"
    )
    return 0
