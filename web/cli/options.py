"""What several commands have in common."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlmodel import Session

from web.cli.errors import CommandError
from web.settings import Settings, SettingsError, load_settings

DEFAULT_DATA = Path("data/server")


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """`--config` and `--data`, which say whose commune a command is about."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (TOML); see docs/settings.md")
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"data directory (default: {DEFAULT_DATA})")


def settings_of(args: argparse.Namespace, **given: object) -> Settings:
    """The settings these options mean; `given` wins over file and environment.

    Raises:
        CommandError: they cannot be used; the text says which one.
    """
    if args.data is not None:
        given["data_dir"] = args.data.resolve()
    elif args.config is None and "LOALANG_DATA_DIR" not in os.environ:
        given["data_dir"] = DEFAULT_DATA.resolve()
    try:
        return load_settings(args.config, None, **{key: value for key, value in given.items() if value is not None})
    except SettingsError as error:
        raise CommandError(f"settings: {error}") from error


@contextmanager
def database(settings: Settings, *, create: bool = False) -> Iterator[Session]:
    """A unit of work in the commune's database, brought up to date first.

    Raises:
        CommandError: there is no database yet, unless `create`.
    """
    from broadcast.db import migrate, open_engine, session_of

    if create:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    elif not (settings.data_dir / "loalang.sqlite3").is_file():
        raise CommandError(f"no commune in {settings.data_dir} yet: run `loalang init` first, or name another --data")
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        with session_of(engine) as session:
            yield session
    finally:
        engine.dispose()

