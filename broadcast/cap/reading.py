"""From XML to values, by the tables of CAP 1.2, section 3.2: what is there, how often, and with which values."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from lxml import etree

from broadcast.cap.model import (
    NAMESPACE,
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

_OLD = (
    "urn:oasis:names:tc:emergency:cap:1.0",
    "urn:oasis:names:tc:emergency:cap:1.1",
    "http://www.incident.com/cap/1.0",
)
# "Z" is against section 3.3.2, and sent by many all the same; it cannot be misunderstood.
_FIRST_YEAR = 1970
_NEVER = datetime(2200, 1, 1, tzinfo=UTC)
"""Some write the last second that can be written for "it does not expire": what is added to it must still exist."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_ID = re.compile(r"[^\s,<&]{1,200}")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_NUMBER = re.compile(r"[+-]?\d{1,6}(\.\d{1,15})?")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
_LONGEST = 20_000
_MOST_INFOS = 20
_MOST_POINTS = 10_000
_Word = TypeVar("_Word", bound=StrEnum)


def read_alert(root: etree._Element) -> Alert:
    """A message from its `alert` element.

    Raises:
        BadCap: it is of another kind or version, something is missing, or a value is impossible.
    """
    name = etree.QName(root)
    if name.namespace in _OLD:
        raise BadCap("Tin theo CAP 1.0 hoặc 1.1; chỉ nhận CAP 1.2.")
    if name.namespace != NAMESPACE or name.localname != "alert":
        raise BadCap("Không phải tin CAP 1.2 (sai tên phần tử gốc hoặc không gian tên).")
    alert = Alert(
        identifier=_id(root, "identifier"),
        sender=_id(root, "sender"),
        sent=_need(_instant(root, "sent"), "sent"),
        status=_word(root, "status", Status),
        msg_type=_word(root, "msgType", MsgType),
        scope=_word(root, "scope", Scope),
        source=_text(root, "source"),
        restriction=_text(root, "restriction"),
        addresses=_text(root, "addresses"),
        note=_text(root, "note"),
        references=read_references(_text(root, "references")),
        incidents=_text(root, "incidents"),
        infos=tuple(_info(one) for one in _all(root, "info", _MOST_INFOS)),
    )
    _check_whole(alert)
    return alert


def read_references(text: str) -> tuple[Reference, ...]:
    """What `references` names: `sender,identifier,sent`, separated by white space.

    Raises:
        BadCap: it is written otherwise.
    """
    found = []
    for one in text.split():
        parts = one.split(",")
        if len(parts) != 3 or not (_ID.fullmatch(parts[0]) and _ID.fullmatch(parts[1])):
            raise BadCap("Phần references phải ghi sender,identifier,sent.")
        found.append(Reference(parts[0], parts[1], _as_instant(parts[2], "references")))
    return tuple(found)


def _check_whole(alert: Alert) -> None:
    """What the standard asks of elements together."""
    if alert.msg_type in {MsgType.UPDATE, MsgType.CANCEL, MsgType.ACK, MsgType.ERROR} and not alert.references:
        raise BadCap(f"Tin {alert.msg_type} thiếu references.")
    if alert.msg_type in {MsgType.ALERT, MsgType.UPDATE} and not alert.infos:
        raise BadCap("Tin không có phần info.")
    if alert.scope is Scope.RESTRICTED and not alert.restriction:
        raise BadCap("Tin Restricted thiếu restriction.")
    if alert.scope is Scope.PRIVATE and not alert.addresses:
        raise BadCap("Tin Private thiếu addresses.")


def _info(element: etree._Element) -> Info:
    language = _text(element, "language") or "en-US"
    if not _LANGUAGE.fullmatch(language):
        raise BadCap("Phần language không đúng.")
    categories = _words(element, "category", Category)
    if not categories:
        raise BadCap("Thiếu phần category.")
    return Info(
        language=language,
        categories=categories,
        event=_need(_text(element, "event"), "event"),
        responses=_words(element, "responseType", Response),
        urgency=_word(element, "urgency", CapUrgency),
        severity=_word(element, "severity", CapSeverity),
        certainty=_word(element, "certainty", Certainty),
        effective=_instant(element, "effective"),
        onset=_instant(element, "onset"),
        expires=_instant(element, "expires"),
        sender_name=_text(element, "senderName"),
        headline=_text(element, "headline"),
        description=_text(element, "description"),
        instruction=_text(element, "instruction"),
        contact=_text(element, "contact"),
        parameters=_named(element, "parameter"),
        resources=tuple(_resource(one) for one in _all(element, "resource", 50)),
        areas=tuple(_area(one) for one in _all(element, "area", 500)),
    )


