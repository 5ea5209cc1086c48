from pathlib import Path

import pytest

from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tts.engine import SpeechEngine
from tts.reader import Reader
from tts.tone import ToneEngine
from tts.voices import load_engine


@pytest.fixture(scope="session")
def voices_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed voices that holds one Piper voice."""
    folder = tmp_path_factory.mktemp("voices")
    vietnamese_voice_dir(folder)
    return folder


@pytest.fixture(scope="session")
def piper(voices_dir: Path) -> SpeechEngine:
    return load_engine(VOICE_NAME, voices_dir)


@pytest.fixture(scope="session")
def tone_reader() -> Reader:
    return Reader(ToneEngine())
