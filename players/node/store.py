"""The node's state on disk: SQLite, one transaction for a change and the reports that tell of it.

Why not a JSON file: a broadcast that is marked done and its final report must reach the disk together, or a power
cut between the two loses the report or makes a second one; and a report's end must not rewrite a whole timetable.
WAL with `synchronous=FULL`: what was committed survives a power cut.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from players.messages import NodeConfig, PlaybackReport, PreparedPack, Timetable
from players.node.clock import KeptTime
from players.node.errors import StoreDamaged, StoreUnusable
from players.node.events import Progress
from players.node.outbox import SCHEMA as OUTBOX_SCHEMA
from players.node.outbox import Outbox
from players.node.state import NodeState, Track

T = TypeVar("T")

log = logging.getLogger(__name__)

_SCHEMA = f"""
{OUTBOX_SCHEMA};
CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS versions (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS stopped (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tracks (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
STATE_FILE = "state.sqlite3"
_TABLES = ("documents", "versions", "orders", "stopped", "tracks")
_TRACK = TypeAdapter(Track)
KEPT_TIME = TypeAdapter(KeptTime)
_PROGRESS = TypeAdapter(Progress)
_TIME, _SOUNDING = "time", "progress"


class Rows:
    """What stands in the tables, by name; remembers what of it cannot be read."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        self._tables = tables
        self.unreadable: list[tuple[str, str]] = []
        """Table and name."""

    def values(self, table: str, kind: Callable[[str], T], prefix: str = "") -> dict[str, T]:
        """What can be read of those whose name begins so, by the rest of it."""
        found = {}
        for name, body in self._tables[table].items():
            if name.startswith(prefix):
                try:
                    found[name.removeprefix(prefix)] = kind(body)
                except ValueError:
                    self.unreadable.append((table, name))
        return found


class NodeStore:
    """The file. All methods block: the agent calls them in one thread of their own.

    Raises:
        StoreUnusable: from any method: the file cannot be read or written (disk full, card read-only).
        StoreDamaged: when it is opened: it is no database, or no whole one.
    """

    def __init__(self, path: Path) -> None:
        self.trouble: str | None = None
        """What was wrong when it was opened and read, for who looks after the pole."""
        self.has_forgotten = False
        """What this node has obeyed and played may not all be known any more."""
        self._connection = _connected(path)
        self.outbox = Outbox(self._connection)
        self._written: NodeState | None = None

    def own_thread(self) -> Executor:
        """What its calls are made in, one after another: they wait for the disk."""
        return ThreadPoolExecutor(1, "store")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def load(self, blank: NodeState) -> NodeState:
        """The state as it was last written, on top of a blank one. What cannot be read of it is forgotten, and told."""
        try:
            rows = Rows({table: self._read(table) for table in _TABLES})
        except sqlite3.Error as error:
            raise StoreUnusable(f"the state on disk cannot be read: {error}") from error
        state = _from_rows(blank, rows)
        if rows.unreadable:
            state = self._without_unreadable(state, rows.unreadable)
        self._written = state
        return state

    def _without_unreadable(self, state: NodeState, unreadable: Sequence[tuple[str, str]]) -> NodeState:
        places = ", ".join(f"{table} {name!r}" for table, name in unreadable)
        self.trouble = f"damaged places of the state are forgotten: {places}"
        log.error("%s", self.trouble)
        lost = {name for table, name in unreadable if table == "documents"}
        if any(table != "documents" for table, _ in unreadable):
            # Orders are known again by what the server lists as active; of the others the old ones are not obeyed.
            self.has_forgotten = True
            lost |= {name for name in state.versions if name.startswith("emergencies/")}
            state = replace(state, orders={})
        try:
            with self._connection:
                for table, name in (*unreadable, *(("versions", name) for name in lost)):
                    self._write(table, name, None)
        except sqlite3.Error as error:
            log.warning("they stay: %s", error)  # and are told of again at the next start
        return replace(state, versions={name: value for name, value in state.versions.items() if name not in lost})

    def save(self, state: NodeState, reports: Sequence[PlaybackReport]) -> bool:
        """Write what has changed since the last save that succeeded, and add reports, in one transaction.

        Returns:
            Whether there was anything to write.
        """
        changes = list(_changes(self._written, state))
        if not changes and not reports:
            return False
        try:
            with self._connection:
                for table, name, body in changes:
                    self._write(table, name, body)
                for report in reports:
                    self.outbox.put(report)
        except sqlite3.Error as error:
            raise StoreUnusable(f"the state cannot be written: {error}") from error
        self._written = state
        return True

    def kept_time(self) -> KeptTime | None:
        """What was last written down of the time."""
        return self._fact(_TIME, KEPT_TIME)

    def keep_time(self, known: KeptTime) -> None:
        """Write down what is known of the time."""
        self._keep_fact(_TIME, KEPT_TIME.dump_json(known).decode())

    def progress(self) -> Progress | None:
        """What was last written down of what sounded."""
        return self._fact(_SOUNDING, _PROGRESS)

    def keep_progress(self, progress: Progress) -> None:
        """Write down that something sounds still: one small row, once a second while it does."""
        self._keep_fact(_SOUNDING, _PROGRESS.dump_json(progress).decode())

    def pending(self, limit: int) -> tuple[list[PlaybackReport], int]:
        """The oldest unacknowledged reports, and how many there are in all."""
        try:
            return self.outbox.pending(limit), self.outbox.count()
        except sqlite3.Error as error:
            raise StoreUnusable(str(error)) from error

    def acknowledged(self, reports: Sequence[str]) -> int:
        """Forget reports that the server has; how many there were."""
        try:
            return self.outbox.acknowledged(reports)
        except sqlite3.Error as error:
            raise StoreUnusable(str(error)) from error

    def _fact(self, name: str, kind: TypeAdapter[T]) -> T | None:
        try:
            body = self._read("facts").get(name)
        except sqlite3.Error as error:
            raise StoreUnusable(f"the {name} on disk cannot be read: {error}") from error
        try:
            return None if body is None else kind.validate_json(body)
        except ValidationError:
            self.trouble = self.trouble or f"the {name} on disk is damaged, and forgotten"
            log.exception("the %s on disk is damaged", name)
            return None

    def _keep_fact(self, name: str, body: str) -> None:
        try:
            with self._connection:
                self._write("facts", name, body)
        except sqlite3.Error as error:
            raise StoreUnusable(f"the {name} cannot be written: {error}") from error

    def _read(self, table: str) -> dict[str, str]:
        return dict(self._connection.execute(f"SELECT name, body FROM {table}").fetchall())  # noqa: S608 - our own names

    def _write(self, table: str, name: str, body: str | None) -> None:
        if body is None:
            self._connection.execute(f"DELETE FROM {table} WHERE name = ?", (name,))  # noqa: S608
        else:
            statement = f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body"  # noqa: S608
            self._connection.execute(statement, (name, body))


def _changes(old: NodeState | None, new: NodeState) -> Iterable[tuple[str, str, str | None]]:
    """Rows to write (or, with none, to delete), as table, name, body."""
    before = None if old is None else _mappings(old)
    for table, rows in _mappings(new).items():
        former = {} if before is None else before[table]
        if former is rows:
            continue
        for name in former.keys() - rows.keys():
            yield table, name, None
        for name, value in rows.items():
            if name not in former or former[name] is not value:
                yield table, name, _body(value)


def _mappings(state: NodeState) -> dict[str, Mapping[str, object]]:
    config = {} if state.config is None else {"config": state.config}
    timetables = {f"timetable/{zone}": timetable for zone, timetable in state.timetables.items()}
    packs = {f"prepared/{zone}": pack for zone, pack in state.packs.items()}
    return {
        "documents": {**config, **timetables, **packs},
        "versions": state.versions,
        "orders": state.orders,
        "stopped": state.stopped,
        "tracks": state.tracks,
    }


def _body(value: object) -> str:
    if isinstance(value, Track):
        return _TRACK.dump_json(value).decode()
    if isinstance(value, NodeConfig | Timetable | PreparedPack):
        return value.model_dump_json()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _from_rows(blank: NodeState, rows: Rows) -> NodeState:
    config = rows.values("documents", NodeConfig.model_validate_json, "config").get("")
    return replace(
        blank,
        packs=rows.values("documents", PreparedPack.model_validate_json, "prepared/"),
        config=config,
        zones=blank.zones if config is None else config.zones,
        timetables=rows.values("documents", Timetable.model_validate_json, "timetable/"),
        versions=rows.values("versions", int),
        orders=rows.values("orders", datetime.fromisoformat),
        stopped=rows.values("stopped", datetime.fromisoformat),
        tracks=rows.values("tracks", _TRACK.validate_json),
    )


def _connected(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
    except sqlite3.Error as error:
        raise StoreUnusable(f"{path}: {error}") from error
    try:
        _make_ready(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _trouble_of(error, path) from error
    except StoreDamaged:
        connection.close()
        raise
    return connection


def _make_ready(connection: sqlite3.Connection) -> None:
    """Read it once as a whole: a damaged place is better met now than at the minute of a broadcast."""
    connection.text_factory = _text
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreDamaged(f"the state on disk: {verdict}")
    connection.executescript(_SCHEMA)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _trouble_of(error: sqlite3.Error, path: Path) -> StoreUnusable:
    # The lowest eight bits are the kind of error: https://www.sqlite.org/rescode.html
    is_damage = getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    return (StoreDamaged if is_damage else StoreUnusable)(f"{path}: {error}")


def _text(data: bytes) -> str:
    """What is no text any more is nothing that could be read."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""
