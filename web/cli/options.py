"""Whose commune a command is about."""

import argparse
import os

from web.cli.arguments import DEFAULT_DATA, DEFAULT_DEMO_DATA
from web.cli.errors import CommandError
from web.settings import DATABASE_FILE, ENV_PREFIX, SETTINGS_FILE, Settings, SettingsError, load_settings

_NAMED_ELSEWHERE = {f"{ENV_PREFIX}DATA_DIR", SETTINGS_FILE}


def settings_of(args: argparse.Namespace, **given: object) -> Settings:
    """The settings these options mean; `given` wins over file and environment.

    Raises:
        CommandError: they cannot be used; the text says which one.
    """
    if args.data is not None:
        given["data_dir"] = args.data.resolve()
    elif "data_dir" not in given and args.config is None and not _NAMED_ELSEWHERE & os.environ.keys():
        given["data_dir"] = DEFAULT_DATA.resolve()
    try:
        return load_settings(args.config, None, **{key: value for key, value in given.items() if value is not None})
    except SettingsError as error:
        raise CommandError(f"settings: {error}") from error


def commune_of(args: argparse.Namespace) -> Settings:
    """As `settings_of`, for commands about a commune that is there: where only the demo's is, that is meant."""
    settings = settings_of(args)
    demo = DEFAULT_DEMO_DATA.resolve() / "server"
    is_default = args.data is None and settings.data_dir == DEFAULT_DATA.resolve()
    if is_default and not (settings.data_dir / DATABASE_FILE).is_file() and (demo / DATABASE_FILE).is_file():
        return settings_of(args, data_dir=demo)
    return settings
