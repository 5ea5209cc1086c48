"""Whatever a program of any role sends to any operation: no 5xx, and no answer that the API does not document."""

import threading
from collections.abc import Iterator
from datetime import timedelta
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

from broadcast.users import get_user, make_token
from scheduler.clock import utc_now
from tests.web.conftest import Commune
from tests.web.things import things
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
    known = things(commune, utc_now())
    headers = {} if role == "nobody" else {"authorization": f"Bearer {token_of(commune, role)}"}
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json", timeout=60)
    sent = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        if found.ok().path not in ENDLESS:
            sent += ask(found.ok(), known, headers)
    assert sent >= 60, "too few to say anything"
