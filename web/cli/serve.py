"""`loalang serve`: the commune server."""

import argparse
import logging
import socket

import uvicorn

from web.app import create_app
from web.cli.errors import CommandError
from web.cli.options import settings_of
from web.settings import Settings


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    given = {"http.host": args.host, "http.port": args.port}
    settings = settings_of(args, **given)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    listener = _listen(settings)
    return _serve(settings, listener)


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


def _serve(settings: Settings, listener: socket.socket) -> int:
    logging.getLogger().setLevel(settings.log_level.upper())
    config = uvicorn.Config(
        create_app(settings),
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
        server.run(sockets=[listener])
    return 0 if server.started else 1
