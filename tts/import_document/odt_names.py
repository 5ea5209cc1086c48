"""The names of OpenDocument's XML."""

from lxml import etree

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_SPACES = {
    "office": f"{_OASIS}office:1.0",
    "text": f"{_OASIS}text:1.0",
    "table": f"{_OASIS}table:1.0",
    "style": f"{_OASIS}style:1.0",
    "draw": f"{_OASIS}drawing:1.0",
    "svg": f"{_OASIS}svg-compatible:1.0",
    "fo": f"{_OASIS}xsl-fo-compatible:1.0",
}


def name(short: str) -> str:
    """`text:p` as lxml names it."""
    prefix, _, local = short.partition(":")
    return f"{{{_SPACES[prefix]}}}{local}"


def number_of(node: etree._Element, attribute: str, otherwise: int, most: int) -> int:
    """An attribute that counts something, kept within bounds."""
    text = str(node.get(name(attribute)) or "")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise
