"""What sounds: prepares in time, lets the higher urgency cut the lower, queues equals, keeps quiet hours. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from players.messages import Outcome, Reason
from players.node.clock import Instant
from players.node.events import Action, Ending, Go, Prepare, Way
from players.node.growing import begun_with, count_ready, hand_on, is_piecewise
from players.node.obeying import hush, laid_aside
from players.node.rules import why_refused
from players.node.state import NodeState, Phase, Step, Track, finished, moved, tell
from players.node.windows import closes_at, emergency_gain_db, gain_db_at, is_open

PREPARE_LEAD = {Way.FILES: timedelta(seconds=2), Way.STREAM: timedelta(seconds=3)}
"""How long before its instant a sound is opened."""
PATIENT_STREAM_LEAD = timedelta(seconds=1.5)
"""The same where the clips may still arrive: playing them is better than streaming."""
START_LEAD = {Way.FILES: timedelta(milliseconds=120), Way.STREAM: timedelta(milliseconds=1200)}
"""What an output needs from nothing to its first sample, when the instant has already passed."""
EMERGENCY_START_LEAD = timedelta(milliseconds=20)
"""The same for an emergency: its chime may lose a moment, and nobody waits for it."""
LEAST_CHIME_MS = 1000
"""What a node that is late leaves of the chime: time for the amplifier to wake."""
GO_LEAD = timedelta(milliseconds=250)
"""How long before its instant a broadcast takes the output, cutting what it outranks."""
SLACK = timedelta(milliseconds=500)
"""Late by less than this is on time."""
QUEUE_PATIENCE = timedelta(hours=1)
"""What had to wait for others is not played later than this."""
QUEUE_TRIES = 8
"""So often what waited for its turn is tried when it has come: for about half a minute."""
_LONGEST_PAUSE_S = 10.0
_SOON = timedelta(seconds=10)


def advance(state: NodeState, now: Instant) -> Step:
    """Do everything that is due: end what cannot play, prepare, cut, start."""
    if state.leaving:
        return state, ()
    actions: tuple[Action, ...] = ()
    for move in (_tell_cued, _end_hopeless, _keep_quiet, _prepare_due, _start_due):
        state, more = move(state, now)
        actions += more
    state, more = hand_on(state)
    return state, (*actions, *more)


def is_judged(track: Track, now: Instant) -> bool:
    """Whether the time is known well enough for this broadcast.

    Emergencies do not wait for it, unless by a date that nobody has confirmed they would be over.
    """
    return now.trusted or (track.is_emergency and now.at < deadline(track))


def deadline(track: Track) -> datetime:
    """After this it does not begin any more."""
    starts_at = track.item.starts_at
    join = timedelta(milliseconds=track.item.join_within_ms)
    if track.is_emergency:
        return max(starts_at + max(join, SLACK), track.expires_at or starts_at)
    if track.broken_at is not None:
        return track.broken_at + timedelta(milliseconds=track.item.resume_within_ms)
    late = timedelta(milliseconds=track.item.late_within_ms)
    if track.queued:
        return starts_at + max(join, QUEUE_PATIENCE, late)
    return max(starts_at + late, _joins_until(track))


def _joins_until(track: Track) -> datetime:
    """Until then a node that is late joins at the right place."""
    starts_at, join = track.item.starts_at, timedelta(milliseconds=track.item.join_within_ms)
    return min(starts_at + max(join, SLACK), max(track.ends_at, starts_at + SLACK))


def way_of(state: NodeState, track: Track, now: Instant) -> Way | None:
    """How it could be played, now."""
    if state.has_clips(track.item) or (is_piecewise(track.item) and count_ready(state, track.item)):
        return Way.FILES
    if state.abilities.stream_output is None or track.item.stream is None or _is_spared(state, track):
        return None
    if state.abilities.pulls and now.at < track.item.starts_at - PATIENT_STREAM_LEAD:
        return None
    return Way.STREAM


def _is_spared(state: NodeState, track: Track) -> bool:
    """Whether nothing more may be carried for it."""
    return state.spares_data and not track.is_emergency


def go_lead(state: NodeState) -> timedelta:
    """How long before its instant a broadcast takes the output: earlier where the amplifier has to be woken first.

    While something sounds the amplifier is awake, and what is about to be cut keeps its time.
    """
    return GO_LEAD if state.sounding is not None else GO_LEAD + state.abilities.wake_lead


def waiting(state: NodeState) -> Iterator[Track]:
    """All that has not begun."""
    return (track for track in state.tracks.values() if track.phase in {Phase.WAITING, Phase.PREPARED})


def next_wake(state: NodeState, now: Instant) -> datetime | None:
    """The next instant at which `advance` may have something to do, if nothing else happens."""
    instants: list[datetime] = []
    lead = go_lead(state)
    for track in waiting(state):
        starts_at = track.item.starts_at
        instants += (starts_at - PREPARE_LEAD[Way.STREAM], starts_at - PREPARE_LEAD[Way.FILES])
        instants += (starts_at - PATIENT_STREAM_LEAD, starts_at - lead, starts_at, deadline(track))
        if track.retry_at is not None:
            instants.append(track.retry_at)
    sounding = state.sounding
    if sounding is not None and not sounding.is_emergency:
        closes = closes_at(state.config, max(now.at, sounding.item.starts_at), state.zones_of(sounding))
        instants += [] if closes is None else [closes]
    return min((instant for instant in instants if instant > now.at), default=None)


def needs_server(state: NodeState, now: Instant) -> bool:
    """Whether something should sound, or is about to, that this node has not: only the server can help."""
    due = (track for track in waiting(state) if track.listed and now.at >= track.item.starts_at - _SOON)
    return any(not state.has_clips(track.item) for track in due)


def _tell_cued(state: NodeState, now: Instant) -> Step:
    actions: tuple[Action, ...] = ()
    for track in waiting(state):
        if not track.told_cued and not track.item.growing and state.has_clips(track.item):
            actions += (tell(state, track, Outcome.CUED, now),)
            state = state.with_track(replace(track, told_cued=True))
    return state, actions


def _end_hopeless(state: NodeState, now: Instant) -> Step:
    actions: tuple[Action, ...] = ()
    lead = go_lead(state)
    for track in tuple(waiting(state)):
        ending = _hopeless(state, track, now, lead) if now.trusted else None
        if ending is not None:
            track, discarded = laid_aside(track)  # noqa: PLW2901
            state, final = finished(state, track, ending.outcome, now, reason=ending.reason, detail=ending.detail)
            actions += (*discarded, *final)
    return state, actions


def _hopeless(state: NodeState, track: Track, now: Instant, lead: timedelta) -> Ending | None:
    """Why this broadcast will not be begun any more, or none; `lead` is `go_lead`."""
    starts_at = track.item.starts_at
    if not track.listed:
        return Ending(Outcome.MISSED, Reason.WITHDRAWN) if now.at >= starts_at else None
    if now.at >= deadline(track):
        return _expired(state, track, now)
    if track.queued and not track.is_emergency and track.attempts >= QUEUE_TRIES:
        return track.trouble  # its turn has come; what keeps it from sounding is no other broadcast
    is_due = now.at >= starts_at - lead
    if is_due and not track.is_emergency and state.config is not None:
        refusal = _refusal(state, track, now)
        return None if refusal is None else Ending(Outcome.MISSED, refusal)
    return None


def _refusal(state: NodeState, track: Track, now: Instant) -> Reason | None:
    """Which of the node's own rules keeps a broadcast from sounding now."""
    if not _may_sound(state, track, now):
        return Reason.QUIET_HOURS
    return why_refused(state, track, max(now.at, track.item.starts_at))


