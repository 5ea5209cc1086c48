"""The database: opening it, bringing it up to date, and units of work.

Every unit of work is `with session_of(engine) as session:`; it is committed when the block ends and undone when it
raises. The functions of this package flush and never commit, so that a change and its audit entry stand or fall
together.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, create_engine

from broadcast.errors import DatabaseNewer, DatabaseUnusable

T = TypeVar("T")
P = ParamSpec("P")

BUSY_TIMEOUT_MS = 10_000
_POOL = 40
_STATEMENTS = 16
"""Prepared statements each connection keeps: some ten kB each, and there are many connections."""
_READING = "loalang_reading"
_WRITERS = "loalang_writers"
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A report is acknowledged once it is committed, and power cuts are ordinary here: commit means on disk.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    # Each connection has a cache of its own, and there may be many: the system's cache of files serves them all.
    "PRAGMA cache_size = -500",
)


def open_engine(url: str) -> Engine:
    """Open a database such as `sqlite:////var/lib/loalang/loalang.db`; the file is made with mode 0600.

    A database in memory is refused: it would be another one in every thread.

    Raises:
        ValueError: the address names no file.
        DatabaseUnusable: the file cannot be made.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and address.database in {None, "", ":memory:"}:
        raise ValueError("the database needs a file")
    # As many as the web's worker threads: nobody waits for a connection, readers wait for nobody.
    # The one given back last is taken first: those that only a rush needs stay cold.
    is_sqlite = address.get_backend_name() == "sqlite"
    extra = {"cached_statements": _STATEMENTS} if is_sqlite else {}
    engine = create_engine(address, pool_size=_POOL, max_overflow=_POOL, pool_use_lifo=True, connect_args=extra)
    if is_sqlite:
        try:
            Path(address.database or "").touch(mode=0o600)
        except OSError as error:
            raise DatabaseUnusable(f"the database {address.database} cannot be used: {error.strerror}") from error
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        engine.update_execution_options(**{_WRITERS: RLock()})
    return engine


@contextmanager
def session_of(engine: Engine) -> Iterator[Session]:
    """A unit of work that may write: the database's only writer from its first statement to its commit."""
    with _turn_of(engine), Session(engine, expire_on_commit=False) as session:
        yield session
        session.commit()


@contextmanager
def _turn_of(engine: Engine) -> Iterator[None]:
    """Wait for this process's other writers. SQLite's own waiting is asking again and again: who comes last may win."""
    writers = engine.get_execution_options().get(_WRITERS)
    if writers is None:
        yield
        return
    has_turn = writers.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
    try:
        yield
    finally:
        if has_turn:
            writers.release()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A view of the database at one moment. It waits for no writer and holds none up; nothing may be written in it."""
    with Session(engine.execution_options(**{_READING: True}), expire_on_commit=False, autoflush=False) as session:
        yield session


async def work_on(engine: Engine, step: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """One unit of work, off the event loop."""

    def work() -> T:
        with session_of(engine) as session:
            return step(session, *args, **kwargs)

    return await asyncio.to_thread(work)


async def look_at(engine: Engine, step: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """One view of the database, off the event loop: it waits for no writer."""

    def look() -> T:
        with reading(engine) as session:
            return step(session, *args, **kwargs)

    return await asyncio.to_thread(look)


def migrate(engine: Engine) -> None:
    """Bring the database up to this version's tables.

    Raises:
        DatabaseNewer: the database is at a revision that this version does not know.
        DatabaseUnusable: its file is no database, is damaged or locked, or its disk is full.
    """
    try:
        _migrate(engine)
    except DatabaseError as error:
        raise DatabaseUnusable(f"the database {engine.url.database} cannot be used: {error.orig}") from error


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", "broadcast:migrations")
    known = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in {script.revision for script in known.walk_revisions()}:
            raise DatabaseNewer(
                f"the database is at revision {current}, this version knows up to {known.get_current_head()}: "
                "install the newer Loa Lang again, or restore a backup made before its upgrade"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _prepare_sqlite(connection: SqliteConnection, _record: Any) -> None:
    # sqlite3 itself begins no transaction: we do, in _begin_sqlite.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails once another has written in between: writers queue up front.
    is_reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")
