"""What a person may be told when something they asked for cannot be done.

BroadcastError(code, message)     `message` is Vietnamese and goes to the screen; `code` is stable and goes to the API
├── NotFound                      there is no such thing, or not for this user
├── NotAllowed                    this user may not do that
├── InvalidInput(field)           what was typed cannot be used
└── Conflict                      the thing has changed since, or its state does not allow the move

DatabaseUnusable                  for the terminal, in English: the database's file cannot be used
└── DatabaseNewer                 it was made by a newer Loa Làng
"""


class BroadcastError(Exception):
    """A refusal with a stable `code` (English, kebab-case) and a `message` in Vietnamese."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class NotFound(BroadcastError):
    """There is no such thing, or not for this user."""


class NotAllowed(BroadcastError):
    """This user may not do that."""


class InvalidInput(BroadcastError):
    """What was typed cannot be used; `field` names the input."""

    def __init__(self, code: str, message: str, field: str) -> None:
        super().__init__(code, message)
        self.field = field


class Conflict(BroadcastError):
    """The thing has changed since it was read, or its state does not allow the move."""


class DatabaseUnusable(Exception):
    """The database's file cannot be read, written or brought up to date; the text says why."""


class DatabaseNewer(DatabaseUnusable):
    """The database was made by a newer version than this one; nothing in it was touched."""
