from pathlib import Path

import pytest

from web.settings import known_keys

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.mark.parametrize("key", sorted(known_keys()))
def test_every_setting_is_documented(key: str) -> None:
    line = next((line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{key}` |")), "")
    assert len(line.split("|")[3].strip()) > 10, f"{key} is not explained in docs/settings.md"


def test_no_setting_is_documented_that_there_is_not() -> None:
    named = {line.split("`")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")}
    assert named == set(known_keys())
