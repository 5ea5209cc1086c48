"""What placing a bulletin would do, before it is placed: how long its programmes get, whom they meet, what is refused.

Nothing is stored for it yet: its words are added to the coming weeks as they are planned.
"""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session

from broadcast.budget import Budget
from broadcast.communes import get_commune
from broadcast.models import Bulletin, Zone, row_id
from broadcast.placements import Campaign, checked_zone_ids
from broadcast.rules import load_budgets
from broadcast.zones import list_zones
from scheduler.advice import Advice, AdviceKind, Airtime, advice_about, without_nodes
from scheduler.coming import AHEAD, Coming, load_coming
from scheduler.fitting import VillageDay
from scheduler.lengths import guess_ms
from scheduler.loading import load_calendar
from scheduler.models import CommuneDay

_TIMES_SAID = 8


@dataclass(frozen=True, slots=True)
class CampaignOutlook:
    """What it would be like with the bulletin in it."""

    lasts: timedelta
    """About how long it is, each time."""
    advice: tuple[Advice, ...]
    times: tuple[Airtime, ...]
    """The first of its programmes, as long as they would be with it."""
    on: date | None
    """The first day of them; none: they do not sound then."""
    days: tuple[VillageDay, ...]
    """That day of each village, with it."""


def outlook_of_campaign(session: Session, bulletin: Bulletin, campaign: Campaign, now: datetime) -> CampaignOutlook:
    """Look at the coming weeks as they would be. Only reads.

    Raises:
        InvalidInput: as `broadcast.placements.place_campaign`.
    """
    zone_ids = checked_zone_ids(session, bulletin, campaign)
    lasts = timedelta(milliseconds=guess_ms(bulletin.script)) * (2 if bulletin.is_read_twice else 1)
    coming = load_coming(session, now, AHEAD)
    own = _meant(session, coming, campaign, zone_ids)
    after = _longer(coming, own, lasts * campaign.times)
    zones = [zone for zone in list_zones(session) if row_id(zone.id) in zone_ids]
    advice = [*without_nodes(session, zones), *advice_about(session, after, own)]
    if not own:
        said = "Trong những ngày này các chương trình đã chọn không phát ở khu vực đã chọn: sẽ không phát."
        advice.append(Advice(AdviceKind.NEVER_DUE, said))
    spans = [span for span in after.spans if span.broadcast in own]
    times = tuple(
        Airtime(
            span.starts_at, span.lasts, span.broadcast in after.guessed,
            tuple(after.zone_names[zone_id] for zone_id in sorted(span.zone_ids)),
        )
        for span in spans[:_TIMES_SAID]
    )  # fmt: skip
    on = spans[0].starts_at.astimezone(coming.zone).date() if spans else None
    budgets = load_budgets(session)
    days = tuple(_day(after, zone, on, budgets.get(row_id(zone.id), Budget())) for zone in zones) if on else ()
    return CampaignOutlook(lasts, tuple(advice), times, on, days)


def _meant(session: Session, coming: Coming, campaign: Campaign, zone_ids: Set[int]) -> set[str]:
    """The times in which it would be said."""
    calendar = load_calendar(session, get_commune(session))
    return {
        id_
        for id_, one in coming.planned.items()
        if one.programme_id in campaign.programmes
        and campaign.from_on <= one.on <= campaign.until_on
        and calendar.get(one.on, CommuneDay()).weekday(one.on) in campaign.weekdays
        and not zone_ids.isdisjoint(one.zone_ids)
    }


def _longer(coming: Coming, own: Set[str], added: timedelta) -> Coming:
    spans = [
        replace(span, lasts=(timedelta() if span.broadcast in coming.unknown else span.lasts) + added)
        if span.broadcast in own
        else span
        for span in coming.spans
    ]
    return replace(coming, spans=spans, guessed=coming.guessed | own, unknown=coming.unknown - own)


def _day(coming: Coming, zone: Zone, on: date, budget: Budget) -> VillageDay:
    there = [
        span.lasts
        for span in coming.spans
        if zone.id in span.zone_ids and span.starts_at.astimezone(coming.zone).date() == on
    ]
    return VillageDay(zone.name, len(there), sum(there, timedelta()), budget.sessions_a_day, budget.day_minutes)
