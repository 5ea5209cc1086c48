"""What a file is, by its content. Its name is not looked at."""

import zipfile
from enum import StrEnum
from pathlib import Path

from tts.import_document.refusals import Refused, refusal

_HEAD = 4096
_OLE2 = bytes.fromhex("d0cf11e0a1b11ae1")
_PDF_WITHIN = 1024
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"})


class Kind(StrEnum):
    """The formats that are read."""

    DOCX = "docx"
    ODT = "odt"
    OLD_OFFICE = "old-office"
    """Word 97-2003, or RTF: for LibreOffice."""
    PDF = "pdf"
    IMAGE = "image"


def probe_kind(path: Path) -> Kind:
    """Look at the file's first bytes, and into it if it is a zip file.

    Raises:
        DocumentRefused: it is empty, locked with a password, damaged, or none of the formats.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise refusal(Refused.EMPTY_FILE)
    if head.startswith(b"PK\x03\x04"):
        return _probe_zip(path)
    if head.startswith(_OLE2):
        return _probe_ole(path)
    if head.startswith(b"{\\rtf"):
        return Kind.OLD_OFFICE
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return Kind.PDF
    if _is_image(head):
        return Kind.IMAGE
    raise refusal(Refused.UNKNOWN_KIND)


def _is_image(head: bytes) -> bool:
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")):
        return True
    return (head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS) or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")


def _probe_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "word/document.xml" in names:
                return Kind.DOCX
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 100:
                kind = archive.read("mimetype")
                if kind.startswith(b"application/vnd.oasis.opendocument.text"):
                    return Kind.ODT
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise refusal(Refused.BROKEN_FILE) from error
    raise refusal(Refused.UNKNOWN_KIND)


def _probe_ole(path: Path) -> Kind:
    """An OLE file's directory names its streams in UTF-16."""
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise refusal(Refused.ENCRYPTED)
    if "WordDocument".encode("utf-16-le") in content:
        return Kind.OLD_OFFICE
    raise refusal(Refused.UNKNOWN_KIND)
