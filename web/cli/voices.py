"""`loalang voices`: the voices that are installed or could be."""

import argparse
from pathlib import Path

from scheduler.clock import utc_now
from tts.errors import UnknownVoice
from tts.voice_download import download_voice
from tts.voice_install import ListedVoice, install_from, list_voices, remove_voice, verify_voice
from tts.voices import load_cards
from web.cli.errors import CommandError
from web.cli.options import settings_of
from web.demo.show import Percent, Screen


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    voices_dir = settings_of(args).voices_dir
    actions = {"list": _list, "install": _install, "verify": _verify, "remove": _remove}
    return actions[args.action](args, voices_dir)


def _list(_: argparse.Namespace, voices_dir: Path) -> int:
    for voice in list_voices(voices_dir):
        print(f"{voice.name:<26} {_standing(voice):<14} {_about(voice)}")
    return 0


def _standing(voice: ListedVoice) -> str:
    if voice.built_in:
        return "built in"
    return "installed" if voice.installed else "not installed"


def _about(voice: ListedVoice) -> str:
    if voice.card:
        card = voice.card
        size_mb = (card.model.size_bytes + card.config.size_bytes) / 1e6
        return f"{card.title}; {card.sample_rate} Hz, {size_mb:.0f} MB; licence: {card.licence}"
    if voice.installed:
        return f"{voice.installed.sample_rate} Hz, from a {voice.installed.origin}"
    return ""


def _install(args: argparse.Namespace, voices_dir: Path) -> int:
    if (args.name is None) == (args.source is None):
        raise CommandError("name a voice of `loalang voices list`, or give --from VOICEDIR")
    voices_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if args.source is not None:
        installed = install_from(args.source, voices_dir, now=utc_now())
    else:
        card = load_cards().get(args.name)
        if card is None:
            raise UnknownVoice(f"no voice {args.name!r} is known; see `loalang voices list`, or use --from")
        print(f"{card.name}: licence {card.licence}; {card.attribution}")
        installed = download_voice(card, voices_dir, now=utc_now(), progress=Percent(Screen(), card.name))
    print(f"installed {installed.name}: {installed.sample_rate} Hz, sha256 {installed.model_sha256}")
    if not installed.made_for.startswith("vi"):
        print(f"note: it was made for {installed.made_for!r}; it reads Vietnamese with that accent")
    return 0


def _verify(args: argparse.Namespace, voices_dir: Path) -> int:
    record = verify_voice(args.name, voices_dir)
    print(f"{record.name} is as it was installed on {record.installed_at}")
    return 0


def _remove(args: argparse.Namespace, voices_dir: Path) -> int:
    remove_voice(args.name, voices_dir)
    print(f"removed {args.name}")
    return 0
