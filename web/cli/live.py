"""`loalang live`: speak into the microphone at the office, with the rights of who speaks."""

import argparse
import getpass
import os
import secrets
import select
import sys
import time

import httpx

from web.cli.emergency import TOKEN_VARIABLE, Terminal, ask, server_of, sign_in, why
from web.cli.errors import CommandError
from web.cli.options import commune_of

LOOK_EVERY_S = 0.5


def run(args: argparse.Namespace) -> int:
    """Speak until Enter, Ctrl-C or the limit; 0: poles have listened, 1: none has, 2: refused."""
    settings = commune_of(args)
    body = {
        "key": secrets.token_urlsafe(24),
        "zones": args.zone,
        "microphone": "office",
        "device": args.device,
        "minutes": args.minutes,
    }
    with server_of(settings, args.url) as client:
        token = os.environ.get(TOKEN_VARIABLE) or sign_in(client, args.user, Terminal(input, getpass.getpass))
        client.headers["authorization"] = f"Bearer {token}"
        made = ask(lambda: client.post("/api/live", json=body))
        if made.status_code != httpx.codes.CREATED:
            raise CommandError(why(made))
        address = f"/api/live/{made.json()['broadcast']}"
        print(f"opened: {made.json()['broadcast']}; after the chime, speak; Enter ends it", flush=True)
        try:
            return _follow(client, address)
        finally:
            ask(lambda: client.post(f"{address}/stop"))
            print("ended")


def _follow(client: httpx.Client, address: str) -> int:
    most = shown = 0
    try:
        while True:
            answer = ask(lambda: client.get(address))
            if answer.status_code != httpx.codes.OK:
                raise CommandError(why(answer))
            live = answer.json()
            if live["listeners"] != shown:
                shown = live["listeners"]
                print(f"{shown} poles listen", flush=True)
            most = max(most, shown)
            if live["is_over"] or _is_asked_to_end():
                break
    except KeyboardInterrupt:
        print()
    return 0 if most else 1


def _is_asked_to_end() -> bool:
    """Whether Enter was pressed meanwhile."""
    if not sys.stdin.isatty():
        time.sleep(LOOK_EVERY_S)
        return False
    ready, _, _ = select.select([sys.stdin], [], [], LOOK_EVERY_S)
    return bool(ready)
