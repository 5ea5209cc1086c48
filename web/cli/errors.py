"""What the commands tell the person at the terminal."""


class CommandError(Exception):
    """Something the person at the terminal can mend; the text says what."""
