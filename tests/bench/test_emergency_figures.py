"""What `make bench-emergency` says of evidence that is whole, too slow, or not all there."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.emergency.figures import compute_figures, what_is_too_much

PLAN = {"prepared": 20, "text": 20, "prepared-1300": 20, "loss": 20}
KEPT = {"series": "prepared", "broadcast": "x", "node": "n", "ms": 100.0, "sounded": 1, "acknowledged": True}


def said(folder: Path, rows: list[dict[str, Any]], echoes: int = 3) -> list[str]:
    (folder / "plan.json").write_text(json.dumps(PLAN))
    whole = "".join(json.dumps({**KEPT, "is_reachable": True, **row}) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(whole)
    for name in ("snapcast", "mqtt_echo"):
        (folder / f"{name}.jsonl").write_text('{"ms": 1.0}\n' * echoes)
    return what_is_too_much(compute_figures(folder), folder)


def all_rows(**of_text: Any) -> list[dict[str, Any]]:
    rows = [{"series": series} for series, count in PLAN.items() for _ in range(count)]
    rows[PLAN["prepared"]].update(of_text)
    return rows


def test_what_is_whole_and_quick_is_kept(tmp_path: Path) -> None:
    assert said(tmp_path, all_rows()) == []
    figures = compute_figures(tmp_path)
    assert figures["text_ms"] == {"p50": 100.0, "p95": 100.0, "p99": 100.0, "max": 100.0}
    assert (figures["acknowledged"], figures["doubled"]) == (80, 0)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"ms": 9000.0}, ["text_ms p99: 7309.0 ms, not under 1000"]),
        ({"ms": None}, ["text: 1 rows without what counts"]),
        ({"ms": None, "sounded": 0}, ["text: 1 rows without what counts"]),
        ({"acknowledged": False}, ["text: 1 rows not acknowledged"]),
        ({"sounded": 2}, ["1 sounded twice"]),
    ],
)
def test_one_row_is_enough(tmp_path: Path, row: dict[str, Any], found: list[str]) -> None:
    assert said(tmp_path, all_rows(**row)) == found


@pytest.mark.parametrize("series", sorted(PLAN))
def test_a_series_that_was_skipped_or_broke_off_is_no_success(tmp_path: Path, series: str) -> None:
    without = [row for row in all_rows() if row["series"] != series]
    assert said(tmp_path, without) == [f"{series}: 0 rows, not 20"]
    assert said(tmp_path, [*without, *[{"series": series}] * 19]) == [f"{series}: 19 rows, not 20"]


def test_what_others_take_is_measured_too(tmp_path: Path) -> None:
    assert said(tmp_path, all_rows(), echoes=0) == ["snapcast_ms: not measured", "mqtt_echo_ms: not measured"]
