"""What a feed lists, in Atom (RFC 4287) or RSS: links to CAP messages, or the messages themselves. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from broadcast.cap.model import MEDIA_TYPE, NAMESPACE, BadCap

MOST_ENTRIES = 100
"""Of one visit; further ones are read at the next."""
_ATOM = "{http://www.w3.org/2005/Atom}"
_ALERT = f"{{{NAMESPACE}}}alert"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in a feed: where it is, or its bytes; `stamp` changes when the entry does."""

    stamp: str
    link: str = ""
    data: bytes = b""


def is_feed(root: etree._Element) -> bool:
    """Whether a document is a list of messages, not a message."""
    name: str = etree.QName(root).localname
    return root.tag == f"{_ATOM}feed" or name in {"rss", "RDF"}


def read_feed(root: etree._Element) -> list[Entry]:
    """The entries of a feed, in its order. An entry without a message or a link to one is left out.

    Raises:
        BadCap: it is no feed.
    """
    if not is_feed(root):
        raise BadCap("Nguồn không phải tin CAP, cũng không phải danh sách Atom hay RSS.")
    entries = _atom_entries(root) if root.tag.startswith(_ATOM) else _rss_items(root)
    return [entry for entry in entries if entry.link or entry.data]


def _atom_entries(root: etree._Element) -> Iterator[Entry]:
    for entry in root.findall(f"{_ATOM}entry"):
        links = entry.findall(f"{_ATOM}link[@href]")
        plain = [one for one in links if one.get("rel", "alternate") in {"alternate", "via", "related"}]
        link = _best([(one.get("href"), one.get("type", "")) for one in plain])
        yield _entry(entry, link, entry.findtext(f"{_ATOM}id", "") + entry.findtext(f"{_ATOM}updated", ""))


def _rss_items(root: etree._Element) -> Iterator[Entry]:
    for item in root.iter("{*}item"):
        kinds = [(one.get("url", ""), one.get("type", "")) for one in item.findall("{*}enclosure")]
        link = _best([*kinds, (item.findtext("{*}link", ""), "")])
        yield _entry(item, link, item.findtext("{*}guid", "") + item.findtext("{*}pubDate", ""))


def _best(links: list[tuple[str, str]]) -> str:
    """The link that says it is CAP; or one that looks like XML; or the first that leads anywhere."""
    usable = [(link.strip(), kind) for link, kind in links if link.strip()]
    named = [link for link, kind in usable if kind == MEDIA_TYPE]
    likely = [link for link, kind in usable if "xml" in kind or link.partition("?")[0].endswith((".xml", ".cap"))]
    return next(iter([*named, *likely, *(link for link, _ in usable)]), "")


def _entry(element: etree._Element, link: str, named: str) -> Entry:
    alert = element.find(f".//{_ALERT}")
    data = b"" if alert is None else etree.tostring(alert, encoding="UTF-8", with_tail=False)
    stamp = hashlib.sha256(f"{link}|{named}".encode() + data).hexdigest()[:32]
    return Entry(stamp, "" if data else link, data)
