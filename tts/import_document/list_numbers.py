"""Numbers of automatic lists, as they are written on paper."""

_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


def written_number(kind: str, count: int) -> str:
    """A number of a list as Word names its kinds: `lowerLetter`, `upperRoman`, …; anything else in digits."""
    if kind in {"lowerLetter", "upperLetter"}:
        letter = "abcdefghijklmnopqrstuvwxyz"[(count - 1) % 26]
        return letter.upper() if kind == "upperLetter" else letter
    if kind in {"lowerRoman", "upperRoman"}:
        return _roman(count) if kind == "upperRoman" else _roman(count).lower()
    return str(count)


def _roman(count: int) -> str:
    said = ""
    for value, sign in _ROMAN:
        said += sign * (count // value)
        count %= value
    return said
