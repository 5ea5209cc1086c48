"""`loalang speak`: a text to a sound file."""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from broadcast.reading_rules import ReadingRules
from tts.clip_file import Passage, Said, passages_of
from tts.preview import speak_to_file
from tts.voices import DEFAULT_VOICE
from web.cli.database import rules_at
from web.cli.errors import CommandError
from web.cli.options import settings_of

SUFFIXES = (".wav", ".ogg", ".opus")


def run(args: argparse.Namespace) -> int:
    """Normalise, speak, level, encode, write; say who spoke."""
    passages = passages_to_say(_text(args), rules_at(settings_of(args)))
    wanted = args.voice or DEFAULT_VOICE
    voice = str(Path(wanted).resolve()) if Path(wanted).is_dir() else wanted
    check_output(args.output)
    on_said = sentence_printer(passages) if args.stream else None
    made = speak_to_file(passages, args.output, voice=voice, voices_dir=settings_of(args).voices_dir, on_said=on_said)
    fallback = f" (instead of {wanted}: {made.fallback_log})" if made.fallback_reason else ""
    print(f"{args.output}: {made.clip.duration_ms / 1000:.1f} s by {made.clip.engine} {made.clip.voice}{fallback}")
    return 0


def passages_to_say(text: str, rules: ReadingRules) -> tuple[Passage, ...]:
    """The sentences of a typed text, as the commune reads them.

    Raises:
        CommandError: there are none.
    """
    passages = passages_of(rules.read(text))
    if not passages:
        raise CommandError("there is nothing to read in that text")
    return passages


def check_output(path: Path) -> None:
    """Whether a sound file may be written there, before anything is spoken.

    Raises:
        CommandError: it may not.
    """
    if path.suffix not in SUFFIXES:
        raise CommandError(f"{path.name}: give the file a name that ends in {', '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise CommandError(f"there is no folder {path.absolute().parent}")


def sentence_printer(
    passages: Sequence[Passage], seconds: Callable[[], float] = time.monotonic
) -> Callable[[Said], None]:
    """For `on_said`: a line for each sentence, the moment it is ready."""
    started = seconds()

    def print_said(said: Said) -> None:
        if said.is_last:
            number = f"{said.passage + 1}/{len(passages)}"
            print(f"{seconds() - started:7.2f} s  {number:>7}  {passages[said.passage].spoken}", flush=True)

    return print_said


def _text(args: argparse.Namespace) -> str:
    if (args.text is None) == (args.file is None):
        raise CommandError("give a text, or --file")
    if args.text is not None:
        return str(args.text)
    try:
        return str(args.file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {args.file}: {error}") from error
