"""Playout: what the database says, on the wire. Every step may fail or be cut off and is simply run again."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Engine

from broadcast import airtime, as_run, documents, orders, rules, stopping
from broadcast.airtime import ReadyNow
from broadcast.db import look_at, work_on
from broadcast.documents import Documents
from broadcast.emergency_packs import is_pack_unspoken, want_pack
from broadcast.emergency_repeats import air_due_repeats, has_due_repeats
from broadcast.heard import find_heard, forget_heard
from broadcast.jumped_over import has_jumped_over, plan_jumped_over
from broadcast.models import User
from broadcast.renderings import want_lost_clip
from broadcast.returning import unheard_plays
from players.errors import MalformedMessage, TransportClosed
from players.hub import Hub
from players.messages import (
    MAX_PUSHED_CLIP_BYTES,
    ClipRef,
    Emergencies,
    NodeActivity,
    NodeConfig,
    PlaybackReport,
    PreparedPack,
    Timetable,
    Urgency,
)
from players.presence import PresenceBoard, PresenceState
from tts.clip_store import ClipStore
from tts.errors import ClipError

log = logging.getLogger(__name__)

_D = TypeVar("_D", Emergencies, PreparedPack, Timetable, NodeConfig)
_AT_A_TIME = 20
_REPEAT_EVERY = timedelta(seconds=5)
POLES_RETURN_WITHIN = timedelta(seconds=12)
"""A pole tries again after 8 s at most, then tells us that it is there."""


class Playout:
    """Has broadcasts aired.

    Args:
        engine: The database.
        hub: The wire. It is to call `store_reports` and `republish`.
        clips: The clip store.
        presence: What the poles say they play.
        clock: The present.
        on_change: Told what has changed, for live pages: "broadcasts".
        poles_return_within: After a connection is made, so long what has time waits for poles that are not back.
    """

    def __init__(
        self,
        engine: Engine,
        hub: Hub,
        clips: ClipStore,
        presence: PresenceBoard,
        clock: Callable[[], datetime],
        on_change: Callable[[str], None],
        poles_return_within: timedelta = POLES_RETURN_WITHIN,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_held = is_held
        self._engine = engine
        self._hub = hub
        self._clips = clips
        self._presence = presence
        self._clock = clock
        self._on_change = on_change
        self._listeners: list[Callable[[], None]] = []
        self._published: dict[str, int] = {}
        self.broken: Mapping[str, str] = {}
        """Documents that could not be made, with why: the poles go on with those they have."""
        self._poles_return_within = poles_return_within
        self._connected_at: datetime | None = None
        self._repeated: dict[tuple[str, str], datetime] = {}
        self._publishing = asyncio.Lock()
        self._sending = asyncio.Lock()

    def listen(self, on_news: Callable[[], None]) -> None:
        """Have this called when reports or a new connection give the steps something to do."""
        self._listeners.append(on_news)

    # What the hub calls

    async def store_reports(self, reports: Sequence[PlaybackReport]) -> None:
        """Commit reports; what this raises keeps them unacknowledged."""
        changed = await work_on(self._engine, as_run.store_reports, reports, self._clock())
        if changed:
            self._tell()

    async def republish(self) -> None:
        """Publish all documents and unsent orders to a broker that may have forgotten everything.

        Raises:
            TransportClosed: the connection was lost meanwhile.
        """
        self._connected_at = self._clock()
        self._published.clear()
        await self._publish_documents()
        await self._send_orders()
        self._tell()

    # Steps

    async def air_ready_now(self) -> bool:
        """Order what is to air at once and has its clips; the bytes of an emergency go ahead of its order.

        Gives whether anything was ordered.
        """
        has_ordered = False
        if not await look_at(self._engine, airtime.has_now):
            return False
        for ready in await work_on(self._engine, airtime.ready_now, self._clock()):
            if not self._hub.connected:
                break
            if self._waits_for_poles(ready):
                continue
            if not await self._have_clips(ready):
                continue
            if await work_on(self._engine, airtime.begin_now, ready.id, self._clock()):
                await self.send_orders()
                self._on_change("broadcasts")
                has_ordered = True
        return has_ordered

    async def send_orders(self) -> bool:
        """Send every order that has not gone out; without a connection they wait, until they expire.

        Gives whether there were any, and all of them went out.
        """
        try:
            return await self._send_orders()
        except TransportClosed as error:
            log.warning("orders wait: %s", error)
            return False

    async def grow_emergencies(self) -> None:
        """Send what was spoken of emergencies meanwhile: the new clips and, beside them, the order that names them."""
        if not await look_at(self._engine, airtime.has_growing, self._clock()):
            return
        # What is spoken is in the database: an order that names it is sent before it waits for any writer.
        for grown in await look_at(self._engine, airtime.grown_emergencies, self._clock()):
            pushes = [self._push(grown.order.item.broadcast, clip, grown.zones) for clip in grown.new_clips]
            sent = await asyncio.gather(
                self._hub.send_order(grown.order, zones=grown.zones), *pushes, return_exceptions=True
            )
            for trouble in sent:
                if isinstance(trouble, TransportClosed | ClipError):
                    # The retained list of emergencies says the same, and a pole fetches what was not pushed.
                    log.warning("an emergency grows without a push: %s", trouble)
                elif trouble is not None:
                    raise trouble
            await work_on(self._engine, orders.note_grown, grown.order)
            self._on_change("broadcasts")

    async def air_due_repeats(self) -> None:
        """Air again what is to be said until its all-clear."""
        if await look_at(self._engine, has_due_repeats, self._clock()):
            await work_on(self._engine, air_due_repeats, self._clock())
            self._tell()

    async def want_pack(self) -> None:
        """Have the prepared messages spoken that are not."""
        if await look_at(self._engine, is_pack_unspoken):
            await work_on(self._engine, want_pack, self._clock())

    async def forget_heard(self) -> None:
        """Forget clips that were only listened to."""
        if keys := await look_at(self._engine, find_heard, self._clock()):
            await work_on(self._engine, forget_heard, self._clips, keys, self._clock())

    async def repeat_orders(self) -> None:
        """Send orders that hold again to poles that came back after they were sent, now and then until they answer."""
        now = self._clock()
        online = [row for row in self._presence.snapshot(now).values() if row.state is PresenceState.ONLINE]
        heard_at = {row.node: row.last_seen_at for row in online if row.last_seen_at is not None}
        repeated = {key: at for key, at in self._repeated.items() if now - at < _REPEAT_EVERY}
        for due in await look_at(self._engine, unheard_plays, heard_at, now) if heard_at else ():
            nodes = tuple(node for node in due.nodes if (due.order.order, node) not in repeated)
            try:
                await self._hub.send_order(due.order, nodes=nodes)
            except TransportClosed as error:
                log.warning("an order waits: %s", error)
            repeated.update({(due.order.order, node): now for node in nodes})
        self._repeated = repeated

    async def publish_documents(self) -> None:
        """Publish the documents that say something new; a broadcast that is listed is cued."""
        try:
            await self._publish_documents()
        except TransportClosed as error:
            log.warning("documents wait: %s", error)

    async def refresh_coming(self) -> None:
        """Look over what has not begun, a few at a time: an emergency's order gets its turn in between."""
        if await look_at(self._engine, has_jumped_over, self._clock()):
            await work_on(self._engine, plan_jumped_over, self._clock())
        ids = await look_at(self._engine, airtime.coming_ids)
        for first in range(0, len(ids), _AT_A_TIME):
            await work_on(self._engine, airtime.refresh_coming, self._clock(), ids[first : first + _AT_A_TIME])
        await self.apply_rules()

    async def apply_rules(self) -> None:
        """Have what breaks the rules of commune or village left out, or in again."""
        over_rules = await work_on(self._engine, rules.apply_rules, self._clock())
        if over_rules:
            await work_on(self._engine, airtime.refresh_coming, self._clock(), over_rules)

    async def begin_due(self) -> None:
        """Move on the air what has reached its instant."""
        if await work_on(self._engine, airtime.begin_due, self._clock()):
            self._on_change("broadcasts")

    async def close_finished(self) -> None:
        """End what is over."""
        now = self._clock()
        beats = {
            node: row.heartbeat
            for node, row in self._presence.snapshot(now).items()
            if row.state is not PresenceState.OFFLINE and row.heartbeat is not None
        }
        if await work_on(self._engine, airtime.close_finished, now, beats):
            self._on_change("broadcasts")

    async def stop_stragglers(self) -> None:
        """Order stopped again what a pole plays and should not: it was out of reach when it was told."""
        playing = {
            node: row.heartbeat.broadcast
            for node, row in self._presence.snapshot(self._clock()).items()
            if row.state is PresenceState.ONLINE and row.heartbeat is not None and row.heartbeat.broadcast is not None
            if row.heartbeat.activity is NodeActivity.PLAYING
        }
        if not playing:
            return
        stragglers = await work_on(self._engine, stopping.stop_stragglers, playing, self._clock())
        if stragglers:
            await self.send_orders()

    # What people ask for

    async def stop(self, broadcast_id: str, user: User, node: str | None = None) -> None:
        """Silence a broadcast, everywhere or at one pole. Raises as `stopping.stop_broadcast`."""
        await work_on(self._engine, stopping.stop_broadcast, broadcast_id, user, self._clock(), node)
        await self._follow_up()

    async def cancel(self, broadcast_id: str, user: User) -> None:
        """Cancel a broadcast that has not begun. Raises as `stopping.cancel_broadcast`."""
        await work_on(self._engine, stopping.cancel_broadcast, broadcast_id, user, self._clock())
        await self._follow_up()

    async def _follow_up(self) -> None:
        await self.send_orders()
        await self.publish_documents()
        self._on_change("broadcasts")

    def _waits_for_poles(self, ready: ReadyNow) -> bool:
        """Whether its poles are still finding their way back to us, or to a broker that was started again.

        They would join it late, or never hear of it. An emergency waits for nobody.
        """
        now = self._clock()
        if ready.urgency is Urgency.EMERGENCY or self._connected_at is None:
            return False
        if not timedelta() <= now - self._connected_at < self._poles_return_within:
            return False
        return any(self._presence.state_of(node, now) is not PresenceState.ONLINE for node in ready.nodes)

    async def _have_clips(self, ready: ReadyNow) -> bool:
        """Whether the broadcast's clips are in the store; those of an emergency are pushed to its poles."""
        for clip in dict.fromkeys(ready.clips):
            try:
                data = await asyncio.to_thread(self._read_clip, clip)
                if ready.urgency is Urgency.EMERGENCY and len(data) <= MAX_PUSHED_CLIP_BYTES:
                    await self._hub.push_clip(ready.zones, clip.sha256, data)
            except ClipError as error:
                log.warning("%s: %s; it is rendered again", ready.id, error)
                await work_on(self._engine, want_lost_clip, clip.sha256, self._clock())
                return False
            except TransportClosed as error:
                # The order names the clip by its hash: a pole that has not got it fetches it.
                log.warning("a clip of %s was not pushed: %s", ready.id, error)
        return True

    async def _push(self, broadcast_id: str, clip: ClipRef, zones: Sequence[str]) -> None:
        data = await asyncio.to_thread(self._read_clip, clip)
        if len(data) <= MAX_PUSHED_CLIP_BYTES:
            await self._hub.push_clip(zones, clip.sha256, data)
        else:
            log.warning("%s: a clip of %d bytes is fetched, not pushed", broadcast_id, len(data))

    def _read_clip(self, clip: ClipRef) -> bytes:
        """The clip's bytes; a damaged one is removed from the store."""
        try:
            data = self._clips.path_of(clip.sha256).read_bytes()
        except OSError as error:
            raise ClipError(f"the clip {clip.sha256} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != clip.sha256:
            self._clips.remove(clip.sha256)
            raise ClipError(f"the clip {clip.sha256} is damaged")
        return data

    async def _send_orders(self) -> bool:
        async with self._sending:
            if not self._hub.connected:
                return False
            found = await look_at(self._engine, orders.due_orders, self._clock())
            if any(orders.has_missed_its_start(due.order, self._clock()) for due in found):
                await work_on(self._engine, orders.time_missed_starts, self._clock())
                found = await look_at(self._engine, orders.due_orders, self._clock())
            sent: list[str] = []
            try:
                for due in found:
                    await self._hub.send_order(due.order, zones=due.zones, nodes=due.nodes)
                    sent.append(due.order.order)
            finally:
                if sent:
                    await work_on(self._engine, orders.mark_sent, sent, self._clock())
            return bool(sent)

    async def _publish_documents(self) -> None:
        async with self._publishing:
            # By a wrong clock the poles' timetables would be empty: they go on with those they have.
            if not self._hub.connected or self._is_held():
                return
            found = await look_at(self._engine, documents.build_documents, self._clock())
            if found.news:
                await work_on(self._engine, documents.keep_versions, found.news)
            self._note_broken({**found.broken, **await self._publish_new(found)})
            if await work_on(self._engine, airtime.mark_cued, found.listed):
                self._on_change("broadcasts")

    async def _publish_new(self, found: Documents) -> dict[str, str]:
        """Publish what is new; what the wire could not carry, with why."""
        broken = await self._publish_each(self._hub.publish_emergencies, found.emergencies)
        broken |= await self._publish_each(self._hub.publish_pack, found.packs)
        broken |= await self._publish_each(self._hub.publish_timetable, found.timetables)
        broken |= await self._publish_each(self._hub.publish_config, found.configs)
        gone = [node for node in found.gone_nodes if self._is_news(f"gone {node}", 0)]
        if gone:
            await self._hub.forget_documents(nodes=gone)
            self._published.update({f"gone {node}": 0 for node in gone})
        return broken

    async def _publish_each(self, publish: Callable[[_D], Awaitable[None]], those: Mapping[str, _D]) -> dict[str, str]:
        broken = {}
        for topic, document in those.items():
            if self._is_news(topic, document.version):
                try:
                    await publish(document)
                    self._published[topic] = document.version
                except MalformedMessage as error:  # too large: it holds up no other
                    broken[topic] = str(error)
        return broken

    def _note_broken(self, broken: Mapping[str, str]) -> None:
        if broken != self.broken:
            for name, why in broken.items():
                log.error("%s cannot be published: %s", name, why)
            self.broken = broken

    def _is_news(self, topic: str, version: int) -> bool:
        return self._published.get(topic) != version

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
