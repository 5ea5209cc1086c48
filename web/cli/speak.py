"""`loalang speak`: a text to a sound file."""

import argparse
from pathlib import Path

from tts.clip_file import passages_of
from tts.normalize import normalize
from tts.preview import speak_to_file
from tts.voices import DEFAULT_VOICE
from web.cli.errors import CommandError
from web.cli.options import settings_of


def run(args: argparse.Namespace) -> int:
    """Normalise, speak, level, encode, write; say who spoke."""
    text = _text(args)
    voices_dir = settings_of(args).voices_dir
    passages = passages_of(normalize(text))
    if not passages:
        raise CommandError("there is nothing to read in that text")
    wanted = args.voice or DEFAULT_VOICE
    voice = str(Path(wanted).resolve()) if Path(wanted).is_dir() else wanted
    made = speak_to_file(passages, args.output, voice=voice, voices_dir=voices_dir)
    fallback = f" (instead of {wanted}: {made.fallback_reason})" if made.fallback_reason else ""
    print(f"{args.output}: {made.clip.duration_ms / 1000:.1f} s by {made.clip.engine} {made.clip.voice}{fallback}")
    return 0


def _text(args: argparse.Namespace) -> str:
    if (args.text is None) == (args.file is None):
        raise CommandError("give a text, or --file")
    if args.text is not None:
        return str(args.text)
    try:
        return str(args.file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {args.file}: {error}") from error
