"""The words a row may be in. `broadcast/lifecycle.py` holds the allowed moves between them."""

from enum import StrEnum


class Role(StrEnum):
    """What a user may do."""

    OFFICER = "officer"
    LEADER = "leader"
    VILLAGE_HEAD = "village-head"
    ADMINISTRATOR = "administrator"


class BulletinState(StrEnum):
    """Where a bulletin stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class PartKind(StrEnum):
    """What a part of a bulletin is."""

    TEXT = "text"
    RECORDED = "recorded"


class RenderingState(StrEnum):
    """Where a rendering stands."""

    WANTED = "wanted"
    RENDERED = "rendered"
    FAILED = "failed"


class BroadcastState(StrEnum):
    """Where a broadcast stands."""

    PLANNED = "planned"
    CUED = "cued"
    ON_AIR = "on-air"
    AIRED = "aired"
    CUT = "cut"
    MISSED = "missed"
    CANCELLED = "cancelled"


class DeliveryState(StrEnum):
    """Where one broadcast stands at one node."""

    PENDING = "pending"
    CUED = "cued"
    PLAYING = "playing"
    PLAYED = "played"
    HEARD = "heard"
    CUT = "cut"
    FAILED = "failed"
    MISSED = "missed"
    CANCELLED = "cancelled"
    SILENT = "silent"


class ProgrammePartKind(StrEnum):
    """What a part of a programme is."""

    CHIME = "chime"
    GREETING = "greeting"
    BULLETINS = "bulletins"
    """The bulletins chosen for the day, in their order."""
    RECORDING = "recording"
    RELAY = "relay"
    """An upper radio, for some minutes."""
    CLOSING = "closing"


class WhenEmpty(StrEnum):
    """What a programme airs on a day without a bulletin."""

    SKIP = "skip"
    GREETING = "greeting"
    """Its chime and its greeting only."""


class SpecialDayKind(StrEnum):
    """What a special day does to the timetable."""

    MOURNING = "mourning"
    """Nothing sounds but emergencies (ngày để tang)."""
    LIKE_WEEKDAY = "like-weekday"


class PreparedPurpose(StrEnum):
    """What a prepared message is for."""

    ALERT = "alert"
    ALL_CLEAR = "all-clear"
    CORRECTION = "correction"
    """Said before the right words."""
    DRILL_START = "drill-start"
    """Said before the words of a drill."""
    DRILL_END = "drill-end"


class Follows(StrEnum):
    """What an emergency is to the one before it."""

    REPEAT = "repeat"
    CORRECTION = "correction"
    ALL_CLEAR = "all-clear"
    UPDATE = "update"
    """What a source outside says now instead of it."""


class ImportState(StrEnum):
    """Where a document that was sent stands."""

    WAITING = "waiting"
    READING = "reading"
    DONE = "done"
    FAILED = "failed"


class HeldState(StrEnum):
    """Where a press that needs a second person stands."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
