from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from players.versions import VersionVerdict, judge_version, next_version

NOW = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)
versions = st.integers(min_value=1, max_value=2**53)


def test_the_first_document_is_new() -> None:
    assert judge_version(None, 1) is VersionVerdict.NEW


@given(held=versions, received=versions)
def test_only_a_higher_version_is_new_and_a_lower_one_is_refused(held: int, received: int) -> None:
    verdict = judge_version(held, received)
    assert (verdict is VersionVerdict.NEW) == (received > held)
    assert (verdict is VersionVerdict.SAME) == (received == held)
    assert (verdict is VersionVerdict.OLD) == (received < held)


@given(last=st.none() | versions, age=st.timedeltas(timedelta(days=-3650), timedelta(days=3650)))
def test_the_next_version_is_always_new_even_when_the_clock_went_back(last: int | None, age: timedelta) -> None:
    assert judge_version(last, next_version(last, NOW + age)) is VersionVerdict.NEW


def test_a_server_restored_from_a_backup_overtakes_what_it_had_published() -> None:
    last_week = next_version(None, NOW - timedelta(days=7))
    published = next_version(next_version(last_week, NOW), NOW)
    assert next_version(last_week, NOW + timedelta(seconds=1)) > published
