import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from players.messages import Outcome, PlaybackReport
from players.report_intake import ReportIntake


def _report(node: str) -> PlaybackReport:
    at = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    return PlaybackReport(report="r-1", node=node, broadcast="b-1", outcome=Outcome.RECEIVED, at=at)


async def test_two_nodes_may_give_their_reports_the_same_id() -> None:
    stored: list[PlaybackReport] = []
    told: asyncio.Queue[int] = asyncio.Queue()

    async def store(reports: Sequence[PlaybackReport]) -> None:
        stored.extend(reports)

    async def tell(reports: Sequence[PlaybackReport]) -> None:
        told.put_nowait(len(reports))

    intake = ReportIntake(store, tell)
    for node in ("dong-1", "tay-1", "dong-1"):
        intake.take(_report(node))
    running = asyncio.create_task(intake.run())
    assert await asyncio.wait_for(told.get(), 5) == 2
    running.cancel()
    assert {report.node for report in stored} == {"dong-1", "tay-1"}
