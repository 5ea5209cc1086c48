"""Reports on disk until the server has said that they are in its database. Crash-safe: see `store`."""

import sqlite3
from collections.abc import Sequence

from players.errors import MalformedMessage
from players.messages import PlaybackReport

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS outbox (sequence INTEGER PRIMARY KEY, report TEXT UNIQUE NOT NULL, body TEXT NOT NULL)"
)

MOST_REPORTS = 20_000
"""About two years of a pole that speaks seven times a day, in 10 MB."""


class Outbox:
    """A table of reports, oldest first. All methods block: they are called in the store's thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, report: PlaybackReport) -> None:
        """Add a report to the transaction that is open; one with the same id is there already."""
        self._connection.execute(
            "INSERT OR IGNORE INTO outbox (report, body) VALUES (?, ?)",
            (report.report, report.model_dump_json()),
        )
        self._make_room()

    def _make_room(self) -> None:
        """A server that is gone for years: what was on the way to an end goes first, then the oldest ends."""
        over = self.count() - MOST_REPORTS
        if over <= 0:
            return
        self._connection.execute(
            "DELETE FROM outbox WHERE sequence IN (SELECT sequence FROM outbox ORDER BY"
            " json_extract(body, '$.outcome') IN ('played', 'cut', 'failed', 'missed'), sequence LIMIT ?)",
            (over,),
        )

    def pending(self, limit: int) -> list[PlaybackReport]:
        """The oldest reports not yet acknowledged."""
        rows = self._connection.execute("SELECT body FROM outbox ORDER BY sequence LIMIT ?", (limit,)).fetchall()
        reports = []
        for (body,) in rows:
            try:
                reports.append(PlaybackReport.from_json(body.encode()))
            except MalformedMessage:
                continue  # written by another version: it stays, and is not in the way of the others
        return reports

    def acknowledged(self, reports: Sequence[str]) -> int:
        """Forget what the server has; how many there were."""
        names = [(report,) for report in reports]
        with self._connection:
            return self._connection.executemany("DELETE FROM outbox WHERE report = ?", names).rowcount

    def count(self) -> int:
        """How many are not acknowledged."""
        return int(self._connection.execute("SELECT count(*) FROM outbox").fetchone()[0])
