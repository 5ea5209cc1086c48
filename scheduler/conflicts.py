"""What would sound at the same time in the same zone. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from players.messages import Urgency


@dataclass(frozen=True, slots=True)
class Span:
    """A broadcast as time in zones; a length that is not known yet counts as none."""

    broadcast: str
    urgency: Urgency
    zone_ids: frozenset[int]
    starts_at: datetime
    lasts: timedelta

    @property
    def ends_at(self) -> datetime:
        """When it is over."""
        return self.starts_at + self.lasts


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two broadcasts that meet. What happens is the nodes' rule: the higher urgency cuts, equals wait their turn."""

    first: str
    second: str
    zone_ids: frozenset[int]
    is_cut: bool
    """The second cuts the first; if not, the second begins when the first is over, or is cut itself."""


def find_touching(spans: Iterable[Span], within: timedelta) -> tuple[tuple[str, str], ...]:
    """Pairs in a shared zone of which the second begins when the first is over, or shortly after, in order."""
    ordered = sorted(spans, key=_in_order)
    by_end = sorted((one for one in ordered if one.lasts > timedelta()), key=lambda one: one.ends_at)
    found = []
    for second in ordered:
        since = bisect_left(by_end, second.starts_at - within, key=lambda one: one.ends_at)
        until = bisect_right(by_end, second.starts_at, key=lambda one: one.ends_at)
        firsts = (first for first in by_end[since:until] if first is not second and first.zone_ids & second.zone_ids)
        found += [(first.broadcast, second.broadcast) for first in sorted(firsts, key=_in_order)]
    return tuple(found)


def find_overlaps(spans: Iterable[Span]) -> tuple[Overlap, ...]:
    """Every pair that overlaps in a zone, each once, in order of the later one's start."""
    found: list[Overlap] = []
    open_spans: list[Span] = []
    for span in sorted(spans, key=_in_order):
        open_spans = [other for other in open_spans if other.ends_at > span.starts_at]
        for other in open_spans:
            shared = other.zone_ids & span.zone_ids
            if shared:
                found.append(Overlap(other.broadcast, span.broadcast, shared, span.urgency.rank > other.urgency.rank))
        open_spans.append(span)
    return tuple(found)


def _in_order(span: Span) -> tuple[datetime, str]:
    return span.starts_at, span.broadcast
