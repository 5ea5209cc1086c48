"""What is installed is whole: the wheel holds what is in no git, and what is no Python."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from web.vendor import FILES

ROOT = Path(__file__).parent.parent


@pytest.mark.timeout(240)
def test_the_wheel_holds_browser_libraries_texts_templates_and_migrations(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {one.filename: one.file_size for one in archive.infolist()}
    for name in FILES.values():
        assert held.get(f"web/static/vendor/{name}", 0) > 1_000, name
    for folder, pattern in (
        ("web/locales", "**/*.po"),
        ("web/templates", "**/*.html"),
        ("web/static", "*.*"),
        ("broadcast/migrations/versions", "0*.py"),
        ("broadcast/demo_bulletins", "*.txt"),
        ("tts/normalize/lexicon", "*.tsv"),
        ("voices", "*/voice.toml"),
    ):
        there = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob(pattern)]
        assert there, folder
        assert [name for name in there if name not in held] == []
    assert not [name for name in held if name.endswith(".onnx") or name.startswith(("tests/", "docs/"))]
