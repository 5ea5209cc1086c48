"""`loalang-node`: pair, run, doctor, and what belongs to its service."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from players import service_unit, systemd
from players.errors import PairingError, PlayersError
from players.invitation import Invitation, read_invitation
from players.node.agent import Agent
from players.node.amplifier import shut_now
from players.node.credentials import Credentials
from players.node.doctor import as_json, as_text, examine, is_sick
from players.node.errors import SettingsWrong
from players.node.local_start import starting_here
from players.node.lock import locked
from players.node.opening import opened_parts
from players.node.pairing import load_identity, pair, prepare_data_dir
from players.node.settings import NodeSettings, load_settings, write_settings
from players.node.trust import choose_trust

log = logging.getLogger("players.node")

DATA_DIR = Path("/var/lib/loalang-node")
"""Where the service keeps a node's things."""


GPIO_HINTS = """\
With an amplifier's relay or a button on a GPIO line also (without it the lines are root's alone on most boards):
  getent group gpio || groupadd --system gpio
  usermod --append --groups gpio @USER@
  echo 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"' > /etc/udev/rules.d/60-loalang-gpio.rules
  udevadm control --reload && udevadm trigger --subsystem-match=gpio
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status: 0 well, 1 with a reason on stderr, 2 wrongly called."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return _COMMANDS[options.command](options)
    except PlayersError as error:
        print(f"loalang-node: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loalang-node", description="The player at a pole.")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    commands = parser.add_subparsers(dest="command", required=True)
    pairing = commands.add_parser("pair", help="make this directory a node of a commune, with a one-time code")
    pairing.add_argument("--server", metavar="URL", help="for example https://10.0.0.2:8000")
    pairing.add_argument("--code", help="8 characters, shown by the server for 10 minutes")
    pairing.add_argument(
        "--ca-fingerprint", metavar="TEXT", help="of the server's own authority, shown beside the code; https only"
    )
    pairing.add_argument("--text", metavar="TEXT", help="what the QR code says, in place of the three above")
    pairing.add_argument("--data", required=True, type=Path, metavar="DIR")
    pairing.add_argument("--output", default="portaudio", choices=["portaudio", "vlc", "record", "silent"])
    pairing.add_argument("--device", help="the sound device, as the output names it")
    pairing.add_argument("--record-to", type=Path, metavar="FILE", help="a WAV file, for the outputs record and vlc")
    pairing.add_argument("--stream-output", choices=["vlc"], help="plays what is not in the store at its minute")
    pairing.add_argument("--no-pull", action="store_true", help="never fetch planned clips; play from the stream")
    running = commands.add_parser("run", help="play")
    running.add_argument("--data", required=True, type=Path, metavar="DIR")
    running.add_argument("--events", action="store_true", help="one JSON line on stdout for each thing that happens")
    examining = commands.add_parser(
        "doctor", help="say what is wrong with this pole and what to do; status 1 if anything"
    )
    examining.add_argument("--data", default=DATA_DIR, type=Path, metavar="DIR", help=f"default: {DATA_DIR}")
    examining.add_argument("--json", action="store_true", help="for programs")
    examining.add_argument("--lang", default="en", choices=["en", "vi"], help="default: en")
    shutting = commands.add_parser("amplifier-off", help="shut the amplifier's relay after a crash; the unit calls it")
    shutting.add_argument("--data", default=DATA_DIR, type=Path, metavar="DIR", help=f"default: {DATA_DIR}")
    installing = commands.add_parser("install-service", help="a systemd unit for this pole: printed, or installed")
    service_unit.declare(installing, DATA_DIR, "loalang-node")
    return parser


def _pair(options: argparse.Namespace) -> int:
    invitation = _invitation_of(options)
    settings = _settings_of(options, invitation.server)
    door = choose_trust(invitation)
    if door.unverified is not None:
        print(
            f"nobody vouches for this server: compare {door.unverified} with what its page shows beside the code, "
            "or pair with --ca-fingerprint",
            file=sys.stderr,
        )
    prepare_data_dir(options.data)
    server = settings.server.model_copy(update={"authority": door.authority})
    with locked(options.data), httpx.Client(trust_env=False, verify=door.context) as client:
        reply = pair(settings.server.url, invitation.code, options.data, client)
        write_settings(options.data, settings.model_copy(update={"server": server}))
    print(f"{reply.node} ({reply.node_name}), {reply.commune_name}")
    return 0


def _invitation_of(options: argparse.Namespace) -> Invitation:
    if options.text is not None:
        return read_invitation(options.text)
    if options.server is None or options.code is None:
        raise PairingError("--server and --code are needed, or --text")
    return Invitation(options.server.rstrip("/"), options.code, options.ca_fingerprint)


def _settings_of(options: argparse.Namespace, server_url: str) -> NodeSettings:
    record_to = None if options.record_to is None else options.record_to.absolute()
    try:
        return NodeSettings.model_validate(
            {
                "server": {"url": server_url},
                "output": {
                    "name": options.output,
                    "device": options.device,
                    "record_to": record_to,
                    "stream": options.stream_output,
                },
                "clips": {"pull": not options.no_pull},
            }
        )
    except ValueError as error:
        raise SettingsWrong(str(error)) from error


def _run(options: argparse.Namespace) -> int:
    settings = load_settings(options.data)
    credentials = Credentials(options.data, *load_identity(options.data))
    with locked(options.data):
        asyncio.run(_play(options.data, settings, credentials, events=options.events))
    return 0


async def _play(data_dir: Path, settings: NodeSettings, credentials: Credentials, *, events: bool) -> None:
    async with opened_parts(data_dir, settings, credentials, _print_event if events else _log_event) as parts:
        agent = Agent(parts)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _leave, agent)
        watching = asyncio.create_task(systemd.keep_watchdog(agent.answers), name="watchdog")
        systemd.notify(systemd.READY)
        try:
            async with starting_here(agent, settings, credentials, parts.clock, data_dir):
                await agent.run()
        finally:
            watching.cancel()


def _leave(agent: Agent) -> None:
    systemd.notify(systemd.STOPPING)
    agent.leave()


def _amplifier_off(options: argparse.Namespace) -> int:
    shut_now(load_settings(options.data).amplifier)
    return 0


def _install_service(options: argparse.Namespace) -> int:
    service_unit.carry_out(options, "players.node", "loalang-node", GPIO_HINTS)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    findings = examine(options.data)
    print((as_json if options.json else as_text)(findings, options.lang))
    return int(is_sick(findings))


def _print_event(fields: Mapping[str, Any]) -> None:
    print(json.dumps(fields), flush=True)


def _log_event(fields: Mapping[str, Any]) -> None:
    log.info("%s", json.dumps(fields))


_COMMANDS = {
    "pair": _pair,
    "run": _run,
    "doctor": _doctor,
    "amplifier-off": _amplifier_off,
    "install-service": _install_service,
}


if __name__ == "__main__":
    sys.exit(main())
