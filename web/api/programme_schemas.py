"""What programs send and get of programmes and placements."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from broadcast.models import ProgrammePartKind, WhenEmpty
from players.messages import OnFailure
from web.api.schemas import Sent, SlugText
from web.api.timetable_schemas import Id, Weekday


class PartBody(BaseModel):
    """A part: greetings and closings have a text with slots, recordings the id of one.

    A relay has the station's name as its text, `url`, `minutes`, perhaps `starts_after_minutes`, and `on_failure`, with
    `clip` the recording that sounds in its place.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ProgrammePartKind
    text: str = Field(default="", max_length=4000)
    recording: str | None = Field(default=None, max_length=100)
    url: str = Field(default="", max_length=1000)
    minutes: int = Field(default=0, ge=0, le=1440)
    starts_after_minutes: int | None = Field(default=None, ge=0, le=1440)
    on_failure: OnFailure = OnFailure.SILENCE


class ProgrammeRequest(Sent):
    """A programme as it is to be."""

    name: str = Field(max_length=400)
    parts: tuple[PartBody, ...] = Field(max_length=50)
    when_empty: WhenEmpty = WhenEmpty.SKIP


class ProgrammeChangeRequest(ProgrammeRequest):
    """A programme as it is to be from now on, and the revision that was read."""

    revision: Id


class ProgrammeReply(BaseModel):
    """A programme and its parts in order."""

    id: int
    revision: int
    name: str
    when_empty: WhenEmpty
    parts: list[PartBody]


class ProgrammesReply(BaseModel):
    """All programmes by name."""

    programmes: list[ProgrammeReply]


class WeatherRequest(Sent):
    """One day's weather, in a line."""

    text: str = Field(max_length=1000)


class CampaignRequest(Sent):
    """One bulletin over days, villages and programmes; without `zones` wherever one of its villages is spoken to."""

    programmes: tuple[Id, ...] = Field(max_length=100)
    from_on: date
    until_on: date
    weekdays: tuple[Weekday, ...] = Field(default=(0, 1, 2, 3, 4, 5, 6), max_length=7)
    zones: tuple[SlugText, ...] = Field(default=(), max_length=500)
    times: int = 1


class PlacementReply(BaseModel):
    """A bulletin in one programme."""

    id: int
    programme: int
    from_on: date
    until_on: date | None
    weekdays: list[int]
    zones: list[str]
    """Only there; none: wherever one of the bulletin's villages is spoken to."""
    times: int


class PlacementsReply(BaseModel):
    """Where a bulletin is placed, the earliest first."""

    placements: list[PlacementReply]
