"""What was broken off in the middle: whether it goes on later, and where. Pure.

A broadcast whose entry allows it goes on where it was, within the time that its `resume_within_ms` gives it. An
emergency begins again from its first word while its order is valid: half a warning is none.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from players.messages import Outcome, Reason
from players.node.airing import SLACK, deadline, put_off
from players.node.clock import Instant
from players.node.events import Ending
from players.node.state import NodeState, Phase, Step, Track, fallen_silent, finished, moved

_GOES_ON_AFTER = frozenset(
    {
        Reason.PREEMPTED,
        Reason.RESTARTED,
        Reason.SHUT_DOWN,
        Reason.OUTPUT_FAILED,
        Reason.OUTPUT_MISSING,
        Reason.STREAM_FAILED,
    }
)
_OF_THE_OUTPUT = frozenset({Reason.OUTPUT_FAILED, Reason.OUTPUT_MISSING, Reason.STREAM_FAILED})


def broken_off(state: NodeState, track: Track, ending: Ending, at: datetime | None, now: Instant) -> Step:
    """Something that sounded fell silent before its end: it waits to go on, or it is over.

    Args:
        state: as everywhere.
        track: what fell silent.
        ending: why.
        at: since when; none if that is not known.
        now: the instant.
    """
    broken_at = at or _presumably(track, now)
    track = fallen_silent(track, at)
    track = replace(track, reached_ms=max(track.reached_ms, track.from_ms))
    left = timedelta(milliseconds=track.item.duration_ms - track.reached_ms)
    if left <= SLACK and track.started_at is not None and at is not None and track.handed == 0:
        return whole(state, track, now, ending.detail, at)
    if not _goes_on(replace(track, broken_at=broken_at), ending, now):
        return finished(state, track, ending.outcome, now, reason=ending.reason, detail=ending.detail, finished_at=at)
    track = put_off(track, ending, now) if ending.reason in _OF_THE_OUTPUT else moved(track, Phase.WAITING)
    return state.with_track(replace(track, broken_off=ending, broken_at=broken_at, ending=None, from_ms=0)), ()


def _presumably(track: Track, now: Instant) -> datetime:
    """When it fell silent, if nobody has said so: now, or in the life of the process before, at its beginning."""
    began_at = track.began_at or track.item.starts_at
    return now.at if began_at >= now.awake_since else began_at


def going_on(track: Track, now: Instant) -> Track:
    """A track that was broken off and sounds again."""
    if track.broken_off is None or track.broken_at is None:
        return track
    pause_s = max(0.0, (now.at - track.broken_at).total_seconds())
    place = "it began again" if track.is_emergency else f"it went on from {track.from_ms / 1000:.1f} s"
    said = f"broken off ({track.broken_off.reason}); {place} {pause_s:.0f} s later"
    note = said if track.note is None else f"{track.note}; {said}"
    return replace(track, broken_off=None, broken_at=None, note=note)


def whole(
    state: NodeState,
    track: Track,
    now: Instant,
    detail: str | None,
    finished_at: datetime,
    reason: Reason | None = None,
) -> Step:
    """It sounded to its end: whole, unless it was joined so late that part of it had gone by.

    `reason` is what was not as planned although it did: a relay that failed.
    """
    if timedelta(milliseconds=track.joined_ms) <= max(SLACK, timedelta(milliseconds=track.item.lead_ms)):
        return finished(state, track, Outcome.PLAYED, now, reason=reason, detail=detail, finished_at=finished_at)
    late = f"joined late: its first {track.joined_ms / 1000:.1f} s were not heard"
    return finished(state, track, Outcome.CUT, now, reason=Reason.TOO_LATE, detail=late, finished_at=finished_at)


def _goes_on(track: Track, ending: Ending, now: Instant) -> bool:
    if ending.reason not in _GOES_ON_AFTER:
        return False
    if not track.is_emergency and track.item.resume_within_ms == 0:
        return False
    return not now.trusted or now.at < deadline(track)
