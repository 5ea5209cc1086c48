"""Whose commune a command is about."""

import argparse
import os

from web.cli.arguments import DEFAULT_DATA
from web.cli.errors import CommandError
from web.settings import Settings, SettingsError, load_settings


def settings_of(args: argparse.Namespace, **given: object) -> Settings:
    """The settings these options mean; `given` wins over file and environment.

    Raises:
        CommandError: they cannot be used; the text says which one.
    """
    if args.data is not None:
        given["data_dir"] = args.data.resolve()
    elif args.config is None and "LOALANG_DATA_DIR" not in os.environ:
        given["data_dir"] = DEFAULT_DATA.resolve()
    try:
        return load_settings(args.config, None, **{key: value for key, value in given.items() if value is not None})
    except SettingsError as error:
        raise CommandError(f"settings: {error}") from error
