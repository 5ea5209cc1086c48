"""Messages as XML: what is read, what is refused and why, and that what we write is valid and read back the same."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from lxml import etree

from broadcast.cap.document import MAX_MESSAGE_BYTES, is_whole, parse_document
from broadcast.cap.model import (
    Alert,
    Area,
    BadCap,
    CapSeverity,
    CapUrgency,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    Named,
    Point,
    Reference,
    Resource,
    Response,
    Scope,
    Status,
)
from broadcast.cap.reading import read_alert
from broadcast.cap.writing import write_alert
from tests.broadcast.cap.kit import AREA, at, info, message

SCHEMA = Path("tests/data/cap/cap-1.2.rng")
HANOI = timezone(timedelta(hours=7))
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE alert ['
    + b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"lol") for n in range(10))
    + b"]><alert>&l9;</alert>"
)
SECRET = b'<!DOCTYPE alert [<!ENTITY x SYSTEM "file:///etc/passwd">]><alert>&x;</alert>'
POINTS = (Point(20.5, 105.5), Point(20.5, 105.75), Point(20.75, 105.75), Point(20.5, 105.5))
FULL = Alert(
    identifier="x-1",
    sender="loalang@hoa-binh-an",
    sent=datetime(2026, 6, 1, 8, 0, tzinfo=UTC),
    status=Status.EXERCISE,
    msg_type=MsgType.UPDATE,
    scope=Scope.PUBLIC,
    source="Đài tỉnh",
    note="Diễn tập & thử < 1",
    references=(Reference("loalang@hoa-binh-an", "x-0", datetime(2026, 6, 1, 7, 0, tzinfo=UTC)),),
    incidents="lu",
    infos=(
        Info(
            language="vi-VN",
            categories=(Category.MET, Category.GEO),
            event="Lũ",
            responses=(Response.EVACUATE,),
            urgency=CapUrgency.IMMEDIATE,
            severity=CapSeverity.EXTREME,
            certainty=Certainty.LIKELY,
            effective=datetime(2026, 6, 1, 8, 0, tzinfo=UTC),
            onset=datetime(2026, 6, 1, 9, 0, tzinfo=UTC),
            expires=datetime(2026, 6, 1, 10, 0, tzinfo=UTC),
            sender_name="Xã Hòa Bình An",
            headline="Lũ lên",
            description="Nước lên.",
            instruction="Lên cao.",
            contact="0912",
            parameters=(Named("muc", "ba"),),
            resources=(
                Resource(
                    description="Âm thanh", media_type="audio/ogg", size_bytes=7, uri="https://a/b.ogg", sha1="0" * 40
                ),
            ),
            areas=(
                Area(
                    description="Thôn Đông",
                    polygons=(POINTS,),
                    circles=(Circle(Point(20.5, 105.5), 1.5),),
                    geocodes=(Named("xa", "01"),),
                ),
            ),
        ),
    ),
)


def read(data: bytes) -> Alert:
    return read_alert(parse_document(data, max_bytes=MAX_MESSAGE_BYTES))


def assert_valid(data: bytes) -> None:
    etree.RelaxNG(etree.parse(str(SCHEMA))).assertValid(etree.fromstring(data))


@pytest.mark.parametrize("zone", [UTC, HANOI])
def test_what_we_write_is_valid_and_read_back_the_same(zone: timezone) -> None:
    data = write_alert(FULL, zone)
    assert_valid(data)
    assert read(data) == FULL


@pytest.mark.parametrize(("status", "kind"), list(itertools.product(Status, MsgType)))
def test_every_status_and_kind_is_written_and_read(status: Status, kind: MsgType) -> None:
    alert = replace(FULL, status=status, msg_type=kind)
    assert_valid(write_alert(alert))
    assert read(write_alert(alert)) == alert


def test_what_others_write_is_read() -> None:
    found = read(message("a-1", info(), info(language="en")))
    assert (found.identifier, found.status, found.msg_type) == ("a-1", Status.ACTUAL, MsgType.ALERT)
    assert [part.language for part in found.infos] == ["vi-VN", "en"]
    assert found.infos[0].areas[0].geocodes == (Named("xa", "01"),)
    assert read(message(sent="2026-06-01T08:00:00Z")).sent == datetime(2026, 6, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (BOMB, "DOCTYPE"),
        (SECRET, "DOCTYPE"),
        (b"<!DOCTYPE alert><alert/>", "DOCTYPE"),
        ("<!DOCTYPE alert><alert/>".encode("utf-16"), "DOCTYPE"),
        (b" " * (MAX_MESSAGE_BYTES + 1), "KB"),
        (b"<alert>" * 60, "quá nhiều"),
        (b"<alert>" + b"<a/>" * 20_001, "quá nhiều"),
        (message()[:-20], "cú pháp"),
        (b"", "cú pháp"),
        (b'{"a": 1}', "cú pháp"),
        (message(namespace="urn:oasis:names:tc:emergency:cap:1.1"), "1.1"),
        (message(namespace="urn:oasis:names:tc:emergency:cap:1.0"), "1.0"),
        (message(namespace="urn:another"), "không gian tên"),
        (b"<alert/>", "không gian tên"),
        (message(identifier=""), "identifier"),
        (message(identifier="a b"), "identifier"),
        (message(sender="a,b"), "sender"),
        (message(sent="2026-06-01T08:00:00"), "sent"),
        (message(sent="2026-06-01 08:00:00+07:00"), "sent"),
        (message(sent="2026-02-31T08:00:00+07:00"), "sent"),
        (message(status="Real"), "status"),
        (message(kind="News"), "msgType"),
        (message(scope=""), "scope"),
        (message(scope="<scope>Public</scope><scope>Public</scope>"), "lặp lại"),
        (message(scope="<scope>Private</scope>"), "addresses"),
        (message(scope="<scope>Restricted</scope>"), "restriction"),
        (message(kind="Update"), "references"),
        (message(kind="Cancel"), "references"),
        (message().replace(b"<event>L\xc5\xa9</event>", b""), "event"),
        (message().replace(b"<category>Met</category>", b""), "category"),
        (message("a", info(expires="2026-06-01T08:00:00")), "expires"),
        (message("a", info(levels=("Now", "Extreme", "Observed"))), "urgency"),
        (message("a", info(areas=AREA.replace("<areaDesc>Xã Hòa Bình An</areaDesc>", ""))), "areaDesc"),
        (message("a", info(areas="<area><areaDesc>a</areaDesc><polygon>1,2 3,4 1,2</polygon></area>")), "polygon"),
        (message("a", info(areas="<area><areaDesc>a</areaDesc><circle>91,0 1</circle></area>")), "trái đất"),
        (message("a", info(areas="<area><areaDesc>a</areaDesc><circle>1,0 -1</circle></area>")), "circle"),
        (message("a", info(event="<b/>")), "phần tử lạ"),
        (message("a", *[info()] * 21), "quá 20"),
        (message(refers="x", kind="Cancel").replace(b",x,", b","), "references"),
    ],
    ids=[str(number) for number in range(39)],
)
def test_what_is_no_message_is_refused_with_the_reason(data: bytes, told: str) -> None:
    with pytest.raises(BadCap, match=told):
        read(data)


def test_a_document_is_whole_when_it_is_closed() -> None:
    assert is_whole(message())
    assert not is_whole(message()[:-1])
    assert not is_whole(b"")


def test_our_schema_refuses_what_the_standard_does() -> None:
    for wrong in (message(sent=at().replace("+00:00", "Z")), message(status="Real"), message(identifier="a b")):
        with pytest.raises(etree.DocumentInvalid):
            assert_valid(wrong)


@pytest.mark.parametrize("sent", ["0001-01-01T00:00:00+07:00", "1969-12-31T23:59:59+00:00"])
def test_an_instant_that_cannot_be_meant_is_refused(sent: str) -> None:
    with pytest.raises(BadCap, match="không phải ngày giờ có thật"):
        read(message(sent=sent))


def test_what_never_expires_ends_at_an_instant_that_can_be_shown_anywhere() -> None:
    (part,) = read(message("a", info(expires="9999-12-31T23:59:59-05:00"))).infos
    assert part.expires == datetime(2200, 1, 1, tzinfo=UTC)
