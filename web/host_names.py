"""By which names and addresses others may reach this machine: what its certificate is for."""

import socket
from ipaddress import ip_address

import psutil

from web.settings import LOOPBACK, Settings


def names_of_this_server(settings: Settings) -> frozenset[str]:
    """Names and addresses of this machine, and those that the settings name."""
    given = {settings.http.host, *settings.http.names, *([settings.mqtt.host] if settings.mqtt.host else [])}
    name = socket.gethostname()
    local = {f"{name}.local"} if name and "." not in name else set()
    named = {*given, *LOOPBACK, *({name} if name else set()), *local}
    return frozenset(one for one in {*named, *_addresses()} if not _is_everywhere(one))


def _addresses() -> set[str]:
    families = (socket.AF_INET, socket.AF_INET6)
    rows = (row for rows in psutil.net_if_addrs().values() for row in rows if row.family in families)
    # A link-local IPv6 address carries its interface, which no certificate can name.
    return {row.address for row in rows if "%" not in row.address}


def _is_everywhere(name: str) -> bool:
    try:
        return ip_address(name).is_unspecified
    except ValueError:
        return False
