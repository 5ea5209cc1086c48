"""Opens what a broadcast is made of: clips of the store, checked once more, and relays."""

import asyncio
from collections.abc import Callable, Mapping

from players.errors import OutputFailed, OutputMissing
from players.messages import ClipRef, Reason, RelayPart
from players.node.errors import ClipRefused
from players.node.events import Way
from players.node.output import AudioOutput, Playing, Sound
from players.node.shelves import Shelves


class PoleSources:
    """See `medley.Sources`."""

    def __init__(
        self,
        outputs: Mapping[Way, AudioOutput],
        clips: Shelves,
        relay_url: Callable[[RelayPart], str],
        gain_db: float,
        *,
        spares_data: bool,
    ) -> None:
        self._outputs = outputs
        self._clips = clips
        self._relay_url = relay_url
        self._gain_db = gain_db
        self._spares_data = spares_data

    async def clips(self, clips: tuple[ClipRef, ...], from_ms: int) -> Playing:
        """See `medley.Sources`."""
        rotten = await asyncio.to_thread(self._first_rotten, clips)
        if rotten is not None:
            raise ClipRefused(Reason.CLIP_CORRUPT, f"clip {rotten.sha256[:12]} has rotted on disk")
        paths = tuple(self._clips.path(clip.sha256) for clip in clips)
        return await self._outputs[Way.FILES].prepare(Sound(paths, None, from_ms, self._gain_db))

    def _first_rotten(self, clips: tuple[ClipRef, ...]) -> ClipRef | None:
        """The first clip that is not whole any more, in a worker thread."""
        for clip in dict.fromkeys(clips):
            if not self._clips.is_whole(clip.sha256):
                return clip
            self._clips.used_now(clip.sha256)
        return None

    async def relay(self, relay: RelayPart) -> Playing:
        """See `medley.Sources`."""
        output = self._outputs.get(Way.STREAM)
        if output is None:
            raise OutputMissing("this pole's output plays no streams")
        if self._spares_data:
            raise OutputFailed("what is left of the month's data is for emergencies")
        return await output.prepare(Sound(url=self._relay_url(relay), gain_db=self._gain_db, is_live=True))
