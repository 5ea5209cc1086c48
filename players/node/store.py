"""The node's state on disk: SQLite, one transaction for a change and the reports that tell of it.

Why not a JSON file: a broadcast that is marked done and its final report must reach the disk together, or a power
cut between the two loses the report or makes a second one; and a report's end must not rewrite a whole timetable.
WAL with `synchronous=FULL`: what was committed survives a power cut.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from players.messages import NodeConfig, PlaybackReport, PreparedPack, Timetable
from players.node.clock import KeptTime
from players.node.errors import StoreUnusable
from players.node.events import Progress
from players.node.outbox import Outbox
from players.node.state import NodeState, Track

T = TypeVar("T")

_SCHEMA = """
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

Rows = dict[str, dict[str, str]]


class NodeStore:
    """The file. All methods block: the agent calls them in one thread of their own.

    Raises:
        StoreUnusable: from any method: the file cannot be read or written (disk full, card read-only, damaged).
    """

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
            self._connection.executescript(_SCHEMA)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self.outbox = Outbox(self._connection)
        except sqlite3.Error as error:
            raise StoreUnusable(f"{path}: {error}") from error
        self._written: NodeState | None = None

    def own_thread(self) -> Executor:
        """What its calls are made in, one after another: they wait for the disk."""
        return ThreadPoolExecutor(1, "store")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def load(self, blank: NodeState) -> NodeState:
        """The state as it was last written, on top of a blank one."""
        try:
            rows = {table: self._read(table) for table in _TABLES}
            state = _from_rows(blank, rows)
        except (sqlite3.Error, ValidationError, ValueError) as error:
            raise StoreUnusable(f"the state on disk cannot be read: {error}") from error
        self._written = state
        return state

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

    def acknowledged(self, reports: Sequence[str]) -> None:
        """Forget reports that the server has."""
        try:
            self.outbox.acknowledged(reports)
        except sqlite3.Error as error:
            raise StoreUnusable(str(error)) from error

    def _fact(self, name: str, kind: TypeAdapter[T]) -> T | None:
        try:
            body = self._read("facts").get(name)
            return None if body is None else kind.validate_json(body)
        except (sqlite3.Error, ValidationError) as error:
            raise StoreUnusable(f"the {name} on disk cannot be read: {error}") from error

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
    documents = rows["documents"]
    config = NodeConfig.model_validate_json(documents["config"]) if "config" in documents else None
    timetables = {
        name.removeprefix("timetable/"): Timetable.model_validate_json(body)
        for name, body in documents.items()
        if name.startswith("timetable/")
    }
    packs = {
        name.removeprefix("prepared/"): PreparedPack.model_validate_json(body)
        for name, body in documents.items()
        if name.startswith("prepared/")
    }
    return replace(
        blank,
        packs=packs,
        config=config,
        zones=blank.zones if config is None else config.zones,
        timetables=timetables,
        versions={name: int(body) for name, body in rows["versions"].items()},
        orders={name: datetime.fromisoformat(body) for name, body in rows["orders"].items()},
        stopped={name: datetime.fromisoformat(body) for name, body in rows["stopped"].items()},
        tracks={name: _TRACK.validate_json(body) for name, body in rows["tracks"].items()},
    )
