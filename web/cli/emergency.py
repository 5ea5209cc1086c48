"""`loalang emergency`: press the button from a terminal, with the rights of who presses, and watch it pole by pole."""

import argparse
import getpass
import os
import secrets
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from web.cli.errors import CommandError
from web.cli.options import commune_of
from web.settings import Settings

TOKEN_VARIABLE = "LOA_TOKEN"  # noqa: S105 - its name
PIN_VARIABLE = "LOA_PIN"
"""Not of the settings' own prefix: what is named so must be a setting."""
LOOK_EVERY_S = 0.5
TIMEOUT_S = 10.0
TRIES = 5
_SILENT = frozenset({"silent", "stopped"})
_OPEN = frozenset({"sending", "received", "sounding", "offline"})
_REFUSED = frozenset({401, 403, 404, 409, 413, 422, 429})


@dataclass(frozen=True)
class Terminal:
    """How the command speaks with the person."""

    ask: Callable[[str], str]
    ask_secret: Callable[[str], str]


def run(args: argparse.Namespace) -> int:
    """Press and watch; 0: it sounded at every pole, 1: not at every one, or nobody knows, 2: refused."""
    settings = commune_of(args)
    body = body_of(args)
    with server_of(settings, args.url) as client:
        token = os.environ.get(TOKEN_VARIABLE) or sign_in(client, args.user, Terminal(input, getpass.getpass))
        client.headers["authorization"] = f"Bearer {token}"
        made = press(client, body)
        if made["state"] == "waiting":
            print(f"waiting for a second person to confirm {made['press']}: nothing sounds yet")
            return 1
        print(f"taken: {made['broadcast']}")
        if args.no_wait:
            return 0
        return watch(client, made["broadcast"], args.wait)


def body_of(args: argparse.Namespace) -> dict[str, Any]:
    """The press that the options mean.

    Raises:
        CommandError: they do not go together.
    """
    slots = dict(_slot(text) for text in args.slot or [])
    kinds = [bool(args.text), bool(args.template), bool(args.all_clear)]
    if sum(kinds) != 1:
        raise CommandError("one of --text, --template and --all-clear says what is to be said")
    if slots and not args.template and not args.all_clear:
        raise CommandError("--slot goes with --template or --all-clear")
    if not args.all_clear and not args.zone:
        raise CommandError("--zone says where")
    return {
        "key": secrets.token_urlsafe(24),
        "kind": "all-clear" if args.all_clear else "alert",
        "zones": args.zone or [],
        "text": args.text or "",
        "template": args.template or "",
        "slots": slots,
        "follows": args.all_clear or "",
        "drill": args.drill,
        "pin": os.environ.get(PIN_VARIABLE, ""),
    }


@contextmanager
def server_of(settings: Settings, url: str | None) -> Iterator[httpx.Client]:
    """The running server of these settings, or the one at `url`; the commune's own authority is believed."""
    http = settings.http
    host = "127.0.0.1" if http.host in {"0.0.0.0", "::"} else http.host  # noqa: S104 - where it listens, not we
    base = url or f"{'https' if http.is_secure and not http.tls_by_proxy else 'http'}://{_bracketed(host)}:{http.port}"
    with httpx.Client(base_url=base, trust_env=False, timeout=TIMEOUT_S, verify=_trust(settings, base)) as client:
        yield client


def sign_in(client: httpx.Client, username: str | None, terminal: Terminal) -> str:
    """A short-lived token for who is at the terminal.

    Raises:
        CommandError: name or password are wrong, or the server cannot be reached.
    """
    username = username or terminal.ask("username: ")
    body: dict[str, Any] = {
        "username": username,
        "password": terminal.ask_secret(f"password of {username}: "),
        "name": "loalang emergency",
        "scopes": ["read", "write"],
        "lifetime_s": 3600,
    }
    answer = ask(lambda: client.post("/api/sessions", json=body))
    if answer.status_code == httpx.codes.UNAUTHORIZED and _code(answer) == "wrong-code":
        body["code"] = terminal.ask_secret("code of the second factor: ")
        answer = ask(lambda: client.post("/api/sessions", json=body))
    if answer.status_code != httpx.codes.CREATED:
        raise CommandError(why(answer))
    return str(answer.json()["token"])


def press(client: httpx.Client, body: Mapping[str, Any]) -> dict[str, Any]:
    """Send the press until the server has it: with one key it is one press.

    Raises:
        CommandError: it is refused, or the server cannot be reached.
    """
    answer = ask(lambda: client.post("/api/emergencies", json=body))
    if answer.status_code in _REFUSED and _code(answer).startswith("pin-") and not body["pin"]:
        pin = getpass.getpass("PIN: ") if sys.stdin.isatty() else ""
        if pin:
            return press(client, {**body, "pin": pin})
    if answer.status_code != httpx.codes.CREATED:
        raise CommandError(why(answer))
    made: dict[str, Any] = answer.json()
    return made


def watch(client: httpx.Client, broadcast: str, wait_s: float) -> int:
    """Print every pole's steps as they come, until all have ended or the time is over; the exit status."""
    shown: dict[str, str] = {}
    end = time.monotonic() + wait_s
    while True:
        answer = ask(lambda: client.get(f"/api/emergencies/{broadcast}"))
        if answer.status_code != httpx.codes.OK:
            raise CommandError(why(answer))
        progress = answer.json()
        _print_new(progress, shown)
        steps = [pole["step"] for pole in progress["poles"]]
        if progress["is_final"] or not any(step in _OPEN for step in steps) or time.monotonic() >= end:
            break
        time.sleep(LOOK_EVERY_S)
    print(f"{progress['sounded']}/{progress['total']} poles, {progress['state']}")
    ended_well = progress["total"] > 0 and progress["sounded"] == progress["total"]
    return 0 if ended_well and not any(step in _SILENT for step in steps) else 1


def _print_new(progress: Mapping[str, Any], shown: dict[str, str]) -> None:
    for pole in progress["poles"]:
        if shown.get(pole["node"]) != pole["step"]:
            shown[pole["node"]] = pole["step"]
            why = f" ({pole['reason']})" if pole["reason"] else ""
            print(f"{pole['node']:<20} {pole['step']}{why}", flush=True)


def ask(send: Callable[[], httpx.Response]) -> httpx.Response:
    """An answer of the server's; a lost one is asked for again.

    Raises:
        CommandError: there is none.
    """
    for number in range(TRIES):
        if number:
            time.sleep(LOOK_EVERY_S * number)
        try:
            answer = send()
        except httpx.TransportError as error:
            failure = error
            continue
        if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
            return answer
        failure = httpx.TransportError(f"it answers {answer.status_code}")
    raise CommandError(f"the server cannot be reached: {failure}")


def _trust(settings: Settings, base: str) -> ssl.SSLContext | bool:
    if not base.startswith("https://"):
        return True
    context = ssl.create_default_context()
    keys = settings.data_dir / "keys" / "server.pem"
    if settings.http.uses_own_ca and keys.is_file():
        context.load_verify_locations(cafile=str(keys))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _slot(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise CommandError(f"--slot {text}: write it as name=value")
    return name, value


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _code(answer: httpx.Response) -> str:
    return str(_error(answer).get("code", ""))


def why(answer: httpx.Response) -> str:
    """Why the server has refused, for the terminal."""
    code = _code(answer)
    return f"refused: {code.replace('-', ' ')}" if code else f"refused: {answer.status_code}"


def _error(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, dict) else {}
