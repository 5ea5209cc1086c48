"""Our emergencies as an Atom feed (RFC 4287) of CAP messages."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from lxml import etree

from broadcast.cap.model import MEDIA_TYPE
from broadcast.cap.outgoing import Own
from broadcast.cap.writing import as_time

ATOM = "http://www.w3.org/2005/Atom"


def make_feed(
    owned: Sequence[Own], commune: str, sender: str, address: str, link_to: Callable[[Own], str], now: datetime
) -> bytes:
    """The feed; `link_to` gives the address of a message."""
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    _add(feed, "id", f"urn:loalang:cap:{sender}")
    _add(feed, "title", f"Tin khẩn cấp {commune}")
    # Of an empty feed nothing is known that would not change at every look: the day it is.
    latest = owned[0].sent if owned else now.replace(hour=0, minute=0, second=0)
    _add(feed, "updated", as_time(latest, UTC))
    _add(etree.SubElement(feed, f"{{{ATOM}}}author"), "name", commune)
    _add(feed, "link", "", rel="self", type="application/atom+xml", href=address)
    for own in owned:
        entry = etree.SubElement(feed, f"{{{ATOM}}}entry")
        _add(entry, "id", f"urn:loalang:cap:{sender}:{own.identifier}")
        _add(entry, "title", f"Đã dừng: {own.broadcast.title}" if own.is_stop else own.broadcast.title)
        _add(entry, "updated", as_time(own.sent, UTC))
        _add(entry, "link", "", rel="alternate", type=MEDIA_TYPE, href=link_to(own))
    data: bytes = etree.tostring(feed, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return data


def _add(parent: etree._Element, name: str, text: str, **attributes: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}{name}", attributes).text = text or None
