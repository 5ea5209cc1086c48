"""The programmes and their timetable."""

from datetime import date, datetime, time

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import UtcInstant


class Programme(SQLModel, table=True):
    """A named frame: greeting, the day's bulletins, closing (chương trình)."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    name: str
    greeting: str = ""
    closing: str = ""


class TimetableEntry(SQLModel, table=True):
    """When a programme is aired: local time `airs_at`, on `weekdays` (0 = Monday), from a day to a day."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    programme_id: int = Field(foreign_key="programme.id")
    airs_at: time
    weekdays: list[int] = Field(sa_type=JSON)
    from_on: date
    until_on: date | None = None
    is_active: bool = True
    created_at: datetime = Field(sa_type=UtcInstant)
    planned_until: datetime | None = Field(default=None, sa_type=UtcInstant)
    """Every occurrence before this instant has its broadcast; what lies between it and now was slept through."""


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
    position: int = 0
