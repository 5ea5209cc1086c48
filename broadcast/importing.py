"""Reads the documents that wait, one at a time, and deletes each file when it has been read."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from broadcast.db import session_of
from broadcast.errors import BroadcastError
from broadcast.imports import begin_next, fail, finish, put_back, wait_again
from broadcast.models import DocumentImport
from broadcast.typed_text import MAX_SCRIPT
from tts.errors import DocumentRefused
from tts.import_document import Draft, Limits, import_document
from tts.import_document.refusals import Refused, refusal

_LOOK_AGAIN_S = 5.0


class ImportDesk:
    """Keeps one reader at work on what waits.

    Args:
        engine: The database.
        folder: Where uploads are, and files on the way.
        limits: What one document may cost.
        clock: The present.
        on_change: Called on the loop when a page may show something new.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        limits: Limits,
        clock: Callable[[], datetime],
        on_change: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._limits = replace(limits, max_script=MAX_SCRIPT)
        self._clock = clock
        self._on_change = on_change
        self._work = asyncio.Event()

    def nudge(self) -> None:
        """Something waits: look now. On the loop."""
        self._work.set()

    async def run(self) -> None:
        """Read whatever waits, until cancelled, or until the disk or the database cannot be used.

        Run again it takes up what it was reading, unless that was begun too often.
        """
        await asyncio.to_thread(self._take_up)
        while True:
            self._work.clear()
            if not await self._read_next():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN_S):
                        await self._work.wait()

    def tidy(self) -> None:
        """Before anything is sent: have read again what a stopped server was reading, delete what nobody waits for."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        wanted = self._take_up()
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name not in wanted:
                path.unlink(missing_ok=True)

    def _take_up(self) -> frozenset[str]:
        """Have what was being read wait again; all files that wait."""
        with session_of(self._engine) as session:
            return frozenset(document.upload for document in wait_again(session, self._clock()))

    async def _read_next(self) -> bool:
        """Read the one that has waited longest; whether there was one."""
        document = await asyncio.to_thread(self._begin)
        if document is None:
            return False
        self._on_change("import")
        notes: set[asyncio.Task[None]] = set()

        def note(page: int, pages: int) -> None:
            task = asyncio.create_task(self._note(document.id, page, pages))
            notes.add(task)
            task.add_done_callback(notes.discard)

        try:
            result: Draft | DocumentRefused = await self._read(self._folder / document.upload, note)
        except DocumentRefused as error:
            result = error
        except OSError:  # a full disk: no fault of the document
            await asyncio.to_thread(self._put_back, document.id)
            raise
        finally:
            await asyncio.gather(*notes, return_exceptions=True)
        await asyncio.to_thread(self._store, document.id, result)
        await asyncio.to_thread((self._folder / document.upload).unlink, missing_ok=True)
        self._on_change("import")
        return True

    async def _read(self, path: Path, note: Callable[[int, int], None]) -> Draft:
        if not await asyncio.to_thread(path.is_file):
            raise refusal(Refused.READER_ENDED)
        return await import_document(path, limits=self._limits, progress=note, work_dir=self._folder)

    def _begin(self) -> DocumentImport | None:
        with session_of(self._engine) as session:
            return begin_next(session)

    def _put_back(self, import_id: str) -> None:
        with session_of(self._engine) as session:
            put_back(session, import_id)

    async def _note(self, import_id: str, page: int, pages: int) -> None:
        await asyncio.to_thread(self._store_page, import_id, page, pages)
        self._on_change("import")

    def _store_page(self, import_id: str, page: int, pages: int) -> None:
        with session_of(self._engine) as session:
            document = session.get(DocumentImport, import_id)
            if document is not None and page > document.page:
                document.page, document.pages = page, pages
                session.add(document)

    def _store(self, import_id: str, result: Draft | DocumentRefused) -> None:
        try:
            with session_of(self._engine) as session:
                if (document := session.get(DocumentImport, import_id)) is not None:
                    if isinstance(result, Draft):
                        finish(session, document, result, self._clock())
                    else:
                        fail(session, document, result, self._clock())
        except BroadcastError as error:
            with session_of(self._engine) as session:
                if (document := session.get(DocumentImport, import_id)) is not None:
                    fail(session, document, error, self._clock())
