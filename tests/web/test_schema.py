"""Whatever a program of any role sends to any operation: no 5xx, and no answer that the API does not document."""

import threading
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlmodel import Session

from broadcast.bulletins import submit_bulletin, write_bulletin
from broadcast.communes import get_commune
from broadcast.delegations import delegate
from broadcast.emergency import raise_emergency
from broadcast.entries import DayDraft, change_day, create_entry
from broadcast.imports import add_import
from broadcast.inbox import take_item
from broadcast.lexicon import add_word, check_word
from broadcast.models import Bulletin, SourceKind, User, row_id
from broadcast.nodes import create_node
from broadcast.placements import Campaign, place_campaign
from broadcast.programmes import create_programme
from broadcast.recordings import add_recording
from broadcast.sources import Item
from broadcast.sources_kept import SecretFiles, SourceDraft, add_source
from broadcast.templates import TemplateDraft, add_template
from broadcast.users import get_user, make_token
from scheduler.clock import utc_now
from tests.web.conftest import Commune
from tts.record_job import Cut, Taken
from web.app import create_app
from web.parts import START_ORDER, renderers

pytestmark = pytest.mark.e2e
CASES_EACH = 5
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
ENDLESS = {"/api/events"}
"""It does not end by itself; tests/web/test_live.py opens it."""


class ToldServer(uvicorn.Server):
    """A server in a thread, which says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@pytest.fixture
def address(commune: Commune) -> Iterator[str]:
    """A server that renders nothing, reached by HTTP."""
    app = create_app(commune.settings, utc_now, tuple(start for start in START_ORDER if start is not renderers))
    server = ToldServer(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.is_up.wait(30)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


def things(commune: Commune) -> dict[str, str]:
    """One of each thing that a path may name, by the path's parameter."""
    with commune.work() as session:
        now, officer = utc_now(), get_user(session, "officer")
        bulletin = write_bulletin(
            session, officer, title="Tin", script="Họp lúc 8h.", zones=["thon-dong"], airs_now=True, now=now
        )
        submit_bulletin(session, bulletin.id, officer, now)
        node, _ = create_node(session, get_commune(session), "dong-1", "Cột 1", ["thon-dong"], now)
        emergency = raise_emergency(session, get_user(session, "leader"), ["thon-tay"], "Nước lên.", now, "k" * 20)
        document = add_import(session, officer, file_name="a.pdf", upload="none", max_waiting=1, now=now)
        session.flush()
        word = add_word(session, check_word("Nà Lạc", "nà lác"), officer, now)
        known = {"import_id": document.id, "bulletin_id": bulletin.id, "slug": node.slug, "broadcast_id": emergency.id}
        known |= {"word_id": str(word.id), "recording_id": _recording(session, officer, now)}
        return known | _of_the_week(session, bulletin, now) | _of_others(session, commune, now)


def _of_the_week(session: Session, bulletin: Bulletin, now: datetime) -> dict[str, str]:
    here, today = get_commune(session), now.date()
    programme = create_programme(session, here, name="Sáng", greeting="Chào.", closing="", now=now, actor="officer")
    entry = create_entry(
        session, programme, zones=["thon-dong"], airs_at=time(5, 30), from_on=today, now=now, actor="officer"
    )
    change_day(session, row_id(entry.id), entry.revision, today, DayDraft(is_off=True), now, "officer")
    campaign = Campaign(programmes=[row_id(programme.id)], from_on=today, until_on=today + timedelta(days=3))
    (placement,) = place_campaign(session, bulletin, campaign, now, "officer")
    ids = {"programme_id": programme.id, "entry_id": entry.id, "placement_id": placement.id}
    return {name: str(id_) for name, id_ in ids.items()} | {"on": today.isoformat()}


def _of_others(session: Session, commune: Commune, now: datetime) -> dict[str, str]:
    """What stands in for somebody, begins a bulletin, or comes from outside."""
    officer, leader, admin = (get_user(session, name) for name in ("officer", "leader", "admin"))
    draft = TemplateDraft(name="Họp", title="Họp", script="Lúc {giờ: giờ}.")
    source = SourceDraft(
        name="Tỉnh", kind=SourceKind.FOLDER, address="/khong-co", officer="officer", leader="leader", is_active=False
    )
    # By the name that is the pole's: what names a source by it finds one.
    stored = add_source(session, "dong-1", source, SecretFiles(commune.settings.sources_dir), admin, now)
    item = Item.model_validate({"format": "loalang-item/1", "id": "a", "title": "Tin", "text": "Nội dung."})
    ids = {
        "template_id": add_template(session, draft, officer, now).id,
        "item_id": take_item(session, stored, item, now).id,
        "delegation_id": delegate(session, leader, "officer2", now.date() + timedelta(days=3), now).id,
    }
    return {name: str(id_) for name, id_ in ids.items()}


def _recording(session: Session, owner: User, now: datetime) -> str:
    """One that is shared; its sound itself is not there."""
    cut = Cut(start_ms=0, end_ms=900, sha256="a" * 64, size_bytes=4, duration_ms=900)
    taken = Taken(
        original_sha256="b" * 64, original_bytes=4, original_format="mp3", channels=1, length_ms=900, peaks=[9],
        flaws=[], cut=cut,
    )  # fmt: skip
    return add_recording(session, owner, taken, name="Lời mời", language="ium", is_shared=True, now=now).id


def token_of(commune: Commune, username: str) -> str:
    with commune.work() as session:
        scopes = ("read", "write", "admin")
        return make_token(session, get_user(session, username), "test", scopes, timedelta(days=1), utc_now())


def ask(
    operation: schemathesis.APIOperation[Any, Any, Any, Any], known: dict[str, str], headers: dict[str, str]
) -> int:
    """Send some requests to an operation, every other one to something that is there; how many."""
    checks = CHECKS if operation.path == "/api/health" else [*CHECKS, not_a_server_error]
    sent = 0

    @settings(
        max_examples=CASES_EACH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), is_there=st.booleans())
    def send(case: schemathesis.Case[Any], *, is_there: bool) -> None:
        nonlocal sent
        if is_there:
            real = {name: known[name] for name in case.path_parameters if name in known}
            case.path_parameters = {**case.path_parameters, **real}
        sent += 1
        case.call_and_validate(headers=headers, checks=checks)

    send()
    return sent


@pytest.mark.parametrize("role", ["nobody", "officer", "leader", "head", "admin"])
def test_every_answer_is_a_documented_one(role: str, commune: Commune, address: str) -> None:
    known = things(commune)
    headers = {} if role == "nobody" else {"authorization": f"Bearer {token_of(commune, role)}"}
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json")
    sent = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        if found.ok().path not in ENDLESS:
            sent += ask(found.ok(), known, headers)
    assert sent >= 60, "too few to say anything"
