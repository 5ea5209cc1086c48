"""`node.toml`: what is read, and how a mistake in it is answered."""

from pathlib import Path

import pytest

from players.node.errors import DataDirInUse, SettingsWrong
from players.node.lock import locked
from players.node.settings import NodeSettings, load_settings, write_settings

SERVER = '[server]\nurl = "http://10.0.0.2:8000"\n'


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    settings = NodeSettings.model_validate(
        {
            "server": {"url": "http://10.0.0.2:8000"},
            "output": {"name": "vlc", "device": 'Loa "Đông"', "record_to": "/data/a b.wav"},
            "clips": {"pull": False, "jitter_s": 1.5},
        }
    )
    write_settings(tmp_path, settings)
    assert load_settings(tmp_path) == settings


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "server: Field required"),
        (SERVER + "[output]\ndevise = 'x'\n", "unknown key 'output.devise'; did you mean 'output.device'?"),
        (SERVER + "[clip]\npull = true\n", "unknown key 'clip'; did you mean 'clips'?"),
        (SERVER + "[output]\nname = 'record'\n", "output 'record' needs record_to"),
        (SERVER + "[output]\nname = 'silent'\nrecord_to = 'x'\n", "output 'silent' does not record"),
        (SERVER + "[clips]\npull = false\n", "clips.pull = false needs an output that plays streams"),
        ("[server]\nurl = 'ftp://x'\n", "server.url"),
        ("[server\n", "node.toml"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "node.toml").write_text(text)
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(tmp_path)
    assert complaint in str(wrong.value)


def test_a_directory_is_held_by_one(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(DataDirInUse), locked(tmp_path):
        pytest.fail("held twice")
    with locked(tmp_path):
        pass
