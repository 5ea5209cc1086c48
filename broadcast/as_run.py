"""What the poles say they did, counted once. The log of it is in `run_log`."""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select, SelectOfScalar

from broadcast.airings import deliveries_of
from broadcast.conclusion import conclude
from broadcast.expecting import sounds_still
from broadcast.lifecycle import COMING, WhyNot, is_taken_back, may_move, move
from broadcast.models import Broadcast, BroadcastState, Delivery, DeliveryState, Node, StoredReport, row_id
from broadcast.offline import learn_local_starts
from players.messages import Outcome, PlaybackReport

log = logging.getLogger(__name__)

_STATE_OF = {
    Outcome.CUED: DeliveryState.CUED,
    Outcome.PLAYING: DeliveryState.PLAYING,
    Outcome.PLAYED: DeliveryState.PLAYED,
    Outcome.CUT: DeliveryState.CUT,
    Outcome.FAILED: DeliveryState.FAILED,
    Outcome.MISSED: DeliveryState.MISSED,
}


def store_reports(session: Session, reports: Sequence[PlaybackReport], now: datetime) -> list[str]:
    """Count each report once and move its delivery; the ids of the broadcasts that changed.

    The order in which reports come does not matter, nor how late they are: what a node says of its own end replaces
    what the server had concluded, and its first last word stands.
    """
    nodes = {node.slug: node for node in session.exec(_nodes_of(reports))}
    counted = set(session.exec(_counted(reports)))
    deliveries = {(one.broadcast_id, one.node_id): one for one in session.exec(_deliveries_of(reports))}
    ours = [one for one in reports if (node := nodes.get(one.node)) and (node.id, one.report) not in counted]
    learn_local_starts(session, ours, now)
    broadcasts = {one.id: one for one in session.exec(_broadcasts_of(reports))}
    changed: dict[str, None] = {}
    for report in reports:
        node = nodes.get(report.node)
        if node is None:
            log.warning("a report from %s, which is no node of ours", report.node)
            continue
        name = (row_id(node.id), report.report)
        if name in counted:
            continue
        counted.add(name)
        node.last_seen_at = now
        session.add(node)
        session.add(
            StoredReport(
                node_id=row_id(node.id),
                report=report.report,
                broadcast_id=report.broadcast,
                outcome=report.outcome.value,
                stored_at=now,
            )
        )
        broadcast = broadcasts.get(report.broadcast)
        if broadcast is None:
            log.warning("%s reports %s of %s, which is unknown", node.slug, report.outcome, report.broadcast)
        elif _store(session, report, broadcast, node, deliveries, now):
            changed[report.broadcast] = None
    session.flush()
    for broadcast_id in changed:
        _correct(session, broadcasts[broadcast_id])
    session.flush()
    return list(changed)


def _nodes_of(reports: Sequence[PlaybackReport]) -> SelectOfScalar[Node]:
    return select(Node).where(col(Node.slug).in_({report.node for report in reports}))


def _counted(reports: Sequence[PlaybackReport]) -> Select[int, str]:
    names = {report.report for report in reports}
    return select(StoredReport.node_id, StoredReport.report).where(col(StoredReport.report).in_(names))


def _deliveries_of(reports: Sequence[PlaybackReport]) -> SelectOfScalar[Delivery]:
    nodes = select(Node.id).where(col(Node.slug).in_({report.node for report in reports}))
    of_broadcasts = col(Delivery.broadcast_id).in_({report.broadcast for report in reports})
    return select(Delivery).where(of_broadcasts, col(Delivery.node_id).in_(nodes))


def _broadcasts_of(reports: Sequence[PlaybackReport]) -> SelectOfScalar[Broadcast]:
    return select(Broadcast).where(col(Broadcast.id).in_({report.broadcast for report in reports}))


def _store(
    session: Session,
    report: PlaybackReport,
    broadcast: Broadcast,
    node: Node,
    deliveries: dict[tuple[str, int], Delivery],
    now: datetime,
) -> bool:
    known = deliveries.get((broadcast.id, row_id(node.id)))
    is_over = broadcast.state not in {*COMING, BroadcastState.ON_AIR}
    if known is None and is_over and report.outcome is Outcome.MISSED:
        return False  # a pole that came later and only says that it missed what was over already
    delivery = known or Delivery(broadcast_id=broadcast.id, node_id=row_id(node.id))
    deliveries[broadcast.id, row_id(node.id)] = delivery
    _note(delivery, report, now)
    if delivery.state is not DeliveryState.SILENT or report.outcome.is_final or sounds_still(broadcast, delivery, now):
        _move(delivery, report)
    session.add(delivery)
    return True


def _note(delivery: Delivery, report: PlaybackReport, now: datetime) -> None:
    delivery.reported_at = now
    if delivery.received_at is None or report.at < delivery.received_at:
        delivery.received_at = report.at
    if delivery.final_report is not None:
        return
    delivery.started_at = report.started_at or delivery.started_at
    delivery.finished_at = report.finished_at or delivery.finished_at
    delivery.output = report.output or delivery.output
    delivery.clip_sha256 = report.clip_sha256 or delivery.clip_sha256
    delivery.detail = report.detail or delivery.detail


def _move(delivery: Delivery, report: PlaybackReport) -> None:
    to = _STATE_OF.get(report.outcome)
    if to is None or delivery.final_report is not None:
        return
    reason = report.reason.value if report.reason else None
    if delivery.state is to and report.outcome.is_final:  # the server had concluded the same: now it is the node's word
        delivery.reason = reason
    elif delivery.state is DeliveryState.CANCELLED and to is DeliveryState.MISSED:
        pass  # as it was told: that it did not play is no news
    elif may_move(delivery.state, to):
        move(delivery, to, reason)
    else:
        return
    if report.outcome.is_final:
        delivery.final_report = report.report


def _correct(session: Session, broadcast: Broadcast) -> None:
    """A broadcast that was concluded without the word of a pole that has spoken now."""
    is_concluded = broadcast.state in {BroadcastState.MISSED, BroadcastState.CUT}
    if not is_concluded or is_taken_back(broadcast.state, broadcast.reason):
        return
    deliveries = deliveries_of(session, broadcast.id)
    sounds = any(delivery.state is DeliveryState.PLAYING for delivery in deliveries)
    if sounds and broadcast.reason == WhyNot.NODES_SILENT:
        move(broadcast, BroadcastState.ON_AIR)
        broadcast.ended_at = None
        session.add(broadcast)
        return
    state, reason = conclude(deliveries)
    if may_move(broadcast.state, state):
        move(broadcast, state, reason)
    elif state is broadcast.state and broadcast.reason == WhyNot.NODES_SILENT:
        broadcast.reason = reason
    session.add(broadcast)
