"""Visits sources of CAP messages: a folder, a feed, or one message's address. `broadcast.sources_desk` calls it."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lxml import etree
from sqlalchemy import Engine
from sqlmodel import col, select

from broadcast.cap.document import MAX_MESSAGE_BYTES, is_whole, parse_document
from broadcast.cap.feed import MOST_ENTRIES, Entry, is_feed, read_feed
from broadcast.cap.model import MEDIA_TYPE, Alert, BadCap
from broadcast.cap.reading import read_alert
from broadcast.cap.signature import is_signed, signed_part
from broadcast.cap.taking import Proof, is_taken, take_alert
from broadcast.db import reading, session_of
from broadcast.errors import BroadcastError
from broadcast.inbox import note_bad
from broadcast.models import CapCertificate, CapOptions, Source, SourceKind
from broadcast.sources import Parcel, SourceUnreachable, bad_name
from broadcast.sources_fetch import Fetcher, Patience
from broadcast.sources_folder import FolderSource

MAX_FEED_BYTES = 2 * 1024 * 1024
VISIT_S = 90.0
"""A whole visit may take no longer, however many links a feed has."""
LINKS_AT_ONCE = 4
_ACCEPT = f"{MEDIA_TYPE}, application/atom+xml, application/rss+xml, application/xml, text/xml"
_ENDINGS = (".xml", ".cap")
_MOST_SEEN = 500


@dataclass(frozen=True, slots=True)
class _Read:
    """A message that was read, and how far it is known who sent it."""

    alert: Alert
    proof: Proof


class CapDesk:
    """Reads sources of CAP messages.

    Args:
        engine: The database.
        clock: The present.
        on_news: Called when something came that is to be aired or shown.
        patience: How long one answer may take.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], datetime],
        on_news: Callable[[], None],
        patience: Patience | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._on_news = on_news
        self._patience = patience or Patience()
        self._halves: dict[tuple[str, str], str] = {}
        """Files that were no whole XML when they were seen last, by source and name: a digest of what was there."""
        self._dead: dict[str, set[str]] = {}
        """Entries whose links led nowhere when they were tried last, by source."""

    async def visit(self, source: Source, token: str) -> None:
        """Read what a source has now.

        Raises:
            SourceUnreachable: nothing, or not all of it, could be read.
        """
        if source.kind is SourceKind.CAP_FOLDER:
            await self._visit_folder(source)
            return
        try:
            async with asyncio.timeout(VISIT_S):
                await self._visit_address(source, token)
        except TimeoutError as error:
            raise SourceUnreachable(f"Đọc nguồn không xong trong {VISIT_S:.0f} giây.") from error

    async def _visit_folder(self, source: Source) -> None:
        folder = FolderSource(Path(source.address), endings=_ENDINGS, max_bytes=MAX_MESSAGE_BYTES)
        parcels = await folder.fetch()
        for parcel in await asyncio.to_thread(self._in_order, source, parcels):
            if await asyncio.to_thread(self._may_be_half, source, parcel):
                continue
            problem = parcel.problem
            if not problem:
                problem = await asyncio.to_thread(self._take, source, parcel.name, parcel.data, is_sheltered=True)
            else:
                await asyncio.to_thread(self._note, source, parcel.name, parcel.data, problem)
            await folder.settle(parcel, problem)

    async def _visit_address(self, source: Source, token: str) -> None:
        kept = await asyncio.to_thread(self._options, source)
        fetcher = Fetcher(
            source.address, MAX_FEED_BYTES, _ACCEPT, token, follows_inner=source.follows_inner, patience=self._patience
        )
        asked = {"if-none-match": kept.etag, "if-modified-since": kept.modified}
        got = await fetcher.get(headers={name: value for name, value in asked.items() if value})
        if not got.is_new:
            return
        try:
            root = await asyncio.to_thread(parse_document, got.data, max_bytes=MAX_FEED_BYTES)
            entries = await asyncio.to_thread(read_feed, root) if is_feed(root) else None
        except BadCap as error:
            raise SourceUnreachable(str(error)) from error
        if entries is None:
            await asyncio.to_thread(self._take, source, source.address, got.data, is_sheltered=fetcher.is_safe(""))
            await asyncio.to_thread(self._remember, source, got.headers, [])
        else:
            await self._visit_entries(source, fetcher, entries, kept.seen, got.headers)

    async def _visit_entries(
        self,
        source: Source,
        fetcher: Fetcher,
        entries: Sequence[Entry],
        seen: Sequence[str],
        headers: Mapping[str, str],
    ) -> None:
        new = [entry for entry in entries if entry.stamp not in seen]
        # A link that led nowhere before is tried when the others were.
        dead = self._dead.setdefault(source.slug, set())
        dead &= {entry.stamp for entry in new}
        answers = await self._answers(fetcher, sorted(new[:MOST_ENTRIES], key=lambda entry: entry.stamp in dead), dead)
        failed = [data for _, data in answers if isinstance(data, SourceUnreachable)]
        came = [
            (entry, Parcel(entry.link or source.address, data)) for entry, data in answers if isinstance(data, bytes)
        ]
        parcels = await asyncio.to_thread(self._in_order, source, [parcel for _, parcel in came])
        for parcel in parcels:
            await asyncio.to_thread(
                self._take,
                source,
                parcel.name,
                parcel.data,
                is_sheltered=fetcher.is_safe("") and fetcher.is_safe(parcel.name),
            )
        read = [*(entry.stamp for entry, _ in came), *(entry.stamp for entry in entries if entry.stamp in seen)]
        is_whole = not failed and len(new) <= MOST_ENTRIES
        await asyncio.to_thread(self._remember, source, headers if is_whole else {}, read)
        if failed:
            raise failed[0]

    async def _answers(
        self, fetcher: Fetcher, entries: Sequence[Entry], dead: set[str]
    ) -> list[tuple[Entry, bytes | SourceUnreachable]]:
        """What is behind each entry, a few at once; who has no turn in time is asked at the next visit.

        `dead` takes those that were asked until they have answered.
        """
        turns, until = asyncio.Semaphore(LINKS_AT_ONCE), asyncio.get_running_loop().time() + self._patience.links_s

        async def answer(entry: Entry) -> tuple[Entry, bytes | SourceUnreachable]:
            if entry.data:
                return entry, entry.data
            try:
                async with asyncio.timeout_at(until), turns:
                    dead.add(entry.stamp)
                    data = (await fetcher.get(entry.link)).data
                    dead.discard(entry.stamp)
                    return entry, data
            except TimeoutError:
                return entry, SourceUnreachable("Nguồn có tin không tải kịp: sẽ hỏi lại.")
            except SourceUnreachable as error:
                return entry, error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(entry)) for entry in entries]
        return [task.result() for task in tasks]

    def _in_order(self, source: Source, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Parcels by when their messages were sent, so that an update comes after what it updates."""

        def sent(parcel: Parcel) -> float:
            with contextlib.suppress(BadCap):
                return read_alert(parse_document(parcel.data, max_bytes=MAX_MESSAGE_BYTES)).sent.timestamp()
            return 0.0

        return sorted(parcels, key=sent)

    def _may_be_half(self, source: Source, parcel: Parcel) -> bool:
        """Whether a file may still be being written: it ends too early, and was another when it was seen last."""
        key, digest = (source.slug, parcel.name), hashlib.sha256(parcel.data).hexdigest()
        if parcel.problem or len(parcel.data) > MAX_MESSAGE_BYTES or is_whole(parcel.data):
            self._halves.pop(key, None)
            return False
        is_new = self._halves.get(key) != digest
        if is_new:
            self._halves[key] = digest
        else:
            del self._halves[key]
        return is_new

    def _take(self, source: Source, name: str, data: bytes, *, is_sheltered: bool) -> str:
        """One message, in a unit of work of its own: what is bad about one harms no other. What is bad about it."""
        now = self._clock()
        try:
            read = self._read(source, data, now, is_sheltered=is_sheltered)
            with reading(self._engine) as session:
                if is_taken(session, source, read.alert):
                    return ""
            with session_of(self._engine) as session:
                take_alert(session, source, read.alert, read.proof, now)
        except BadCap as error:
            problem = str(error)
        except BroadcastError as error:
            problem = error.message
        else:
            self._on_news()
            return ""
        self._note(source, name, data, problem)
        return problem

    def _note(self, source: Source, name: str, data: bytes, problem: str) -> None:
        with session_of(self._engine) as session:
            note_bad(session, source, bad_name(data, name), f"{name[:200]}: {problem}", self._clock())

    def _read(self, source: Source, data: bytes, now: datetime, *, is_sheltered: bool) -> _Read:
        root = parse_document(data, max_bytes=MAX_MESSAGE_BYTES)
        signed: etree._Element | None = None
        if is_signed(root):
            with reading(self._engine) as session:
                query = select(CapCertificate.pem).where(CapCertificate.source_id == source.id)
                trusted = list(session.exec(query.order_by(col(CapCertificate.id))))
            # Without a certificate to check it with, a signature says nothing.
            signed = signed_part(root, trusted, now) if trusted else None
        return _Read(read_alert(root if signed is None else signed), Proof(signed is not None, is_sheltered))

    def _options(self, source: Source) -> CapOptions:
        with reading(self._engine) as session:
            return session.get_one(CapOptions, source.id)

    def _remember(self, source: Source, headers: Mapping[str, str], seen: Sequence[str]) -> None:
        with session_of(self._engine) as session:
            kept = session.get_one(CapOptions, source.id)
            kept.etag, kept.modified = headers.get("etag", "")[:200], headers.get("last-modified", "")[:100]
            kept.seen = list(seen)[:_MOST_SEEN]
            session.add(kept)
