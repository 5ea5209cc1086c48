"""Formats of before .docx, by LibreOffice where it is installed: converted, then read as a .docx."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tts.import_document.docx import read_docx
from tts.import_document.paper import Block, Desk, Table
from tts.import_document.refusals import Refused, refusal


def find_office() -> str | None:
    """LibreOffice's command; None when it is not installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def read_old_office(path: Path, desk: Desk) -> Iterator[Block | Table]:
    """The text of a .doc or an .rtf.

    Raises:
        DocumentRefused: LibreOffice is missing, or cannot read it.
    """
    office = find_office()
    if office is None:
        raise refusal(Refused.OFFICE_MISSING)
    profile = (desk.folder / "profile").as_uri()
    options = ("--headless", "--norestore", "--nolockcheck", f"-env:UserInstallation={profile}")
    command = (office, *options, "--convert-to", "docx", "--outdir", str(desk.folder), str(path))
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(desk.folder), "LANG": "C.UTF-8"}
    subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603 - no shell, our own words
    converted = desk.folder / f"{path.stem}.docx"
    if not converted.is_file():
        raise refusal(Refused.BROKEN_FILE)
    yield from read_docx(converted, desk)
