"""The server: routes, guards, and the parts that start with it and stop with it."""

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from importlib.metadata import version

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from scheduler.clock import utc_now
from web import api, pages, voice_acts
from web.deps import only_people, own_form
from web.errors import install_error_handlers
from web.guard import Guard, strict_headers
from web.pages import commune_map
from web.parts import START_ORDER, Start, open_station
from web.settings import Settings
from web.templating import STATIC
from web.texts import ReadersLanguage


class LongLivedFiles(StaticFiles):
    """Static files; their address changes with their content (`?v=`), so that browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file."""
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["cache-control"] = "public, max-age=604800"
        return response


def create_app(
    settings: Settings,
    clock: Callable[[], datetime] = utc_now,
    start_order: Sequence[Start] = START_ORDER,
    http_tls: ssl.SSLContext | None = None,
) -> FastAPI:
    """The server of one commune. Nothing is opened or started before its lifespan begins.

    `http_tls`, by which others listen for it, is given its certificate then.
    """

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            station = await stack.enter_async_context(open_station(settings, clock, http_tls))
            for start in start_order:
                await stack.enter_async_context(start(station))
            app.state.station = station
            yield

    max_upload_bytes = dict.fromkeys(("/giay", "/api/imports"), settings.paper.max_bytes)
    max_upload_bytes |= dict.fromkeys(voice_acts.UPLOAD_PATHS, voice_acts.MAX_UPLOAD_BYTES)
    max_upload_bytes |= dict.fromkeys(("/ban-ghi", "/api/recordings"), settings.recordings.max_bytes)
    max_upload_bytes |= commune_map.UPLOAD_PATHS
    headers = strict_headers(is_secure=settings.http.is_secure)
    app = FastAPI(
        title="Loa Làng",
        summary="The loudspeaker system of a Vietnamese commune",
        version=version("loalang"),
        lifespan=running,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        middleware=[
            Middleware(ReadersLanguage),
            Middleware(
                Guard,
                headers=headers,
                max_body_bytes=settings.http.max_body_bytes,
                max_upload_bytes=max_upload_bytes,
            ),
        ],
    )
    install_error_handlers(app, headers)
    # Only what holds no secret is compressed: lengths of compressed pages would tell of their secrets (BREACH).
    app.mount("/static", GZipMiddleware(LongLivedFiles(directory=STATIC), minimum_size=1024), name="static")
    for router in api.ROUTERS:
        app.include_router(router)
    for router in pages.OPEN_ROUTERS:
        app.include_router(router)
    for router in pages.UPLOAD_ROUTERS:
        app.include_router(router, dependencies=[Depends(only_people)])
    for router in pages.ROUTERS:
        app.include_router(router, dependencies=[Depends(own_form)])
    return app
