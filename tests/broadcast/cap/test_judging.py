"""What a message means here: where, how urgent, in which language, and what is said of it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from broadcast.cap.areas import Here, Place, Where, codes_and_names, find_zones, holds
from broadcast.cap.document import MAX_MESSAGE_BYTES, parse_document
from broadcast.cap.judging import Fate, Judged, judge, urgency_of
from broadcast.cap.model import Alert, Area, Circle, Named, Point
from broadcast.cap.reading import read_alert
from broadcast.cap.speaking import said_when_cancelled, spoken_of
from broadcast.typed_text import MAX_EMERGENCY
from players.messages import Urgency
from tests.broadcast.cap.kit import AREA, at, info, message
from tests.broadcast.conftest import NOW

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
EAST, WEST = Point(20.50, 105.50), Point(20.50, 105.60)
CODES, NAMES = codes_and_names(["xa=01", "Xã Hòa Bình An"])
COMMUNE = Place(slug="", codes=CODES, names=NAMES)
VILLAGES = (
    Place(slug="dong", points=(EAST,), codes=frozenset({"thon=d"}), names=("Thôn Đông xã Hòa Bình An",)),
    Place(slug="tay", points=(WEST,)),
)
BOTH = ("dong", "tay")


def square(latitude: float, longitude: float, half: float) -> tuple[Point, ...]:
    corners = [(-half, -half), (-half, half), (half, half), (half, -half), (-half, -half)]
    return tuple(Point(latitude + north, longitude + east) for north, east in corners)


def area(said: str = "Ở đâu đó", *codes: tuple[str, str], **shapes: object) -> Area:
    return Area(description=said, geocodes=tuple(Named(*code) for code in codes), **shapes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (area("", ("xa", "01")), Where(Here.YES, BOTH)),
        (area("", ("XA", "01 ")), Where(Here.YES, BOTH)),
        (area("", ("thon", "d")), Where(Here.YES, ("dong",))),
        (area("", ("xa", "02")), Where(Here.NO)),
        (area("", ("tinh", "99")), Where(Here.UNKNOWN)),
        (area("", ("xa", "02"), ("tinh", "99")), Where(Here.UNKNOWN)),
        (area("Các xã: xã HÒA BÌNH AN, xã khác"), Where(Here.YES, BOTH)),
        (area("thôn đông, xã Hòa Bình An"), Where(Here.YES, ("dong",))),
        (area("xã Hòa Bình Anh"), Where(Here.UNKNOWN)),
        (area(polygons=(square(20.5, 105.5, 0.01),)), Where(Here.YES, ("dong",))),
        (area(polygons=(square(20.5, 105.55, 0.1),)), Where(Here.YES, BOTH)),
        (area(polygons=(square(21.5, 105.5, 0.1),)), Where(Here.NO)),
        (area(polygons=(square(20.52, 105.5, 0.005),)), Where(Here.UNKNOWN)),
        (area(circles=(Circle(WEST, 1.0),)), Where(Here.YES, ("tay",))),
        (area(circles=(Circle(Point(20.5, 105.55), 2.5),)), Where(Here.UNKNOWN)),
        (area(circles=(Circle(Point(22.0, 105.55), 2.5),)), Where(Here.NO)),
        (area("", ("xa", "02"), circles=(Circle(WEST, 1.0),)), Where(Here.YES, ("tay",))),
    ],
)
def test_which_villages_an_area_means(where: Area, found: Where) -> None:
    assert find_zones([where], COMMUNE, VILLAGES) == found


def test_a_village_without_poles_on_the_map_is_warned_with_the_others() -> None:
    villages = (VILLAGES[0], Place(slug="nui"))
    assert find_zones([area(polygons=(square(20.5, 105.5, 0.01),))], COMMUNE, villages) == Where(
        Here.YES, ("dong", "nui")
    )


def test_areas_together_and_none() -> None:
    elsewhere, east = area("", ("xa", "02")), area("", ("thon", "d"))
    assert find_zones([elsewhere, east], COMMUNE, VILLAGES) == Where(Here.YES, ("dong",))
    assert find_zones([elsewhere, area()], COMMUNE, VILLAGES) == Where(Here.UNKNOWN)
    assert find_zones([], COMMUNE, VILLAGES) == Where(Here.UNKNOWN)
    unknown_poles = (VILLAGES[0], Place(slug="tay"))
    assert find_zones([area(polygons=(square(21.5, 105.5, 0.1),))], COMMUNE, unknown_poles) == Where(Here.UNKNOWN)


def test_a_polygon_with_a_bay_holds_what_is_in_it() -> None:
    bay = tuple(Point(*one) for one in ((0, 0), (0, 4), (4, 4), (1, 2), (4, 0), (0, 0)))
    assert holds(bay, Point(0.5, 2))
    assert holds(bay, Point(2, 0.5))
    assert not holds(bay, Point(3, 2))


@pytest.mark.parametrize(
    ("levels", "urgency"),
    [
        (("Immediate", "Extreme", "Observed"), Urgency.EMERGENCY),
        (("Immediate", "Severe", "Possible"), Urgency.EMERGENCY),
        (("Expected", "Severe", "Likely"), Urgency.EMERGENCY),
        (("Unknown", "Extreme", "Unknown"), Urgency.EMERGENCY),
        (("Expected", "Extreme", "Possible"), Urgency.PRIORITY),
        (("Future", "Extreme", "Observed"), Urgency.PRIORITY),
        (("Immediate", "Moderate", "Observed"), Urgency.EMERGENCY),
        (("Immediate", "Moderate", "Possible"), Urgency.PRIORITY),
        (("Expected", "Moderate", "Observed"), Urgency.PRIORITY),
        (("Immediate", "Unknown", "Observed"), Urgency.PRIORITY),
        (("Immediate", "Minor", "Observed"), Urgency.NORMAL),
        (("Expected", "Unknown", "Observed"), Urgency.NORMAL),
        (("Past", "Extreme", "Observed"), Urgency.NORMAL),
        (("Immediate", "Extreme", "Unlikely"), Urgency.NORMAL),
    ],
)
def test_how_urgent_a_message_is(levels: tuple[str, str, str], urgency: Urgency) -> None:
    assert urgency_of(read(message("a", info(levels=levels))).infos[0]) is urgency


def read(data: bytes) -> Alert:
    return read_alert(parse_document(data, max_bytes=MAX_MESSAGE_BYTES))


def judged(data: bytes) -> Judged:
    return judge(read(data), COMMUNE, VILLAGES, "xa@ta", NOW)


MILD = ("Future", "Minor", "Likely")


@pytest.mark.parametrize(
    ("data", "fate", "why"),
    [
        (message(), Fate.AIR, ""),
        (message(status="Exercise"), Fate.AIR, ""),
        (message(status="Test"), Fate.NOTE, "thử"),
        (message(status="System"), Fate.NOTE, "nội bộ"),
        (message(status="Draft"), Fate.NOTE, "nháp"),
        (message(kind="Ack", refers="x"), Fate.NOTE, "báo nhận"),
        (message(kind="Error", refers="x"), Fate.NOTE, "báo lỗi"),
        (message(sender="xa@ta"), Fate.NOTE, "chính xã"),
        (message("a", info(expires=at(0))), Fate.NOTE, "hết hạn"),
        (message("a", info(expires=at(-1))), Fate.NOTE, "hết hạn"),
        (message("a", info(areas=AREA.replace("01", "02").replace("Hòa Bình An", "Khác"))), Fate.NOTE, "địa bàn"),
        (message("a", info(language="en-US")), Fate.ASK, "en-US"),
        (message("a", info(areas="")), Fate.ASK, "khu vực"),
        (message("a", info(times=f"<effective>{at(30)}</effective>")), Fate.ASK, "hiệu lực"),
        (message(sent=at(30)), Fate.ASK, "tương lai"),
        (message("a", info(), info()), Fate.ASK, "nhiều phần"),
        (message(scope="<scope>Restricted</scope><restriction>x</restriction>"), Fate.ASK, "công chúng"),
        (message("a", info(expires=at(-1)), kind="Cancel", refers="x"), Fate.ASK, ""),
        (message("a", info(expires="9999-12-31T23:59:59-05:00")), Fate.AIR, ""),
        (message("a", info(levels=MILD)), Fate.INBOX, ""),
        (message("a", info(levels=MILD), status="Exercise"), Fate.NOTE, "Diễn tập"),
    ],
    ids=[str(number) for number in range(21)],
)
def test_what_becomes_of_a_message(data: bytes, fate: Fate, why: str) -> None:
    found = judged(data)
    assert (found.fate, why in found.reason) == (fate, True)


def test_a_message_that_does_not_say_when_it_ends_holds_for_six_hours() -> None:
    data = message().replace(f"<expires>{at(60)}</expires>".encode(), b"")
    assert judged(data).expires_at == NOW + timedelta(hours=6)
    assert judged(data.replace(f"<sent>{at()}".encode(), f"<sent>{at(-360)}".encode())).fate is Fate.NOTE


def test_of_several_languages_vietnamese_is_taken() -> None:
    found = judged(message("a", info(language="en", headline="Flood"), info(language="vi", headline="Lũ lớn")))
    assert found.info is not None
    assert (found.fate, found.info.headline, found.zones) == (Fate.AIR, "Lũ lớn", BOTH)


def test_what_is_said_of_a_message() -> None:
    part = read(message("a", info(times=f"<onset>{at(90)}</onset>"))).infos[0]
    assert spoken_of(part, "Nguồn", NOW, HANOI) == (
        "Thông báo khẩn cấp. Đài tỉnh thông báo: Lũ đang lên trên sông Hồng. Khu vực: Xã Hòa Bình An."
        " Dự kiến từ 16h30 ngày 1/6/2026. Nước lên nhanh. Bà con lên nơi cao ngay."
    )


def test_what_is_said_is_short_and_says_first_what_to_do() -> None:
    long = "Mưa rất to trên diện rộng. " * 40
    part = read(message("a", info(description=long, instruction="Sơ tán ngay. Xem https://a.example/b"))).infos[0]
    said = spoken_of(part, "Nguồn", NOW, HANOI)
    assert len(said) <= MAX_EMERGENCY
    assert said.endswith("Mưa rất to trên diện rộng. Sơ tán ngay. Xem.")
    shouted = read(message("a", info(headline="Lũ " * 300, description=long, instruction="A" * 900))).infos[0]
    assert len(spoken_of(shouted, "N" * 100, NOW, HANOI)) <= MAX_EMERGENCY


def test_what_is_said_when_a_message_is_taken_back() -> None:
    assert said_when_cancelled("Lũ lên.", "Đài", None) == (
        "Đài thông báo: hủy tin Lũ lên, đã phát trước đó. Bà con theo dõi thông báo tiếp theo trên loa."
    )
    assert len(said_when_cancelled("Lũ " * 200, "Đài", None)) <= MAX_EMERGENCY
