"""`loalang install-service`: a systemd unit for the commune server, printed or installed."""

import argparse

from players import service_unit


def run(args: argparse.Namespace) -> int:
    """Print it, or write it and say what is to be done then."""
    service_unit.carry_out(args, "web.cli", "loalang")
    return 0
