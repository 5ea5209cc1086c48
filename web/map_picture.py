"""The picture under the map: whatever the administrator sends is drawn anew as a JPEG of ours, and named by content."""

import hashlib
import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from broadcast.errors import InvalidInput

MAX_BYTES = 8_000_000
_MAX_PIXELS = 40_000_000
_LONGEST = 1600
_QUALITY = 70


def keep_picture(folder: Path, data: bytes) -> str:
    """Keep a picture, at most `_LONGEST` pixels wide and high, in the place of the one before; its SHA-256.

    Raises:
        InvalidInput: it is no picture, or too large to be opened safely.
    """
    drawn = _drawn_anew(data)
    sha256 = hashlib.sha256(drawn).hexdigest()
    folder.mkdir(mode=0o700, exist_ok=True)
    part = folder / f"{sha256}.part"
    part.touch(mode=0o600)
    part.write_bytes(drawn)
    part.rename(picture_path(folder, sha256))
    for other in folder.glob("*.jpg"):
        if other.stem != sha256:
            other.unlink()
    return sha256


def picture_path(folder: Path, sha256: str) -> Path:
    """Where it is kept."""
    return folder / f"{sha256}.jpg"


def _drawn_anew(data: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise InvalidInput("picture-too-large", "Ảnh quá lớn: tối đa 40 triệu điểm ảnh.", "file")
            small = image.convert("RGB")
            small.thumbnail((_LONGEST, _LONGEST))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput("not-a-picture", "Tệp này không phải ảnh PNG, JPEG hay WebP đọc được.", "file") from error
    out = io.BytesIO()
    small.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()
