"""How a node is, in its own words: what a heartbeat says."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from players.messages import Heartbeat, NodeActivity
from players.node.airing import waiting
from players.node.events import Way
from players.node.keeping import Keeper
from players.node.parts import NodeParts
from players.node.software import software_version
from players.node.state import NodeState, Phase


@dataclass(frozen=True, slots=True)
class Refusals:
    """What was not obeyed since the start."""

    count: int = 0
    last_at: datetime | None = None
    last_why: str | None = None

    def one_more(self, why: str, at: datetime) -> "Refusals":
        """With one more."""
        return Refusals(self.count + 1, at, why[:300])


class Condition:
    """Looks at a node's parts, its disk, its state and its board."""

    def __init__(self, parts: NodeParts, keeper: Keeper, look: Callable[[], NodeState]) -> None:
        self._parts = parts
        self._keeper = keeper
        self._look = look
        self.refused = Refusals()
        self.restarting: str | None = None
        """The order by which the player is ending."""

    async def tell(self) -> Heartbeat:
        """What there is to say now."""
        board = await asyncio.to_thread(self._parts.health.probe)
        parts, clock, state = self._parts, self._parts.clock, self._look()
        now, refused = clock.now(), self.refused
        playing = next((track for track in state.tracks.values() if track.phase is Phase.PLAYING), None)
        errors = [output.error for output in parts.outputs.values() if output.error]
        disk_errors = [error for error in (self._keeper.error, parts.clips.error) if error]
        return Heartbeat(
            node=state.node,
            at=now.at,
            activity=NodeActivity.IDLE if playing is None else NodeActivity.PLAYING,
            broadcast=None if playing is None else playing.item.broadcast,
            output=parts.outputs[Way.FILES].name,
            output_error=errors[0][:300] if errors else None,
            cued=tuple(
                track.item.broadcast for track in waiting(state) if track.listed and state.has_clips(track.item)
            ),
            clock_offset_ms=clock.offset_ms,
            clock_error_ms=clock.error_ms,
            clock_age_ms=clock.age_ms,
            clock_trusted=clock.trusted,
            disk_error="; ".join(disk_errors)[:300] or None,
            outbox=await self._keeper.waiting(),
            disk_free_bytes=(await asyncio.to_thread(shutil.disk_usage, parts.data_dir)).free,
            version=software_version(),
            keys_version=parts.credentials.keys_version,
            refused=refused.count,
            refused_at=refused.last_at,
            refused_why=refused.last_why,
            gain_db=None if state.config is None else state.config.gain_db,
            volume_percent=board.volume_percent,
            temperature_c=board.temperature_c,
            under_voltage=board.under_voltage,
            signal=None if board.signal is None else board.signal.network,
            signal_percent=None if board.signal is None else board.signal.percent,
            uptime_s=board.uptime_s,
            running_s=round((now.at - now.awake_since).total_seconds()),
            restarting=self.restarting,
            memory_free_bytes=board.memory_free_bytes,
            processor_percent=board.processor_percent,
            data=None if parts.meter is None else parts.meter.usage,
        )
