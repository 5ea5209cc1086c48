"""`python -m tts.normalize [--json]`: a text a line in, its spoken form a line out."""

import io
import sys

from tts.normalize.stream import normalize_lines

sys.stdin = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace", newline="\n")
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
normalize_lines(sys.stdin, sys.stdout, as_json="--json" in sys.argv[1:])
