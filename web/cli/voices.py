"""`loalang voices`: the voices that are installed or could be."""

import argparse
import time
from pathlib import Path

from broadcast.audit import record
from broadcast.voices import speaking_voices, want_in_voice
from scheduler.clock import utc_now
from tts.clip_file import make_clip
from tts.errors import UnknownVoice
from tts.preview import write_clip
from tts.reader import Reader
from tts.voice_download import download_voice
from tts.voice_install import ListedVoice, install_from, list_voices, remove_voice, verify_voice
from tts.voice_record import InstalledVoice
from tts.voices import load_cards, load_engine
from web.cli.database import database, has_database, rules_at
from web.cli.errors import CommandError
from web.cli.options import settings_of
from web.cli.progress import ProgressBar
from web.cli.speak import check_output, passages_to_say
from web.settings import Settings

_ACTOR = "loalang"


def run(args: argparse.Namespace) -> int:
    """Do what was asked for and print the result."""
    voices_dir = settings_of(args).voices_dir
    actions = {"list": _list, "install": _install, "verify": _verify, "remove": _remove, "try": _try}
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
        about = f"{card.title}; {card.accent}, {card.gender}, {card.quality}, {card.sample_rate} Hz, {size_mb:.0f} MB"
        return f"{about}; licence: {card.licence} ({card.attribution})"
    if voice.installed:
        return f"{voice.installed.sample_rate} Hz, from a {voice.installed.origin}"
    return ""


def _install(args: argparse.Namespace, voices_dir: Path) -> int:
    if (args.name is None) == (args.source is None):
        raise CommandError("name a voice of `loalang voices list`, or give --from DIR-or-ZIP")
    if args.source is not None:
        installed = install_from(args.source, voices_dir, now=utc_now())
    else:
        card = load_cards().get(args.name)
        if card is None:
            raise UnknownVoice("no-such-voice", name=args.name)
        print(f"{card.name}: licence {card.licence}; {card.attribution}")
        installed = download_voice(card, voices_dir, now=utc_now(), progress=ProgressBar(card.name))
    print(f"installed {installed.name}: {installed.sample_rate} Hz, sha256 {installed.model_sha256}")
    _note_installed(settings_of(args), installed)
    if not installed.made_for.startswith("vi"):
        print(f"note: it was made for {installed.made_for!r}; it reads Vietnamese with that accent")
    return 0


def _verify(args: argparse.Namespace, voices_dir: Path) -> int:
    record = verify_voice(args.name, voices_dir)
    print(f"{record.name} is as it was installed on {record.installed_at}")
    return 0


def _note_installed(settings: Settings, installed: InstalledVoice) -> None:
    """What another voice had to say for it is said again; a server that runs notices by itself (`VoiceDesk.follow`)."""
    if not has_database(settings):
        return
    now = utc_now()
    with database(settings) as session:
        again = want_in_voice(session, installed.name, now)
        said = {"sha256": installed.model_sha256, "origin": installed.origin, "rendered_again": again}
        record(session, now, _ACTOR, "install-voice", installed.name, said)
    if again:
        print(f"{again} {'text is' if again == 1 else 'texts are'} read again with it")


def _remove(args: argparse.Namespace, voices_dir: Path) -> int:
    settings = settings_of(args)
    if not has_database(settings):
        remove_voice(args.name, voices_dir)
    else:
        with database(settings) as session:
            if args.name in speaking_voices(session):
                raise CommandError(f"the commune speaks with {args.name}: choose another voice on its page first")
            remove_voice(args.name, voices_dir)
            record(session, utc_now(), _ACTOR, "remove-voice", args.name)
    print(f"removed {args.name}")
    return 0


def _try(args: argparse.Namespace, voices_dir: Path) -> int:
    """With this voice or not at all: whoever tries it wants to hear it, not the one that would stand in."""
    out = args.output or Path(f"{args.name}.wav")
    check_output(out)
    passages = passages_to_say(args.text, rules_at(settings_of(args)))
    started = time.monotonic()
    reader = Reader(load_engine(args.name, voices_dir))
    loaded = time.monotonic()
    clip = make_clip(passages, reader)
    spoke_s = time.monotonic() - loaded
    write_clip(out, clip)
    length_s = clip.duration_ms / 1000
    print(f"{out}: {length_s:.1f} s, loaded in {loaded - started:.1f} s, spoken in {spoke_s:.1f} s")
    return 0
