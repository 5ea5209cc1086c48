"""Twenty seeded runs of crashes and cuts against real processes: nothing lost, nothing doubled, nothing untrue."""

import sys
from pathlib import Path

import pytest

from tests.crash.run import Verdict, run_batches, summary

RUNS = 20


@pytest.mark.e2e
@pytest.mark.timeout(900)
async def test_whatever_is_killed_or_cut_the_truth_remains(request: pytest.FixtureRequest) -> None:
    def tell(verdict: Verdict) -> None:
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            sys.stderr.write(f"[crash run {verdict.seed}: {verdict.took_s:.0f} s] ")

    out = Path(request.config.rootpath) / "bench-out" / "crash"
    verdicts = await run_batches(range(1, RUNS + 1), out, communes=2, longest_cut_s=10.0, told=tell)
    findings = [f"run {one.seed}: {finding.kind}: {finding.what}" for one in verdicts for finding in one.findings]
    assert findings == []
    assert summary(verdicts) == {"runs": RUNS, "lost": 0, "doubled": 0, "untrue": 0}
