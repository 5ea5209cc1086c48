"""What decides by itself: tries, addresses, words, the marking of a reading, local times, days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from broadcast.errors import InvalidInput
from broadcast.models import BroadcastState, BulletinState, DeliveryState, Role
from players.messages import Urgency
from players.presence import PresenceState
from tts.normalize import normalize
from tts.spoken import Sentence, Span, SpanKind, SpokenText
from web import words
from web.pages.as_run import bounds_of
from web.reading import Piece, reading_of
from web.throttle import Throttle, address_key
from web.typed_bulletin import parse_local

NOW = datetime(2026, 9, 22, 3, 0, tzinfo=UTC)
HERE = ZoneInfo("Asia/Ho_Chi_Minh")
SECOND = timedelta(seconds=1)


def test_a_bucket_empties_and_refills() -> None:
    throttle = Throttle(burst=2, refill=timedelta(seconds=30))
    assert [throttle.take("a", NOW) for _ in range(3)] == [timedelta(0), timedelta(0), timedelta(seconds=30)]
    assert throttle.take("b", NOW) == timedelta(0)
    assert throttle.wait_for("a", NOW + 29 * SECOND) == SECOND
    assert throttle.take("a", NOW + 30 * SECOND) == timedelta(0)
    assert throttle.take("a", NOW + 31 * SECOND) == 29 * SECOND
    throttle.give_back("a", NOW + 31 * SECOND)
    assert throttle.take("a", NOW + 31 * SECOND) == timedelta(0)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    throttle = Throttle(burst=2, refill=SECOND)
    throttle.give_back("a", NOW)
    later = NOW + timedelta(days=1)
    assert [bool(throttle.take("a", later)) for _ in range(3)] == [False, False, True]


def test_a_clock_set_back_gives_no_tries() -> None:
    throttle = Throttle(burst=1, refill=timedelta(seconds=10))
    throttle.take("a", NOW)
    assert throttle.wait_for("a", NOW - timedelta(hours=1)) == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_a_client_is_its_address_or_its_network(address: str | None, key: str) -> None:
    assert address_key(address) == key


def test_every_state_has_a_word_and_a_tone() -> None:
    spoken = (
        (Role, words.ROLE, False),
        (Urgency, words.URGENCY, True),
        (BulletinState, words.BULLETIN, True),
        (BroadcastState, words.BROADCAST, True),
        (DeliveryState, words.DELIVERY, True),
        (PresenceState, words.PRESENCE, True),
        (SpanKind, words.SPAN, False),
    )
    for kind, said, has_tone in spoken:
        assert set(said) == set(kind)
        assert not has_tone or {member.value for member in kind} <= words.TONE.keys()


@pytest.mark.parametrize(
    ("length", "said"),
    [(0, "0 giây"), (59, "59 giây"), (65, "1 phút 05 giây"), (3600, "1 giờ 00 phút"), (5430, "1 giờ 30 phút")],
)
def test_lengths(length: int, said: str) -> None:
    assert words.say_length(timedelta(seconds=length)) == said


@pytest.mark.parametrize(("number", "said"), [(5, "5"), (1234, "1.234"), (1234567, "1.234.567"), (1234.5, "1.234,5")])
def test_numbers(number: float, said: str) -> None:
    assert words.say_number(number) == said


def test_times_are_the_communes() -> None:
    at = datetime(2026, 9, 21, 22, 30, 7, tzinfo=UTC)
    assert words.say_datetime(at, HERE) == "22/09/2026 05:30"
    assert words.say_day(at, HERE) == "Thứ ba, 22/09/2026"
    assert words.say_clock(at, HERE) == "05:30:07"
    assert words.instant_attribute(at) == "2026-09-21T22:30:07.000Z"


def test_weekdays() -> None:
    assert words.say_weekdays(range(7)) == "Hằng ngày"
    assert words.say_weekdays([6, 0]) == "Thứ hai, Chủ nhật"


@pytest.mark.parametrize(
    ("on", "minute", "at"),
    [
        ("2026-09-22", "05:30", datetime(2026, 9, 21, 22, 30, tzinfo=UTC)),
        ("2028-02-29", "00:00", datetime(2028, 2, 28, 17, 0, tzinfo=UTC)),
    ],
)
def test_a_local_time_is_an_instant(on: str, minute: str, at: datetime) -> None:
    assert parse_local(on, minute, HERE) == at


@pytest.mark.parametrize(
    ("on", "minute"),
    [("2026-02-29", "05:30"), ("", "05:30"), ("2026-09-22", ""), ("22/09/2026", "05:30"), ("2026-09-22", "25:00"),
     ("0001-01-01", "00:00")],
)  # fmt: skip
def test_what_is_no_local_time_is_refused(on: str, minute: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_local(on, minute, HERE)
    assert refusal.value.field == "airs_at"


def test_a_day_is_the_communes_day() -> None:
    since, until = bounds_of(date(2026, 9, 22), HERE)
    assert since == datetime(2026, 9, 21, 17, 0, tzinfo=UTC)
    assert until - since == timedelta(days=1)


def test_a_reading_marks_every_changed_span() -> None:
    text = SpokenText(
        "Họp 8h. Tại NVH?",
        (
            Sentence(0, 7, "Họp 8h.", "Họp tám giờ.", (Span(4, 6, "8h", "tám giờ", SpanKind.TIME),)),
            Sentence(
                8, 16, "Tại NVH?", "Tại nhà văn hóa?",
                (Span(12, 15, "NVH", "nhà văn hóa", SpanKind.ABBREVIATION, certain=False),),
            ),
        ),
    )  # fmt: skip
    reading = reading_of(text)
    assert (reading.changed, reading.doubtful) == (2, 1)
    assert reading.sentences == (
        (Piece("Họp "), Piece("tám giờ", "8h", "giờ", at="4-6"), Piece(".")),
        (Piece("Tại "), Piece("nhà văn hóa", "NVH", "chữ viết tắt", certain=False, at="12-15"), Piece("?")),
    )


def test_a_dash_that_is_not_spoken_is_no_change_to_check() -> None:
    dash, left_out = Span(0, 2, "- ", "", SpanKind.PAUSE), Span(7, 12, "(TBA)", "", SpanKind.ABBREVIATION)
    text = SpokenText("- Trạm (TBA)", (Sentence(0, 12, "- Trạm (TBA)", "Trạm", (dash, left_out)),))
    reading = reading_of(text)
    assert reading.changed == 1
    assert [piece.written for piece in reading.sentences[0]] == [None, "(TBA)"]


def test_a_reading_of_a_real_bulletin_loses_no_word_that_is_read_as_written() -> None:
    written = "UBND xã mời 120 hộ dân họp lúc 14h30 ngày 22/9/2026 tại NVH thôn Đông."
    reading = reading_of(normalize(written))
    assert reading.changed >= 4
    unchanged = [piece.spoken for sentence in reading.sentences for piece in sentence if piece.written is None]
    for word in ("mời", "hộ dân họp lúc", "tại", "thôn Đông"):
        assert any(word in text for text in unchanged), word
