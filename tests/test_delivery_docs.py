"""`docs/delivery.md` names tests for each promise: they are there."""

import re
from pathlib import Path

import pytest

from tests.test_troubles_docs import ROOT, TESTS

PAGE = (ROOT / "docs" / "delivery.md").read_text("utf-8")
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| promised", "| what happens"))
]


def test_the_page_has_its_promises() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_every_promise_names_tests_that_exist(row: str) -> None:
    named = re.findall(r"`(test_\w+)`", row)
    assert named
    assert set(named) <= TESTS


def test_the_decision_it_names_is_there() -> None:
    (name,) = re.findall(r"\(decisions/([\w-]+\.md)\)", PAGE)
    assert (Path(ROOT) / "docs" / "decisions" / name).is_file()
