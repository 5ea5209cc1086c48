"""Starting a pole again from its page: the order, and what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict
from broadcast.models import Node
from broadcast.nodes import get_node
from players.messages import Heartbeat, Restart

ORDER_VALID = timedelta(minutes=1)
BACK_WITHIN = timedelta(minutes=2)


class RestartState(StrEnum):
    """How far a restart is."""

    ASKED = "asked"
    """The pole has not said anything of it yet."""
    RECEIVED = "received"
    """It ends what it does, and begins again."""
    DONE = "done"
    UNANSWERED = "unanswered"
    NOT_BACK = "not-back"
    """It was received, and nothing was heard of the pole since."""

    @property
    def is_under_way(self) -> bool:
        """Whether more may come of it soon."""
        return self in {RestartState.ASKED, RestartState.RECEIVED}


@dataclass(frozen=True, slots=True)
class RestartResult:
    """What came of the last restart that was asked for; `at` is when the player began again, or else when it was asked.

    It may have begun again for another reason, a power cut for example: it is as new as if it had obeyed.
    """

    state: RestartState
    at: datetime


def order_restart(session: Session, slug: str, now: datetime, actor: str) -> Restart:
    """Decide that a pole is to start again; the order is to be sent now, and counts for a minute.

    Raises:
        NotFound: there is no such pole.
        Conflict: it is not paired.
    """
    node = get_node(session, slug)
    if node.public_key is None:
        raise Conflict("node-not-paired", "Cụm loa chưa được ghép với máy chủ.")
    node.restart_asked_at = now
    session.add(node)
    record(session, now, actor, "restart-node", slug)
    return Restart(
        order=f"restart-{slug}-{int(now.timestamp() * 1000)}",
        commune=get_commune(session).slug,
        issued_at=now,
        expires_at=now + ORDER_VALID,
        node=slug,
    )


def result_of_restart(node: Node, beat: Heartbeat | None, now: datetime) -> RestartResult | None:
    """What came of it, by what the pole said last; none when nobody has asked."""
    asked_at = node.restart_asked_at
    if asked_at is None:
        return None
    began_at = running_since(beat)
    if began_at is not None and began_at > asked_at:
        return RestartResult(RestartState.DONE, began_at)
    is_over = now - asked_at >= BACK_WITHIN
    if beat is not None and beat.restarting is not None:
        return RestartResult(RestartState.NOT_BACK if is_over else RestartState.RECEIVED, asked_at)
    return RestartResult(RestartState.UNANSWERED if is_over else RestartState.ASKED, asked_at)


def running_since(beat: Heartbeat | None) -> datetime | None:
    """When a pole's player was started; none while that is not known, or the pole does not know the time."""
    if beat is None or beat.running_s is None or not beat.clock_trusted:
        return None
    return beat.at - timedelta(seconds=beat.running_s)
