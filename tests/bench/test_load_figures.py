import time
from pathlib import Path

import pytest

from tests.bench.load.evidence import Evidence, read_lines
from tests.bench.load.figures import compute_figures, growth_mb, report_latencies, what_is_too_much


def told(outcome: str, said_at: float, known_at: float | None, node: str = "a") -> dict[str, object]:
    return {"node": node, "broadcast": "b", "outcome": outcome, "said_at": said_at, "known_at": known_at}


def test_a_last_word_must_be_stored_and_seen_others_only_stored() -> None:
    reports = [told("playing", 10, 10.5), told("played", 20, 20.25), told("played", 20, 20.25, "never-seen")]
    seen = [{"node": "a", "broadcast": "b", "seen_at": 21.0, "tone": "good"}]
    assert report_latencies(reports, seen) == {
        ("a", "b", "playing"): 0.5,
        ("a", "b", "played"): 1.0,
        ("never-seen", "b", "played"): None,
    }


def test_what_was_never_acknowledged_is_lost_and_what_nobody_watched_needs_no_eyes() -> None:
    found = report_latencies([told("played", 20, 20.25), told("cued", 5, None)], [])
    assert found == {("a", "b", "played"): 0.25, ("a", "b", "cued"): None}


@pytest.mark.parametrize(("a_minute", "grown"), [(0.0, 0.0), (1.0, 15.0)])
def test_growth_is_what_comes_after_the_warm_up(a_minute: float, grown: float) -> None:
    """Twenty minutes, of which the first five fill caches: they do not count."""
    samples = [(60.0 * minute, 200 + min(minute, 5) * 20 + max(0, minute - 5) * a_minute) for minute in range(21)]
    assert growth_mb(samples) == pytest.approx(grown, abs=0.01)


def test_the_figures_follow_from_the_files_and_broken_limits_are_named(tmp_path: Path) -> None:
    after = time.time() + 3600
    lines: dict[str, list[dict[str, object]]] = {
        "pages": [{"path": "/", "ms": 100 + number, "status": 200} for number in range(100)]
        + [{"path": "/api/health", "ms": 9000, "status": 200}],
        "reports": [told("cued", 1, 1.5), told("playing", 2, 5), told("played", after, None)],
        "seen": [],
        "memory": [{"server": 100, "load": 1.0, "server_cpu_s": 1.0}],
        "work": [{"over": True}],
    }
    for name, notes in lines.items():
        evidence = Evidence(tmp_path / f"{name}.jsonl")
        for note in notes:
            evidence.note(**note)
        evidence.close()
    with (tmp_path / "reports.jsonl").open("a") as file:
        file.write('{"torn": ')
    assert len(list(read_lines(tmp_path / "reports.jsonl"))) == 3
    figures = compute_figures(tmp_path)
    assert figures["pages_p95_ms"] == pytest.approx(194.05)
    assert figures["report_p95_s"] == pytest.approx(2.875)
    assert what_is_too_much(figures) == [
        "pages: p95 194.05 ms, 0 failed",
        "reports: 1 of 2 later than 2 s or lost",
    ]
