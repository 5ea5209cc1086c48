"""The timetable as an iCalendar feed (RFC 5545), to be read by calendars. The one door to `icalendar`."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from broadcast.lifecycle import why_text
from scheduler.forecast import Line


def make_calendar(
    lines: Iterable[Line], commune_name: str, commune: str, zone_names: dict[str, str], zone: ZoneInfo, now: datetime
) -> bytes:
    """The feed: an event for each broadcast; one that will not sound is cancelled and says why."""
    calendar = Calendar()
    calendar.add("prodid", "-//Loa Lang//timetable//VI")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"Lịch phát {commune_name}")
    calendar.add("x-wr-timezone", zone.key)
    for line in lines:
        event = Event()
        event.add("uid", f"{line.broadcast}@{commune}.loalang")
        event.add("dtstamp", now)
        event.add("dtstart", line.starts_at)
        if line.lasts is not None:
            event.add("duration", line.lasts)
        event.add("summary", line.title)
        event.add("location", ", ".join(zone_names.get(slug, slug) for slug in line.zones))
        event.add("status", "CANCELLED" if line.reason else "CONFIRMED")
        if line.reason:
            event.add("description", why_text(line.reason))
        calendar.add_component(event)
    return bytes(calendar.to_ical())
