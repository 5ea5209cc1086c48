"""A house with paired poles and a broadcast at hand, for the tests of what happens at its hour."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.airings import deliveries_of, renderings_of
from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.models import Broadcast, Delivery, Node
from broadcast.nodes import create_node, pair_node
from broadcast.rendering import store_rendered
from players.messages import Outcome, PlaybackReport, Reason
from tests.broadcast.conftest import House
from tts.render_job import Rendered

LASTS = timedelta(seconds=30)


def add_pole(session: Session, house: House, slug: str, zone: str, now: datetime, *, is_paired: bool = True) -> Node:
    node, code = create_node(session, house.commune, slug, slug, [zone], now)
    if is_paired:
        x = (slug.replace("-", "") + "A" * 43)[:42] + "A"
        pair_node(session, code, {"kty": "OKP", "crv": "Ed25519", "x": x}, now)
    return node


def add_broadcast(
    session: Session,
    house: House,
    now: datetime,
    *,
    at: timedelta | None = None,
    zones: tuple[str, ...] = ("thon-dong",),
) -> Broadcast:
    """An approved bulletin's broadcast: at an instant from now, or at once."""
    bulletin = write_bulletin(
        session,
        house.officer,
        title="Tin",
        script=f"Tin lúc {now:%H giờ %M}, bản {len(zones)}.",
        zones=zones,
        airs_at=None if at is None else now + at,
        airs_now=at is None,
        now=now,
    )
    submit_bulletin(session, bulletin.id, house.officer, now)
    approve_bulletin(session, bulletin.id, house.leader, 1, now)
    return session.get_one(Broadcast, f"b-{bulletin.id}-r1")


def render(session: Session, broadcast: Broadcast, now: datetime) -> None:
    """What the renderer would have done."""
    for rendering in renderings_of(session, broadcast.id):
        answer = Rendered(
            job=rendering.key,
            sha256=rendering.key,
            size_bytes=1000,
            duration_ms=round(LASTS.total_seconds() * 1000),
            engine="tone",
            voice="tone",
            render_ms=1,
        )
        store_rendered(session, rendering, answer, now)


@dataclass(frozen=True)
class Pole:
    """Writes a pole's reports."""

    slug: str
    broadcast: str
    at: datetime

    def says(self, outcome: Outcome, report: str = "", reason: Reason | None = None) -> PlaybackReport:
        sounded = outcome in {Outcome.PLAYING, Outcome.PLAYED, Outcome.CUT}
        ended = outcome in {Outcome.PLAYED, Outcome.CUT}
        return PlaybackReport(
            report=report or f"{self.slug}-{outcome.value}",
            node=self.slug,
            broadcast=self.broadcast,
            outcome=outcome,
            at=self.at + LASTS if ended else self.at,
            started_at=self.at if sounded else None,
            finished_at=self.at + LASTS if ended else None,
            output="record",
            clip_sha256="a" * 64 if sounded else None,
            reason=reason,
        )

    def later(self, by: timedelta) -> "Pole":
        return replace(self, at=self.at + by)


def delivery_of(session: Session, broadcast: Broadcast, node: Node) -> Delivery:
    return next(one for one in deliveries_of(session, broadcast.id) if one.node_id == node.id)
