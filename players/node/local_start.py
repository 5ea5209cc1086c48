"""What lets people start something at the pole itself, as its settings have it: button, page, neighbours."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from players.errors import KeyUnusable, OutputMissing
from players.node.agent import Agent
from players.node.button import Button
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.gpio import GpiodButton
from players.node.local_desk import LocalDesk
from players.node.local_page import CERTIFICATE_FILE, LocalPage
from players.node.neighbours import Neighbours
from players.node.settings import NodeSettings

log = logging.getLogger(__name__)

TRY_AGAIN_S = 30.0


@asynccontextmanager
async def starting_here(
    agent: Agent, settings: NodeSettings, credentials: Credentials, clock: NodeClock, data_dir: Path
) -> AsyncIterator[None]:
    """They are there. Whatever goes wrong with one of them, the pole plays on."""
    desk = LocalDesk(credentials, lambda: agent.state, clock, agent.emit, agent.refuse)
    running = []
    if settings.neighbours.enabled:
        neighbours = Neighbours(settings.neighbours.port, desk.heard, clock.monotonic)
        agent.spread_with(neighbours.spread)
        running.append(asyncio.create_task(neighbours.run(), name="neighbours"))
    button = settings.button
    if button.line is not None:
        debounce = timedelta(milliseconds=button.debounce_ms)
        line = GpiodButton(button.chip, button.line, active_low=button.active_low, debounce=debounce)
        running.append(asyncio.create_task(Button(line, button.hold_s, desk.button_held).run(), name="button"))
    if settings.local_page.port is not None:
        address = (settings.local_page.host, settings.local_page.port)
        page = LocalPage(desk, clock, address, data_dir / CERTIFICATE_FILE, credentials.node)
        running.append(asyncio.create_task(_serve(page), name="local page"))
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _serve(page: LocalPage) -> None:
    while True:
        try:
            await page.run()
        except (OutputMissing, KeyUnusable) as error:
            log.warning("%s", error)
        await asyncio.sleep(TRY_AGAIN_S)
