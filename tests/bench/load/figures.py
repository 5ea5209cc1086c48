"""The figures, from the evidence alone: `compute_figures` can be run again at any time."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.load.evidence import read_lines

WARM_UP_PART = 0.25
"""The first quarter of a run is no growth: caches and pools fill."""
REFERENCE = "/api/health"
PAGES_WITHIN_MS = 150.0
REPORTS_WITHIN_S = 2.0
GROWTH_WITHIN_MB = 10.0


def compute_figures(folder: Path) -> dict[str, Any]:
    """Everything that was measured; `pages_p95_ms`, `report_p95_s` and `rss_growth_mb` are the three that count."""
    over = min((line["at"] for line in read_lines(folder / "work.jsonl") if "over" in line), default=math.inf)
    pages = [line for line in read_lines(folder / "pages.jsonl") if "ms" in line and line["at"] <= over]
    shown = [line for line in pages if line["path"] != REFERENCE]
    told = [line for line in read_lines(folder / "reports.jsonl") if line["said_at"] <= over]
    reports = report_latencies(told, list(read_lines(folder / "seen.jsonl")))
    memory = list(read_lines(folder / "memory.jsonl"))
    late = [one for one in reports.values() if one is None or one > REPORTS_WITHIN_S]
    known = [one for one in reports.values() if one is not None]
    return {
        "pages_p95_ms": _percentile([line["ms"] for line in shown], 95),
        "report_p95_s": _percentile(known, 95),
        "rss_growth_mb": growth_mb([(line["at"], line["server"]) for line in memory if "server" in line]),
        "pages": len(shown),
        "pages_failed": sum(line["status"] != 200 for line in shown),
        "pages_p95_ms_by_path": _by_path(shown),
        "reference_p95_ms": _percentile([line["ms"] for line in pages if line["path"] == REFERENCE], 95),
        "reports": len(reports),
        "reports_late_or_lost": len(late),
        "report_max_s": round(max(known, default=0.0), 3),
        "server_cpu_part": _cpu_part(memory),
        "machine_load": round(float(np.mean([line["load"] for line in memory])), 1) if memory else None,
        "rss_mb": {name: memory[-1].get(name) for name in ("server", "mosquitto", "renderer", "emergency-renderer")},
    }


def what_is_too_much(figures: Mapping[str, Any]) -> list[str]:
    """Which of the limits were not kept, in words."""
    found = []
    if not figures["pages_p95_ms"] < PAGES_WITHIN_MS or figures["pages_failed"]:
        found.append(f"pages: p95 {figures['pages_p95_ms']} ms, {figures['pages_failed']} failed")
    if not figures["reports"] or figures["reports_late_or_lost"]:
        found.append(f"reports: {figures['reports_late_or_lost']} of {figures['reports']} later than 2 s or lost")
    if figures["rss_growth_mb"] > GROWTH_WITHIN_MB:
        found.append(f"memory: grew by {figures['rss_growth_mb']} MB")
    return found


def report_latencies(
    told: Sequence[Mapping[str, Any]], seen: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str, str], float | None]:
    """By node, broadcast and outcome: the seconds from a pole's word to its acknowledgement; none: it was never stored.

    A last word also has to be seen on the broadcast's live page, if somebody looked.
    """
    seen_at = {(line["node"], line["broadcast"]): line["seen_at"] for line in seen if "node" in line}
    watched = {line["broadcast"] for line in seen}
    found: dict[tuple[str, str, str], float | None] = {}
    for line in told:
        name = (line["node"], line["broadcast"], line["outcome"])
        known = [line["known_at"]]
        if line["outcome"] == "played" and line["broadcast"] in watched:
            known.append(seen_at.get((line["node"], line["broadcast"])))
        found[name] = None if None in known else round(max(known) - line["said_at"], 4)
    return found


def growth_mb(samples: Sequence[tuple[float, float]]) -> float:
    """By how much memory grew after the warm-up: the slope of a straight line through it, times its length."""
    if len(samples) < 4:
        return 0.0
    times, held = np.array(samples).T
    warm = times >= times[0] + WARM_UP_PART * (times[-1] - times[0])
    slope = np.polyfit(times[warm] - times[warm][0], held[warm], 1)[0]
    return round(float(slope * (times[-1] - times[warm][0])), 2)


def _cpu_part(samples: Sequence[Mapping[str, Any]]) -> float | None:
    """How much of one processor the server used: says whether a slow answer was its own doing or the machine's."""
    known = [(line["at"], line["server_cpu_s"]) for line in samples if line.get("server_cpu_s") is not None]
    if len(known) < 2:
        return None
    (begun, before), (ended, after) = known[0], known[-1]
    return round(float(after - before) / float(ended - begun), 3)


def _by_path(pages: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    by_path: dict[str, list[float]] = {}
    for line in pages:
        by_path.setdefault(line["path"], []).append(line["ms"])
    return {path: _percentile(taken, 95) for path, taken in sorted(by_path.items())}


def _percentile(values: Sequence[float], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 3) if values else 0.0
