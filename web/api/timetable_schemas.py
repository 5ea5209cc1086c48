"""What programs send and get of the timetable."""

from datetime import date, time
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema

from broadcast.models import SpecialDayKind
from scheduler.advice import AdviceKind
from web.api.schemas import Sent, ShortText, SlugText
from web.typed_days import MAX_ID

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Weekday = Annotated[int, Field(ge=0, le=6)]
"""0 = Monday."""
LocalTime = Annotated[time, WithJsonSchema({"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2})?$"})]
"""A time of day in the commune's zone; OpenAPI's format `time` (RFC 3339) would want a zone with it."""


class EntryRequest(Sent):
    """An entry as it is to be. Days are chosen by weekday, singly, or by the lunar month; `airs_at` is local time."""

    programme: Id
    zones: tuple[SlugText, ...] = Field(max_length=500)
    airs_at: LocalTime
    from_on: date
    until_on: date | None = None
    weekdays: tuple[Weekday, ...] = Field(default=(0, 1, 2, 3, 4, 5, 6), max_length=7)
    dates: tuple[date, ...] = Field(default=(), max_length=366)
    lunar_days: tuple[int, ...] = Field(default=(), max_length=30)
    skips_holidays: bool = False
    max_minutes: int | None = None
    resume_within_minutes: int = 0
    late_within_minutes: int = 0
    """What could not be aired at its time may still be, so soon after; 0: never."""


class EntryChangeRequest(EntryRequest):
    """An entry as it is to be from now on, and the revision that was read."""

    revision: Id
    is_active: bool = True


class DayRequest(Sent):
    """What is to be different on one day, and the revision of the entry that was read."""

    revision: Id
    is_off: bool = False
    airs_at: LocalTime | None = None
    programme: Id | None = None
    max_minutes: int | None = None
    """How long it may last that day."""


class DayReply(BaseModel):
    """What is different on one day."""

    on: date
    is_off: bool
    airs_at: LocalTime | None
    programme: int | None
    max_minutes: int | None


class EntryReply(BaseModel):
    """An entry of the timetable."""

    id: int
    revision: int
    programme: int
    programme_name: str
    zones: list[str]
    airs_at: LocalTime
    weekdays: list[int]
    dates: list[date]
    lunar_days: list[int]
    skips_holidays: bool
    from_on: date
    until_on: date | None
    max_minutes: int | None
    resume_within_minutes: int
    late_within_minutes: int
    is_active: bool
    changes: list[DayReply]


class EntriesReply(BaseModel):
    """All entries by their time of day."""

    entries: list[EntryReply]


class AdviceLine(BaseModel):
    """One thing to know, in Vietnamese; `at` is when it happens."""

    kind: AdviceKind
    text: str
    at: AwareDatetime | None


class AdviceReply(BaseModel):
    """What to know of an entry in the coming week."""

    advice: list[AdviceLine]


class SpecialDayRequest(Sent):
    """A day that the commune keeps otherwise; `like_weekday` goes with `like-weekday` alone."""

    name: ShortText
    kind: SpecialDayKind
    like_weekday: Weekday | None = None


class SpecialDayReply(BaseModel):
    """A special day."""

    on: date
    name: str
    kind: SpecialDayKind
    like_weekday: int | None


class SpecialDaysReply(BaseModel):
    """All special days, in order."""

    days: list[SpecialDayReply]


class WindowBody(BaseModel):
    """Hours of a day in local time; `closes` of 00:00 is the midnight that ends the day."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    opens: LocalTime
    closes: LocalTime
    days: tuple[Weekday, ...] = Field(default=(), max_length=7)
    """The weekdays on which it counts, 0 being Monday; none: all."""


class RulesBody(Sent):
    """When and how much may sound; null means no limit of its own. Only emergencies pass."""

    windows: tuple[WindowBody, ...] = Field(max_length=50)
    sessions_a_day: int | None = None
    session_minutes: int | None = None
    day_minutes: int | None = None


class AllRulesReply(BaseModel):
    """The commune's rules, and each village's own by its slug."""

    commune: RulesBody
    zones: dict[str, RulesBody]
