"""Which voices there are: the cards we ship, what is installed, and the engine that speaks with one."""

import json
import os
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from tts.engine import SpeechEngine
from tts.errors import UnknownVoice, VoiceUnusable
from tts.espeak import EspeakEngine
from tts.tone import ToneEngine
from tts.voice_record import check_unchanged, read_record

DEFAULT_VOICE = "vi_VN-vais1000-medium"
FALLBACK_VOICE = "espeak-vi"
TONE_VOICE = "tone"
BUILT_IN = (FALLBACK_VOICE, TONE_VOICE)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """A file of a voice as the card knows it; `digest` is "sha256:…", "md5:…" (Piper's own index) or empty."""

    url: str
    size_bytes: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """What is known of a voice before it is installed; shown where a voice is chosen."""

    name: str
    title: str
    language: str
    accent: str
    gender: str
    quality: str
    sample_rate: int
    licence: str
    attribution: str
    source: str
    model: VoiceFile
    config: VoiceFile
    caution: str = ""
    """What one should know before choosing it, in Vietnamese."""


def load_cards() -> dict[str, VoiceCard]:
    """The cards in `voices/`, by name."""
    cards: dict[str, VoiceCard] = {}
    for folder in sorted(resources.files("voices").iterdir(), key=lambda entry: entry.name):
        card = folder.joinpath("voice.toml")
        if folder.is_dir() and card.is_file():
            fields = tomllib.loads(card.read_text("utf-8"))
            model, config = (VoiceFile(**fields.pop(part)) for part in ("model", "config"))
            cards[folder.name] = VoiceCard(name=folder.name, model=model, config=config, **fields)
    return cards


def check_voice_name(name: str) -> str:
    """The name, if it can be the name of a voice (and of its folder).

    Raises:
        UnknownVoice: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UnknownVoice("bad-voice-name", name=name)
    return name


def find_model(folder: Path) -> Path:
    """The voice's `.onnx` file in a folder that holds exactly one with its `.onnx.json`.

    Raises:
        VoiceUnusable: none, several, or one without its config.
    """
    models = sorted(path for path in folder.glob("*.onnx") if path.is_file())
    if len(models) != 1:
        raise VoiceUnusable("not-one-model", where=folder.name, count=len(models))
    if not Path(f"{models[0]}.json").is_file():
        raise VoiceUnusable("no-config", file=f"{models[0].name}.json")
    return models[0]


def read_config(config_path: Path) -> dict[str, Any]:
    """A Piper voice's config.

    Raises:
        VoiceUnusable: not readable, not JSON, not an object.
    """
    try:
        config = json.loads(config_path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise VoiceUnusable("unreadable", file=config_path.name, why=error) from error
    if not isinstance(config, dict):
        raise VoiceUnusable("not-a-config", file=config_path.name, what="{…}")
    return config


def load_engine(voice: str, voices_dir: Path) -> SpeechEngine:
    """The engine that speaks with a voice, loaded and ready.

    Args:
        voice: an installed voice's name, "espeak-vi", "tone", or a folder (with a "/") holding a Piper voice.
        voices_dir: where voices are installed.

    Raises:
        UnknownVoice: no such voice is installed.
        VoiceUnusable: it is there and cannot be used, or is not any more what was installed.
    """
    if voice == FALLBACK_VOICE:
        return EspeakEngine()
    if voice == TONE_VOICE:
        return ToneEngine()
    folder = Path(voice) if os.sep in voice else voices_dir / check_voice_name(voice)
    if not folder.is_dir():
        raise UnknownVoice("not-installed", name=voice)
    model = find_model(folder)
    if (record := read_record(folder)) is not None:
        check_unchanged(model, record)
    try:
        # Here, because onnxruntime takes half a second and 60 MB that the other voices do not need.
        from tts.piper import PiperEngine  # noqa: PLC0415
    except ImportError as error:  # so it looks, too, when there is no memory left for a library
        raise VoiceUnusable("not-loadable", name=voice, why=error) from error
    return PiperEngine(model, model.stem)
