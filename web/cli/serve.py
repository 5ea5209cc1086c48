"""`loalang serve`: the commune server."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import socket
import ssl
import sys

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broadcast.errors import DatabaseUnusable
from players import systemd
from players.errors import PlayersError
from web.app import create_app
from web.cli.errors import CommandError
from web.cli.options import settings_of
from web.data_lock import DataInUse, locked
from web.parts import NotSetUp
from web.settings import Settings

_SWITCH_S = 0.0005
"""How soon a worker thread yields to the event loop. With the usual 5 ms a page waits that long, many times over."""
_GARBAGE_AFTER = 50_000
"""Rows come and go by the thousand: with the usual 700, the collector walks all that lives many times a second."""
_NICER_BY = -5
"""An emergency's order waits for nobody else's work on this machine; the broker inherits it."""
_TO_MEND = (NotSetUp, DatabaseUnusable, PlayersError, OSError)
"""Why a server may not start that the person at the terminal can mend. Everything else is a bug."""


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    given = {"http.host": args.host, "http.port": args.port}
    settings = settings_of(args, **given)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CommandError(f"{settings.data_dir} cannot be used: {error.strerror}") from error
    listener = _listen(settings)
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER, 10, 10)
    try:
        with locked(settings.data_dir):
            return _serve(settings, listener)
    except DataInUse as error:
        listener.close()
        raise CommandError(str(error)) from error


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.http.host, settings.http.port))
    except OSError as error:
        listener.close()
        where = f"{settings.http.host}:{settings.http.port}"
        raise CommandError(f"cannot listen on {where}: {error.strerror}. Choose another with --port") from error
    return listener


class _Starting:
    """The app, with a memory: why it did not start is kept, not logged as a bug, when somebody can mend it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failure: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed: list[Message] = []
        watching: list[asyncio.Task[None]] = []

        async def send_unless_failed(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                failed.append(message)
                return
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                systemd.notify(systemd.READY)
                watching.append(asyncio.create_task(systemd.keep_watchdog(_answers), name="watchdog"))

        try:
            await self._app(scope, receive, send_unless_failed)
        except _TO_MEND as error:
            if not failed:
                raise
            self.failure = error
            await send({"type": "lifespan.startup.failed", "message": ""})
        except Exception:
            for message in failed:
                await send(message)
            raise
        finally:
            for task in watching:
                task.cancel()


async def _answers() -> bool:
    """Whether the event loop turns and a worker thread is to be had: everything else the pages say themselves."""
    return await asyncio.to_thread(bool, 1)


def _serve(settings: Settings, listener: socket.socket) -> int:
    logging.getLogger().setLevel(settings.log_level.upper())
    own_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if settings.http.uses_own_ca else None
    app = _Starting(create_app(settings, http_tls=own_tls))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
        ssl_certfile=settings.http.tls_cert,
        ssl_keyfile=settings.http.tls_key,
        proxy_headers=bool(settings.http.trusted_proxies),
        forwarded_allow_ips=list(settings.http.trusted_proxies),
    )
    server = uvicorn.Server(config)
    with listener:
        try:
            config.load()
        except OSError as error:  # also ssl.SSLError
            raise CommandError(f"the certificate or its key cannot be used: {error}") from error
        if own_tls is not None:
            config.ssl = own_tls  # it has its certificate before the first connection
        with contextlib.suppress(PermissionError):  # only root may, or who is given `LimitNICE` by systemd
            os.nice(_NICER_BY)
        try:
            server.run(sockets=[listener])
        except SystemExit as error:  # uvicorn's way to say that the app did not start
            if app.failure is not None:
                raise CommandError(str(app.failure)) from app.failure
            return int(error.code or 1)
    return 0 if server.started else 1
