"""What the rules of commune and village refuse: tables and properties."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.budget import Budget, Session, refusals
from broadcast.lifecycle import WhyNot
from players.messages import Window

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DAY = datetime(2026, 6, 1, tzinfo=ZONE)
DONG, TAY = 1, 2


def session(
    name: str, at: str, minutes: float = 10, zones: tuple[int, ...] = (DONG,), *, on: int = 0,
    most: int | None = None, is_settled: bool = False,
) -> Session:  # fmt: skip
    hour, minute = at.split(":")
    starts_at = DAY + timedelta(days=on, hours=int(hour), minutes=int(minute))
    return Session(
        name, frozenset(zones), starts_at.astimezone(UTC), timedelta(minutes=minutes), most, is_settled=is_settled
    )


@pytest.mark.parametrize(
    ("budget", "sessions", "refused"),
    [
        (Budget(), [session("a", "05:00", 600), session("b", "05:01", 600)], {}),
        (
            Budget(sessions_a_day=2),
            [session("c", "18:00"), session("a", "05:00"), session("b", "11:00"), session("d", "05:00", on=1)],
            {"c": WhyNot.TOO_MANY_SESSIONS},
        ),
        (Budget(session_minutes=15), [session("a", "05:00", 15), session("b", "06:00", 15.1)],
         {"b": WhyNot.SESSION_TOO_LONG}),
        # What is refused does not count: the short one after it still fits.
        (Budget(day_minutes=30), [session("a", "05:00", 20), session("b", "06:00", 15), session("c", "07:00", 10)],
         {"b": WhyNot.DAY_FULL}),
        (Budget(sessions_a_day=0), [session("a", "05:00")], {"a": WhyNot.TOO_MANY_SESSIONS}),
        # It runs over midnight: it counts on the day on which it begins.
        (Budget(sessions_a_day=1), [session("a", "23:50", 20), session("b", "06:00", on=1)], {}),
        (Budget(windows=(Window(opens=time(6), closes=time(20)),)), [session("a", "05:59"), session("b", "19:51"),
         session("c", "19:50")], {"a": WhyNot.QUIET_HOURS, "b": WhyNot.QUIET_HOURS}),
        # What has sounded counts first, and is not refused.
        (Budget(sessions_a_day=1), [session("a", "05:00"), session("b", "11:00", is_settled=True)],
         {"a": WhyNot.TOO_MANY_SESSIONS}),
        (Budget(), [session("a", "05:00", 20, most=15)], {"a": WhyNot.SESSION_TOO_LONG}),
    ],
)  # fmt: skip
def test_what_exceeds_is_refused_in_order_of_start(
    budget: Budget, sessions: list[Session], refused: dict[str, WhyNot]
) -> None:
    assert refusals(sessions, {DONG: budget}, ZONE) == refused


def test_one_strict_village_refuses_the_whole_broadcast_and_the_other_village_is_not_charged() -> None:
    budgets = {DONG: Budget(), TAY: Budget(session_minutes=5)}
    both, east = session("both", "05:00", 10, (DONG, TAY)), session("east", "06:00")
    assert refusals([both, east], budgets, ZONE) == {"both": WhyNot.SESSION_TOO_LONG}
    one_a_day = {DONG: Budget(sessions_a_day=1), TAY: Budget(session_minutes=5)}
    assert refusals([both, east], one_a_day, ZONE) == {"both": WhyNot.SESSION_TOO_LONG}


SESSIONS = st.lists(
    st.builds(
        lambda minute, lasts, zones: (minute, lasts, zones),
        st.integers(0, 3 * 24 * 60),
        st.integers(0, 90),
        st.frozensets(st.sampled_from((DONG, TAY)), min_size=1),
    ),
    max_size=12,
).map(
    lambda rows: [
        Session(f"s{n}", zones, DAY.astimezone(UTC) + timedelta(minutes=minute), timedelta(minutes=lasts))
        for n, (minute, lasts, zones) in enumerate(rows)
    ]
)
LIMITS = st.one_of(st.none(), st.integers(0, 120))
BUDGETS = st.builds(Budget, st.one_of(st.none(), st.integers(0, 3)), LIMITS, LIMITS)


@given(SESSIONS, BUDGETS, BUDGETS)
def test_what_remains_keeps_every_rule_and_is_refused_by_none(
    sessions: list[Session], east: Budget, west: Budget
) -> None:
    budgets = {DONG: east, TAY: west}
    refused = refusals(sessions, budgets, ZONE)
    kept = [one for one in sessions if one.id not in refused]
    assert refusals(kept, budgets, ZONE) == {}
    for zone_id, budget in budgets.items():
        for on in {one.starts_at.astimezone(ZONE).date() for one in kept}:
            heard = [one for one in kept if zone_id in one.zone_ids and one.starts_at.astimezone(ZONE).date() == on]
            assert budget.sessions_a_day is None or len(heard) <= budget.sessions_a_day
            total = sum((one.lasts for one in heard), timedelta())
            assert budget.day_minutes is None or total <= timedelta(minutes=budget.day_minutes)
            assert all(
                budget.session_minutes is None or one.lasts <= timedelta(minutes=budget.session_minutes)
                for one in heard
            )


@given(SESSIONS, BUDGETS)
def test_the_order_in_which_they_are_given_does_not_matter(sessions: list[Session], budget: Budget) -> None:
    budgets = {DONG: budget, TAY: budget}
    assert refusals(sessions, budgets, ZONE) == refusals(sessions[::-1], budgets, ZONE)
