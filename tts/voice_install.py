"""Installed voices: a folder each, put in place whole or not at all."""

import ctypes
import fcntl
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from tts.errors import UnknownVoice, VoiceError, VoiceUnusable
from tts.voice_check import VoiceFacts, check_config, try_model
from tts.voice_record import RECORD, InstalledVoice, Origin, check_unchanged, digest_of, read_record
from tts.voices import BUILT_IN, VoiceCard, VoiceFile, check_voice_name, find_model, load_cards, read_config

LARGEST_MODEL_BYTES = 400 << 20
LARGEST_CONFIG_BYTES = 1 << 20
_BLOCK = 1 << 20
_OLD = ".old"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""From Linux's `fcntl.h` and `fs.h`."""


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice that can be chosen or installed."""

    name: str
    card: VoiceCard | None
    installed: InstalledVoice | None
    built_in: bool

    @property
    def usable(self) -> bool:
        """Whether it can speak now."""
        return self.built_in or self.installed is not None


def list_voices(voices_dir: Path) -> list[ListedVoice]:
    """Every voice with a card, every installed one and the built-in ones, by name, the built-in ones last."""
    cards = load_cards()
    folders = voices_dir.iterdir() if voices_dir.is_dir() else ()
    installed = {path.name: record for path in folders if (record := read_record(path)) is not None}
    names = sorted(cards.keys() | installed.keys())
    listed = [ListedVoice(name, cards.get(name), installed.get(name), built_in=False) for name in names]
    return [*listed, *(ListedVoice(name, None, None, built_in=True) for name in BUILT_IN)]


def install_from(source: Path, voices_dir: Path, *, now: datetime) -> InstalledVoice:
    """Install the voice in a folder or a ZIP file that holds NAME.onnx and NAME.onnx.json.

    Raises:
        VoiceUnusable: it is no voice, or none for Vietnamese; nothing was installed.
        VoiceError: the disk refused.
    """
    with staging(voices_dir) as stage:
        try:
            origin: Origin = "folder" if source.is_dir() else "zip"
            (_copy_folder if source.is_dir() else _unpack)(source, stage)
        except OSError as error:
            raise VoiceError("unreadable", file=source.name, why=error) from error
        return put_in_place(stage, voices_dir, origin=origin, now=now)


def put_in_place(stage: Path, voices_dir: Path, *, origin: Origin, now: datetime) -> InstalledVoice:
    """Check the voice in `stage` and make it the installed one of its name, in one step.

    Raises:
        VoiceUnusable: it cannot read Vietnamese, or does not speak at all.
        VoiceError: the disk refused.
    """
    model = find_model(stage)
    name = check_voice_name(model.stem)
    if name in BUILT_IN:
        raise VoiceUnusable("built-in-name", name=name)
    facts = check_config(read_config(Path(f"{model}.json")))
    try_model(model)
    try:
        record = _record(model, facts, origin, now)
        (stage / RECORD).write_text(json.dumps(asdict(record), indent=1), "utf-8")
        _swap(stage, voices_dir / name)
    except OSError as error:
        raise VoiceError("cannot-install", name=name, why=error) from error
    return record


def verify_voice(name: str, voices_dir: Path) -> InstalledVoice:
    """Whether the installed files are still what was installed, and what the card says.

    Raises:
        UnknownVoice: not installed.
        VoiceUnusable: changed, damaged or incomplete.
    """
    folder = voices_dir / check_voice_name(name)
    record = read_record(folder)
    if record is None:
        raise UnknownVoice("not-installed", name=name)
    model = find_model(folder)
    check_config(read_config(Path(f"{model}.json")))
    check_unchanged(model, record)
    card = load_cards().get(name)
    if record.origin == "download" and card is not None:
        check_digest(model, card.model)
        check_digest(Path(f"{model}.json"), card.config)
    return record


def check_digest(path: Path, known: VoiceFile) -> None:
    """Whether a file is the one the card knows.

    Raises:
        VoiceUnusable: another size or digest.
    """
    if path.stat().st_size != known.size_bytes:
        raise VoiceUnusable("wrong-size", file=path.name, size=path.stat().st_size, expected=known.size_bytes)
    kind, _, digest = known.digest.partition(":")
    if digest and digest_of(path, kind) != digest:
        raise VoiceUnusable("wrong-digest", file=path.name, kind=kind)


def remove_voice(name: str, voices_dir: Path) -> None:
    """Remove an installed voice.

    Raises:
        UnknownVoice: not installed.
        VoiceError: the disk refused.
    """
    folder = voices_dir / check_voice_name(name)
    if not folder.is_dir():
        raise UnknownVoice("not-installed", name=name)
    with staging(voices_dir) as stage:
        try:
            folder.rename(stage / name)
        except OSError as error:
            raise VoiceError("cannot-remove", name=name, why=error) from error


@contextmanager
def staging(voices_dir: Path) -> Iterator[Path]:
    """A fresh folder beside the voices, gone afterwards; one installer at a time."""
    try:
        voices_dir.mkdir(parents=True, exist_ok=True)
        lock = (voices_dir / ".lock").open("w")
    except OSError as error:
        raise VoiceError("cannot-write", why=error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep(voices_dir)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=voices_dir) as stage:
            yield Path(stage)


def _record(model: Path, facts: VoiceFacts, origin: Origin, now: datetime) -> InstalledVoice:
    config = Path(f"{model}.json")
    return InstalledVoice(
        name=model.stem,
        origin=origin,
        installed_at=now.isoformat(timespec="seconds"),
        size_bytes=model.stat().st_size + config.stat().st_size,
        model_sha256=digest_of(model, "sha256"),
        config_sha256=digest_of(config, "sha256"),
        sample_rate=facts.sample_rate,
        speakers=facts.speakers,
        made_for=facts.espeak_voice,
    )


def _swap(stage: Path, folder: Path) -> None:
    """Move the staged files into a new folder, flush them, and put that where the voice belongs.

    At each instant, also that of a power cut, the old voice or the new one is there.
    """
    fresh = stage / "fresh"
    fresh.mkdir()
    for path in [path for path in stage.iterdir() if path.is_file()]:
        _flush(path)
        path.rename(fresh / path.name)
    _flush(fresh)
    if not folder.exists():
        fresh.rename(folder)
    elif not _exchange(fresh, folder):
        _replace(stage, fresh, folder)
    _flush(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Have two folders change places in one step; false where the file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.renameat2(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _RENAME_EXCHANGE) == 0)


def _replace(stage: Path, fresh: Path, folder: Path) -> None:
    """The same in two steps; after a power cut between them `_sweep` brings the old voice back."""
    kept = stage / _OLD / folder.name
    kept.parent.mkdir()
    folder.rename(kept)
    try:
        fresh.rename(folder)
    except OSError:
        kept.rename(folder)
        raise


def _sweep(voices_dir: Path) -> None:
    """Remove what installers that were killed have left, but no voice that was on its way out."""
    for left in voices_dir.glob(".new-*"):
        for kept in left.glob(f"{_OLD}/*"):
            if not (voices_dir / kept.name).exists():
                kept.rename(voices_dir / kept.name)
        shutil.rmtree(left, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have a file or a folder on the disk."""
    there = os.open(path, os.O_RDONLY)
    try:
        os.fsync(there)
    finally:
        os.close(there)


