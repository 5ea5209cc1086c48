"""The server normalises in worker threads, several at once, from its first second on."""

import subprocess
import sys

PROGRAM = """
from concurrent.futures import ThreadPoolExecutor
from tts.normalize import normalize
with ThreadPoolExecutor(8) as pool:
    said = set(pool.map(lambda _: normalize("Họp lúc 7h30 ngày 19/5.").spoken, range(32)))
print(len(said))
"""


def test_the_first_texts_may_come_in_several_threads_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr[-1000:]
