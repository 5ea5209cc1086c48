"""The figures, from the evidence alone: they can be made from it again at any time."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.load.evidence import read_lines

LIMITS = {
    ("prepared_ms", "p99"): 250.0,
    ("prepared_1300_ms", "p99"): 1000.0,
    ("text_ms", "p50"): 500.0,
    ("text_ms", "p99"): 1000.0,
}
SERIES = {"prepared": "prepared_ms", "text": "text_ms", "prepared-1300": "prepared_1300_ms"}


def compute_figures(folder: Path) -> dict[str, Any]:
    """Everything the last line says. A series that was not run has no figures."""
    rows = list(read_lines(folder / "rows.jsonl"))
    figures: dict[str, Any] = {
        name: _percentiles([row["ms"] for row in rows if row["series"] == series and row["ms"] is not None])
        for series, name in SERIES.items()
    }
    for name in ("snapcast", "mqtt_echo"):
        path = folder / f"{name}.jsonl"
        figures[f"{name}_ms"] = _percentiles([line["ms"] for line in read_lines(path)] if path.exists() else [])
    figures["acknowledged"] = sum(row["acknowledged"] for row in rows)
    figures["doubled"] = count_doubled(rows)
    return figures


def count_doubled(rows: Iterable[Mapping[str, Any]]) -> int:
    """How often one press sounded at one node more than once."""
    return sum(max(0, row["sounded"] - 1) for row in rows)


def what_is_too_much(figures: Mapping[str, Any], folder: Path) -> list[str]:
    """Which of the limits were not kept, in words."""
    rows = list(read_lines(folder / "rows.jsonl"))
    found = [*_too_few(rows, folder)]
    found += [f"{name}: not measured" for name in ("snapcast_ms", "mqtt_echo_ms") if figures[name] is None]
    found += [
        f"{name} {part}: {figures[name][part]} ms, not under {limit:g}"
        for (name, part), limit in LIMITS.items()
        if figures[name] is not None and not figures[name][part] < limit
    ]
    silent = Counter(row["series"] for row in rows if row["is_reachable"] and (not row["sounded"] or row["ms"] is None))
    found += [f"{series}: {count} rows without what counts" for series, count in sorted(silent.items())]
    unknown = Counter(row["series"] for row in rows if row["is_reachable"] and not row["acknowledged"])
    found += [f"{series}: {count} rows not acknowledged" for series, count in sorted(unknown.items())]
    if figures["doubled"]:
        found.append(f"{figures['doubled']} sounded twice")
    return found


def _too_few(rows: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """Which series were skipped or broke off: what `plan.json` says was to be measured, and was not."""
    planned: Mapping[str, int] = json.loads((folder / "plan.json").read_text())
    there = Counter(str(row["series"]) for row in rows)
    return [
        f"{series}: {there[series]} rows, not {count}" for series, count in planned.items() if there[series] != count
    ]


def _percentiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    p50, p95, p99 = (round(float(np.percentile(values, part)), 1) for part in (50, 95, 99))
    return {"p50": p50, "p95": p95, "p99": p99, "max": round(max(values), 1)}
