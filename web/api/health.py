"""Whether the server works, and what changed just now."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from players.child import ChildPhase
from web.api.schemas import HealthReply, ProcessReply
from web.deps import Door, StationDep, scoped
from web.errors import answers
from web.event_stream import event_stream, scope_at
from web.live import Part

router = APIRouter(prefix="/api", tags=["server"])


@router.get("/health", responses={503: {"model": HealthReply, "description": "Something does not work"}})
def health(response: Response, station: StationDep) -> HealthReply:
    """Whether the server can do its work; 503 when it cannot. Open to everybody, so it names parts and nothing else."""
    processes = [ProcessReply(name=state.name, state=state.phase.value) for state in station.processes]
    processes += [ProcessReply(name=one.step, state=ChildPhase.PAUSING.value) for one in station.runner.troubles]
    is_well = station.is_connected and all(one.state == ChildPhase.RUNNING.value for one in processes)
    response.status_code = 200 if is_well else 503
    return HealthReply(ok=is_well, broker_connected=station.is_connected, processes=processes)


@router.get(
    "/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}}, **answers(401, 403, 503)},
)
async def events(door: Annotated[Door, Depends(scoped("read"))]) -> Response:
    """Server-sent events: `status` with `{"on_air": [broadcast, …], "nodes": {slug: {"presence", "playing"}}}`.

    The first comes at once, then one whenever something in it changes.
    """
    return event_stream(door, [Part("status", await asyncio.to_thread(scope_at, door))])
