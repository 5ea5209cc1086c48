"""XML as it comes from strangers. What reads and signs it here is lxml.

No document type is taken at all, so there are no entities to expand and nothing outside to fetch.
"""

from lxml import etree

from broadcast.cap.model import BadCap

MAX_MESSAGE_BYTES = 1024 * 1024
_MOST_ELEMENTS = 20_000
_DEEPEST = 50
_OPTIONS = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False}


def parse_document(data: bytes, *, max_bytes: int) -> etree._Element:
    """The root of a document.

    Raises:
        BadCap: it is too long, is not well-formed, declares a document type, or has too many elements.
    """
    if len(data) > max_bytes:
        raise BadCap(f"Tin dài quá {max_bytes // 1024} KB.")
    try:
        # Looked through before anything is built of it, by the same parser: the two cannot differ in what they see.
        etree.fromstring(data, etree.XMLParser(target=_Look(), **_OPTIONS))
        return etree.fromstring(data, etree.XMLParser(remove_comments=True, remove_pis=True, **_OPTIONS))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadCap(f"Không phải XML đúng cú pháp: {str(error)[:200]}.") from error


def is_whole(data: bytes) -> bool:
    """Whether a document ends where it should: one that is still being written does not."""
    try:
        etree.fromstring(data, etree.XMLParser(**_OPTIONS))
    except (etree.XMLSyntaxError, ValueError):
        return False
    return True


class _Look:
    """A parser's target that builds nothing."""

    def __init__(self) -> None:
        self._elements = 0
        self._depth = 0

    def doctype(self, name: str, public_id: str | None, system: str | None) -> None:
        raise BadCap("Tin khai báo DOCTYPE (thực thể XML): không nhận.")

    def start(self, tag: str, attributes: object) -> None:
        self._elements += 1
        self._depth += 1
        if self._elements > _MOST_ELEMENTS or self._depth > _DEEPEST:
            raise BadCap("Tin có quá nhiều phần tử XML.")

    def end(self, tag: str) -> None:
        self._depth -= 1

    def close(self) -> None:
        """Nothing was built."""
