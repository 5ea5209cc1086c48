"""What Mosquitto's log tells of people at the door: strangers, noise, floods, two boxes with one identity."""

import logging
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=1)
TELL_EVERY = timedelta(seconds=10)
MAX_REMEMBERED = 10_000
"""Of each kind: a flood of one hides nothing of another."""
TWICE_IS_TROUBLE = 3
"""One box takes over its own half-dead connection now and then; two boxes with one identity do it all the time."""


class DoorEvent(StrEnum):
    """What happened at the door."""

    REFUSED = "refused"
    """A wrong name, password or client id, or a node that was revoked."""
    FULL = "full"
    """More connections than allowed."""
    NOISE = "noise"
    """Not MQTT, or not as MQTT allows."""
    OVERSIZE = "oversize"
    """A message above the limit."""
    TAKEN_OVER = "taken-over"
    """A client connected while it was connected."""


_PATTERNS: tuple[tuple[DoorEvent, re.Pattern[str]], ...] = (
    (DoorEvent.REFUSED, re.compile(r"^Client (?P<client>.+) disconnected, not authorised\.$")),
    (DoorEvent.FULL, re.compile(r"denied: max_connections exceeded\.?$")),
    (DoorEvent.NOISE, re.compile(r"^Client (?P<client>.+) disconnected due to (?:protocol error|malformed packet)\.$")),
    (DoorEvent.OVERSIZE, re.compile(r"^Client (?P<client>.+) disconnected due to oversize packet\.$")),
    (DoorEvent.TAKEN_OVER, re.compile(r"^Client (?P<client>.+) already connected, closing old connection\.$")),
)
_ROUTINE = re.compile(
    r"^(?:New connection from |New client connected from |Client .+ (?:disconnected|closed its connection)\.$"
    r"|Client .+ been disconnected by administrative action\.$|Saving in-memory database)"
)
_UNKNOWN = "<unknown>"


@dataclass(frozen=True, slots=True)
class DoorNote:
    """One kind of event in the last minute, for the page."""

    event: DoorEvent
    count: int
    last_at: datetime
    clients: tuple[str, ...]
    """Known clients it happened to; a stranger has no name."""


@dataclass(frozen=True, slots=True)
class _Happened:
    at: datetime
    client: str | None


def read_line(line: str) -> tuple[DoorEvent, str | None] | None:
    """What a line of Mosquitto 2's log says of the door, and of which client; none when it is about something else."""
    for event, pattern in _PATTERNS:
        found = pattern.search(line)
        if found is not None:
            client = found.groupdict().get("client")
            return event, None if client == _UNKNOWN else client
    return None


class BrokerWatch:
    """Listens to the broker's log; remembers one minute, and tells a flood in one line every ten seconds."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._happened = {event: deque[_Happened](maxlen=MAX_REMEMBERED) for event in DoorEvent}
        self._told: dict[DoorEvent, datetime] = {}
        self._untold: dict[DoorEvent, int] = {}

    def hear(self, line: str) -> bool:
        """Take a line; whether it is dealt with, and need not be logged as it is."""
        seen = read_line(line)
        if seen is None:
            return _ROUTINE.search(line) is not None
        now, (event, client) = self._clock(), seen
        self._happened[event].append(_Happened(now, client))
        self._tell(event, now, line)
        return True

    def notes(self, now: datetime) -> tuple[DoorNote, ...]:
        """What happened in the last minute, most frequent first."""
        notes = []
        for event, happened in self._happened.items():
            these = [one for one in happened if now - one.at < WINDOW]
            if these:
                clients = tuple(sorted({one.client for one in these if one.client is not None}))
                notes.append(DoorNote(event, len(these), these[-1].at, clients))
        return tuple(sorted(notes, key=lambda note: -note.count))

    def doubles(self, now: datetime) -> tuple[str, ...]:
        """Clients that throw each other out: two boxes with one identity."""
        times: dict[str, int] = {}
        for one in self._happened[DoorEvent.TAKEN_OVER]:
            if one.client is not None and now - one.at < WINDOW:
                times[one.client] = times.get(one.client, 0) + 1
        return tuple(sorted(client for client, count in times.items() if count >= TWICE_IS_TROUBLE))

    def _tell(self, event: DoorEvent, now: datetime, line: str) -> None:
        self._untold[event] = self._untold.get(event, 0) + 1
        told = self._told.get(event)
        if told is None or not timedelta() <= now - told < TELL_EVERY:
            log.warning("at the broker's door: %s, %d times; last: %s", event, self._untold[event], line)
            self._told[event] = now
            self._untold[event] = 0
