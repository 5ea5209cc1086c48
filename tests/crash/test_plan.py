"""Plans: the same for the same seed, and together all that is to be tried."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.crash.plan import NODES, QUICK_SEEDS, SERVER_PARTS, Aired, Cut, Kill, plan_run


def test_a_seed_always_means_the_same_run() -> None:
    assert plan_run(7) == plan_run(7)
    assert plan_run(7) != plan_run(8)


def test_a_seed_is_the_same_run_with_shorter_cuts() -> None:
    for seed in range(1, 201):
        whole, short = plan_run(seed), plan_run(seed, 10)
        assert [_but_length(blow) for blow in whole.blows] == [_but_length(blow) for blow in short.blows]
        assert (whole.script, whole.second_at_s) == (short.script, short.second_at_s)


def _but_length(blow: Kill | Cut) -> Kill | Cut:
    return replace(blow, for_s=0) if isinstance(blow, Cut) else blow


@pytest.mark.parametrize(("seeds", "longest_s"), [(range(1, 201), 60), (QUICK_SEEDS, 10)])
def test_the_runs_strike_everybody_in_every_way_and_air_everything(seeds: Sequence[int], longest_s: float) -> None:
    plans = [plan_run(seed, longest_s) for seed in seeds]
    blows = [blow for plan in plans for blow in plan.blows]
    struck = {blow.victims for blow in blows if isinstance(blow, Kill)}
    cuts = [blow for blow in blows if isinstance(blow, Cut)]
    assert {plan.aired for plan in plans} == set(Aired)
    assert struck >= {(victim,) for victim in ("server", *SERVER_PARTS, *NODES)}
    assert ("server", *NODES) in struck
    assert any(len(victims) == 2 for victims in struck)
    assert {(cut.node, cut.freeze) for cut in cuts} == {(node, freeze) for node in NODES for freeze in (True, False)}
    assert all(1 <= cut.for_s <= longest_s for cut in cuts)
    assert any(cut.for_s > longest_s / 2 for cut in cuts)
