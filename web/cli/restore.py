"""`loalang restore`: a commune out of its backup, on this machine or a new one."""

import argparse

from scheduler.clock import utc_now
from web.backup import BackupError, restore_backup
from web.cli.database import database
from web.cli.errors import CommandError
from web.cli.options import settings_of
from web.data_lock import DataInUse, locked


def run(args: argparse.Namespace) -> int:
    """Put it in its place; what lies there is moved aside, and only when that was asked for."""
    settings = settings_of(args)
    place, aside = settings.data_dir, None
    try:
        if place.is_dir() and any(place.iterdir()):
            if not args.replace:
                raise CommandError(f"{place} is not empty; --replace moves what is there aside")
            aside = place.with_name(f"{place.name}.before-{utc_now():%Y%m%d-%H%M%S}")
            with locked(place):
                place.rename(aside)
        try:
            backup = restore_backup(args.file, place)
        except (BackupError, OSError):
            if aside is not None:
                aside.rename(place)
            raise
    except (BackupError, DataInUse) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    with database(settings):
        print(f"restored {len(backup.files)} files, as of {backup.made_at:%Y-%m-%d %H:%M} UTC, into {place}")
    if aside is not None:
        print(f"what was there is in {aside}")
    return 0
