"""The programmes and their timetable."""

from datetime import date, datetime, time

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from broadcast.models.states import ProgrammePartKind, SpecialDayKind, WhenEmpty
from players.messages import OnFailure


class Programme(SQLModel, table=True):
    """A named frame for the day's bulletins (chương trình), made of parts in order."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    name: str
    when_empty: WhenEmpty = Field(default=WhenEmpty.SKIP, sa_type=EnumText(WhenEmpty))
    """What is aired on a day that has no bulletin for it."""
    revision: int = 1
    """Grows with every change: of two people who change it at once the second is told."""


class ProgrammePart(SQLModel, table=True):
    """One part of a programme."""

    programme_id: int = Field(foreign_key="programme.id", primary_key=True)
    position: int = Field(primary_key=True)
    kind: ProgrammePartKind = Field(sa_type=EnumText(ProgrammePartKind))
    text: str = ""
    """Of a greeting or closing, with slots (`broadcast.slots`)."""
    recording_id: str | None = Field(default=None, foreign_key="recording.id", index=True)
    clip_sha256: str | None = Field(default=None, foreign_key="clip.sha256", index=True)
    """The very sound that was chosen: another cut of the recording is another clip."""
    stream_url: str | None = None
    """Of a relay, whose station's name is `text`; its recording is what sounds when it fails."""
    lasts_s: int | None = None
    starts_after_s: int | None = None
    """Of a relay: not before this long after the programme's start."""
    on_failure: OnFailure | None = Field(default=None, sa_type=EnumText(OnFailure))


class DayWeather(SQLModel, table=True):
    """What somebody typed of one day's weather, for the slot `{thời tiết}`."""

    commune_id: int = Field(foreign_key="commune.id", primary_key=True)
    on: date = Field(primary_key=True)
    text: str


class TimetableEntry(SQLModel, table=True):
    """When a programme is aired: local time `airs_at`, on the days chosen in any of three ways, from a day to a day."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    programme_id: int = Field(foreign_key="programme.id")
    airs_at: time
    weekdays: list[int] = Field(sa_type=JSON)
    """0 = Monday."""
    dates: list[str] = Field(default_factory=list, sa_type=JSON)
    """Single days, as ISO dates."""
    lunar_days: list[int] = Field(default_factory=list, sa_type=JSON)
    """Days of every Vietnamese lunar month: 1 and 15 for mùng một and rằm."""
    skips_holidays: bool = False
    from_on: date
    until_on: date | None = None
    max_minutes: int | None = None
    """A longer programme is not aired; none leaves it to the rules of commune and village."""
    resume_within_minutes: int = 0
    """Broken off at a pole, it goes on there where it was, if that is possible so soon after; 0: it does not."""
    late_within_minutes: int = 0
    """What could not be aired at its time may still be, so soon after; 0: never."""
    is_active: bool = True
    revision: int = 1
    """Grows with every change: of two people who change it at once the second is told."""
    created_at: datetime = Field(sa_type=UtcInstant)
    planned_until: datetime | None = Field(default=None, sa_type=UtcInstant)
    """Every occurrence before this instant has its broadcast; what lies between it and now was slept through."""


class EntryChange(SQLModel, table=True):
    """What is different about an entry on one day: off, at another time, with another programme, shorter or longer."""

    entry_id: int = Field(foreign_key="timetableentry.id", primary_key=True)
    on: date = Field(primary_key=True)
    is_off: bool = False
    airs_at: time | None = None
    programme_id: int | None = Field(default=None, foreign_key="programme.id")
    max_minutes: int | None = None
    """How long it may last that day; none: as on all others."""


class SpecialDay(SQLModel, table=True):
    """A day that the whole commune keeps otherwise: mourning, or as if it were another weekday."""

    commune_id: int = Field(foreign_key="commune.id", primary_key=True)
    on: date = Field(primary_key=True)
    name: str
    kind: SpecialDayKind = Field(sa_type=EnumText(SpecialDayKind))
    like_weekday: int | None = None
    """The weekday whose timetable it follows (0 = Monday); with `SpecialDayKind.LIKE_WEEKDAY` alone."""


class EntryZone(SQLModel, table=True):
    """The villages an entry is for."""

    entry_id: int = Field(foreign_key="timetableentry.id", primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", primary_key=True)


class Placement(SQLModel, table=True):
    """A bulletin goes into a programme, from a day to a day."""

    id: int | None = Field(default=None, primary_key=True)
    bulletin_id: str = Field(foreign_key="bulletin.id", index=True)
    programme_id: int = Field(foreign_key="programme.id", index=True)
    from_on: date
    until_on: date | None = None
    weekdays: list[int] = Field(default_factory=lambda: list(range(7)), sa_type=JSON)
    """Only on these (0 = Monday)."""
    zone_ids: list[int] = Field(default_factory=list, sa_type=JSON)
    """Only where one of these is spoken to; none: wherever one of the bulletin's own villages is."""
    times: int = 1
    """How often it is said within one airing."""
    position: int = 0
