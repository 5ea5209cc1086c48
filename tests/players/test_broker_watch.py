from datetime import datetime, timedelta

import pytest

from players.broker_watch import MAX_REMEMBERED, BrokerWatch, DoorEvent, DoorNote, read_line
from tests.players.samples import NOW


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Client <unknown> disconnected, not authorised.", (DoorEvent.REFUSED, None)),
        ("Client loa-1 disconnected, not authorised.", (DoorEvent.REFUSED, "loa-1")),
        ("Client connection from 10.0.0.9 denied: max_connections exceeded.", (DoorEvent.FULL, None)),
        ("Client <unknown> disconnected due to protocol error.", (DoorEvent.NOISE, None)),
        ("Client <unknown> disconnected due to malformed packet.", (DoorEvent.NOISE, None)),
        ("Client loa-1 disconnected due to oversize packet.", (DoorEvent.OVERSIZE, "loa-1")),
        ("Client loa-1 already connected, closing old connection.", (DoorEvent.TAKEN_OVER, "loa-1")),
        ("Client loa-1 disconnected.", None),
        ("Error: Address already in use", None),
        ("New client connected from 10.0.0.9:1 as loa (p2, c1, k15, u'loa').", None),
    ],
)
def test_what_a_line_says_of_the_door(line: str, expected: tuple[DoorEvent, str | None] | None) -> None:
    assert read_line(line) == expected


def test_routine_is_not_worth_a_line_and_trouble_is() -> None:
    watch = BrokerWatch(lambda: NOW)
    assert watch.hear("New connection from 127.0.0.1:51725 on port 54215.")
    assert watch.hear("Client loa-1 closed its connection.")
    assert not watch.hear("Error: Unable to open log file")
    assert not watch.hear("Client connection with an unknown fate")
    assert watch.notes(NOW) == ()


def test_a_flood_is_counted_for_a_minute_and_told_in_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    now: list[datetime] = [NOW]
    watch = BrokerWatch(lambda: now[0])
    for number in range(2500):
        now[0] = NOW + timedelta(milliseconds=10 * number)
        watch.hear("Client <unknown> disconnected, not authorised.")
    watch.hear("Client loa-1 disconnected, not authorised.")
    assert watch.notes(now[0]) == (DoorNote(DoorEvent.REFUSED, 2501, now[0], ("loa-1",)),)
    assert watch.notes(now[0] + timedelta(seconds=60)) == ()
    assert [message.split(";")[0] for message in caplog.messages] == [
        "at the broker's door: refused, 1 times",
        "at the broker's door: refused, 1000 times",
        "at the broker's door: refused, 1000 times",
    ]


def test_the_most_frequent_comes_first() -> None:
    watch = BrokerWatch(lambda: NOW)
    watch.hear("Client <unknown> disconnected due to protocol error.")
    for _ in range(2):
        watch.hear("Client <unknown> disconnected, not authorised.")
    assert [(note.event, note.count) for note in watch.notes(NOW)] == [(DoorEvent.REFUSED, 2), (DoorEvent.NOISE, 1)]


def test_a_clock_set_back_does_not_silence_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    now: list[datetime] = [NOW]
    watch = BrokerWatch(lambda: now[0])
    watch.hear("Client <unknown> disconnected, not authorised.")
    now[0] = NOW - timedelta(days=1)
    watch.hear("Client <unknown> disconnected, not authorised.")
    assert len(caplog.messages) == 2


def test_one_take_over_is_no_trouble_and_three_in_a_minute_are() -> None:
    now: list[datetime] = [NOW]
    watch = BrokerWatch(lambda: now[0])
    for second in (0, 10, 20):
        assert watch.doubles(now[0]) == ()
        now[0] = NOW + timedelta(seconds=second)
        watch.hear("Client loa-1 already connected, closing old connection.")
    watch.hear("Client loa-2 already connected, closing old connection.")
    assert watch.doubles(now[0]) == ("loa-1",)
    assert watch.doubles(now[0] + timedelta(seconds=50)) == ()


def test_a_flood_hides_no_two_boxes_with_one_identity() -> None:
    watch = BrokerWatch(lambda: NOW)
    for _ in range(3):
        watch.hear("Client loa-1 already connected, closing old connection.")
    for _ in range(MAX_REMEMBERED + 1):
        watch.hear("Client <unknown> disconnected, not authorised.")
    assert watch.doubles(NOW) == ("loa-1",)
