"""`loalang demo --once`: real processes from the typed text to what each pole sounded."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.piper_voice import vietnamese_voice_dir
from tests.listening import heard_at_poles

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
TEXT = Path(__file__).parent.parent / "data" / "bulletins" / "short.txt"


def _air_once(tmp_path: Path, *options: str) -> tuple[Path, dict[str, Any]]:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "web.cli", "demo", "--once", "--record", str(out), "--text", str(TEXT)]
    done = subprocess.run(
        [*command, "--data", str(tmp_path / "data" / "demo"), *options], capture_output=True, text=True, timeout=220
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "password" not in done.stdout + done.stderr, "a commune that lives for a minute needs none"
    return out, json.loads((out / "as-run.json").read_text(encoding="utf-8"))


def _check(out: Path, as_run: dict[str, Any]) -> None:
    """Every pole sounded the whole clip, and says truly when.

    How punctual it was on this machine is measured by `python -m tests.listening DIR`, not asserted here.
    """
    assert len(as_run["deliveries"]) == 3
    assert {delivery["output"] for delivery in as_run["deliveries"]} == {"record", "vlc"}
    for delivery, heard in heard_at_poles(out):
        streams = delivery["output"] == "vlc"
        assert delivery["state"] == "played"
        assert heard.likeness > (0.9 if streams else 0.99), delivery
        started, finished = (datetime.fromisoformat(delivery[key]) for key in ("started_at", "finished_at"))
        planned = datetime.fromisoformat(as_run["planned_at"])
        said_late_s = (started - planned).total_seconds()
        assert abs(said_late_s - heard.late_s) < (0.5 if streams else 0.05), delivery
        assert -0.5 < heard.late_s < 10, delivery
        assert finished > started


def test_the_real_piper_engine_is_heard_at_every_pole(tmp_path: Path) -> None:
    voice = vietnamese_voice_dir(tmp_path / "voice")
    out, as_run = _air_once(tmp_path, "--voice", str(voice))
    assert as_run["voice"]["engine"] == "piper"
    _check(out, as_run)


def test_the_fallback_voice_is_heard_at_every_pole(tmp_path: Path) -> None:
    out, as_run = _air_once(tmp_path, "--voice", "espeak-vi")
    assert as_run["voice"] == {"engine": "espeak", "name": "espeak-vi"}
    assert not any(sign.isdigit() for sign in as_run["spoken"])
    _check(out, as_run)
