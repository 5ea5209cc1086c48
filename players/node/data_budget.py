"""What the line has carried this month, and how far ahead a pole on a SIM card may fetch. Kept on disk over restarts.

The last tenth of a month's budget is kept for emergencies: planned clips are not fetched into it.
"""

import calendar
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from players.messages import DataUsage
from players.node.clock import Instant

log = logging.getLogger(__name__)

Kind = Literal["control", "clips", "streams", "emergencies"]

USAGE_FILE = "data-usage.json"
RESERVED: Final = 0.1
"""Of a month's budget, for emergencies."""
SHORT: Final = 0.5
"""Less than this part of what the days left would be due is near the end: only what is nearest is fetched."""
AMPLE: Final = 1.25
"""More than this is far from it: more is taken ahead, while the line is there."""
NEAREST = timedelta(hours=6)
FURTHEST = timedelta(days=7)
_SOME_MONTH: Final = "1970-01"
"""Stands for the month until it is known."""
_KEEP_EVERY_BYTES = 256 * 1024
"""What a crash may forget; a memory card is not written to for each message."""


def ahead_by_budget(
    usual: timedelta, budget_bytes: int, usage: DataUsage, at: datetime, zone: ZoneInfo
) -> timedelta | None:
    """How long before its minute a planned clip is fetched; none: not at all, what is left is for emergencies.

    Args:
        usual: where data have to be spared, and can be.
        budget_bytes: of a month.
        usage: what this month has taken.
        at: the present.
        zone: the commune's, by whose months it is counted.
    """
    spendable = budget_bytes * (1 - RESERVED)
    left = (spendable - usage.total) / spendable
    if left <= 0:
        return None
    due = _month_left(at.astimezone(zone))
    if left < due * SHORT:
        return min(usual, NEAREST)
    return max(usual, FURTHEST) if left > due * AMPLE else usual


def month_at(now: Instant, timezone: str) -> str | None:
    """The month, `2026-03`, as somebody there calls it; none while the time is not known."""
    return f"{now.at.astimezone(ZoneInfo(timezone)):%Y-%m}" if now.trusted else None


def _month_left(local: datetime) -> float:
    """Which part of the month is still to come."""
    days = calendar.monthrange(local.year, local.month)[1]
    gone = local.day - 1 + (local.hour + local.minute / 60) / 24
    return 1 - gone / days


class Meter:
    """Counts. From any thread.

    Args:
        data_dir: where the counts are kept.
        month: the present month by the commune's time, `2026-03`; none while the time is not known.
    """

    def __init__(self, data_dir: Path, month: Callable[[], str | None]) -> None:
        self._path = data_dir / USAGE_FILE
        self._month = month
        self._lock = Lock()
        self._usage = _load(self._path)
        self._unkept = 0

    def count_by(self, month: Callable[[], str | None]) -> None:
        """From now on count by these months: the commune's, where they were not known before."""
        with self._lock:
            self._month = month

    @property
    def usage(self) -> DataUsage:
        """Of the present month."""
        with self._lock:
            return self._of_this_month()

    def add(self, kind: Kind, count: int) -> None:
        """The line has carried so many bytes more."""
        with self._lock:
            usage = self._of_this_month()
            self._usage = usage.model_copy(update={kind: getattr(usage, kind) + count})
            self._unkept += count
            if self._unkept >= _KEEP_EVERY_BYTES:
                self._keep()

    def close(self) -> None:
        """Keep what was counted last."""
        with self._lock:
            self._keep()

    def _of_this_month(self) -> DataUsage:
        month, usage = self._month(), self._usage
        if usage is None:
            usage = DataUsage(month=month or _SOME_MONTH)
        elif month is not None and usage.month == _SOME_MONTH:
            usage = usage.model_copy(update={"month": month})
        elif month is not None and usage.month != month:
            usage = DataUsage(month=month)
        self._usage = usage
        return usage

    def _keep(self) -> None:
        if self._usage is None:
            return
        draft = self._path.with_suffix(".draft")
        try:
            draft.write_text(self._usage.model_dump_json() + "\n", "utf-8")
            draft.replace(self._path)
        except OSError as error:
            log.warning("%s: %s", self._path, error.strerror)
        else:
            self._unkept = 0


def _load(path: Path) -> DataUsage | None:
    try:
        return DataUsage.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
