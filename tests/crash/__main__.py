"""`python -m tests.crash`: seeded random crashes and cuts against real processes; closes with one JSON line."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tests.crash.run import Verdict, run_batches, summary


def main() -> int:
    """Run; the exit status is 0 only when nothing was lost, doubled or untrue."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others follow")
    parser.add_argument("--communes", type=int, default=2, help="how many communes run side by side")
    parser.add_argument("--longest-cut", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--out", type=Path, default=Path("bench-out/crash"), help="where the journals go")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.runs)
    verdicts = asyncio.run(
        run_batches(seeds, options.out, communes=options.communes, longest_cut_s=options.longest_cut, told=_tell)
    )
    result = summary(verdicts)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result == {"runs": len(seeds), "lost": 0, "doubled": 0, "untrue": 0} else 1


def _tell(verdict: Verdict) -> None:
    sys.stderr.write(f"run {verdict.seed}: {verdict.took_s:.0f} s\n")
    for finding in verdict.findings:
        sys.stderr.write(f"  {finding.kind}: {finding.what}\n")


if __name__ == "__main__":
    sys.exit(main())
