"""Reading pictures of text, by tesseract with its Vietnamese model."""

import csv
import io
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tts.import_document.lines import Segment, Word, blocks_of_page, segments_of
from tts.import_document.paper import Block, Desk, Table
from tts.import_document.pictures import clean, open_pictures, straighten
from tts.import_document.refusals import Refused, refusal

LANGUAGE = "vie"
_SURE = 65
"""Mean confidence, in percent, below which a page may lie on its side, or should be compared with the paper."""
_NOISE = 20
_HARD_TO_READ = "Trang {page} khó đọc. Hãy so lại từng câu với bản giấy."


@dataclass(frozen=True, slots=True)
class _Seen:
    """What tesseract saw on a picture; `sureness` is the mean confidence of its words, in percent."""

    lines: tuple[tuple[Word, ...], ...]
    sureness: float


def read_pictures(path: Path, desk: Desk) -> Iterator[Block | Table]:
    """The text of a photo or of a scan, page by page.

    Raises:
        DocumentRefused: the picture cannot be used, or there is no tesseract.
    """
    for page, (picture, pages) in enumerate(open_pictures(path, desk.limits), start=1):
        desk.progress(page, pages)
        yield from read_picture(picture, page, desk)


def read_picture(picture: Image.Image, page: int, desk: Desk) -> Iterator[Block | Table]:
    """The text of one page, a picture in grey."""
    seen = _upright(clean(picture), desk.folder)
    if seen.sureness < _SURE:
        desk.warn("hard-to-read", _HARD_TO_READ.format(page=page), page)
    segments: list[Segment] = []
    for line in seen.lines:
        segments += segments_of(line)
    yield from blocks_of_page(segments, page)


def _upright(page: Image.Image, folder: Path) -> _Seen:
    """What stands on a page; one that makes no sense is tried as if it lay on its side or on its head."""
    seen = _look(straighten(page), folder)
    if seen.sureness >= _SURE:
        return seen
    turn = _turn_of(page, folder)
    if turn:
        turned = _look(straighten(page.rotate(-turn, expand=True)), folder)
        return max(seen, turned, key=lambda one: one.sureness)
    return seen


def _look(picture: Image.Image, folder: Path) -> _Seen:
    lines: dict[tuple[str, str, str], list[Word]] = defaultdict(list)
    sureness: list[float] = []
    for row in csv.DictReader(
        io.StringIO(_tesseract(picture, folder, "-l", LANGUAGE, "tsv")), delimiter="\t", quoting=csv.QUOTE_NONE
    ):
        text, confidence = (row["text"] or "").strip(), float(row["conf"])
        if not text or confidence < _NOISE:
            continue
        left, top, width, height = (float(row[name]) for name in ("left", "top", "width", "height"))
        lines[row["block_num"], row["par_num"], row["line_num"]].append(
            Word(text, left, left + width, top, top + height)
        )
        sureness.append(confidence)
    mean = sum(sureness) / len(sureness) if sureness else 0.0
    return _Seen(tuple(tuple(line) for line in lines.values()), mean)


def _turn_of(picture: Image.Image, folder: Path) -> int:
    """By how many degrees, clockwise, the picture must be turned to stand upright."""
    said = _tesseract(picture, folder, "--psm", "0", "-l", "osd", is_tolerant=True)
    found = next((line for line in said.splitlines() if line.startswith("Rotate:")), "Rotate: 0")
    return int(found.removeprefix("Rotate:"))


def _tesseract(picture: Image.Image, folder: Path, *options: str, is_tolerant: bool = False) -> str:
    """What tesseract prints; one thread of it, so that the other core stays free for speech."""
    source = folder / "page.png"
    picture.save(source, compress_level=1, dpi=(300, 300))
    command: Sequence[str] = ("tesseract", str(source), "stdout", *options)
    environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603 - no shell, our own words
    except FileNotFoundError as error:
        raise refusal(Refused.OCR_MISSING) from error
    finally:
        source.unlink(missing_ok=True)
    said = done.stderr.decode(errors="replace")
    if done.returncode and not is_tolerant:
        raise refusal(Refused.OCR_MISSING if "Failed loading language" in said else Refused.BROKEN_FILE)
    return done.stdout.decode(errors="replace")
