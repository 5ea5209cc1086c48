from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from players.messages import Urgency
from scheduler.conflicts import Overlap, Span, find_overlaps

START = datetime(2026, 6, 1, tzinfo=UTC)
SPANS = st.lists(
    st.builds(
        lambda minute, lasts, zones, urgency: Span(
            "", urgency, zones, START + timedelta(minutes=minute), timedelta(minutes=lasts)
        ),
        st.integers(0, 60),
        st.integers(0, 30),
        st.frozensets(st.integers(1, 3), min_size=1),
        st.sampled_from(Urgency),
    ),
    max_size=8,
).map(lambda spans: [Span(f"b{n}", s.urgency, s.zone_ids, s.starts_at, s.lasts) for n, s in enumerate(spans)])


def span(name: str, minute: int, lasts: int, zones: set[int], urgency: Urgency = Urgency.NORMAL) -> Span:
    return Span(name, urgency, frozenset(zones), START + timedelta(minutes=minute), timedelta(minutes=lasts))


def test_what_meets_in_a_zone_is_found_and_says_who_yields() -> None:
    long = span("a", 0, 30, {1, 2})
    found = find_overlaps([span("c", 20, 5, {2}, Urgency.PRIORITY), span("d", 30, 5, {1}), span("b", 10, 5, {3}), long])
    assert found == (Overlap("a", "c", frozenset({2}), is_cut=True),)


@given(SPANS)
def test_exactly_the_pairs_that_share_time_and_zone_are_found(spans: list[Span]) -> None:
    found = {frozenset({overlap.first, overlap.second}) for overlap in find_overlaps(spans)}
    expected = {
        frozenset({a.broadcast, b.broadcast})
        for a in spans
        for b in spans
        if (a.starts_at, a.broadcast) < (b.starts_at, b.broadcast)
        and b.starts_at < a.ends_at
        and a.zone_ids & b.zone_ids
    }
    assert found == expected
