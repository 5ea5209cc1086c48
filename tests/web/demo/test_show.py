import asyncio
import io
import json

from web.demo.show import Percent, Screen, describe_event


def _event(**fields: str) -> bytes:
    return json.dumps(fields).encode()


def test_an_event_of_a_pole_is_one_line_with_its_local_time_to_the_millisecond() -> None:
    line = describe_event("dong-1", _event(event="playing", broadcast="b-1", at="2026-11-22T10:00:00.123456+00:00"))
    assert line is not None
    assert line.split()[1:] == ["dong-1", "playing", "b-1"]
    assert line.split()[0].endswith(":00.123")


def test_a_reason_is_shown() -> None:
    line = describe_event("dong-1", _event(event="missed", broadcast="b-1", reason="too-late"))
    assert line is not None
    assert line.endswith("b-1 (too-late)")


def test_what_is_no_event_for_people_is_not_shown() -> None:
    assert describe_event("dong-1", b"not json") is None
    assert describe_event("dong-1", b"[1]") is None
    assert describe_event("dong-1", _event(event="heartbeat")) is None


def test_of_the_week_s_timetable_only_what_sounds_is_shown() -> None:
    assert describe_event("dong-1", _event(event="cued", broadcast="e-1-20261123T0530")) is None
    assert describe_event("dong-1", _event(event="playing", broadcast="e-1-20261123T0530")) is not None


async def test_what_takes_longer_than_two_seconds_shows_that_it_goes_on() -> None:
    said = io.StringIO()
    async with Screen(said).progress("waiting"):
        await asyncio.sleep(2.3)  # what is measured is that it tells of time that passes
    lines = said.getvalue().splitlines()
    assert lines[0] == "· waiting…"
    assert "waiting: 2 s so far" in lines[1]


async def test_what_is_quick_is_one_line() -> None:
    said = io.StringIO()
    async with Screen(said).progress("looking"):
        pass
    assert said.getvalue() == "· looking…\n"


def test_a_download_is_told_by_tenths() -> None:
    said = io.StringIO()
    percent = Percent(Screen(said), "voice", now=lambda: 0.0)
    for here in range(0, 101, 5):
        percent(here * 1_000_000, 100_000_000)
    assert [line.split(": ")[1] for line in said.getvalue().splitlines()] == [
        f"{tenth} % of 100 MB" for tenth in range(10, 101, 10)
    ]
