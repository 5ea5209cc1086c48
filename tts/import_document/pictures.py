"""Scans and photos made fit for reading: upright, straight, evenly lit, of a size tesseract reads well."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from tts.import_document.paper import Limits
from tts.import_document.refusals import Refused, refusal

_GOOD_WIDTH = 2480
"""An A4 page at 300 dots per inch, which tesseract reads best."""
_MOST_ENLARGED = 2.0
"""Enlarged further, specks become larger than what smoothing takes away."""
_MOST_TILT = 12.0
_SEARCH_WIDTH = 800
_SIEVE = 24
_PAPER = 225
_WHITE = 205
"""What is as bright as this, where paper has 225, is paper: its grain must not look like letters."""
_PALEST_INK = 120
_SPECK = 60
_CLEAN_SHARE = 0.002
"""Fewer specks than this are serifs and dots."""


def open_pictures(path: Path, limits: Limits) -> Iterator[tuple[Image.Image, int]]:
    """The file's pages as grey pictures, the right way up as its camera says, and how many there are.

    Raises:
        DocumentRefused: damaged, or with more megapixels or pages than allowed: known before anything is unpacked.
    """
    pillow_heif.register_heif_opener(thumbnails=False)
    with _translated(), Image.open(path) as image:
        pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        if pages > limits.max_pages:
            raise refusal(Refused.TOO_MANY_PAGES, found=pages, most=limits.max_pages)
        for page in range(pages):
            if page:
                image.seek(page)
            megapixels = image.width * image.height // 1_000_000
            if megapixels > limits.max_megapixels:
                raise refusal(Refused.IMAGE_TOO_LARGE, found=megapixels, most=limits.max_megapixels)
            image.draft("L", (2 * _GOOD_WIDTH, 2 * _GOOD_WIDTH))
            yield ImageOps.exif_transpose(_on_white(image)).convert("L"), pages


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)
            yield
    except Image.DecompressionBombError as error:
        raise refusal(Refused.IMAGE_TOO_LARGE, found=200, most=60) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise refusal(Refused.BROKEN_FILE) from error


def _on_white(image: Image.Image) -> Image.Image:
    """What is transparent is paper."""
    if image.mode not in {"RGBA", "LA", "PA"} and "transparency" not in image.info:
        return image
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)


def clean(page: Image.Image) -> Image.Image:
    """The page in a good size, evenly lit, its paper white and without specks.

    Args:
        page: In grey ("L"), of any size.
    """
    calm = _scaled(_without_specks(page)).filter(ImageFilter.MedianFilter(3))
    flat = np.asarray(calm, dtype=np.float32) * (_PAPER / np.maximum(_light_on(calm), 32))
    ink = min(_PALEST_INK, float(np.percentile(flat, 0.5)))
    return Image.fromarray(np.clip((flat - ink) * (255 / (_WHITE - ink)), 0, 255).astype(np.uint8))


def straighten(page: Image.Image) -> Image.Image:
    """The page turned so that its lines lie level."""
    tilt = tilt_of(page)
    return page.rotate(tilt, Image.Resampling.BICUBIC, expand=True, fillcolor=255) if abs(tilt) >= 0.1 else page


def _without_specks(page: Image.Image) -> Image.Image:
    """The page without single dots of dust, found before they are enlarged; a page with few is left as it is.

    A speck is much darker, or much brighter, than what is around it, but for one or two others: no stroke is so alone.
    """
    for company in (1, 2):
        seen = np.asarray(page, dtype=np.int16)
        darkest = np.asarray(page.filter(ImageFilter.RankFilter(3, company)), dtype=np.int16)
        brightest = np.asarray(page.filter(ImageFilter.RankFilter(3, 8 - company)), dtype=np.int16)
        is_speck = (seen < darkest - _SPECK) | (seen > brightest + _SPECK)
        if company == 1 and is_speck.mean() < _CLEAN_SHARE:
            return page
        page = Image.composite(page.filter(ImageFilter.MedianFilter(3)), page, Image.fromarray(is_speck))
    return page


def _scaled(page: Image.Image) -> Image.Image:
    shorter = min(page.size)
    factor = min(_GOOD_WIDTH / max(1, shorter), _MOST_ENLARGED)
    if 0.9 < factor < 1.1:
        return page
    size = (max(1, round(page.width * factor)), max(1, round(page.height * factor)))
    return page.resize(size, Image.Resampling.LANCZOS)


def _light_on(page: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """How bright the paper is at each place, seen through a coarse sieve that no letter passes."""
    small = page.resize((max(1, page.width // _SIEVE), max(1, page.height // _SIEVE)), Image.Resampling.BOX)
    paper = small.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(2))
    return np.asarray(paper.resize(page.size, Image.Resampling.BILINEAR), dtype=np.float32)


def tilt_of(page: Image.Image) -> float:
    """By how many degrees, counter-clockwise, the page must be turned for its lines to lie level.

    Lines of text make the sums along rows uneven; the angle at which they are most uneven is the right one.
    """
    height = max(1, round(page.height * _SEARCH_WIDTH / page.width))
    small = ImageOps.invert(page.resize((_SEARCH_WIDTH, height), Image.Resampling.BOX))
    best = 0.0
    for step, reach in ((1.0, _MOST_TILT), (0.2, 1.0), (0.05, 0.2)):
        around = best
        angles = np.arange(around - reach, around + reach + step / 2, step)
        best = float(max(angles, key=lambda angle: _unevenness(small, float(angle))))
    return best


def _unevenness(picture: Image.Image, angle: float) -> float:
    rows = np.asarray(picture.rotate(angle, Image.Resampling.BILINEAR), dtype=np.float32).mean(axis=1)
    return float(np.square(np.diff(rows)).sum())
