"""`loalang import`: the draft text of a document, a scan or a photo."""

import argparse
import asyncio
import dataclasses
import json
import sys
from pathlib import Path

from tts.import_document import Draft, Limits, import_document
from web.cli.errors import CommandError


def run(args: argparse.Namespace) -> int:
    """Read the file, its progress on stderr; print the draft."""
    path: Path = args.file
    try:
        path.open("rb").close()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    draft = asyncio.run(import_document(path, limits=Limits(), progress=_show))
    if args.json:
        print(json.dumps(_as_json(draft), ensure_ascii=False, indent=2))
        return 0
    print(draft.text)
    for part in draft.set_aside:
        print(f"set aside ({part.kind}, page {part.page}): {' / '.join(part.text.splitlines())}", file=sys.stderr)
    for warned in draft.warnings:
        print(f"warning: {warned.code}" + (f", page {warned.page}" if warned.page else ""), file=sys.stderr)
    return 0


def _show(page: int, pages: int) -> None:
    print(f"page {page}/{pages}", file=sys.stderr)


def _as_json(draft: Draft) -> dict[str, object]:
    said = dataclasses.asdict(draft)
    return {"title": said.pop("title"), "text": said.pop("text"), **said}
