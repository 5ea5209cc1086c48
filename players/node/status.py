"""How the running node stands, in a small file beside its state, for `loalang-node doctor`: it asks no second time.

Written when something in it changes, which is seldom: memory cards wear out by being written to.
"""

import logging
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

log = logging.getLogger(__name__)

STATUS_FILE = "status.json"


class NodeStatus(BaseModel):
    """What a node that runs knows of its line and its output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connected: bool
    """Whether the broker has let it in."""
    line_error: str | None = None
    """Why it is not connected, as far as it knows."""
    line_trouble: str | None = None
    """The class of that error in `players.errors`."""
    output_error: str | None = None


class StatusFile:
    """The file. All methods block."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / STATUS_FILE
        self._written: NodeStatus | None = None

    def keep(self, status: NodeStatus) -> None:
        """Write it if it says something new. A disk that cannot be written is told of elsewhere."""
        if status == self._written:
            return
        draft = self._path.with_suffix(".draft")
        try:
            draft.write_text(status.model_dump_json() + "\n", "utf-8")
            draft.replace(self._path)
        except OSError as error:
            log.warning("%s: %s", self._path, error.strerror)
        else:
            self._written = status


def load_status(data_dir: Path) -> NodeStatus | None:
    """What a node wrote last; none when it never did, or another version did."""
    try:
        return NodeStatus.model_validate_json((data_dir / STATUS_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
