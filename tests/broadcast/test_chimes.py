"""The commune's choice of a chime, from its page's table to what the renderer is asked for."""

from pathlib import Path

from sqlalchemy import Engine

from broadcast.communes import set_tune
from broadcast.db import session_of
from broadcast.renderings import want_rendering
from players.messages import Urgency
from tests.broadcast.conftest import NOW
from tests.broadcast.test_rendering import finished, running
from tts.chimes import Chime
from tts.clip_store import ClipStore


async def test_the_renderer_is_asked_for_the_tune_that_was_chosen(house_engine: Engine, tmp_path: Path) -> None:
    with session_of(house_engine) as session:
        set_tune(session, Chime.NORMAL, "drum", "quantri", NOW)
        key = want_rendering(session, "Chào bà con.", "giọng", "normal", Urgency.NORMAL, NOW).key
    async with running(house_engine, tmp_path / "clips") as pool:
        (rendering,) = await finished(pool, house_engine, key)
    sha256 = rendering.clip_sha256
    assert sha256 is not None
    assert ClipStore(tmp_path / "clips").path_of(sha256).read_bytes().startswith("giọng|normal|drum|".encode())