def _copy_folder(source: Path, stage: Path) -> None:
    model = find_model(source)
    for path, largest in ((model, LARGEST_MODEL_BYTES), (Path(f"{model}.json"), LARGEST_CONFIG_BYTES)):
        with path.open("rb") as file:
            _copy(file, stage / path.name, largest)


def _unpack(source: Path, stage: Path) -> None:
    """Take the one voice out of a ZIP file; names in it are never paths of ours."""
    try:
        with zipfile.ZipFile(source) as archive:
            entries = {PurePosixPath(info.filename).name: info for info in archive.infolist() if not info.is_dir()}
            models = sorted(name for name in entries if name.endswith(".onnx") and not name.startswith("."))
            if len(models) != 1:
                raise VoiceUnusable("not-one-model", where=source.name, count=len(models))
            if f"{models[0]}.json" not in entries:
                raise VoiceUnusable("no-config", file=f"{models[0]}.json")
            name = check_voice_name(models[0].removesuffix(".onnx"))
            for suffix, largest in ((".onnx", LARGEST_MODEL_BYTES), (".onnx.json", LARGEST_CONFIG_BYTES)):
                with archive.open(entries[name + suffix]) as file:
                    _copy(file, stage / (name + suffix), largest)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise VoiceUnusable("not-a-zip", file=source.name, why=error) from error


def _copy(file: IO[bytes], to: Path, largest: int) -> None:
    """Copy at most `largest` bytes, whatever the sender says of its size."""
    left = largest
    with to.open("wb") as out:
        while block := file.read(_BLOCK):
            left -= len(block)
            if left < 0:
                raise VoiceUnusable("too-large", file=to.name, limit_mb=largest >> 20)
            out.write(block)