def _expired(state: NodeState, track: Track, now: Instant) -> Ending:
    """Why a broadcast was not begun, or did not go on, until its deadline."""
    if track.broken_off is not None:
        return track.broken_off
    last = deadline(track)
    if now.awake_since > last:
        return Ending(Outcome.MISSED, Reason.TOO_LATE, "the node was off")
    if not track.is_emergency and (state.trusted_since is None or state.trusted_since > last):
        return Ending(Outcome.MISSED, Reason.CLOCK_DISTRUSTED)
    if track.queued and track.trouble is None:
        return Ending(Outcome.MISSED, Reason.TOO_LATE, "others sounded all the time")
    if not track.is_emergency and state.config is None:
        return Ending(Outcome.MISSED, Reason.QUIET_HOURS, "the node had no configuration")
    if track.trouble is not None:
        return track.trouble
    if way_of(state, track, now) is None:
        if _is_spared(state, track):
            return Ending(Outcome.MISSED, Reason.DATA_SPARED)
        return Ending(Outcome.FAILED, Reason.CLIP_UNAVAILABLE)
    return Ending(Outcome.MISSED, Reason.TOO_LATE)


def _keep_quiet(state: NodeState, now: Instant) -> Step:
    track = state.sounding
    if track is None or track.is_emergency or _may_sound(state, track, now):
        return state, ()
    return hush(state, track, Ending(Outcome.CUT, Reason.QUIET_HOURS))


