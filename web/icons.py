"""The program's icon as bitmaps, drawn here: phones want those for the home screen."""

import io
from functools import cache

from PIL import Image, ImageDraw

SIZES = (192, 512)
_GROUND, _SIGN = "#0f5257", "#ffffff"
_OVERSAMPLED = 4
_GRID = 24
"""As `static/icon.svg`: a square of 24 units."""
_HORN = ((5, 10.3), (5, 13.7), (7.6, 13.7), (12.6, 17), (12.6, 7), (7.6, 10.3), (5, 10.3), (5, 12))
_WAVES = ((12.35, 12.0, 3.6), (13.35, 12.0, 6.0))
"""Centre and radius of the arcs before the horn."""


@cache
def icon_png(size: int, *, is_maskable: bool = False) -> bytes:
    """The icon as PNG, `size` pixels wide.

    Args:
        size: one of `SIZES`.
        is_maskable: fill the whole square, the sign small enough for any mask (W3C App Manifest: 80 % of the width).
    """
    wide = size * _OVERSAMPLED
    image = Image.new("RGBA", (wide, wide))
    draw = ImageDraw.Draw(image)
    corner = 0 if is_maskable else wide // 4
    draw.rounded_rectangle((0, 0, wide - 1, wide - 1), corner, fill=_GROUND)
    unit = wide / _GRID * (0.7 if is_maskable else 1.0)
    margin = (wide - _GRID * unit) / 2
    pen = max(1, round(1.7 * unit))
    draw.line([(margin + x * unit, margin + y * unit) for x, y in _HORN], fill=_SIGN, width=pen, joint="curve")
    for x, y, radius in _WAVES:
        left, top = margin + (x - radius) * unit, margin + (y - radius) * unit
        right, bottom = margin + (x + radius) * unit, margin + (y + radius) * unit
        draw.arc((left, top, right, bottom), -48, 48, fill=_SIGN, width=pen)
    out = io.BytesIO()
    small = image.resize((size, size), Image.Resampling.LANCZOS)
    small.quantize(32, Image.Quantize.FASTOCTREE).save(out, "PNG", optimize=True)
    return out.getvalue()
