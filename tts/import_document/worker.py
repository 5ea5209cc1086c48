"""The process that opens one document.

python -m tts.import_document.worker FILE FOLDER PARENT LIMITS

It confines itself, reads, and says on its stdout, one JSON object a line, which page it reads (`Turned`), and at its
end what became of it: `Read` or `NotRead`.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from tts.errors import DocumentRefused
from tts.import_document.confinement import confine
from tts.import_document.draft import make_draft
from tts.import_document.kinds import Kind, probe_kind
from tts.import_document.paper import Block, Draft, Limits, Reader, Table, Warned
from tts.import_document.refusals import Refused, refusal
from tts.import_document.said import NotRead, Read, Turned


@dataclass
class StdoutDesk:
    """A reader's desk whose progress goes to stdout."""

    limits: Limits
    folder: Path
    pages: int = 0
    warnings: list[Warned] = field(default_factory=list)

    def progress(self, page: int, pages: int) -> None:
        """Say that this page is read now."""
        self.pages = pages
        _say(Turned(page=page, pages=pages).model_dump_json())

    def warn(self, code: str, message: str, page: int | None = None) -> None:
        """Keep something that should be compared with the paper."""
        self.warnings.append(Warned(code, message, page))


def read_document(path: Path, desk: StdoutDesk) -> Draft:
    """The document as a draft.

    Raises:
        DocumentRefused: it cannot be read.
    """
    found = list(_bounded(_reader_for(probe_kind(path))(path, desk), desk.limits.max_characters))
    draft = make_draft(found, pages=desk.pages, warnings=desk.warnings, max_script=desk.limits.max_script)
    if not draft.text:
        raise refusal(Refused.NO_TEXT)
    return draft


def _reader_for(kind: Kind) -> Reader:
    """The readers are imported one by one: each brings a library that the others can do without."""
    match kind:
        case Kind.DOCX:
            from tts.import_document.docx import read_docx  # noqa: PLC0415

            return read_docx
        case Kind.ODT:
            from tts.import_document.odt import read_odt  # noqa: PLC0415

            return read_odt
        case Kind.PDF:
            from tts.import_document.pdf import read_pdf  # noqa: PLC0415

            return read_pdf
        case Kind.IMAGE:
            from tts.import_document.ocr import read_pictures  # noqa: PLC0415

            return read_pictures
        case Kind.OLD_OFFICE:
            from tts.import_document.office import read_old_office  # noqa: PLC0415

            return read_old_office


def _bounded(found: Iterator[Block | Table], most: int) -> Iterator[Block | Table]:
    size = 0
    for one in found:
        size += (
            len(one.text)
            if isinstance(one, Block)
            else sum(len(line) for row in one.rows for cell in row for line in cell)
        )
        if size > most:
            raise refusal(Refused.TOO_MUCH_TEXT, most=most)
        yield one


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Read one document under its limits."""
    file, folder, parent, given = arguments
    limits = TypeAdapter(Limits).validate_json(given)
    confine(int(parent), memory_mb=limits.memory_mb, time_s=limits.time_s)
    desk = StdoutDesk(limits, Path(folder))
    try:
        _say(Read(draft=read_document(Path(file), desk)).model_dump_json())
    except DocumentRefused as error:
        _say_not(error)
    except MemoryError:
        _say_not(refusal(Refused.TOO_MUCH_MEMORY))
    return 0


def _say_not(error: DocumentRefused) -> None:
    _say(NotRead(code=error.code, english=error.english, message=error.message).model_dump_json())


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        # At once, without tidying up: a library that was cut off in mid-work may crash in its own farewell.
        os._exit(main(sys.argv[1:]))
