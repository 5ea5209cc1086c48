"""The node's own copy of its zones' rules: how often and how long they may hear something a day. Pure.

What counts is what this node has sounded: its tracks, which are on disk for a day after they are over. Emergencies
neither count nor are asked.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from players.messages import NodeConfig, Reason, ZoneRules
from players.node.state import NodeState, Phase, Track


def why_refused(state: NodeState, track: Track, at: datetime) -> Reason | None:
    """Which rule a broadcast would break that begins then; none if it may."""
    config = state.config
    if config is None or track.is_emergency or track.started_at is not None:
        return None
    zones = state.zones_of(track)
    refusals = (_refusal(state, track, at, rules, config) for rules in config.rules if rules.zone in zones)
    return next((reason for reason in refusals if reason is not None), None)


def _refusal(state: NodeState, track: Track, at: datetime, rules: ZoneRules, config: NodeConfig) -> Reason | None:
    length = timedelta(milliseconds=track.item.duration_ms)
    if _exceeds(length, rules.session_minutes):
        return Reason.SESSION_TOO_LONG
    if rules.sessions_a_day is None and rules.day_minutes is None:
        return None
    sounded = _sounded(state, track, rules.zone, at, ZoneInfo(config.timezone))
    if rules.sessions_a_day is not None and len(sounded) >= rules.sessions_a_day:
        return Reason.TOO_MANY_SESSIONS
    if _exceeds(sum(sounded, length), rules.day_minutes):
        return Reason.DAY_FULL
    return None


def _sounded(state: NodeState, but: Track, zone: str, at: datetime, local: ZoneInfo) -> list[timedelta]:
    """How long each thing sounded that a zone has heard on the local day of an instant."""
    day = at.astimezone(local).date()
    return [
        _lasts(track)
        for track in state.tracks.values()
        if zone in track.zones
        and not track.is_emergency
        and track.item.broadcast != but.item.broadcast
        and (track.started_at or track.item.starts_at).astimezone(local).date() == day
    ]


def _lasts(track: Track) -> timedelta:
    """How long it sounded; what has not ended yet counts whole."""
    ms = track.reached_ms - track.joined_ms if track.phase is Phase.DONE else track.item.duration_ms - track.joined_ms
    return timedelta(milliseconds=ms)


def _exceeds(lasts: timedelta, minutes: int | None) -> bool:
    return minutes is not None and lasts > timedelta(minutes=minutes)
