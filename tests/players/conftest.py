import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can pass through, unlike pytest's own: as root, the broker is another user."""
    folder = Path(tempfile.mkdtemp(prefix="loalang-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