def _may_sound(state: NodeState, track: Track, now: Instant) -> bool:
    at = max(now.at, track.item.starts_at)
    return track.is_emergency or is_open(state.config, at, state.zones_of(track))


def _prepare_due(state: NodeState, now: Instant) -> Step:
    actions: tuple[Action, ...] = ()
    for track in tuple(waiting(state)):
        way = _way_to_prepare(state, track, now)
        if way is not None:
            state, more = _prepared(state, track, way, now)
            actions += more
    return state, actions


def _way_to_prepare(state: NodeState, track: Track, now: Instant) -> Way | None:
    if track.phase is not Phase.WAITING or not track.listed or not is_judged(track, now):
        return None
    if track.retry_at is not None and now.at < track.retry_at:
        return None
    if (track.queued or track.broken_off is not None) and not _has_turn(state, track):
        return None
    way = way_of(state, track, now)
    if way is None or now.at < track.item.starts_at - PREPARE_LEAD[way] or not _may_sound(state, track, now):
        return None
    return way


def _prepared(state: NodeState, track: Track, way: Way, now: Instant) -> Step:
    """Open a sound: at its beginning, or where a node that is late has to join."""
    from_ms = _place_to_begin(state, track, way, now)
    if from_ms >= track.item.duration_ms:
        return finished(state, track, Outcome.MISSED, now, reason=Reason.TOO_LATE)
    gain_db = emergency_gain_db(state.config) if track.is_emergency else _gain_db(state, track, now)
    serial = track.serial + 1
    track = moved(track, Phase.PREPARED, serial=serial, way=way, from_ms=from_ms)
    if way is not Way.FILES or not is_piecewise(track.item):
        return state.with_track(track), (Prepare(track.item, serial, way, from_ms, gain_db),)
    track = begun_with(state, track)
    return state.with_track(track), (
        Prepare(track.item, serial, way, from_ms, gain_db, track.handed, is_open=track.is_open),
    )


def _place_to_begin(state: NodeState, track: Track, way: Way, now: Instant) -> int:
    """Where in it a sound that is opened now has to begin, in milliseconds."""
    if track.is_emergency:
        return 0 if track.queued or track.broken_off is not None else _chime_skipped_ms(track, now)
    if track.broken_off is not None:
        return track.reached_ms
    reachable, starts_at = now.at + START_LEAD[way] + state.abilities.wake_lead, track.item.starts_at
    if track.queued or reachable <= starts_at:
        return 0
    if track.item.late_within_ms > 0 and reachable >= _joins_until(track):
        return 0
    return round((reachable - starts_at) / timedelta(milliseconds=1))


