"""Files of JSON lines, written as things happen."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Evidence:
    """One file. Each line has `at`, in Unix seconds."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def note(self, **fields: Any) -> None:
        """A line."""
        self._file.write(json.dumps({"at": round(time.time(), 4), **fields}, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """The last line is written."""
        self._file.close()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of such a file; one that was torn by a kill is left out."""
    for line in path.read_text("utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
