"""What can go wrong inside the node only, beside `players.errors`.

PlayersError
├── NodeError
│   ├── SettingsWrong     node.toml cannot be used; the text says which key and which was meant
│   ├── NotPaired         this directory belongs to no node yet
│   ├── DataDirInUse      another process plays from this directory
│   └── StoreUnusable     the state on disk cannot be read or written
│       └── StoreDamaged  what is there is no database any more
└── ClipUnavailable
    └── ClipRefused       a clip that could not be had, with the reason for the as-run log
"""

from players.errors import ClipUnavailable, PlayersError
from players.messages import Reason


class NodeError(PlayersError):
    """Anything that keeps a node from running."""


class SettingsWrong(NodeError):
    """The settings cannot be used."""


class NotPaired(NodeError):
    """This directory belongs to no node yet."""


class DataDirInUse(NodeError):
    """Another process plays from this directory."""


class StoreUnusable(NodeError):
    """The state on disk cannot be read or written."""


class StoreDamaged(StoreUnusable):
    """What is there is no database any more."""


class ClipRefused(ClipUnavailable):
    """A clip that could not be had."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