def _chime_skipped_ms(track: Track, now: Instant) -> int:
    """So much of its chime a late node skips, to say the words with the others; the whole chime when it is too late."""
    late_ms = round((now.at + EMERGENCY_START_LEAD - track.item.starts_at) / timedelta(milliseconds=1))
    return late_ms if 0 < late_ms <= track.item.lead_ms - LEAST_CHIME_MS else 0


def _gain_db(state: NodeState, track: Track, now: Instant) -> float:
    return gain_db_at(state.config, max(now.at, track.item.starts_at))


def _outranks(track: Track, other: Track) -> bool:
    """Whether one silences the other. Of two emergencies the worse does, of equals the newer."""
    if track.is_emergency and other.is_emergency:
        return _badness(track) > _badness(other)
    return track.item.urgency.rank > other.item.urgency.rank


def _badness(track: Track) -> tuple[int, datetime]:
    severity = track.item.severity
    return -1 if severity is None else severity.rank, track.item.starts_at


def _turn_of(track: Track) -> tuple[int, float, str]:
    """The order in which what is due takes its turn, the first foremost."""
    if not track.is_emergency:
        return -track.item.urgency.rank * 10, track.item.starts_at.timestamp(), track.item.broadcast
    severity, starts_at = _badness(track)
    return -track.item.urgency.rank * 10 - severity, -starts_at.timestamp(), track.item.broadcast


def _has_turn(state: NodeState, track: Track) -> bool:
    sounding = state.sounding
    return sounding is None or _outranks(track, sounding)


def _start_due(state: NodeState, now: Instant) -> Step:
    """Give the output to the most urgent that is due, and let the others queue."""
    due = sorted(
        (track for track in waiting(state) if track.phase is Phase.PREPARED and _is_due(state, track, now)),
        key=_turn_of,
    )
    actions: tuple[Action, ...] = ()
    for track in due:
        state, more = (_started if _has_turn(state, track) else _made_wait)(state, track, now)
        actions += more
    return state, actions


def _is_due(state: NodeState, track: Track, now: Instant) -> bool:
    return is_judged(track, now) and now.at >= track.item.starts_at - go_lead(state)


def _started(state: NodeState, track: Track, now: Instant) -> Step:
    actions: tuple[Action, ...] = ()
    sounding = state.sounding
    if sounding is not None:
        state, actions = hush(state, sounding, Ending(Outcome.CUT, Reason.PREEMPTED, track.item.broadcast))
    starts_at = track.item.starts_at + timedelta(milliseconds=track.from_ms)
    if starts_at <= now.at and track.way is not None:
        lead = START_LEAD[track.way] + (timedelta() if sounding else state.abilities.wake_lead)
        starts_at = now.at + (EMERGENCY_START_LEAD if track.is_emergency else lead)
    starts_at += timedelta(milliseconds=0 if state.config is None else state.config.delay_ms)
    track = moved(track, Phase.STARTING, zones=state.zones_of(track))
    return state.with_track(track), (*actions, Go(track.item.broadcast, starts_at))


def _made_wait(state: NodeState, track: Track, now: Instant) -> Step:
    """Something at least as urgent sounds. From its instant on, what waits will be played whole afterwards."""
    if now.at < track.item.starts_at:
        return state, ()
    if track.way is Way.FILES and (track.from_ms == 0 or track.broken_off is not None):
        return state.with_track(replace(track, queued=True)), ()
    track, actions = laid_aside(track)
    return state.with_track(replace(track, queued=True)), actions


def put_off(track: Track, trouble: Ending, now: Instant) -> Track:
    """A track that could not be begun, to be tried again after a growing pause."""
    pause = timedelta(seconds=min(_LONGEST_PAUSE_S, 0.5 * 2**track.attempts))
    return moved(
        track,
        Phase.WAITING,
        attempts=track.attempts + 1,
        retry_at=now.at + pause,
        trouble=trouble,
        way=None,
        from_ms=0,
    )
