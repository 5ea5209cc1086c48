"""Installed voices: a folder each, put in place whole or not at all."""

import fcntl
import hashlib
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
from typing import IO, Literal

from tts.errors import UnknownVoice, VoiceError, VoiceUnusable
from tts.voice_check import VoiceFacts, check_config, try_model
from tts.voices import BUILT_IN, VoiceCard, VoiceFile, check_voice_name, find_model, load_cards, read_config

LARGEST_MODEL_BYTES = 400 << 20
LARGEST_CONFIG_BYTES = 1 << 20
_RECORD = "installed.json"
_BLOCK = 1 << 20

Origin = Literal["download", "folder", "zip"]


@dataclass(frozen=True, slots=True)
class InstalledVoice:
    """What was put in place, and when; kept in the voice's folder as `installed.json`."""

    name: str
    origin: Origin
    installed_at: str
    """ISO 8601 with offset."""
    size_bytes: int
    model_sha256: str
    config_sha256: str
    sample_rate: int
    speakers: int
    made_for: str = "vi"
    """The espeak-ng language of its config; another than Vietnamese is heard as an accent."""


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


def read_record(folder: Path) -> InstalledVoice | None:
    """What is installed in a folder; None if nothing is, or not by us."""
    try:
        return InstalledVoice(**json.loads((folder / _RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


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
        (stage / _RECORD).write_text(json.dumps(asdict(record), indent=1), "utf-8")
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
    card = load_cards().get(name)
    for path, expected, known in (
        (model, record.model_sha256, card and card.model),
        (Path(f"{model}.json"), record.config_sha256, card and card.config),
    ):
        if digest_of(path, "sha256") != expected:
            raise VoiceUnusable("changed", file=path.name)
        if record.origin == "download" and known:
            check_digest(path, known)
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


def digest_of(path: Path, kind: str) -> str:
    """The hexadecimal digest of a file; `kind` is "sha256" or "md5"."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


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
        for left_by_a_crash in voices_dir.glob(".new-*"):
            shutil.rmtree(left_by_a_crash, ignore_errors=True)
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
    """Move the staged files into a new folder, flush them, and put that where the voice belongs."""
    fresh = stage / "fresh"
    fresh.mkdir()
    for path in [path for path in stage.iterdir() if path.is_file()]:
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.rename(fresh / path.name)
    if folder.exists():
        folder.rename(stage / "old")
    fresh.rename(folder)


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
