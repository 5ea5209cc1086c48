"""The commune's database, for one command."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from broadcast.db import migrate, open_engine, session_of
from broadcast.reading_rules import ReadingRules, rules_of
from web.cli.errors import CommandError
from web.settings import DATABASE_FILE, Settings


@contextmanager
def database(settings: Settings, *, create: bool = False) -> Iterator[Session]:
    """A unit of work in the commune's database, brought up to date first.

    Raises:
        CommandError: there is no database yet, unless `create`.
    """
    if create:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    elif not has_database(settings):
        raise CommandError(f"no commune in {settings.data_dir} yet: run `loalang init` first, or name another --data")
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        with session_of(engine) as session:
            yield session
    finally:
        engine.dispose()


def has_database(settings: Settings) -> bool:
    """Whether there is a commune at all."""
    return (settings.data_dir / DATABASE_FILE).is_file()


def rules_at(settings: Settings) -> ReadingRules:
    """How the commune of these settings reads; as the house does where there is none yet."""
    if not has_database(settings):
        return ReadingRules()
    with database(settings) as session:
        return rules_of(session)
