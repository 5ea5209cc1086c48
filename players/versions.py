"""Versions of retained documents: they only grow, and a restored backup does not fall behind."""

from datetime import datetime
from enum import StrEnum


class VersionVerdict(StrEnum):
    """What a received version is, beside the one that is held."""

    NEW = "new"
    SAME = "same"
    """Nothing new: a retained document came again."""
    OLD = "old"
    """To be refused: somebody plays back what was valid once, or the server was rewound."""


def judge_version(held: int | None, received: int) -> VersionVerdict:
    """Judge a document by its version; `held` is none when the node has none of that topic yet."""
    if held is None or received > held:
        return VersionVerdict.NEW
    return VersionVerdict.SAME if received == held else VersionVerdict.OLD


def next_version(last: int | None, now: datetime) -> int:
    """The next version of a document: one more than the last, or the time in unix milliseconds if that is more.

    So a server restored from a backup, which does not remember its last versions, is not refused.
    """
    unix_ms = int(now.timestamp() * 1000)
    return unix_ms if last is None else max(last + 1, unix_ms)
