"""QR codes as part of a page."""

import segno
from markupsafe import Markup


def draw_qr(text: str, title: str) -> Markup:
    """A QR code as an SVG, with a name for who cannot see it."""
    drawn = segno.make(text, error="m", micro=False).svg_inline(scale=5, light="white", title=title)
    return Markup(drawn)  # noqa: S704 - drawn by segno: squares, and a title of ours
