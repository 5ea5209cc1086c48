"""Nothing a commune does is told to anybody."""

import subprocess
import sys


def test_the_inference_library_is_told_not_to_report_its_use_before_it_is_imported() -> None:
    program = "import os, tts.piper, onnxruntime; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env={"PATH": ""})
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr[-500:]
