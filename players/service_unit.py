"""Units for systemd: from the templates that lie in the packages to `/etc/systemd/system`."""

import argparse
import re
import shutil
import sys
from importlib.resources import files
from pathlib import Path

from players.errors import ServiceNotInstalled

SYSTEM = Path("/etc/systemd/system")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
"""What needs no quoting in a unit, and no thought."""


def declare(parser: argparse.ArgumentParser, data_dir: Path, user: str) -> None:
    """The options of an `install-service` command."""
    parser.add_argument("--data", default=data_dir, type=Path, metavar="DIR", help=f"default: {data_dir}")
    parser.add_argument("--user", default=user, metavar="NAME", help=f"who runs it, a system user (default: {user})")
    parser.add_argument(
        "--install",
        nargs="?",
        const=SYSTEM,
        type=Path,
        metavar="DIR",
        help=f"write it there (default: {SYSTEM}); without, it is only printed",
    )


def carry_out(options: argparse.Namespace, package: str, name: str, hints: str = "") -> None:
    """Print or write a unit, by its options.

    Args:
        options: as `declare` has them.
        package: where the template lies.
        name: of the unit and of its command.
        hints: what some need besides, for who has installed it; `@USER@` stands for who runs it.

    Raises:
        ServiceNotInstalled: a name cannot be in a unit, or the directory cannot be written.
    """
    text = unit_text(package, name, command_path(name), options.data.absolute(), options.user)
    if options.install is None:
        sys.stdout.write(text)
        return
    path = options.install / f"{name}.service"
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ServiceNotInstalled(f"{path}: {error.strerror}") from error
    data, user = options.data.absolute(), options.user
    sys.stdout.write(
        f"{path} is written. Now, as root:\n"
        f"  id {user} || useradd --system --home-dir {data} --shell /usr/sbin/nologin {user}\n"
        f"  install -d -o {user} -g {user} -m 0700 {data} && chown -R {user}: {data}\n"
        f"  systemctl daemon-reload && systemctl enable --now {name}\n{hints.replace('@USER@', user)}"
    )


def command_path(name: str) -> Path:
    """Where this installation's command lies: beside the interpreter, or else where the shell finds it."""
    beside = Path(sys.executable).parent / name
    found = None if beside.exists() else shutil.which(name)
    return beside if found is None else Path(found)


def unit_text(package: str, name: str, command: Path, data_dir: Path, user: str) -> str:
    """A template with its places filled.

    Raises:
        ServiceNotInstalled: a path or the user's name has signs that a unit would understand otherwise.
    """
    text = (files(package) / f"{name}.service").read_text("utf-8")
    for place, value in {"COMMAND": str(command), "DATA": str(data_dir), "USER": user}.items():
        if not _PLAIN.fullmatch(value):
            raise ServiceNotInstalled(f"{value!r} cannot be in a unit: letters, digits and -_./ only")
        text = text.replace(f"@{place}@", value.replace("%", "%%"))
    return text
