"""Zip files of office programs, opened with care: what they unpack to is bounded, their XML holds no entities."""

import zipfile
from pathlib import Path

from lxml import etree

from tts.import_document.paper import Limits
from tts.import_document.refusals import Refused, refusal

_MOST_FILES = 3000
_ENCRYPTED_FLAG = 0x1


def check_archive(path: Path, limits: Limits) -> None:
    """Refuse a zip bomb, a locked file and XML that defines entities, before anything else opens the file.

    What the directory of a zip file says is believed: reading beyond it fails by itself.

    Raises:
        DocumentRefused: it is one of these, or damaged.
    """
    most = limits.max_unpacked_mb * 1_000_000
    try:
        with zipfile.ZipFile(path) as archive:
            files = archive.infolist()
            if len(files) > _MOST_FILES or sum(file.file_size for file in files) > most:
                raise refusal(Refused.UNPACKS_TOO_LARGE, most=limits.max_unpacked_mb)
            for file in files:
                if file.flag_bits & _ENCRYPTED_FLAG:
                    raise refusal(Refused.ENCRYPTED)
                if file.filename.endswith((".xml", ".rels")):
                    _check_xml(archive, file)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise refusal(Refused.BROKEN_FILE) from error


def _check_xml(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> None:
    """Office formats know no document type; one is there to define entities."""
    with archive.open(file) as opened:
        head = opened.read(4096)
    if b"<!DOCTYPE" in head or "<!DOCTYPE".encode("utf-16-le") in head or "<!DOCTYPE".encode("utf-16-be") in head:
        raise refusal(Refused.BROKEN_FILE)


def parse_xml(content: bytes) -> etree._Element:
    """The root of an XML document, without entities, network and giant trees.

    Raises:
        DocumentRefused: it is not well formed, or defines entities.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise refusal(Refused.BROKEN_FILE) from error
    if root.getroottree().docinfo.doctype:
        raise refusal(Refused.BROKEN_FILE)
    return root
