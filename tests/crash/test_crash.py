"""Twenty seeded runs of crashes and cuts against real processes: nothing lost, nothing doubled, nothing untrue."""

import sys
from pathlib import Path

import pytest

from tests.crash.plan import QUICK_SEEDS
from tests.crash.run import Verdict, run_batches, summary

LONGEST_CUT_S = 10


@pytest.mark.e2e
@pytest.mark.timeout(1500)
async def test_whatever_is_killed_or_cut_the_truth_remains(request: pytest.FixtureRequest) -> None:
    def tell(verdict: Verdict) -> None:
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            sys.stderr.write(f"[crash run {verdict.seed}: {verdict.took_s:.0f} s] ")

    out = Path(request.config.rootpath) / "bench-out" / "crash"
    verdicts = await run_batches(QUICK_SEEDS, out, communes=2, longest_cut_s=LONGEST_CUT_S, told=tell)
    findings = [f"run {one.seed}: {finding.kind}: {finding.what}" for one in verdicts for finding in one.findings]
    assert findings == [], f"again: python -m tests.crash --runs 1 --longest-cut {LONGEST_CUT_S} --seed N"
    assert summary(verdicts) == {"runs": len(QUICK_SEEDS), "lost": 0, "doubled": 0, "untrue": 0}