def _resource(element: etree._Element) -> Resource:
    size, digest = _text(element, "size"), _text(element, "digest")
    if size and not re.fullmatch(r"\d{1,12}", size):
        raise BadCap("Phần size không phải số.")
    if digest and not _SHA1.fullmatch(digest):
        raise BadCap("Phần digest không phải SHA-1.")
    return Resource(
        description=_need(_text(element, "resourceDesc"), "resourceDesc"),
        media_type=_need(_text(element, "mimeType"), "mimeType"),
        size_bytes=int(size) if size else None,
        uri=_text(element, "uri"),
        sha1=digest.lower(),
    )


def _area(element: etree._Element) -> Area:
    return Area(
        description=_need(_text(element, "areaDesc"), "areaDesc"),
        polygons=tuple(_polygon(_own_text(one)) for one in _all(element, "polygon", 200)),
        circles=tuple(_circle(_own_text(one)) for one in _all(element, "circle", 200)),
        geocodes=_named(element, "geocode"),
    )


def _polygon(text: str) -> tuple[Point, ...]:
    points = tuple(_point(one) for one in text.split())
    if not 4 <= len(points) <= _MOST_POINTS or points[0] != points[-1]:
        raise BadCap("Đa giác (polygon) cần ít nhất 4 điểm, điểm cuối trùng điểm đầu.")
    return points


def _circle(text: str) -> Circle:
    centre, _, radius = text.partition(" ")
    if not _NUMBER.fullmatch(radius.strip()) or float(radius) < 0:
        raise BadCap("Hình tròn (circle) phải ghi tâm rồi bán kính.")
    return Circle(_point(centre), float(radius))


def _point(text: str) -> Point:
    latitude, comma, longitude = text.partition(",")
    if not comma or not (_NUMBER.fullmatch(latitude) and _NUMBER.fullmatch(longitude)):
        raise BadCap("Tọa độ phải ghi vĩ độ,kinh độ.")
    point = Point(float(latitude), float(longitude))
    if abs(point.latitude) > 90 or abs(point.longitude) > 180:
        raise BadCap("Tọa độ nằm ngoài trái đất.")
    return point


def _named(element: etree._Element, name: str) -> tuple[Named, ...]:
    return tuple(
        Named(_need(_text(one, "valueName"), f"{name}/valueName"), _text(one, "value"))
        for one in _all(element, name, 500)
    )


def _all(element: etree._Element, name: str, most: int) -> list[etree._Element]:
    found: list[etree._Element] = element.findall(f"{{{NAMESPACE}}}{name}")
    if len(found) > most:
        raise BadCap(f"Có quá {most} phần {name}.")
    return found


def _own_text(element: etree._Element) -> str:
    if len(element):
        raise BadCap(f"Phần {etree.QName(element).localname} chứa phần tử lạ.")
    text = (element.text or "").strip()
    if len(text) > _LONGEST and etree.QName(element).localname != "polygon":
        raise BadCap(f"Phần {etree.QName(element).localname} quá dài.")
    return text


def _text(element: etree._Element, name: str) -> str:
    found = element.findall(f"{{{NAMESPACE}}}{name}")
    if len(found) > 1:
        raise BadCap(f"Phần {name} lặp lại.")
    return _own_text(found[0]) if found else ""


def _id(element: etree._Element, name: str) -> str:
    text = _need(_text(element, name), name)
    if not _ID.fullmatch(text):
        raise BadCap(f"Phần {name} không được có khoảng trắng, dấu phẩy, < hoặc &.")
    return text


def _word(element: etree._Element, name: str, words: Callable[[str], _Word]) -> _Word:
    return _as_word(_need(_text(element, name), name), name, words)


def _words(element: etree._Element, name: str, words: Callable[[str], _Word]) -> tuple[_Word, ...]:
    return tuple(_as_word(_own_text(one), name, words) for one in _all(element, name, 50))


def _as_word(text: str, name: str, words: Callable[[str], _Word]) -> _Word:
    try:
        return words(text)
    except ValueError as error:
        raise BadCap(f"Phần {name} có giá trị lạ “{text[:40]}”.") from error


def _instant(element: etree._Element, name: str) -> datetime | None:
    text = _text(element, name)
    return _as_instant(text, name) if text else None


def _as_instant(text: str, name: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        raise BadCap(f"Phần {name} phải là ngày giờ có múi giờ, như 2026-10-05T12:00:00+07:00.")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadCap(f"Phần {name} không phải ngày giờ có thật.") from error
    if at.year < _FIRST_YEAR:
        raise BadCap(f"Phần {name} không phải ngày giờ có thật.")
    return min(at, _NEVER)


_Value = TypeVar("_Value")


def _need(value: _Value | None, name: str) -> _Value:
    if not value:
        raise BadCap(f"Thiếu phần {name}.")
    return value
