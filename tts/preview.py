"""`loalang speak`: a text said once, into a file a person can play."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tts.clip_file import ClipFile, Framing, Passage, Said, decode_clip, write_wav
from tts.errors import ClipError
from tts.loudness import Level
from tts.voice_chain import ChainedClip, VoiceChain

_OPUS_SUFFIXES = (".ogg", ".opus")


def speak_to_file(
    passages: Iterable[Passage],
    out: Path,
    *,
    voice: str,
    voices_dir: Path,
    framing: Framing | None = None,
    level: Level | None = None,
    on_said: Callable[[Said], None] | None = None,
) -> ChainedClip:
    """Say the passages and write what a pole would sound: .wav, .ogg or .opus by the file's name.

    `on_said` is called with each piece as soon as it is ready (`loalang speak --stream`).

    Raises:
        ClipError: another suffix, nothing to say, or the file cannot be written.
        VoiceError, EngineError: no voice could speak.
    """
    if out.suffix not in (*_OPUS_SUFFIXES, ".wav"):
        raise ClipError(f"{out.name}: give the file a name that ends in .wav, .ogg or .opus")
    made = VoiceChain(voices_dir, level).make_clip(tuple(passages), voice, framing or Framing(), on_said)
    write_clip(out, made.clip)
    return made


def write_clip(out: Path, clip: ClipFile) -> None:
    """Write a clip as what a person can play: .wav decoded, anything else as it is.

    Raises:
        ClipError: the file cannot be written.
    """
    if out.suffix == ".wav":
        write_wav(out, decode_clip(clip.data))
        return
    try:
        out.write_bytes(clip.data)
    except OSError as error:
        raise ClipError(f"{out.name}: {error}") from error
