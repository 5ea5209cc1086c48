"""`loalang init`: a commune on an empty data directory."""

import argparse
from datetime import time

from pydantic import ValidationError

from broadcast.communes import create_commune
from broadcast.models import Role
from broadcast.typed_text import slug_of
from broadcast.users import add_user
from broadcast.zones import create_zone
from players.messages import Window
from scheduler.clock import utc_now
from web.cli.database import database
from web.cli.errors import CommandError
from web.cli.options import settings_of


def run(args: argparse.Namespace) -> int:
    """Make the commune and print the administrator's password."""
    windows = [parse_window(text) for text in args.window or ["05:00-21:00"]]
    now = utc_now()
    with database(settings_of(args), create=True) as session:
        slug = args.slug or slug_of(args.name)
        commune = create_commune(session, slug=slug, name=args.name, windows=windows, now=now)
        session.flush()
        for zone in args.zone:
            create_zone(session, commune, slug=slug_of(zone), name=zone, now=now)
        _, password = add_user(
            session, commune, username=args.administrator, name="Quản trị", role=Role.ADMINISTRATOR, now=now
        )
    print(f"commune {slug} with {len(args.zone)} villages; sign in as {args.administrator} with {password}")
    return 0


def parse_window(text: str) -> Window:
    """A `players.messages.Window` of "05:00-21:00".

    Raises:
        CommandError: it is something else.
    """
    opens, _, closes = text.partition("-")
    try:
        return Window(opens=time.fromisoformat(opens), closes=time.fromisoformat(closes))
    except (ValueError, ValidationError) as error:
        raise CommandError(f"--window {text}: write it as 05:00-21:00, opening before closing") from error
